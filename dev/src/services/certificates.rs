//! Certificates for the private PostgreSQL, from an authority that exists for one run.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// PEM texts: the authority's certificate, which a client trusts, and the server's certificate and key.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// What `SSL_CERT_FILE` takes.
    pub(crate) authority: String,
    /// For `localhost` and `127.0.0.1`.
    pub(crate) server: String,
    /// The server's private key.
    pub(crate) key: String,
}

impl Certificates {
    /// Makes an authority and one certificate.
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
