//! Requests with an `Idempotency-Key`: whatever fails, a request is done once, and its repeats get one answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::services::pgbouncer::PgBouncer;
use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::fault_proxy::{Cut, Direction, End, Flow};
use dev::testing::stack::Settings;
use dev::testing::wait::wait_until;
use futures_util::future::join_all;

use crate::env::{
    ALL_OPERATIONS, DirectFunction, FaultDatabase, ONE_WRITE_OF_EACH_FUNCTION, OTHER_OPERATIONS, Operation, TaskCase,
    TestEnv, WRITES,
};
use crate::idle::ALL_ENDINGS;
use crate::overtaken::{Backend, send_with_delayed_attempt};
use crate::pooler::start_pooler;

/// How many requests with one key are sent at once.
const REQUESTS: usize = 32;

fn is_replay(response: &TestResponse) -> bool {
    response.header("idempotent-replayed").is_some()
}

async fn assert_all_done_and_kept(env: &TestEnv, cases: &[Arc<TaskCase>], responses: &[TestResponse]) {
    for (case, response) in cases.iter().zip(responses) {
        env.assert_done_and_kept(case, response).await;
    }
}

#[tokio::test]
async fn connection_lost_during_a_statement_is_no_replay() {
    let env = TestEnv::start().await;
    for operation in WRITES {
        for (direction, after_bytes, end, times) in [
            (Direction::ToClient, 0, End::Close, 1),
            (Direction::ToClient, 0, End::Reset, 2),
            (Direction::ToClient, 1, End::Close, 1),
            (Direction::ToClient, 31, End::Close, 1),
            (Direction::ToServer, 0, End::Reset, 1),
            (Direction::ToServer, 100, End::Close, 1),
        ] {
            let cases =
                [env.prepare(operation).await.with_key(), env.prepare(operation).await.with_key().if_unchanged()];
            // A new task has no version that could be expected.
            for case in &cases[..if operation == Operation::Create { 1 } else { 2 }] {
                (0..times).for_each(|_| env.proxy.cut_next_statement(Cut { direction, after_bytes, end }));
                let response = case.send().await;
                assert_eq!(env.proxy.pending_cuts(), 0, "{operation:?} was not struck");
                env.assert_done_and_kept(case, &response).await;
            }
        }
    }
}

#[tokio::test]
async fn repeat_finds_what_a_lost_request_has_done() {
    let env = TestEnv::start().await;
    for operation in WRITES {
        let case = env.prepare(operation).await.with_key();
        let cut = Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close };
        (0..3).for_each(|_| env.proxy.cut_next_statement(cut));
        let response = case.send().await;
        env.assert_unavailable(&response);
        assert_eq!(env.proxy.pending_cuts(), 0, "{operation:?}");
        env.assert_executed_once(&case).await;
        let repeated = case.send().await;
        env.assert_done(&case, &repeated).await;
        assert!(is_replay(&repeated), "{repeated:?}");
        env.assert_replayed(&case, &repeated).await;
    }
}

#[tokio::test]
async fn connection_closed_while_idle_executes_once() {
    let env = TestEnv::start().await;
    for ending in ALL_ENDINGS {
        for operation in WRITES {
            for is_frozen in [false, true] {
                env.assert_works(&[operation]).await;
                let frozen = if is_frozen { Some(env.freeze(operation).await) } else { None };
                ending.apply(&env).await;
                drop(frozen);
                let case = env.prepare(operation).await.with_key();
                env.assert_done_and_kept(&case, &case.send().await).await;
            }
        }
    }
}

#[tokio::test]
async fn statement_of_a_terminated_backend_executes_once() {
    let env = Arc::new(TestEnv::start().await);
    let cases = env.prepare_keyed(&ONE_WRITE_OF_EACH_FUNCTION).await;
    let before = env.counts();
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    env.database.wait_for_blocked_statements(cases.len()).await;
    env.database.terminate().await;
    wait_until("every function has reconnected", async || env.counts_since(before).0 == cases.len()).await;
    env.database.wait_for_blocked_statements(cases.len()).await;
    env.database.run("commit").await;
    assert_all_done_and_kept(&env, &cases, &responses.await.unwrap()).await;
}

#[tokio::test]
async fn deadlock_victim_is_retried() {
    let env = Arc::new(TestEnv::start().await);
    for others in [&ONE_WRITE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let cases = env.prepare_keyed(others).await;
        // The owner never checks for deadlocks, so that the victim is always a function. A new task locks the row of
        // its user.
        env.database.run("set deadlock_timeout = '1h'; begin; select from tasks for update").await;
        env.database.run(r#"select from "user" for update"#).await;
        let responses = TestEnv::send_together(&cases);
        env.database.wait_for_blocked_statements(cases.len()).await;
        env.database.run("lock table tasks in share mode").await;
        env.database.run("commit").await;
        assert_all_done_and_kept(&env, &cases, &responses.await.unwrap()).await;
    }
}

#[tokio::test]
async fn strict_isolation_levels_execute_once() {
    for level in ["repeatable read", "serializable"] {
        let database = FaultDatabase::new().await;
        let default = format!("alter role {} set default_transaction_isolation = '{level}'", database.name);
        database.run(&default).await;
        let four = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "4");
        let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", four).await);
        for operation in WRITES {
            let case = Arc::new(env.prepare(operation).await.with_key());
            assert_done_once_by(&env, &case, &TestEnv::send_together(&vec![Arc::clone(&case); 4]).await.unwrap()).await;
        }
    }
}

