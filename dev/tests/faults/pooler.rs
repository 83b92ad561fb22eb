//! PgBouncer between the functions and the server, as on Neon's pooled hosts. Each statement may run in another server
//! process, and waits for a free one if there are more functions than connections.

use std::sync::Arc;
use std::time::Duration;

use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings, can_track_statements};
use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::fault_proxy::End;
use dev::testing::report_skipped;
use dev::testing::stack::Settings;
use dev::testing::wait::wait_until;

use crate::env::{ALL_OPERATIONS, FaultDatabase, ONE_OF_EACH_FUNCTION, OTHER_OPERATIONS, PASSWORD, TaskCase, TestEnv};

/// Two instances of each function. They share two connections to the server.
const INSTANCES: usize = 2 * ONE_OF_EACH_FUNCTION.len();
const SERVER_CONNECTIONS: usize = 2;

/// Starts a pooler in front of the database, for the functions.
pub(crate) async fn start_pooler(
    mut database: FaultDatabase,
    change: impl FnOnce(&mut PgBouncerSettings),
) -> (FaultDatabase, PgBouncer) {
    let mut settings = PgBouncerSettings::new(database.port, &database.name, PASSWORD);
    change(&mut settings);
    let pooler = PgBouncer::start(settings).await.unwrap();
    database.port = pooler.port();
    (database, pooler)
}

/// Starts the instances, all connected, and their pooler.
async fn start(change: impl FnOnce(&mut PgBouncerSettings)) -> (Arc<TestEnv>, PgBouncer) {
    let (database, pooler) = start_pooler(FaultDatabase::new().await, change).await;
    let two = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "2");
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", two).await);
    // The first instance of each function has started. What it does at its start is not counted later.
    env.assert_works(&ALL_OPERATIONS).await;
    let connections = env.proxy.open_connections();
    // The lock holds all responses until the second instance of each function has connected, for the second request.
    let cases = two_of_each(&env).await;
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    wait_until("every instance is connected", async || {
        env.proxy.open_connections() >= connections + ONE_OF_EACH_FUNCTION.len()
    })
    .await;
    env.database.run("commit").await;
    env.assert_all_done(&cases, &responses.await.unwrap()).await;
    (env, pooler)
}

async fn two_of_each(env: &TestEnv) -> Vec<Arc<TaskCase>> {
    let [one, other] = [&ONE_OF_EACH_FUNCTION; 2];
    env.prepare_all(&[&one[..], &other[..]].concat()).await
}

/// Asserts that each case was done, or got 503 and was executed at most once. Returns how many got 503.
async fn assert_all_done_or_unavailable(env: &TestEnv, cases: &[Arc<TaskCase>], responses: &[TestResponse]) -> usize {
    for (case, response) in cases.iter().zip(responses) {
        env.assert_done_or_unavailable(case, response).await;
    }
    responses.iter().filter(|response| response.status == 503).count()
}

async fn server_processes(env: &TestEnv) -> usize {
    let sql = format!("select count(*) from pg_stat_activity where usename = '{}'", env.database.name);
    usize::try_from(env.database.number(&sql).await).unwrap()
}

async fn assert_two_connections_are_shared(tracks_statements: bool) {
    let (env, _pooler) = start(|settings| settings.tracks_statements = tracks_statements).await;
    let before = env.counts();
    let mut sent = 0;
    for _ in 0..10 {
        let mut cases = two_of_each(&env).await;
        // Those of functions that are connected.
        cases.extend(env.prepare_all(&[&OTHER_OPERATIONS[..2]; 2].concat()).await);
        let responses = TestEnv::send_together(&cases).await.unwrap();
        env.assert_all_done(&cases, &responses).await;
        sent += cases.len();
    }
    assert_eq!(server_processes(&env).await, SERVER_CONNECTIONS);
    let counts = env.counts_since(before);
    assert_eq!(counts, (0, sent), "new connections, executions\n{}", env.stack.logs());
}

#[tokio::test]
async fn pooler_multiplexes_connections() {
    assert_two_connections_are_shared(false).await;
}

#[tokio::test]
async fn pooler_with_statement_tracking_multiplexes_connections() {
    if can_track_statements().await.unwrap() {
        assert_two_connections_are_shared(true).await;
    } else {
        report_skipped("this PgBouncer does not track prepared statements, 1.21 and newer do");
    }
}

#[tokio::test]
async fn pooler_restart_while_idle_goes_unnoticed() {
    let (env, mut pooler) = start(|_| ()).await;
    for _ in 0..3 {
        pooler.kill().await;
        env.proxy.wait_until_all_closed().await.unwrap();
        pooler.restart().await.unwrap();
        let before = env.counts();
        let cases = two_of_each(&env).await;
        env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
        let counts = env.counts_since(before);
        assert_eq!(counts, (cases.len(), cases.len()), "new connections, executions");
    }
}

