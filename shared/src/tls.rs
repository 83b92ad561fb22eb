//! Which certificate authorities are trusted.
//!
//! Reading authorities would be the most expensive part of a cold start: a system's bundle takes tens of milliseconds of
//! processor time, and each file that `SSL_CERT_FILE` names is read twice, by OpenSSL and by `native-tls`. So a
//! deployment contains a folder, `roots`, to which `SSL_CERT_DIR` points OpenSSL. It reads only the authority that a
//! server's certificate names. The system's bundle is read only if the folder does not suffice. Certificates of other
//! machines are always verified.

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use native_tls::{Certificate, TlsConnector, TlsConnectorBuilder};
use tokio::sync::OnceCell;

/// The bundles of Amazon Linux, Debian and Alpine.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];

/// TLS connectors for one kind of server, built when first needed.
pub(crate) struct TlsRoots {
    configure: fn(&mut TlsConnectorBuilder),
    /// Trusts OpenSSL's default roots, which `SSL_CERT_DIR` and `SSL_CERT_FILE` name.
    default: OnceCell<TlsConnector>,
    /// Trusts the system's bundle as well.
    with_system_roots: OnceCell<TlsConnector>,
    needs_system_roots: AtomicBool,
}

impl TlsRoots {
    /// `configure` applies settings other than the roots to each connector.
    pub(crate) fn new(configure: fn(&mut TlsConnectorBuilder)) -> Self {
        Self {
            configure,
            default: OnceCell::new(),
            with_system_roots: OnceCell::new(),
            needs_system_roots: AtomicBool::new(false),
        }
    }

    /// The connector to use now.
    ///
    /// # Errors
    /// The TLS library cannot be initialized.
    pub(crate) async fn connector(&self) -> Result<&TlsConnector, native_tls::Error> {
        let make = |roots: Vec<Certificate>| {
            let mut builder = TlsConnector::builder();
            (self.configure)(&mut builder);
            for root in roots {
                builder.add_root_certificate(root);
            }
            builder.build()
        };
        if self.needs_system_roots.load(Ordering::Relaxed) {
            self.with_system_roots.get_or_try_init(|| async { make(system_roots()) }).await
        } else {
            self.default.get_or_try_init(|| async { make(Vec::new()) }).await
        }
    }

    /// Trusts the system's roots from now on, if `error` is about an unknown authority and the roots are those of the
    /// deployment. Returns whether a retry makes sense, which is the case once.
    pub(crate) fn fall_back_to_system_roots(&self, error: &dyn Error) -> bool {
        let falls_back = is_unknown_authority(error)
            && has_deployed_roots()
            && !self.needs_system_roots.swap(true, Ordering::Relaxed);
        if falls_back {
            tracing::warn!(
                cause = error.to_string(),
                "an authority is missing in roots: the system's bundle is read, which makes every cold start slower"
            );
        }
        falls_back
    }
}

/// Whether `SSL_CERT_DIR` is the `roots` of the deployment. There is no fallback from roots that an operator chose.
fn has_deployed_roots() -> bool {
    match (env::var_os("SSL_CERT_DIR"), env::var_os("LAMBDA_TASK_ROOT")) {
        (Some(roots), Some(folder)) => Path::new(&roots) == Path::new(&folder).join("roots"),
        _ => false,
    }
}

/// Whether the certificate is signed by an unknown authority. Other roots do not help against a wrong host name or an
/// expired certificate.
fn is_unknown_authority(error: &dyn Error) -> bool {
    message_contains(error, "unable to get local issuer certificate")
        || message_contains(error, "self-signed certificate in certificate chain")
}

/// Whether the message of an error or of one of its sources contains `text`. OpenSSL and the driver have no error codes
/// for these cases.
pub(crate) fn message_contains(error: &dyn Error, text: &str) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(text) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The certificates of the first bundle that exists; empty if none does.
fn system_roots() -> Vec<Certificate> {
    let bundle = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
    Certificate::stack_from_pem(&bundle).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509;

    use super::*;

    #[test]
    fn each_root_has_the_name_that_openssl_looks_up() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("roots");
        let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        let roots: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "0")).collect();
        assert_eq!(roots.len(), 10);
        for file in roots {
            let root = X509::from_pem(&std::fs::read(&file).expect("a file")).expect("PEM");
            assert_eq!(file.file_stem().expect("a name"), format!("{:08x}", root.subject_name_hash()).as_str());
        }
    }
}
