//! Statements that the database fails.

use std::sync::Arc;

use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::fault_proxy::End;
use dev::testing::wait::wait_until;

use super::case::AccountCase;
use super::env::AccountsEnv;
use super::operation::{ALL_OPERATIONS, ONE_OF_EACH_FUNCTION, Operation};
use crate::env::FaultDatabase;

/// The operations whose second statement waits for another transaction that has locked the row of the user.
const CHANGES_OF_USERS: [Operation; 3] =
    [Operation::SignInWithWeakHash, Operation::ChangePassword, Operation::DeleteAccount];

async fn assert_all_unavailable(env: &AccountsEnv, cases: &[Arc<AccountCase>], responses: &[TestResponse]) {
    for (case, response) in cases.iter().zip(responses) {
        env.assert_unavailable_and_not_executed(case, response).await;
        assert_eq!(response.retry_after(), Some(1), "{:?}", case.operation);
    }
}

#[tokio::test]
async fn statement_of_a_terminated_backend_executes_once() {
    let env = AccountsEnv::start().await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let before = env.env.counts();
    env.lock_tables().await;
    let responses = AccountsEnv::send_together(&cases);
    env.env.database.wait_for_blocked_statements(cases.len()).await;
    env.env.database.terminate().await;
    wait_until("every function has reconnected", async || env.env.counts_since(before).0 == cases.len()).await;
    env.env.database.wait_for_blocked_statements(cases.len()).await;
    env.env.database.run("commit").await;
    env.assert_all_done(&cases, &responses.await.unwrap()).await;
}

#[tokio::test]
async fn second_statement_of_a_terminated_backend_executes_once() {
    let env = AccountsEnv::start().await;
    for operation in CHANGES_OF_USERS {
        let cases = env.prepare_all(&[operation]).await;
        env.env.database.run(&format!("begin; select from users where id = '{}' for update", cases[0].id)).await;
        let responses = AccountsEnv::send_together(&cases);
        env.env.database.wait_for_blocked_statements(1).await;
        let before = env.env.counts();
        env.env.database.terminate().await;
        wait_until("the function has reconnected", async || env.env.counts_since(before).0 == 1).await;
        env.env.database.wait_for_blocked_statements(1).await;
        env.env.database.run("commit").await;
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
    }
}

#[tokio::test]
async fn lock_and_statement_timeouts_return_503() {
    let env = AccountsEnv::start().await;
    let database = &env.env.database;
    for limit in ["lock_timeout", "statement_timeout"] {
        let role = &database.name;
        database.run(&format!("alter role {role} reset all; alter role {role} set {limit} = '200ms'")).await;
        env.env.close_connections(End::Close).await;
        env.assert_works(&ALL_OPERATIONS).await;
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        env.lock_tables().await;
        let responses = AccountsEnv::send_together(&cases).await.unwrap();
        database.run("commit").await;
        assert_all_unavailable(&env, &cases, &responses).await;
        env.assert_all_done(&cases, &AccountsEnv::send_together(&cases).await.unwrap()).await;

        for operation in CHANGES_OF_USERS {
            let cases = env.prepare_all(&[operation]).await;
            database.run(&format!("begin; select from users where id = '{}' for update", cases[0].id)).await;
            let responses = AccountsEnv::send_together(&cases).await.unwrap();
            database.run("commit").await;
            assert_all_unavailable(&env, &cases, &responses).await;
            env.assert_all_done(&cases, &AccountsEnv::send_together(&cases).await.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn serialization_failure_is_retried() {
    let env = AccountsEnv::start().await;
    let database = &env.env.database;
    let role = &database.name;
    database.run(&format!("alter role {role} set default_transaction_isolation = 'repeatable read'")).await;
    env.env.close_connections(End::Close).await;
    env.warm_up().await;
    for operation in CHANGES_OF_USERS {
        let cases = env.prepare_all(&[operation]).await;
        // An update without an effect.
        database.run(&format!("begin; update users set email = email where id = '{}'", cases[0].id)).await;
        let responses = AccountsEnv::send_together(&cases);
        database.wait_for_blocked_statements(1).await;
        let executed = env.env.proxy.answered_statements();
        database.run("commit").await;
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
        assert_eq!(env.env.proxy.answered_statements() - executed, 2, "{operation:?}");
    }
}

#[tokio::test]
async fn read_only_database_is_left_after_one_retry() {
    let env = AccountsEnv::start().await;
    let database = &env.env.database;
    let role = &database.name;
    database.run(&format!("alter role {role} set default_transaction_read_only = on")).await;
    env.env.close_connections(End::Close).await;
    env.assert_works(&[Operation::Me]).await;
    let open = env.env.proxy.open_connections();
    for operation in ALL_OPERATIONS.into_iter().filter(|operation| *operation != Operation::Me) {
        let case = env.prepare(operation).await;
        let connections = env.env.proxy.accepted_connections();
        let response = case.send().await;
        env.assert_unavailable_and_not_executed(&case, &response).await;
        assert_eq!(response.retry_after(), Some(1));
        assert_eq!(env.env.proxy.accepted_connections() - connections, 2, "{operation:?}");
    }
    // They are connections to a former primary.
    wait_until("the connections are closed", async || env.env.proxy.open_connections() == open).await;
    database.run(&format!("alter role {role} reset all")).await;
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn server_crash_executes_nothing_twice() {
    // Its own server, because a crash closes all connections.
    let server = TestServer::start().await;
    let mut env = AccountsEnv::start_on(FaultDatabase::with_passwords(&server).await, |settings| settings).await;
    env.warm_up().await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.lock_tables().await;
    let responses = AccountsEnv::send_together(&cases);
    env.env.database.wait_for_blocked_statements(cases.len()).await;
    env.env.database.crash_server().await;
    let responses = responses.await.unwrap();
    env.env.database.reconnect().await;
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_done_or_unavailable(case, response).await;
    }
    env.warm_up().await;
    drop(env);
    server.stop().await;
}
