//! Statements that the database fails.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::fault_proxy::End;
use dev::testing::wait::wait_until;

use crate::env::{
    ALL_OPERATIONS, FaultDatabase, ONE_OF_EACH_FUNCTION, ONE_WRITE_OF_EACH_FUNCTION, OTHER_OPERATIONS, Operation,
    TaskCase, TestEnv, WRITES,
};

/// The operations that change an existing row.
const CHANGES: [Operation; 4] = [Operation::Update, Operation::Complete, Operation::Delete, Operation::Bulk];

async fn assert_all_unavailable(env: &TestEnv, cases: &[Arc<TaskCase>], responses: &[TestResponse]) {
    for (case, response) in cases.iter().zip(responses) {
        env.assert_unavailable_and_not_executed(case, response).await;
        assert_eq!(response.retry_after(), Some(1), "{:?}", case.operation);
    }
}

#[tokio::test]
async fn statement_of_a_terminated_backend_executes_once() {
    let env = Arc::new(TestEnv::start().await);
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let before = env.counts();
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    env.database.wait_for_blocked_statements(cases.len()).await;
    env.database.terminate().await;
    wait_until("every function has reconnected", async || env.counts_since(before).0 == cases.len()).await;
    env.database.wait_for_blocked_statements(cases.len()).await;
    env.database.run("commit").await;
    env.assert_all_done(&cases, &responses.await.unwrap()).await;
    // The retries of the writes also sent a fence.
    assert_eq!(env.counts_since(before).1, cases.len() + ONE_WRITE_OF_EACH_FUNCTION.len());
}

#[tokio::test]
async fn deadlock_victim_is_retried() {
    let env = Arc::new(TestEnv::start().await);
    for others in [&ONE_WRITE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
        let cases = env.prepare_all(others).await;
        let connections = env.proxy.accepted_connections();
        // The owner never checks for deadlocks, so that the victim is always a function. A new task locks the row of
        // its user.
        env.database.run(r#"set deadlock_timeout = '1h'; begin; select from tasks for update"#).await;
        env.database.run(r#"select from "user" for update"#).await;
        let responses = TestEnv::send_together(&cases);
        env.database.wait_for_blocked_statements(cases.len()).await;
        env.database.run("lock table tasks in share mode").await;
        // The owner has the lock, so all functions were victims.
        env.database.run("commit").await;
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
        assert_eq!(env.proxy.accepted_connections(), connections, "a victim keeps its connection");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    wait_until("the deadlocks are counted", async || env.database.number(deadlocks).await >= 5).await;
}

#[tokio::test]
async fn serialization_failure_is_retried() {
    let env = Arc::new(TestEnv::start().await);
    let role = &env.database.name;
    env.database.run(&format!("alter role {role} set default_transaction_isolation = 'repeatable read'")).await;
    env.close_connections(End::Close).await;
    env.warm_up().await;
    for others in [&CHANGES[..], &[Operation::Toggle, Operation::BulkEach]] {
        let cases = env.prepare_all(others).await;
        let executed = env.proxy.answered_statements();
        // An update without an effect.
        env.database.run("begin; update tasks set title = title").await;
        let responses = TestEnv::send_together(&cases);
        env.database.wait_for_blocked_statements(cases.len()).await;
        env.database.run("commit").await;
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
        assert_eq!(env.proxy.answered_statements() - executed, 2 * cases.len(), "executions");
    }
}

#[tokio::test]
async fn lock_and_statement_timeouts_return_503() {
    let env = Arc::new(TestEnv::start().await);
    for limit in ["lock_timeout", "statement_timeout"] {
        let role = &env.database.name;
        env.database.run(&format!("alter role {role} reset all; alter role {role} set {limit} = '200ms'")).await;
        env.close_connections(End::Close).await;
        env.assert_works(&ALL_OPERATIONS).await;
        for operations in [&ONE_OF_EACH_FUNCTION[..], &OTHER_OPERATIONS] {
            let cases = env.prepare_all(operations).await;
            let before = env.counts();
            env.database.lock_tasks().await;
            let responses = TestEnv::send_together(&cases).await.unwrap();
            env.database.run("commit").await;
            assert_all_unavailable(&env, &cases, &responses).await;
            // The next requests, on the same connections.
            let responses = TestEnv::send_together(&cases).await.unwrap();
            env.assert_all_done(&cases, &responses).await;
            let counts = env.counts_since(before);
            // A request with a key of its own that failed also looks whether an earlier attempt has succeeded.
            let has_own_key = |operation: &&Operation| {
                let function = operation.function();
                let is_of_tags = operation.is_fenced() && function.contains("tag");
                is_of_tags || ["bulk-tasks", "skip-task", "stop-recurrence"].contains(&function)
            };
            let looked_up = operations.iter().filter(has_own_key).count();
            assert_eq!(counts, (0, 2 * cases.len() + looked_up), "{limit}");
        }
    }
}

#[tokio::test]
async fn read_only_database_is_left_after_one_retry() {
    let env = TestEnv::start().await;
    let role = &env.database.name;
    env.database.run(&format!("alter role {role} set default_transaction_read_only = on")).await;
    env.close_connections(End::Close).await;
    env.assert_works(&[Operation::List, Operation::Get]).await;
    let open = env.proxy.open_connections();
    for operation in WRITES {
        let case = env.prepare(operation).await;
        let connections = env.proxy.accepted_connections();
        let response = case.send().await;
        env.assert_unavailable_and_not_executed(&case, &response).await;
        assert_eq!(response.retry_after(), Some(1));
        assert_eq!(env.proxy.accepted_connections() - connections, 2, "{operation:?}");
    }
    // They are connections to a former primary.
    wait_until("the connections are closed", async || env.proxy.open_connections() == open).await;
    env.database.run(&format!("alter role {role} reset all")).await;
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn retry_on_a_new_primary_executes_once() {
    let env = Arc::new(TestEnv::start().await);
    let role = &env.database.name;
    for operation in WRITES {
        env.database.run(&format!("alter role {role} set default_transaction_read_only = on")).await;
        env.close_connections(End::Close).await;
        // Time to make the role writable again.
        env.proxy.delay_first_reply(Duration::from_millis(300));
        let connections = env.proxy.accepted_connections();
        let cases = env.prepare_all(&[operation]).await;
        let responses = TestEnv::send_together(&cases);
        wait_until("the function has retried", async || env.proxy.accepted_connections() - connections == 2).await;
        env.database.run(&format!("alter role {role} reset all")).await;
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
        assert_eq!(env.proxy.accepted_connections() - connections, 2, "{operation:?}");
        env.proxy.clear_faults().unwrap();
    }
}

#[tokio::test]
async fn server_crash_executes_nothing_twice() {
    // Its own server, because a crash closes all connections.
    let server = TestServer::start().await;
    let database = FaultDatabase::on(&server).await;
    let mut env = TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await;
    env.warm_up().await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let responses = env.crash_server_during(&cases, cases.len()).await;
    for (case, response) in cases.iter().zip(&responses) {
        if response.status == 503 {
            env.assert_unavailable_and_not_executed(case, response).await;
        } else {
            env.assert_done(case, response).await;
        }
    }
    tokio::time::timeout(Duration::from_secs(20), env.warm_up()).await.unwrap();
    drop(env);
    server.stop().await;
}
