//! The way to the database is encrypted, and somebody else may be at its end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{AuthRequest, End, FaultProxy, Script};
use dev::testing::stack::Settings;
use native_tls::{Certificate, Identity, TlsAcceptor, TlsConnector};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::idle;
use crate::lone::Lone;
use crate::site::{ALL, Database, ONE_OF_EACH_FUNCTION, Operation, PASSWORD, Site, postgres};

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

    /// What a server needs to be taken for this name.
    fn identity(&self, name: &str, is_expired: bool) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if is_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity::from_pkcs8(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }
}

/// What the server of all tests is, and what nobody else should be.
async fn identity_of_postgres() -> Identity {
    let authority = postgres().await.ca_file();
    let file = |name: &str| std::fs::read(authority.with_file_name(name)).unwrap();
    Identity::from_pkcs8(&file("server.crt"), &file("server.key")).unwrap()
}

/// Where what was encrypted goes on to.
#[derive(Clone)]
enum Onward {
    Nowhere,
    InClear(SocketAddr),
    /// Encrypted again.
    ToPostgres(SocketAddr, TlsConnector),
}

/// A server that ends the encryption. It takes TLS that was asked for, and TLS without a word.
async fn end_of_tls(identity: Identity, onward: Onward) -> SocketAddr {
    let acceptor = tokio_native_tls::TlsAcceptor::from(TlsAcceptor::new(identity).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, onward) = (acceptor.clone(), onward.clone());
            // That a client does not like it is what tests are for.
            tokio::spawn(async move { take(client, &acceptor, onward).await.ok() });
        }
    });
    address
}

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