/// Asserts that the responses to a case are those of one execution.
async fn assert_done_once_by(env: &TestEnv, case: &TaskCase, responses: &[TestResponse]) {
    let message = format!("{:?}: {responses:?}\n{}", case.operation, env.stack.logs());
    let answers = responses.iter().map(|response| (response.status, response.json.clone()));
    for ((status, json), response) in answers.zip(responses) {
        assert_eq!((status, &json), (responses[0].status, &responses[0].json), "{message}");
        assert_eq!(response.header("x-transaction-id"), responses[0].header("x-transaction-id"), "{message}");
    }
    assert_eq!(responses.iter().filter(|response| !is_replay(response)).count(), 1, "{message}");
    env.assert_done(case, &responses[0]).await;
    env.assert_replayed(case, &responses[0]).await;
}

#[tokio::test]
async fn lock_and_statement_timeouts_return_409() {
    let env = Arc::new(TestEnv::start().await);
    for limit in ["lock_timeout", "statement_timeout"] {
        let role = &env.database.name;
        env.database.run(&format!("alter role {role} reset all; alter role {role} set {limit} = '200ms'")).await;
        env.close_connections(End::Close).await;
        env.assert_works(&ALL_OPERATIONS).await;
        for operations in [&ONE_WRITE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
            let cases = env.prepare_keyed(operations).await;
            let connections = env.proxy.accepted_connections();
            env.database.lock_tasks().await;
            let responses = TestEnv::send_together(&cases).await.unwrap();
            env.database.run("commit").await;
            for (case, response) in cases.iter().zip(&responses) {
                env.assert_in_progress(response);
                env.assert_not_executed(case).await;
            }
            let responses = TestEnv::send_together(&cases).await.unwrap();
            assert_all_done_and_kept(&env, &cases, &responses).await;
            assert_eq!(env.proxy.accepted_connections(), connections, "{limit}: connections are kept");
        }
    }
}

/// A function, its proxy, and a case for which it has a moment.
async fn assert_answers_at_the_deadline(env: &TestEnv, operation: Operation) {
    let proxy = env.database.start_proxy().await;
    let url = env.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
    let mut function = DirectFunction::start(operation, &url, &[]).await;
    let deadline = || SystemTime::now() + Duration::from_millis(700 + 500);
    let case = env.prepare(operation).await.with_key();
    env.assert_done_and_kept(&case, &function.send(&case).await).await;

    // Another transaction holds it up.
    let case = env.prepare(operation).await.with_key();
    env.database.lock_tasks().await;
    env.assert_in_progress(&function.send_by(deadline(), &case).await);
    env.database.run("commit").await;
    env.assert_repeat_is_done(&case).await;

    // The response is lost.
    let case = env.prepare(operation).await.with_key();
    env.assert_works(&[operation]).await;
    let warm = env.prepare(operation).await.with_key();
    env.assert_done(&warm, &function.send(&warm).await).await;
    proxy.set_flow(Direction::ToClient, Flow::Discard);
    env.assert_in_progress(&function.send_by(deadline(), &case).await);
    env.assert_repeat_is_done(&case).await;
    proxy.clear_faults().unwrap();

    // Without a key it is a database that does not answer.
    let case = env.prepare(operation).await;
    env.database.lock_tasks().await;
    env.assert_unavailable(&function.send_by(deadline(), &case).await);
    env.database.run("commit").await;

    // Nothing is sent without a connection.
    let case = env.prepare(operation).await.with_key();
    proxy.close_all(End::Close).await.unwrap();
    proxy.set_flow(Direction::ToClient, Flow::Discard);
    let response = function.send_by(deadline(), &case).await;
    env.assert_unavailable_and_not_executed(&case, &response).await;
    env.assert_repeat_is_done(&case).await;
}

#[tokio::test]
async fn request_in_progress_at_the_deadline_returns_409() {
    for operation in ONE_WRITE_OF_EACH_FUNCTION {
        let env = TestEnv::start().await;
        assert_answers_at_the_deadline(&env, operation).await;
    }
}

#[tokio::test]
async fn waiting_request_returns_the_first_answer() {
    let database = FaultDatabase::new().await;
    let two = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "2");
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", two).await);
    for operation in WRITES {
        let case = Arc::new(env.prepare(operation).await.with_key());
        env.database.lock_tasks().await;
        let responses = TestEnv::send_together(&vec![Arc::clone(&case); 2]);
        env.database.wait_for_blocked_statements(2).await;
        env.database.run("commit").await;
        assert_done_once_by(&env, &case, &responses.await.unwrap()).await;
    }
}

