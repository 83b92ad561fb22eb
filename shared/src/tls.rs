//! Which certificate authorities are trusted.
//!
//! Reading the authorities is the most expensive part of a cold start: a system's bundle takes tens of milliseconds of
//! processor time, a small file one or two. So a deployment contains a small file (`roots.pem`, to which `SSL_CERT_FILE`
//! points OpenSSL), and the system's bundle is read only if its authorities do not suffice. Certificates of other machines are
//! always verified.

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
    /// Trusts OpenSSL's default roots, which `SSL_CERT_FILE` names.
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
                "an authority is missing in roots.pem: the system's roots are read, which makes every cold start slower"
            );
        }
        falls_back
    }
}

/// Whether `SSL_CERT_FILE` is the `roots.pem` of the deployment. There is no fallback from roots that an operator chose.
fn has_deployed_roots() -> bool {
    match (env::var_os("SSL_CERT_FILE"), env::var_os("LAMBDA_TASK_ROOT")) {
        (Some(file), Some(folder)) => Path::new(&file) == Path::new(&folder).join("roots.pem"),
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
    use super::*;

    #[test]
    fn roots_pem_can_be_read() {
        let pem = include_bytes!("../roots.pem");
        assert_eq!(Certificate::stack_from_pem(pem).expect("PEM").len(), 10);
    }
}
