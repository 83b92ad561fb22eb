//! A network path that fails silently: nothing is acknowledged any more.
//!
//! A proxy cannot simulate this, because its own kernel acknowledges. So the tests create a network namespace, and a
//! virtual cable to it that can be interrupted. This requires root and `ip` of Linux. Without them the tests fail.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::fault_proxy::End;
use dev::testing::stack::{Settings, Stack};
use dev::testing::wait::wait_until;
use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::env::{
    FaultDatabase, ONE_OF_EACH_FUNCTION, ONE_WRITE_OF_EACH_FUNCTION, OTHER_OPERATIONS, TaskCase, TestEnv,
};

/// Set in the process inside the namespace: the path of the socket, and the address to listen on.
const RELAY: &str = "FAULTS_RELAY";

/// A network namespace with a relay. The relay forwards connections through a Unix socket, which bypasses the cable.
struct NetworkNamespace {
    name: String,
    cable: String,
    /// The address of this end of the cable.
    here: String,
    address: String,
    relay: Option<Child>,
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.expect("these tests need the program `ip` of iproute2");
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "these tests need root and network namespaces: ip {arguments}: {complaint}");
}

impl NetworkNamespace {
    /// Port 5432 of the namespace is forwarded to the socket.
    fn new(number: u8, socket: &str) -> Self {
        let name = format!("faults-{}-{number}", std::process::id());
        let cable = format!("ft{}x{number}", std::process::id() % 1_000_000);
        // From the address block for network benchmarks, which is not routed.
        let third = std::process::id() % 250;
        let (here, address) =
            (format!("198.18.{third}.{}", number * 4 + 1), format!("198.18.{third}.{}", number * 4 + 2));
        ip(&format!("netns add {name}"));
        let mut namespace = Self { name, cable, here, address, relay: None };
        let Self { name, cable, here, address, .. } = &namespace;
        ip(&format!("link add {cable} type veth peer name inside netns {name}"));
        ip(&format!("address add {here}/30 dev {cable}"));
        ip(&format!("link set {cable} up"));
        ip(&format!("-n {name} address add {address}/30 dev inside"));
        ip(&format!("-n {name} link set inside up"));
        let relay = Command::new("ip")
            .args(["netns", "exec", name])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "half_open::relay", "--ignored", "--nocapture"])
            .env(RELAY, format!("{socket} {address}:5432"))
            .stdout(Stdio::null())
            .spawn();
        namespace.relay = Some(relay.unwrap());
        namespace
    }

    /// Both directions fail silently.
    fn interrupt(&self) {
        ip(&format!("-n {} link set inside down", self.name));
    }

    /// Requests arrive. Responses and acknowledgements are lost.
    fn lose_responses(&self) {
        ip(&format!("-n {} route add blackhole {}/32", self.name, self.here));
    }

    /// How many connections the namespace has.
    fn connections(&self) -> usize {
        let relay = self.relay.as_ref().unwrap().id();
        let table = std::fs::read_to_string(format!("/proc/{relay}/net/tcp")).unwrap();
        // Without the heading and the listener.
        table.lines().count() - 2
    }

    fn repair(&self) {
        ip(&format!("-n {} link set inside up", self.name));
        // It fails if the cable was interrupted instead.
        let delete = ["-n", &self.name, "route", "delete", "blackhole", &self.here];
        let _ = Command::new("ip").args(delete).output();
    }
}

