//! The way to the database is encrypted, and somebody else may be at its end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::fault_proxy::{End, Script};
use dev::testkit::Settings;
use native_tls::{Identity, TlsAcceptor};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::idle;
use crate::site::{ALL, Database, ONE_OF_EACH_FUNCTION, Site, postgres};

/// Somebody who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Named otherwise than those it signs, which would else be taken for signed by themselves.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A server that has a certificate for this name and hangs up when the handshake is over.
    fn impostor(&self, name: &str, is_expired: bool) -> SocketAddr {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if is_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let identity = Identity::from_pkcs8(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        let acceptor = TlsAcceptor::new(identity).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 8];
                if stream.read_exact(&mut request).and_then(|()| stream.write_all(b"S")).is_ok() {
                    let _ = acceptor.accept(stream);
                }
            }
        });
        address
    }
}

/// A stack that requires TLS and trusts the server of all tests, and this authority.
async fn site_that_trusts(authority: &Authority) -> Site {
    let mut bundle = NamedTempFile::new().unwrap();
    let server = std::fs::read(postgres().await.ca_file()).unwrap();
    bundle.write_all(&server).unwrap();
    bundle.write_all(authority.pem.as_bytes()).unwrap();
    let trusted = |settings: Settings| settings.with("SSL_CERT_FILE", bundle.path().to_str().unwrap());
    let site = Site::start_on(Database::new().await, "localhost", "sslmode=require&hostaddr=127.0.0.1", trusted).await;
    site.warm_up().await;
    let encrypted = format!(
        "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where ssl and usename = '{}'",
        site.database.name
    );
    assert!(site.database.number(&encrypted).await >= 6);
    site
}

/// All operations are refused, and why is in the log.
async fn misconfigured(site: &Arc<Site>, cause: &str) {
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        assert_eq!((reply.status, &reply.body["code"]), (500, &json!("misconfigured")), "{cause}: {reply:?}");
        case.is_undone(site).await;
    }
    let logged = site.stack.logs_when(Duration::from_secs(5), |logs| logs.contains(cause));
    assert!(logged.is_some(), "{cause} is not in the log: {}", site.stack.logs());
}

#[tokio::test]
async fn a_server_that_is_not_the_one_it_should_be_is_told_nothing() {
    let authority = Authority::new("Trusted");
    let site = Arc::new(site_that_trusts(&authority).await);
    let server = ([127, 0, 0, 1], site.database.port).into();

    for (impostor, cause) in [
        (authority.impostor("wrong.example", false), "hostname mismatch"),
        (authority.impostor("localhost", true), "certificate has expired"),
        (Authority::new("Nobody knows").impostor("localhost", false), "unable to get local issuer certificate"),
    ] {
        site.end_all(End::Close).await;
        site.proxy.redirect(impostor);
        let connections = site.proxy.connections();
        misconfigured(&site, cause).await;
        assert_eq!(site.proxy.connections() - connections, 6, "{cause}: tried more than once");
    }

    // With nothing wrong in its certificate it is no impostor but a server that hangs up.
    site.end_all(End::Close).await;
    site.proxy.redirect(authority.impostor("localhost", false));
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_put_off(&site, reply).await;
    }

    site.proxy.redirect(server);
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let site = Arc::new(site_that_trusts(&Authority::new("Trusted")).await);
    site.end_all(End::Close).await;
    site.proxy.meet(&Script::WithoutTls, 6);
    misconfigured(&site, "does not support TLS").await;
    assert_eq!(site.proxy.scripts_left(), 0);
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_handshake_that_stalls_is_tried_again() {
    let site = Arc::new(site_that_trusts(&Authority::new("Trusted")).await);
    for script in [Script::Silent, Script::SilentAfterTls] {
        site.end_all(End::Close).await;
        site.proxy.meet(&script, 6);
        let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let start = Instant::now();
        for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
            case.is_done(&site, reply).await;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{script:?}: {:?}", start.elapsed());
        assert_eq!(site.proxy.scripts_left(), 0);
    }
}

#[tokio::test]
async fn an_encrypted_connection_that_ended_while_idle_is_replaced_without_a_word() {
    let site = site_that_trusts(&Authority::new("Trusted")).await;
    for ending in idle::ENDINGS {
        for operation in ONE_OF_EACH_FUNCTION {
            site.works(&[operation]).await;
            let frozen = site.freeze(operation).await;
            ending.happens(&site).await;
            drop(frozen);
            site.works(&[operation]).await;
        }
    }
}
