//! The database refuses connections, or accepts them slowly.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{End, Script};
use dev::testing::wait::wait_until;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::env::{ALL_OPERATIONS, DirectFunction, ONE_OF_EACH_FUNCTION, OTHER_OPERATIONS, Operation, TestEnv};

/// More connections than a request attempts.
const EVERY_ATTEMPT: usize = 1000;

/// Transient refusals: SQLSTATE, message and `Retry-After`.
const TRANSIENT: [(&str, &str, u32); 11] = [
    ("XX000", "Couldn't connect to compute node", 1),
    (
        "XX000",
        "Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.",
        1,
    ),
    ("XX000", "Too many connections attempts", 2),
    ("XX000", "Control plane request failed", 1),
    ("XX000", "an unknown message", 1),
    ("57P03", "the database system is starting up", 1),
    ("57P03", "the database system is shutting down", 1),
    ("53300", "sorry, too many clients already", 2),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", 2),
    ("53300", "too many connections for role \"todo\"", 2),
    ("08006", "server closed the connection unexpectedly", 1),
];

/// Refusals that an operator must fix: SQLSTATE and message.
const PERMANENT: [(&str, &str); 10] = [
    ("XX000", "password authentication failed for user 'todo'"),
    (
        "XX000",
        "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support or pass the endpoint ID",
    ),
    ("XX000", "The requested endpoint could not be found, or you don't have access to it: endpoint cannot be found"),
    ("XX000", "The endpoint is disabled. Enable it using Neon API and retry."),
    ("XX000", "This IP address 192.0.2.1 is not allowed to connect to this endpoint."),
    ("XX000", "unsupported startup parameter: statement_timeout"),
    ("28P01", "password authentication failed for user \"todo\""),
    ("28000", "no pg_hba.conf entry for host \"192.0.2.1\""),
    ("3D000", "database \"todo\" does not exist"),
    ("42501", "permission denied for database \"todo\""),
];

fn refusal(state: &str, message: &str) -> Script {
    Script::Refuse { state: state.to_owned(), message: message.to_owned() }
}

/// One operation after the other, because every case with every operation would take too long.
fn in_turn(number: usize) -> Operation {
    ALL_OPERATIONS[number % ALL_OPERATIONS.len()]
}

#[tokio::test]
async fn transient_refusal_is_retried() {
    let env = TestEnv::start().await;
    for (number, (state, message, _)) in TRANSIENT.into_iter().enumerate() {
        // The first accepted connection is the second, third or fourth.
        let refusals = 1 + number % 3;
        env.close_connections(End::Close).await;
        env.proxy.play_script(&refusal(state, message), refusals);
        let case = env.prepare(in_turn(number)).await;
        let before = env.counts();
        let response = case.send().await;
        env.assert_done(&case, &response).await;
        let counts = env.counts_since(before);
        assert_eq!(counts, (refusals + 1, 1), "{message}");
    }
}

