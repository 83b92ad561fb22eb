//! TLS to the database, and attackers between.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::database::TestServer;
use dev::testing::fault_proxy::{AuthRequest, End, Script};
use dev::testing::stack::Settings;
use native_tls::{Certificate, Identity, TlsAcceptor, TlsConnector};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::idle;

use crate::env::{ALL_OPERATIONS, DirectFunction, FaultDatabase, ONE_OF_EACH_FUNCTION, Operation, PASSWORD, TestEnv};

const FUNCTIONS: usize = ONE_OF_EACH_FUNCTION.len();

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // A distinct name, because a certificate with the name of its issuer counts as self-signed.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A key and a certificate for this host name.
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

/// The key and the certificate of the test server.
async fn postgres_identity() -> Identity {
    let authority = TestServer::shared().await.postgres().ca_file();
    let file = |name: &str| std::fs::read(authority.with_file_name(name)).unwrap();
    Identity::from_pkcs8(&file("server.crt"), &file("server.key")).unwrap()
}

/// Where decrypted bytes are forwarded to.
#[derive(Clone)]
enum Upstream {
    None,
    Plaintext(SocketAddr),
    /// With TLS.
    Tls(SocketAddr, TlsConnector),
}

/// Starts a server that terminates TLS, with and without an `SSLRequest`.
async fn start_tls_server(identity: Identity, upstream: Upstream) -> SocketAddr {
    let acceptor = tokio_native_tls::TlsAcceptor::from(TlsAcceptor::new(identity).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            // Some tests expect that the client rejects the connection.
            tokio::spawn(async move { serve_tls(client, &acceptor, upstream).await.ok() });
        }
    });
    address
}

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

