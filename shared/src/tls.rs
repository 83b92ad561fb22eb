//! Whom the other end of an encrypted connection may be vouched for by.
//!
//! Reading the authorities is the dearest part of a cold start: a system's bundle takes tens of milliseconds of
//! processor time, a dozen of them one or two. So a deployment brings a few (`roots.pem`, named by `SSL_CERT_FILE`,
//! which is where OpenSSL looks), and the system's bundle is read when these turn out not to suffice. Verification itself
//! is never switched off.

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use native_tls::{Certificate, TlsConnector, TlsConnectorBuilder};
use tokio::sync::OnceCell;

/// Where Linux distributions keep all authorities in one file: Amazon Linux, Debian, Alpine.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];

/// Connectors to one place, made when they are first needed.
pub(crate) struct Trust {
    prepare: fn(&mut TlsConnectorBuilder),
    usual: OnceCell<TlsConnector>,
    wider: OnceCell<TlsConnector>,
    /// Once they were needed, they are needed every time.
    needs_wider: AtomicBool,
}

impl Trust {
    /// `prepare` says what else the place wants.
    pub(crate) fn new(prepare: fn(&mut TlsConnectorBuilder)) -> Self {
        Self { prepare, usual: OnceCell::new(), wider: OnceCell::new(), needs_wider: AtomicBool::new(false) }
    }

    /// The connector to be used now.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub(crate) async fn connector(&self) -> Result<&TlsConnector, native_tls::Error> {
        let make = |roots: Vec<Certificate>| {
            let mut builder = TlsConnector::builder();
            (self.prepare)(&mut builder);
            for root in roots {
                builder.add_root_certificate(root);
            }
            builder.build()
        };
        if self.needs_wider.load(Ordering::Relaxed) {
            self.wider.get_or_try_init(|| async { make(system_roots()) }).await
        } else {
            self.usual.get_or_try_init(|| async { make(Vec::new()) }).await
        }
    }

    /// Whether another try may succeed, because from now on the system's authorities count too: once in the life of
    /// this, where nobody whom the deployment's own authorities know has signed, and nobody else chose the authorities.
    pub(crate) fn widen_after(&self, error: &dyn Error) -> bool {
        let widens = is_unknown_authority(error) && brings_its_own() && !self.needs_wider.swap(true, Ordering::Relaxed);
        if widens {
            tracing::warn!(
                cause = error.to_string(),
                "an authority is missing in roots.pem: the system's are asked, which makes every cold start slower"
            );
        }
        widens
    }
}

/// Whether the authorities are the ones that a deployment brings. Those that somebody else has chosen are never widened.
fn brings_its_own() -> bool {
    match (env::var_os("SSL_CERT_FILE"), env::var_os("LAMBDA_TASK_ROOT")) {
        (Some(file), Some(folder)) => Path::new(&file) == Path::new(&folder).join("roots.pem"),
        _ => false,
    }
}

/// A signature by somebody unknown, unlike a wrong name or an expired certificate, on which no authority has a say.
fn is_unknown_authority(error: &dyn Error) -> bool {
    says(error, "unable to get local issuer certificate") || says(error, "self-signed certificate in certificate chain")
}

/// Whether an error or one of its sources has this text. The TLS library and the driver tell no other way.
pub(crate) fn says(error: &dyn Error, text: &str) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(text) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The first bundle that is there; nothing where there is none.
fn system_roots() -> Vec<Certificate> {
    let bundle = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
    Certificate::stack_from_pem(&bundle).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorities_that_are_shipped_can_be_read() {
        let pem = include_bytes!("../roots.pem");
        assert_eq!(Certificate::stack_from_pem(pem).expect("PEM").len(), 10);
    }
}
