//! The database does not let the function in, or not at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{End, Script};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::lone::Lone;
use crate::site::{ALL, ONE_OF_EACH_FUNCTION, Operation, Site, until};

/// For attempts without end.
const ALWAYS: usize = 1000;

/// Refusals of which one may hope that they pass: state, text, `Retry-After`.
const TRANSIENT: [(&str, &str, u32); 11] = [
    ("XX000", "Couldn't connect to compute node", 1),
    (
        "XX000",
        "Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.",
        1,
    ),
    ("XX000", "Too many connections attempts", 2),
    ("XX000", "Control plane request failed", 1),
    ("XX000", "something that nobody has heard of", 1),
    ("57P03", "the database system is starting up", 1),
    ("57P03", "the database system is shutting down", 1),
    ("53300", "sorry, too many clients already", 2),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", 2),
    ("53300", "too many connections for role \"todo\"", 2),
    ("08006", "server closed the connection unexpectedly", 1),
];

/// Refusals that only a human ends.
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

/// The operations in turn, for cases that would take too long with each.
fn in_turn(number: usize) -> Operation {
    ALL[number % ALL.len()]
}

#[tokio::test]
async fn a_refusal_that_passes_is_outlasted() {
    let site = Site::start().await;
    for (number, (state, message, _)) in TRANSIENT.into_iter().enumerate() {
        // The first connection that gets through is the second, third or fourth.
        let refusals = 1 + number % 3;
        site.end_all(End::Close).await;
        site.proxy.play_script(&refusal(state, message), refusals);
        let case = site.prepare(in_turn(number)).await;
        let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
        let reply = case.send(&site).await;
        case.is_done(&site, &reply).await;
        let counts = (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed);
        assert_eq!(counts, (refusals + 1, 1), "{message}");
    }
}