async fn serve_tls(
    mut client: TcpStream,
    acceptor: &tokio_native_tls::TlsAcceptor,
    upstream: Upstream,
) -> io::Result<()> {
    let mut first = [0; 8];
    client.peek(&mut first).await?;
    if first == SSL_REQUEST {
        client.read_exact(&mut first).await?;
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await.map_err(io::Error::other)?;
    match upstream {
        Upstream::None => {}
        Upstream::Plaintext(address) => {
            let mut server = TcpStream::connect(address).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Upstream::Tls(address, connector) => {
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

/// Forwards to the test server with TLS.
async fn tls_to_postgres(database: &FaultDatabase) -> Upstream {
    let authority = std::fs::read(TestServer::shared().await.postgres().ca_file()).unwrap();
    let authority = Certificate::from_pem(&authority).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    Upstream::Tls(address(database.port), connector)
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Starts a stack that requires TLS and trusts the test server and this authority, and opens its connections.
async fn start_trusting(authority: &Authority) -> TestEnv {
    let env = start_cold_trusting("", authority).await;
    env.warm_up().await;
    let encrypted = format!(
        "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where ssl and usename = '{}'",
        env.database.name
    );
    assert!(env.database.number(&encrypted).await >= 6);
    env
}

/// A file for `SSL_CERT_FILE` with the authorities to trust: of the test server and this one.
async fn bundle(database: &FaultDatabase, authority: &Authority) -> PathBuf {
    let server = TestServer::shared().await.postgres().ca_file();
    let bundle = server.with_file_name(format!("{}.pem", database.name));
    std::fs::write(&bundle, std::fs::read_to_string(&server).unwrap() + &authority.pem).unwrap();
    bundle
}

/// Starts a stack that requires TLS and trusts the test server and this authority, with more URL parameters.
async fn start_cold_trusting(parameters: &str, authority: &Authority) -> TestEnv {
    let database = FaultDatabase::new().await;
    let bundle = bundle(&database, authority).await;
    let trusted = |settings: Settings| settings.with("SSL_CERT_FILE", bundle.to_str().unwrap());
    let parameters = format!("sslmode=require&hostaddr=127.0.0.1{parameters}");
    TestEnv::start_on(database, "localhost", &parameters, trusted).await
}

/// Asserts that all operations get 500, and that the cause is logged.
async fn assert_misconfigured(env: &Arc<TestEnv>, cause: &str) {
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, response) in cases.iter().zip(&TestEnv::send_together(&cases).await.unwrap()) {
        assert_eq!((response.status, &response.json["code"]), (500, &json!("misconfigured")), "{cause}: {response:?}");
        env.assert_not_executed(case).await;
    }
    let logged = env.stack.logs_when(Duration::from_secs(5), |logs| logs.contains(cause));
    assert!(logged.is_some(), "{cause} is not in the log: {}", env.stack.logs());
}

#[tokio::test]
async fn invalid_certificate_prevents_the_connection() {
    let authority = Authority::new("Trusted");
    let env = Arc::new(start_trusting(&authority).await);

    for (identity, cause) in [
        (authority.identity("wrong.example", false), "hostname mismatch"),
        (authority.identity("localhost", true), "certificate has expired"),
        (Authority::new("Nobody knows").identity("localhost", false), "unable to get local issuer certificate"),
    ] {
        env.close_connections(End::Close).await;
        env.proxy.set_upstream(start_tls_server(identity, Upstream::None).await);
        let connections = env.proxy.accepted_connections();
        assert_misconfigured(&env, cause).await;
        assert_eq!(env.proxy.accepted_connections() - connections, FUNCTIONS, "{cause}: tried more than once");
    }

    // With a valid certificate, it is a server that closes the connection.
    env.close_connections(End::Close).await;
    env.proxy.set_upstream(start_tls_server(authority.identity("localhost", false), Upstream::None).await);
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, response) in cases.iter().zip(&TestEnv::send_together(&cases).await.unwrap()) {
        env.assert_unavailable_and_not_executed(case, response).await;
    }

    env.proxy.set_upstream(address(env.database.port));
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn server_without_tls_is_rejected() {
    let env = Arc::new(start_trusting(&Authority::new("Trusted")).await);
    env.close_connections(End::Close).await;
    env.proxy.play_script(&Script::RefuseTls, FUNCTIONS);
    assert_misconfigured(&env, "does not support TLS").await;
    assert_eq!(env.proxy.pending_scripts(), 0);
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn stalled_handshake_is_retried() {
    let env = Arc::new(start_trusting(&Authority::new("Trusted")).await);
    for script in [Script::Silent, Script::SilentAfterTls] {
        env.close_connections(End::Close).await;
        env.proxy.play_script(&script, FUNCTIONS);
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let start = Instant::now();
        env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{script:?}: {:?}", start.elapsed());
        assert_eq!(env.proxy.pending_scripts(), 0);
    }
}

#[tokio::test]
async fn tls_connection_closed_while_idle_is_replaced() {
    let env = start_trusting(&Authority::new("Trusted")).await;
    for ending in idle::ALL_ENDINGS {
        for operation in ONE_OF_EACH_FUNCTION {
            env.assert_works(&[operation]).await;
            let frozen = env.freeze(operation).await;
            ending.apply(&env).await;
            drop(frozen);
            env.assert_works(&[operation]).await;
        }
    }
}

#[tokio::test]
async fn channel_binding_detects_mitm() {
    let authority = Authority::new("Trusted");
    let env = Arc::new(start_trusting(&authority).await);
    let upstream = tls_to_postgres(&env.database).await;
    env.close_connections(End::Close).await;
    env.proxy.set_upstream(start_tls_server(authority.identity("localhost", false), upstream).await);
    let connections = env.proxy.accepted_connections();
    // The error of PostgreSQL: the client has signed another certificate.
    assert_misconfigured(&env, "SCRAM channel binding check failed").await;
    assert_eq!(env.proxy.accepted_connections() - connections, FUNCTIONS, "tried more than once");
    env.proxy.set_upstream(address(env.database.port));
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn required_channel_binding_rejects_other_authentication() {
    let authority = Authority::new("Trusted");
    let env = TestEnv::start_cold(|settings| settings).await;
    let on_neon = "ep-test-pooler.eu-central-1.aws.neon.tech";
    for (name, parameters) in [("localhost", "&channel_binding=require"), (on_neon, "")] {
        let parameters = format!("sslmode=require&hostaddr=127.0.0.1{parameters}");
        // The certificate is valid, and behind it is a server that requests something other than SCRAM.
        let scripted = env.database.start_proxy().await;
        let end =
            start_tls_server(authority.identity(name, false), Upstream::Plaintext(address(scripted.port()))).await;
        let url = env.database.url(end.port(), name, &parameters);
        let bundle = bundle(&env.database, &authority).await;
        for operation in ONE_OF_EACH_FUNCTION {
            let mut function =
                DirectFunction::start(operation, &url, &[("SSL_CERT_FILE", bundle.to_str().unwrap())]).await;
            // The last one is the real server, which offers SCRAM without channel binding on an unencrypted connection,
            // like an attacker who removed it.
            for request in
                [Some(AuthRequest::CleartextPassword), Some(AuthRequest::Md5Password), Some(AuthRequest::None), None]
            {
                let connections = scripted.accepted_connections();
                request.iter().for_each(|request| scripted.play_script(&Script::RequestAuth(*request), 1));
                let case = env.prepare(operation).await;
                let response = function.send(&case).await;
                let what = format!("{name}, {operation:?}, {request:?}: {response:?}");
                assert_eq!((response.status, &response.json["code"]), (500, &json!("misconfigured")), "{what}");
                assert_eq!(scripted.accepted_connections() - connections, 1, "{what}: tried more than once");
                env.assert_not_executed(&case).await;
            }
            let printed = function.0.kill().await;
            assert_eq!(printed.matches("server did not use channel binding").count(), 5, "{printed}");
        }
        let received = scripted.received();
        let received = String::from_utf8_lossy(&received);
        let users = received.matches(&format!("user\0{}\0", env.database.name)).count();
        assert_eq!(users, 3 * FUNCTIONS, "{name}: {received:?}");
        for said in [PASSWORD, "md5", "tasks where"] {
            assert!(!received.contains(said), "{name}: {received:?}");
        }
    }
}

#[tokio::test]
async fn password_is_sent_when_channel_binding_is_optional() {
    let authority = Authority::new("Trusted");
    let env = Arc::new(start_trusting(&authority).await);
    let scripted = env.database.start_proxy().await;
    let end =
        start_tls_server(authority.identity("localhost", false), Upstream::Plaintext(address(scripted.port()))).await;
    env.close_connections(End::Close).await;
    env.proxy.set_upstream(end);
    scripted.play_script(&Script::RequestAuth(AuthRequest::CleartextPassword), 1);
    let case = env.prepare(Operation::Create).await;
    let response = case.send().await;
    env.assert_unavailable_and_not_executed(&case, &response).await;
    assert!(String::from_utf8_lossy(&scripted.received()).contains(PASSWORD));
}

/// Starts a stack with `sslnegotiation=direct`.
async fn start_with_direct_tls() -> Arc<TestEnv> {
    Arc::new(start_cold_trusting("&sslnegotiation=direct", &Authority::new("Trusted")).await)
}

#[tokio::test]
async fn ssl_request_fallback_is_remembered() {
    // The reactions of PostgreSQL 15 and of PgBouncer, and no reaction.
    for refusal in [Script::End(End::Reset), Script::End(End::Close), Script::Silent] {
        let env = start_with_direct_tls().await;
        env.proxy.play_script_on_direct_tls(refusal.clone());
        env.kill_functions().await;
        let mut opened = Vec::new();
        for _ in 0..3 {
            let connections = env.proxy.accepted_connections();
            let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
            env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
            opened.push(env.proxy.accepted_connections() - connections);
            env.close_connections(End::Close).await;
        }
        assert_eq!(opened, [2 * FUNCTIONS, FUNCTIONS, FUNCTIONS], "{refusal:?}");
    }
}

#[tokio::test]
async fn direct_tls_sends_no_ssl_request() {
    let env = start_with_direct_tls().await;
    let upstream = tls_to_postgres(&env.database).await;
    env.proxy.set_upstream(start_tls_server(postgres_identity().await, upstream).await);
    env.kill_functions().await;
    for _ in 0..2 {
        env.close_connections(End::Close).await;
        let (connections, direct) = (env.proxy.accepted_connections(), env.proxy.direct_tls_connections());
        env.assert_works(&ONE_OF_EACH_FUNCTION).await;
        assert_eq!(
            (env.proxy.accepted_connections() - connections, env.proxy.direct_tls_connections() - direct),
            (FUNCTIONS, FUNCTIONS)
        );
    }
}

#[tokio::test]
async fn refusal_over_direct_tls_keeps_direct_tls() {
    let authority = Authority::new("Trusted");
    let env = Arc::new(start_cold_trusting("&sslnegotiation=direct", &authority).await);
    let scripted = env.database.start_proxy().await;
    let end =
        start_tls_server(authority.identity("localhost", false), Upstream::Plaintext(address(scripted.port()))).await;
    env.kill_functions().await;
    env.proxy.set_upstream(end);
    let refusal = Script::Refuse { state: "28P01".to_owned(), message: "password authentication failed".to_owned() };
    // For the connection at the start, and for that of the request.
    scripted.play_script(&refusal, 2 * FUNCTIONS);
    let (connections, direct) = (env.proxy.accepted_connections(), env.proxy.direct_tls_connections());
    assert_misconfigured(&env, "password authentication failed").await;
    assert_eq!(
        (env.proxy.accepted_connections() - connections, env.proxy.direct_tls_connections() - direct),
        (2 * FUNCTIONS, 2 * FUNCTIONS),
        "asked once more"
    );
    // The same after an interrupted sign-in: the next connection is direct again.
    for operation in ONE_OF_EACH_FUNCTION {
        scripted.play_script(&Script::End(End::Close), 1);
        env.assert_works(&[operation]).await;
    }
    assert_eq!(
        (env.proxy.accepted_connections() - connections, env.proxy.direct_tls_connections() - direct),
        (4 * FUNCTIONS, 4 * FUNCTIONS)
    );
}
