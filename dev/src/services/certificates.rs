//! TLS certificates for the private servers, from a certificate authority that is made for one run.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// A certificate authority and one certificate, in PEM format.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// The certificate of the authority, for `SSL_CERT_FILE`.
    pub(crate) authority: String,
    /// The certificate of the server, for `localhost` and `127.0.0.1`.
    pub(crate) server: String,
    /// The private key of the server.
    pub(crate) key: String,
}

impl Certificates {
    /// Makes new keys and certificates.
    pub(crate) fn make() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Local stack");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let server = params.signed_by(&key, &issuer)?.pem();
        Ok(Self { authority, server, key: key.serialize_pem() })
    }
}