#[tokio::test]
async fn a_refusal_that_lasts_is_answered_with_503_and_a_time_to_come_again() {
    let site = Site::start().await;
    for (number, (state, message, seconds)) in TRANSIENT.into_iter().enumerate() {
        site.end_all(End::Close).await;
        site.proxy.play_script(&refusal(state, message), ALWAYS);
        let case = site.prepare(in_turn(number)).await;
        let reply = case.send(&site).await;
        case.is_put_off(&site, &reply).await;
        assert_eq!(reply.retry_after, Some(seconds), "{message}");
        // Whoever is told that the house is full comes back less often.
        assert_eq!(ALWAYS - site.proxy.pending_scripts(), if seconds > 1 { 5 } else { 6 }, "{message}: attempts");
        site.proxy.clear_faults().unwrap();
    }
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_pooler_without_a_server_to_spare_is_asked_once_more() {
    let site = Site::start().await;
    for operation in ALL {
        site.end_all(End::Close).await;
        site.proxy.play_script(&refusal("08P01", "query_wait_timeout"), 1);
        site.works(&[operation]).await;

        site.end_all(End::Close).await;
        site.proxy.play_script(&refusal("08P01", "query_wait_timeout"), 2);
        let case = site.prepare(operation).await;
        let reply = case.send(&site).await;
        case.is_put_off(&site, &reply).await;
        assert_eq!((reply.retry_after, site.proxy.pending_scripts()), (Some(2), 0));
    }
}

#[tokio::test]
async fn a_refusal_that_needs_a_human_is_answered_with_500_at_once() {
    let site = Site::start().await;
    for (number, (state, message)) in PERMANENT.into_iter().enumerate() {
        site.end_all(End::Close).await;
        site.proxy.play_script(&refusal(state, message), ALWAYS);
        let case = site.prepare(in_turn(number)).await;
        let reply = case.send(&site).await;
        assert_eq!((reply.status, &reply.body["code"]), (500, &json!("misconfigured")), "{message}: {reply:?}");
        assert_eq!((reply.retry_after, ALWAYS - site.proxy.pending_scripts()), (None, 1), "{message}");
        assert!(!reply.body.to_string().contains(message), "{reply:?}");
        // In the log, where quotation marks are escaped.
        let cause = message.split('"').next().unwrap();
        until("the cause is logged", async || site.stack.logs().contains(cause)).await;
        case.is_undone(&site).await;
        site.proxy.clear_faults().unwrap();
    }
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_used_up_quota_is_answered_with_503_and_a_long_time_to_come_again() {
    let site = Site::start().await;
    for message in [
        "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.",
        "Project has exceeded its limit. Check your quotas.",
    ] {
        for operation in ALL {
            site.end_all(End::Close).await;
            site.proxy.play_script(&refusal("XX000", message), ALWAYS);
            let case = site.prepare(operation).await;
            let reply = case.send(&site).await;
            assert_eq!((reply.status, reply.retry_after), (503, Some(60)), "{reply:?}");
            assert_eq!(ALWAYS - site.proxy.pending_scripts(), 1, "tried more than once");
            case.is_undone(&site).await;
            site.proxy.clear_faults().unwrap();
        }
    }
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_connection_that_ends_during_the_sign_in_is_tried_again() {
    let site = Site::start().await;
    for end in [End::Close, End::Reset] {
        for operation in ALL {
            site.end_all(End::Close).await;
            site.proxy.play_script(&Script::End(end), 2);
            site.works(&[operation]).await;
            assert_eq!(site.proxy.pending_scripts(), 0);
        }
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_answered_with_503_until_somebody_does() {
    let site = Arc::new(Site::start().await);
    site.end_all(End::Close).await;
    site.proxy.refuse_connections().await;
    for operations in [&ONE_OF_EACH_FUNCTION[..], &[Operation::Complete]] {
        let cases = site.prepare_all(operations).await;
        let replies = site.send_together(&cases).await.unwrap();
        for (case, reply) in cases.iter().zip(&replies) {
            case.is_put_off(&site, reply).await;
        }
    }
    site.proxy.clear_faults().unwrap();
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_database_that_wakes_up_is_waited_for() {
    let site = Arc::new(Site::start().await);
    for wake_up in [Duration::from_millis(500), Duration::from_secs(3)] {
        site.end_all(End::Close).await;
        site.proxy.delay_first_reply(wake_up);
        let connections = site.proxy.accepted_connections();
        let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let start = Instant::now();
        let replies = site.send_together(&cases).await.unwrap();
        assert!(start.elapsed() > wake_up);
        for (case, reply) in cases.iter().zip(&replies) {
            case.is_done(&site, reply).await;
        }
        // Giving up would throw the waking away.
        assert_eq!(site.proxy.accepted_connections() - connections, cases.len(), "{wake_up:?}");
    }
}

/// The limit for the sign-in ends before the database is awake, and the request with it.
async fn is_not_waited_for(wake_up: Duration) {
    let site = Arc::new(Site::start().await);
    site.end_all(End::Close).await;
    site.proxy.delay_first_reply(wake_up);
    for operations in [&ONE_OF_EACH_FUNCTION[..], &[Operation::Complete]] {
        let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
        let cases = site.prepare_all(operations).await;
        let start = Instant::now();
        let replies = site.send_together(&cases).await.unwrap();
        assert!((6..9).contains(&start.elapsed().as_secs()), "{wake_up:?}: {:?}", start.elapsed());
        for (case, reply) in cases.iter().zip(&replies) {
            case.is_put_off(&site, reply).await;
        }
        let counts = (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed);
        assert_eq!(counts, (cases.len(), 0), "{wake_up:?}");
    }
    // It is awake.
    site.proxy.clear_faults().unwrap();
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_database_that_takes_too_long_to_wake_up_is_given_up_in_time_and_nothing_happens() {
    tokio::join!(is_not_waited_for(Duration::from_secs(8)), is_not_waited_for(Duration::from_secs(20)));
}

/// An address at which connections are neither accepted nor refused, as long as this is kept.
struct BlackHole {
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl BlackHole {
    /// Nobody ever accepts, and so many wait already that the kernel drops the packets of others.
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
async fn an_address_that_is_a_black_hole_costs_only_the_head_start_of_the_next() {
    let site = Site::start().await;
    let (first, second) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST);
    let hole = BlackHole::at((first, site.proxy.port()).into()).await;
    let port = site.proxy.port();
    let addresses = site.database.url(port, "localhost", &format!("sslmode=disable&hostaddr={first},{second}"));
    let hosts = site.database.url(port, &format!("{first}:{port},{second}"), "sslmode=disable");
    for (operation, url) in ONE_OF_EACH_FUNCTION.into_iter().zip([addresses, hosts].into_iter().cycle()) {
        let mut function = Lone::start(operation, &url, &[]).await;
        // The start of the process is not what is measured.
        let warm = site.prepare(operation).await;
        warm.is_done(&site, &function.send(&warm).await).await;
        site.end_all(End::Close).await;
        let connections = site.proxy.accepted_connections();
        let case = site.prepare(operation).await;
        let start = Instant::now();
        let reply = function.send(&case).await;
        let took = start.elapsed();
        case.is_done(&site, &reply).await;
        // The head start is 150 ms. The limit of all addresses together, a second, would have been an error.
        assert!(took > Duration::from_millis(140), "{operation:?}: {took:?}");
        assert_eq!(site.proxy.accepted_connections() - connections, 1);
    }
    drop(hole);
}

async fn is_given_up_in_time(script: Script) {
    let site = Arc::new(Site::start().await);
    site.end_all(End::Close).await;
    site.proxy.play_script(&script, ALWAYS);
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let replies = site.send_together(&cases).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(12), "{script:?}: {:?}", start.elapsed());
    for (case, reply) in cases.iter().zip(&replies) {
        case.is_put_off(&site, reply).await;
    }
    site.proxy.clear_faults().unwrap();
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_server_that_never_answers_the_sign_in_is_given_up_in_time() {
    tokio::join!(is_given_up_in_time(Script::Silent), is_given_up_in_time(Script::SilentAfterStartup));
}