impl Drop for NetworkNamespace {
    fn drop(&mut self) {
        if let Some(mut relay) = self.relay.take() {
            let _ = relay.kill();
            let _ = relay.wait();
        }
        let _ = Command::new("ip").args(["link", "delete", &self.cable]).output();
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

#[tokio::test]
#[ignore = "is no test but the process that the others start in the namespace"]
async fn relay() {
    let Ok(setting) = std::env::var(RELAY) else { return };
    let (socket, address) = setting.split_once(' ').unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut server = UnixStream::connect(socket).await.unwrap();
        // Closed with a reset: unlike a FIN, a lost RST is not sent again.
        client.set_zero_linger().unwrap();
        tokio::spawn(async move {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            tokio::select! {
                _ = copy(&mut from_client, &mut to_server) => {}
                _ = copy(&mut from_server, &mut to_client) => {}
            }
        });
    }
}

/// Starts a stack whose database is in the namespace.
async fn start_in_namespace(number: u8) -> (Arc<TestEnv>, NetworkNamespace) {
    let database = FaultDatabase::new().await;
    let proxy = database.start_proxy().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("relay");
    let listener = UnixListener::bind(&socket).unwrap();
    let port = proxy.port();
    tokio::spawn(async move {
        // The socket exists as long as this task.
        let _folder = folder;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let namespace = NetworkNamespace::new(number, socket.to_str().unwrap());
    let parameters = format!("sslmode=require&hostaddr={}", namespace.address);
    let settings = Settings::new()
        .with_database(&database.url(5432, "localhost", &parameters))
        .with("SSL_CERT_FILE", TestServer::shared().await.postgres().ca_file().to_str().unwrap())
        .with("LAMBDA_CONCURRENCY", "1");
    let stack = Stack::start_async(settings).await.unwrap();
    let env = TestEnv::new(stack, proxy, database);
    env.warm_up().await;
    (Arc::new(env), namespace)
}

#[derive(Debug, Clone, Copy)]
enum PathFailure {
    BothDirections,
    ResponsesOnly,
}

/// Every operation meets an interrupted path, which is repaired after this time.
async fn assert_survives(number: u8, failure: PathFailure, repaired_after: Duration) {
    let (env, namespace) = start_in_namespace(number).await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let cases = env.prepare_all(operations).await;
        let responses = send_on_failed_path(&namespace, &cases, failure, repaired_after).await;
        env.assert_all_done(&cases, &responses).await;
    }
    for operations in [&ONE_WRITE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let cases = env.prepare_keyed(operations).await;
        let responses = send_on_failed_path(&namespace, &cases, failure, repaired_after).await;
        for (case, response) in cases.iter().zip(&responses) {
            env.assert_done_and_kept(case, response).await;
        }
    }
}

async fn send_on_failed_path(
    namespace: &NetworkNamespace,
    cases: &[Arc<TaskCase>],
    failure: PathFailure,
    repaired_after: Duration,
) -> Vec<TestResponse> {
    match failure {
        PathFailure::BothDirections => namespace.interrupt(),
        PathFailure::ResponsesOnly => namespace.lose_responses(),
    }
    let responses = TestEnv::send_together(cases);
    tokio::time::sleep(repaired_after).await;
    assert!(!responses.is_finished(), "{failure:?}: a response on a failed path");
    namespace.repair();
    responses.await.unwrap()
}

#[tokio::test]
async fn interrupted_network_path_is_survived() {
    let [moment, second, longer] = [300, 1000, 3000].map(Duration::from_millis);
    tokio::join!(
        assert_survives(0, PathFailure::BothDirections, moment),
        assert_survives(1, PathFailure::ResponsesOnly, moment),
        assert_survives(2, PathFailure::BothDirections, second),
        assert_survives(3, PathFailure::ResponsesOnly, second),
        assert_survives(4, PathFailure::BothDirections, longer),
        assert_survives(5, PathFailure::ResponsesOnly, longer),
    );
}

#[tokio::test]
async fn dead_network_path_returns_503_before_the_timeout() {
    let (env, namespace) = start_in_namespace(6).await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    namespace.lose_responses();
    let start = Instant::now();
    for (case, response) in cases.iter().zip(&TestEnv::send_together(&cases).await.unwrap()) {
        env.assert_unavailable(response);
        // The function cannot know whether the statement has arrived.
        env.assert_executed_once(case).await;
    }
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    namespace.repair();
    env.assert_works(&ONE_OF_EACH_FUNCTION).await;

    // A repeat with the same key finds what was done.
    let cases = env.prepare_keyed(&ONE_WRITE_OF_EACH_FUNCTION).await;
    namespace.lose_responses();
    let responses = TestEnv::send_together(&cases).await.unwrap();
    namespace.repair();
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_unavailable(response);
        env.assert_executed_once(case).await;
        env.assert_repeat_is_done(case).await;
    }
}

/// The server closes all connections while the path is interrupted. After the repair it resets the connection, as soon
/// as the function sends something.
async fn assert_replaced_after_reset(number: u8, while_frozen: bool) {
    let (env, namespace) = start_in_namespace(number).await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let mut frozen = Vec::new();
        for operation in operations.iter().filter(|_| while_frozen) {
            frozen.push(env.freeze(*operation).await);
        }
        namespace.interrupt();
        env.close_connections(End::Close).await;
        wait_until("the namespace has no connections", async || namespace.connections() == 0).await;
        namespace.repair();
        drop(frozen);
        let cases = env.prepare_all(operations).await;
        let connections = env.proxy.accepted_connections();
        env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
        // On a loaded machine a function may need more than one attempt to connect.
        assert!(env.proxy.accepted_connections() - connections >= cases.len());
    }
    // At least some functions noticed the reset only after sending, and retried.
    wait_until("a function has retried", async || env.stack.logs().contains("the database is asked again")).await;
}

#[tokio::test]
async fn connection_with_lost_close_is_replaced_after_reset() {
    tokio::join!(assert_replaced_after_reset(7, false), assert_replaced_after_reset(8, true));
}