#[tokio::test]
async fn delayed_attempt_has_no_effect() {
    let env = TestEnv::start().await;
    for operation in WRITES.into_iter().filter(|operation| *operation != Operation::Delete) {
        env.assert_works(&[operation]).await;
        let case = env.prepare(operation).await.with_key();
        let backend = Backend::stop(&env, operation.function()).await;
        let (method, path, body) = case.request_parts();
        let response = send_with_delayed_attempt(&env, &case, method, &path, body.as_ref()).await;
        env.assert_done(&case, &response).await;
        assert!(!is_replay(&response), "{response:?}");
        for row in env.database.rows_of(&case.user).await {
            case.user.delete(&format!("/api/tasks/{}", row.id)).await.expect_status(204);
        }
        backend.resume().await;
        assert_eq!(env.database.rows_of(&case.user).await, [], "{operation:?}: {}", env.stack.logs());
        let repeated = case.send().await;
        assert_eq!((repeated.status, &repeated.json), (response.status, &response.json));
        assert_eq!(env.database.rows_of(&case.user).await, [], "{operation:?}: {}", env.stack.logs());
    }
}

#[tokio::test]
async fn server_crash_executes_once() {
    // Its own server, because a crash closes all connections.
    let server = TestServer::start().await;
    let database = FaultDatabase::on(&server).await;
    let mut env = TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await;
    env.warm_up().await;
    let cases = env.prepare_keyed(&ONE_WRITE_OF_EACH_FUNCTION).await;
    let responses = env.crash_server_during(&cases, cases.len()).await;
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_done_or_unavailable(case, response).await;
    }
    tokio::time::timeout(Duration::from_secs(20), env.warm_up()).await.unwrap();
    for case in &cases {
        env.assert_repeat_is_done(case).await;
    }
    drop(env);
    server.stop().await;
}

/// Two instances of each function, which share two connections of a pooler.
async fn start_behind_pooler() -> (Arc<TestEnv>, PgBouncer) {
    let (database, pooler) = start_pooler(FaultDatabase::new().await, |_| ()).await;
    let two = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "2");
    let env = TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", two).await;
    env.warm_up().await;
    (Arc::new(env), pooler)
}

#[tokio::test]
async fn many_requests_at_once_are_done_once() {
    let (env, _pooler) = start_behind_pooler().await;
    for operation in WRITES {
        let case = Arc::new(env.prepare(operation).await.with_key());
        let responses = TestEnv::send_together(&vec![Arc::clone(&case); REQUESTS]).await.unwrap();
        assert_eq!(env.instances_of(operation.function()).len(), 2);
        assert_done_once_by(&env, &case, &responses).await;
    }
}

#[tokio::test]
async fn many_requests_with_lost_responses_are_done_once() {
    let (env, _pooler) = start_behind_pooler().await;
    for end in [End::Close, End::Reset] {
        for operation in WRITES {
            let case = Arc::new(env.prepare(operation).await.with_key());
            let cut = Cut { direction: Direction::ToClient, after_bytes: 0, end };
            (0..8).for_each(|_| env.proxy.cut_next_statement(cut));
            let responses = TestEnv::send_together(&vec![Arc::clone(&case); REQUESTS]).await.unwrap();
            assert_eq!(env.proxy.pending_cuts(), 0, "{operation:?}");
            // A request whose responses are all lost gets 503.
            let (done, lost): (Vec<_>, Vec<_>) = responses.into_iter().partition(|response| response.status != 503);
            lost.iter().for_each(|response| env.assert_unavailable(response));
            for response in &done {
                assert_eq!((response.status, &response.json), (done[0].status, &done[0].json), "{}", env.stack.logs());
            }
            assert!(done.iter().filter(|response| !is_replay(response)).count() <= 1, "{done:?}");
            env.assert_done(&case, &done[0]).await;
            env.assert_replayed(&case, &done[0]).await;
        }
    }
}

#[tokio::test]
async fn pooler_crash_executes_once() {
    let (env, mut pooler) = start_behind_pooler().await;
    let cases = env.prepare_keyed(&ONE_WRITE_OF_EACH_FUNCTION).await;
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    env.database.wait_for_blocked_statements(2).await;
    // A restart could take longer than the functions try to connect.
    let other = pooler.start_other().await.unwrap();
    env.proxy.set_upstream(([127, 0, 0, 1], other.port()).into());
    pooler.kill().await;
    env.database.wait_for_blocked_statements(4).await;
    env.database.run("commit").await;
    for (case, response) in cases.iter().zip(&responses.await.unwrap()) {
        env.assert_done_or_unavailable(case, response).await;
    }
    let repeats = cases.iter().map(|case| env.assert_repeat_is_done(case));
    join_all(repeats).await;
}