#[tokio::test]
async fn lasting_refusal_returns_503_with_retry_after() {
    let env = TestEnv::start().await;
    for (number, (state, message, seconds)) in TRANSIENT.into_iter().enumerate() {
        env.close_connections(End::Close).await;
        env.proxy.play_script(&refusal(state, message), EVERY_ATTEMPT);
        let case = env.prepare(in_turn(number)).await;
        let response = case.send().await;
        env.assert_unavailable_and_not_executed(&case, &response).await;
        assert_eq!(response.retry_after(), Some(seconds), "{message}");
        // When connections are exhausted there are fewer attempts.
        assert_eq!(EVERY_ATTEMPT - env.proxy.pending_scripts(), if seconds > 1 { 5 } else { 6 }, "{message}: attempts");
        env.proxy.clear_faults().unwrap();
    }
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn pooler_timeout_is_retried_once() {
    let env = TestEnv::start().await;
    for operation in ALL_OPERATIONS {
        env.close_connections(End::Close).await;
        env.proxy.play_script(&refusal("08P01", "query_wait_timeout"), 1);
        env.assert_works(&[operation]).await;

        env.close_connections(End::Close).await;
        env.proxy.play_script(&refusal("08P01", "query_wait_timeout"), 2);
        let case = env.prepare(operation).await;
        let response = case.send().await;
        env.assert_unavailable_and_not_executed(&case, &response).await;
        assert_eq!((response.retry_after(), env.proxy.pending_scripts()), (Some(2), 0));
    }
}

#[tokio::test]
async fn permanent_refusal_returns_500_without_retry() {
    let env = TestEnv::start().await;
    for (number, (state, message)) in PERMANENT.into_iter().enumerate() {
        env.close_connections(End::Close).await;
        env.proxy.play_script(&refusal(state, message), EVERY_ATTEMPT);
        let case = env.prepare(in_turn(number)).await;
        let response = case.send().await;
        assert_eq!(
            (response.status, &response.json["code"]),
            (500, &json!("misconfigured")),
            "{message}: {response:?}"
        );
        assert_eq!((response.retry_after(), EVERY_ATTEMPT - env.proxy.pending_scripts()), (None, 1), "{message}");
        assert!(!response.json.to_string().contains(message), "{response:?}");
        // The part before the quotation marks, which are escaped in the log.
        let cause = message.split('"').next().unwrap();
        wait_until("the cause is logged", async || env.stack.logs().contains(cause)).await;
        env.assert_not_executed(&case).await;
        env.proxy.clear_faults().unwrap();
    }
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn exceeded_quota_returns_503_with_long_retry_after() {
    let env = TestEnv::start().await;
    for message in [
        "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
        "Project has exceeded its limit. Check your quotas.",
    ] {
        for operation in ALL_OPERATIONS {
            env.close_connections(End::Close).await;
            env.proxy.play_script(&refusal("XX000", message), EVERY_ATTEMPT);
            let case = env.prepare(operation).await;
            let response = case.send().await;
            assert_eq!((response.status, response.retry_after()), (503, Some(60)), "{response:?}");
            assert_eq!(EVERY_ATTEMPT - env.proxy.pending_scripts(), 1, "tried more than once");
            env.assert_not_executed(&case).await;
            env.proxy.clear_faults().unwrap();
        }
    }
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn connection_closed_during_sign_in_is_retried() {
    let env = TestEnv::start().await;
    for end in [End::Close, End::Reset] {
        for operation in ALL_OPERATIONS {
            env.close_connections(End::Close).await;
            env.proxy.play_script(&Script::End(end), 2);
            env.assert_works(&[operation]).await;
            assert_eq!(env.proxy.pending_scripts(), 0);
        }
    }
}

#[tokio::test]
async fn refused_connection_returns_503() {
    let env = Arc::new(TestEnv::start().await);
    env.close_connections(End::Close).await;
    env.proxy.refuse_connections().await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let cases = env.prepare_all(operations).await;
        let responses = TestEnv::send_together(&cases).await.unwrap();
        for (case, response) in cases.iter().zip(&responses) {
            env.assert_unavailable_and_not_executed(case, response).await;
        }
    }
    env.proxy.clear_faults().unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn database_that_wakes_up_is_waited_for() {
    let env = Arc::new(TestEnv::start().await);
    for wake_up in [Duration::from_millis(500), Duration::from_secs(3)] {
        env.close_connections(End::Close).await;
        env.proxy.delay_first_reply(wake_up);
        let connections = env.proxy.accepted_connections();
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let start = Instant::now();
        let responses = TestEnv::send_together(&cases).await.unwrap();
        assert!(start.elapsed() > wake_up);
        env.assert_all_done(&cases, &responses).await;
        // A new connection would start the wake-up again.
        assert_eq!(env.proxy.accepted_connections() - connections, cases.len(), "{wake_up:?}");
    }
}

/// The sign-in times out before the database is awake, and the request fails.
async fn assert_gives_up(wake_up: Duration) {
    let env = Arc::new(TestEnv::start().await);
    env.close_connections(End::Close).await;
    env.proxy.delay_first_reply(wake_up);
    for operations in [&ONE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let before = env.counts();
        let cases = env.prepare_all(operations).await;
        let start = Instant::now();
        let responses = TestEnv::send_together(&cases).await.unwrap();
        assert!((6..9).contains(&start.elapsed().as_secs()), "{wake_up:?}: {:?}", start.elapsed());
        for (case, response) in cases.iter().zip(&responses) {
            env.assert_unavailable_and_not_executed(case, response).await;
        }
        let counts = env.counts_since(before);
        assert_eq!(counts, (cases.len(), 0), "{wake_up:?}");
    }
    // Now the database is awake.
    env.proxy.clear_faults().unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn slow_wake_up_returns_503_before_the_timeout() {
    tokio::join!(assert_gives_up(Duration::from_secs(8)), assert_gives_up(Duration::from_secs(20)));
}

/// An address at which connections are neither accepted nor refused until this is dropped.
struct UnreachableAddress {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl UnreachableAddress {
    /// The backlog is full and nothing accepts, so that the kernel drops further packets.
    async fn at(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            waiting.push(connected.unwrap());
        }
        Self { _listener: listener, _waiting: waiting }
    }
}

#[tokio::test]
async fn unreachable_address_delays_only_by_the_head_start() {
    let env = TestEnv::start().await;
    let (first, second) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST);
    let unreachable = UnreachableAddress::at((first, env.proxy.port()).into()).await;
    let port = env.proxy.port();
    let addresses = env.database.url(port, "localhost", &format!("sslmode=disable&hostaddr={first},{second}"));
    let hosts = env.database.url(port, &format!("{first}:{port},{second}"), "sslmode=disable");
    for (operation, url) in ONE_OF_EACH_FUNCTION.into_iter().zip([addresses, hosts].into_iter().cycle()) {
        let mut function = DirectFunction::start(operation, &url, &[]).await;
        // The start of the process is not measured.
        let warm = env.prepare(operation).await;
        env.assert_done(&warm, &function.send(&warm).await).await;
        env.close_connections(End::Close).await;
        let connections = env.proxy.accepted_connections();
        let case = env.prepare(operation).await;
        let start = Instant::now();
        let response = function.send(&case).await;
        let took = start.elapsed();
        env.assert_done(&case, &response).await;
        // The head start is 150 ms. The timeout of all addresses together, one second, would be an error.
        assert!(took > Duration::from_millis(140), "{operation:?}: {took:?}");
        assert_eq!(env.proxy.accepted_connections() - connections, 1);
    }
    drop(unreachable);
}

async fn assert_gives_up_in_time(script: Script) {
    let env = Arc::new(TestEnv::start().await);
    env.close_connections(End::Close).await;
    env.proxy.play_script(&script, EVERY_ATTEMPT);
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let responses = TestEnv::send_together(&cases).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(12), "{script:?}: {:?}", start.elapsed());
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_unavailable_and_not_executed(case, response).await;
    }
    env.proxy.clear_faults().unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn unanswered_sign_in_returns_503_before_the_timeout() {
    tokio::join!(assert_gives_up_in_time(Script::Silent), assert_gives_up_in_time(Script::SilentAfterStartup));
}