#[tokio::test]
async fn pooler_crash_executes_no_statement_twice() {
    let (env, mut pooler) = start(|_| ()).await;
    for is_back_at_once in [true, false] {
        let cases = two_of_each(&env).await;
        env.database.lock_tasks().await;
        let responses = TestEnv::send_together(&cases);
        env.database.wait_for_blocked_statements(2).await;
        // Two statements are being executed. The others have not reached the server.
        if is_back_at_once {
            // The functions connect to another pooler. A restart could take longer than they try.
            let other = pooler.start_other().await.unwrap();
            env.proxy.set_upstream(([127, 0, 0, 1], other.port()).into());
            pooler.kill().await;
            pooler = other;
            env.database.wait_for_blocked_statements(4).await;
            env.database.run("commit").await;
            assert_all_done_or_unavailable(&env, &cases, &responses.await.unwrap()).await;
        } else {
            pooler.kill().await;
            let responses = responses.await.unwrap();
            assert!(responses.iter().all(|response| response.status == 503), "{responses:?}");
            env.database.run("commit").await;
            // The server notices the closed connection when it sends its response.
            wait_until("the server processes have ended", async || server_processes(&env).await == 0).await;
            assert_all_done_or_unavailable(&env, &cases, &responses).await;
            pooler.restart().await.unwrap();
        }
        env.assert_works(&ALL_OPERATIONS).await;
    }
}

/// Asserts that each case was done, or got 503 and was not executed. Returns how many got 503.
async fn assert_done_or_refused(env: &TestEnv, cases: &[Arc<TaskCase>], responses: &[TestResponse]) -> usize {
    let mut refused = 0;
    for (case, response) in cases.iter().zip(responses) {
        if response.status == 503 {
            env.assert_unavailable_and_not_executed(case, response).await;
            assert_eq!(response.retry_after(), Some(2));
            refused += 1;
        } else {
            env.assert_done(case, response).await;
        }
    }
    refused
}

#[tokio::test]
async fn pooler_queue_timeout_returns_503() {
    let (env, mut pooler) = start(|_| ()).await;
    // With this timeout, starts would be refused on a busy machine.
    pooler.kill().await;
    pooler.set_query_wait_timeout(Duration::from_secs(1));
    pooler.restart().await.unwrap();
    let cases = two_of_each(&env).await;
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    let refused = INSTANCES - SERVER_CONNECTIONS;
    let count_refused = || env.stack.logs().matches("query_wait_timeout").count();
    wait_until("the requests are refused twice", async || count_refused() >= 2 * refused).await;
    env.database.run("commit").await;
    let responses = responses.await.unwrap();
    assert_eq!(assert_done_or_refused(&env, &cases, &responses).await, refused);
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn full_pooler_returns_503() {
    let (database, mut pooler) = start_pooler(FaultDatabase::new().await, |_| ()).await;
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await);
    env.warm_up().await;
    pooler.kill().await;
    pooler.allow_clients(3);
    pooler.restart().await.unwrap();
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let responses = TestEnv::send_together(&cases).await.unwrap();
    let refused = assert_done_or_refused(&env, &cases, &responses).await;
    assert!((1..cases.len()).contains(&refused), "{refused} got 503");

    pooler.kill().await;
    pooler.allow_clients(100);
    pooler.restart().await.unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn server_crash_behind_pooler_executes_nothing_twice() {
    // Its own server, because a crash closes all connections.
    let server = TestServer::start().await;
    let (database, _pooler) = start_pooler(FaultDatabase::on(&server).await, |_| ()).await;
    let mut env = TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await;
    env.warm_up().await;

    // While the functions are idle.
    env.database.crash_server().await;
    env.database.reconnect().await;
    let connections = env.proxy.accepted_connections();
    env.assert_works(&ALL_OPERATIONS).await;
    assert_eq!(env.proxy.accepted_connections(), connections, "the pooler keeps its clients");

    // During statements.
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let responses = env.crash_server_during(&cases, 2).await;
    assert_all_done_or_unavailable(&env, &cases, &responses).await;
    // The pooler waits a second before it connects again to a server that refused it.
    let works_again = async { while cases[0].user.get("/api/tasks").await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), works_again).await.unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
    drop(env);
    server.stop().await;
}

#[tokio::test]
async fn pooler_without_direct_tls_gets_ssl_requests() {
    let (database, pooler) = start_pooler(FaultDatabase::new().await, |_| ()).await;
    let trusted = |settings: Settings| settings.with("SSL_CERT_FILE", pooler.ca_file().to_str().unwrap());
    let parameters = "sslmode=require&sslnegotiation=direct";
    let env = TestEnv::start_on(database, "localhost", &format!("{parameters}&hostaddr=127.0.0.1"), trusted).await;
    env.warm_up().await;
    for end in [End::Close, End::Reset] {
        env.close_connections(end).await;
        let connections = env.proxy.accepted_connections();
        env.assert_works(&ONE_OF_EACH_FUNCTION).await;
        assert_eq!(
            env.proxy.accepted_connections() - connections,
            ONE_OF_EACH_FUNCTION.len(),
            "direct TLS was tried again"
        );
    }
}