async fn take(mut client: TcpStream, acceptor: &tokio_native_tls::TlsAcceptor, onward: Onward) -> io::Result<()> {
    let mut first = [0; 8];
    client.peek(&mut first).await?;
    if first == SSL_REQUEST {
        client.read_exact(&mut first).await?;
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await.map_err(io::Error::other)?;
    match onward {
        Onward::Nowhere => {}
        Onward::InClear(address) => {
            let mut server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Onward::ToPostgres(address, connector) => {
            let mut server = TcpStream::connect(address).await?;
            server.write_all(&SSL_REQUEST).await?;
            server.read_u8().await?;
            let connector = tokio_native_tls::TlsConnector::from(connector);
            let mut server = connector.connect("localhost", server).await.map_err(io::Error::other)?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
    }
    Ok(())
}

/// To the server of all tests, as who knows it.
async fn to_postgres(database: &Database) -> Onward {
    let authority = std::fs::read(postgres().await.ca_file()).unwrap();
    let authority = Certificate::from_pem(&authority).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    Onward::ToPostgres(address(database.port), connector)
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A stack that requires TLS and trusts the server of all tests, and this authority.
async fn site_that_trusts(authority: &Authority) -> Site {
    let site = cold_site("", authority).await;
    site.warm_up().await;
    let encrypted = format!(
        "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where ssl and usename = '{}'",
        site.database.name
    );
    assert!(site.database.number(&encrypted).await >= 6);
    site
}

/// What `SSL_CERT_FILE` takes to trust the server of all tests, and this authority. It goes with that server.
async fn bundle(database: &Database, authority: &Authority) -> PathBuf {
    let server = postgres().await.ca_file();
    let bundle = server.with_file_name(format!("{}.pem", database.name));
    std::fs::write(&bundle, std::fs::read_to_string(&server).unwrap() + &authority.pem).unwrap();
    bundle
}

/// The same before its functions were used, with more parameters.
async fn cold_site(parameters: &str, authority: &Authority) -> Site {
    let database = Database::new().await;
    let bundle = bundle(&database, authority).await;
    let trusted = |settings: Settings| settings.with("SSL_CERT_FILE", bundle.to_str().unwrap());
    let parameters = format!("sslmode=require&hostaddr=127.0.0.1{parameters}");
    Site::start_on(database, "localhost", &parameters, trusted).await
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

    for (identity, cause) in [
        (authority.identity("wrong.example", false), "hostname mismatch"),
        (authority.identity("localhost", true), "certificate has expired"),
        (Authority::new("Nobody knows").identity("localhost", false), "unable to get local issuer certificate"),
    ] {
        site.end_all(End::Close).await;
        site.proxy.set_upstream(end_of_tls(identity, Onward::Nowhere).await);
        let connections = site.proxy.accepted_connections();
        misconfigured(&site, cause).await;
        assert_eq!(site.proxy.accepted_connections() - connections, 6, "{cause}: tried more than once");
    }

    // With nothing wrong in its certificate it is no impostor but a server that hangs up.
    site.end_all(End::Close).await;
    site.proxy.set_upstream(end_of_tls(authority.identity("localhost", false), Onward::Nowhere).await);
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_put_off(&site, reply).await;
    }

    site.proxy.set_upstream(address(site.database.port));
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let site = Arc::new(site_that_trusts(&Authority::new("Trusted")).await);
    site.end_all(End::Close).await;
    site.proxy.play_script(&Script::RefuseTls, 6);
    misconfigured(&site, "does not support TLS").await;
    assert_eq!(site.proxy.pending_scripts(), 0);
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_handshake_that_stalls_is_tried_again() {
    let site = Arc::new(site_that_trusts(&Authority::new("Trusted")).await);
    for script in [Script::Silent, Script::SilentAfterTls] {
        site.end_all(End::Close).await;
        site.proxy.play_script(&script, 6);
        let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let start = Instant::now();
        for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
            case.is_done(&site, reply).await;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{script:?}: {:?}", start.elapsed());
        assert_eq!(site.proxy.pending_scripts(), 0);
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

#[tokio::test]
async fn who_passes_everything_on_under_a_certificate_of_a_trusted_authority_is_noticed() {
    let authority = Authority::new("Trusted");
    let site = Arc::new(site_that_trusts(&authority).await);
    let onward = to_postgres(&site.database).await;
    site.end_all(End::Close).await;
    site.proxy.set_upstream(end_of_tls(authority.identity("localhost", false), onward).await);
    let connections = site.proxy.accepted_connections();
    // The server's own words: what the client has signed is not what the server has shown.
    misconfigured(&site, "SCRAM channel binding check failed").await;
    assert_eq!(site.proxy.accepted_connections() - connections, 6, "tried more than once");
    site.proxy.set_upstream(address(site.database.port));
    site.works(&ALL).await;
}

#[tokio::test]
async fn where_the_channel_must_be_bound_no_other_way_to_sign_in_is_taken_and_the_password_stays_here() {
    let authority = Authority::new("Trusted");
    let site = Site::start_cold(|settings| settings).await;
    let on_neon = "ep-test-pooler.eu-central-1.aws.neon.tech";
    for (name, parameters) in [("localhost", "&channel_binding=require"), (on_neon, "")] {
        let parameters = format!("sslmode=require&hostaddr=127.0.0.1{parameters}");
        // Encrypted as it should be, and behind that a server that wants something else than SCRAM.
        let scripted = FaultProxy::start(address(site.database.port)).await.unwrap();
        let end = end_of_tls(authority.identity(name, false), Onward::InClear(address(scripted.port()))).await;
        let url = site.database.url(end.port(), name, &parameters);
        let bundle = bundle(&site.database, &authority).await;
        for operation in ONE_OF_EACH_FUNCTION {
            let mut function = Lone::start(operation, &url, &[("SSL_CERT_FILE", bundle.to_str().unwrap())]).await;
            // And at last the real one, which offers SCRAM alone where it is not encrypted: so does who has stripped
            // the binding off.
            for demand in
                [Some(AuthRequest::CleartextPassword), Some(AuthRequest::Md5Password), Some(AuthRequest::None), None]
            {
                let connections = scripted.accepted_connections();
                demand.iter().for_each(|demand| scripted.play_script(&Script::RequestAuth(*demand), 1));
                let case = site.prepare(operation).await;
                let reply = function.send(&case).await;
                let what = format!("{name}, {operation:?}, {demand:?}: {reply:?}");
                assert_eq!((reply.status, &reply.body["code"]), (500, &json!("misconfigured")), "{what}");
                assert_eq!(scripted.accepted_connections() - connections, 1, "{what}: tried more than once");
                case.is_undone(&site).await;
            }
            let printed = function.0.kill().await;
            assert_eq!(printed.matches("server did not use channel binding").count(), 5, "{printed}");
        }
        let heard = scripted.received();
        let heard = String::from_utf8_lossy(&heard);
        assert_eq!(heard.matches(&format!("user\0{}\0", site.database.name)).count(), 18, "{name}: {heard:?}");
        for said in [PASSWORD, "md5", "tasks where"] {
            assert!(!heard.contains(said), "{name}: {heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_may_ask_for_the_password_is_told_it_and_so_it_would_have_been_heard() {
    let authority = Authority::new("Trusted");
    let site = Arc::new(site_that_trusts(&authority).await);
    let scripted = FaultProxy::start(address(site.database.port)).await.unwrap();
    let end = end_of_tls(authority.identity("localhost", false), Onward::InClear(address(scripted.port()))).await;
    site.end_all(End::Close).await;
    site.proxy.set_upstream(end);
    scripted.play_script(&Script::RequestAuth(AuthRequest::CleartextPassword), 1);
    let case = site.prepare(Operation::Create).await;
    let reply = case.send(&site).await;
    case.is_put_off(&site, &reply).await;
    assert!(String::from_utf8_lossy(&scripted.received()).contains(PASSWORD));
}

/// A stack that was asked to begin with TLS at once.
async fn direct_site() -> Arc<Site> {
    Arc::new(cold_site("&sslnegotiation=direct", &Authority::new("Trusted")).await)
}

#[tokio::test]
async fn a_server_that_knows_no_direct_tls_is_asked_for_tls_instead_and_that_is_remembered() {
    // As PostgreSQL 15 does it, and as PgBouncer.
    for refusal in [Script::End(End::Reset), Script::End(End::Close), Script::Silent] {
        let site = direct_site().await;
        site.proxy.play_script_on_direct_tls(refusal.clone());
        site.kill_functions().await;
        let mut opened = Vec::new();
        for _ in 0..3 {
            let connections = site.proxy.accepted_connections();
            let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
            for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
                case.is_done(&site, reply).await;
            }
            opened.push(site.proxy.accepted_connections() - connections);
            site.end_all(End::Close).await;
        }
        assert_eq!(opened, [12, 6, 6], "{refusal:?}");
    }
}

#[tokio::test]
async fn a_server_that_knows_direct_tls_is_never_asked_for_tls() {
    let site = direct_site().await;
    let onward = to_postgres(&site.database).await;
    site.proxy.set_upstream(end_of_tls(identity_of_postgres().await, onward).await);
    site.kill_functions().await;
    for _ in 0..2 {
        site.end_all(End::Close).await;
        let (connections, direct) = (site.proxy.accepted_connections(), site.proxy.direct_tls_connections());
        site.works(&ONE_OF_EACH_FUNCTION).await;
        assert_eq!(
            (site.proxy.accepted_connections() - connections, site.proxy.direct_tls_connections() - direct),
            (6, 6)
        );
    }
}

#[tokio::test]
async fn a_refusal_over_direct_tls_does_not_speak_against_direct_tls() {
    let authority = Authority::new("Trusted");
    let site = Arc::new(cold_site("&sslnegotiation=direct", &authority).await);
    let scripted = FaultProxy::start(address(site.database.port)).await.unwrap();
    let end = end_of_tls(authority.identity("localhost", false), Onward::InClear(address(scripted.port()))).await;
    site.kill_functions().await;
    site.proxy.set_upstream(end);
    let refusal = Script::Refuse { state: "28P01".to_owned(), message: "password authentication failed".to_owned() };
    // At the start, and when the request tries again.
    scripted.play_script(&refusal, 12);
    let (connections, direct) = (site.proxy.accepted_connections(), site.proxy.direct_tls_connections());
    misconfigured(&site, "password authentication failed").await;
    assert_eq!(
        (site.proxy.accepted_connections() - connections, site.proxy.direct_tls_connections() - direct),
        (12, 12),
        "asked once more"
    );
    // Nor does a sign-in that breaks off, and the next connection begins directly again.
    for operation in ONE_OF_EACH_FUNCTION {
        scripted.play_script(&Script::End(End::Close), 1);
        site.works(&[operation]).await;
    }
    assert_eq!(
        (site.proxy.accepted_connections() - connections, site.proxy.direct_tls_connections() - direct),
        (24, 24)
    );
}
