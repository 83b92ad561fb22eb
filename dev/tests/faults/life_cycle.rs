//! Starts of functions, disconnecting clients, and many instances.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::database::TestServer;
use dev::testing::fault_proxy::{End, Script};
use dev::testing::stack::{Settings, Stack};

use crate::env::{ALL_OPERATIONS, FaultDatabase, ONE_OF_EACH_FUNCTION, Operation, TestEnv, functions_with_connection};

#[tokio::test]
async fn functions_recover_when_the_database_starts_later() {
    let database = FaultDatabase::new().await;
    let proxy = database.start_proxy().await;
    let settings = Settings::new()
        .with_database(&database.url(proxy.port(), "127.0.0.1", "sslmode=disable"))
        .with("LAMBDA_CONCURRENCY", "1");
    // One attempt of each function while it starts, and more than one request makes. So the first requests get 503.
    proxy.play_script(&Script::End(End::Reset), functions_with_connection().len() + 12);
    let stack = Stack::start_async(settings).await.unwrap();
    assert_eq!(proxy.pending_scripts(), 0);
    assert!(stack.logs_when(Duration::from_secs(5), |logs| logs.contains("\"status\":503")).is_some());
    let env = Arc::new(TestEnv::new(stack, proxy, database));

    // The other functions have not handled a request yet.
    env.proxy.refuse_connections().await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, response) in cases.iter().zip(&TestEnv::send_together(&cases).await.unwrap()) {
        env.assert_unavailable_and_not_executed(case, response).await;
    }
    env.proxy.clear_faults().unwrap();
    env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
}

#[tokio::test]
async fn response_of_a_disconnected_client_is_discarded() {
    let env = TestEnv::start().await;
    for operation in ALL_OPERATIONS {
        let disconnected = env.prepare(operation).await;
        let next = env.prepare(operation).await;
        env.database.lock_tasks().await;
        tokio::select! {
            _ = disconnected.send() => unreachable!("there is a response"),
            () = env.database.wait_for_blocked_statements(1) => {}
        }
        let (response, ()) = tokio::join!(next.send(), env.database.run("commit"));
        env.assert_done(&next, &response).await;
        // Lambda does not know that the client has disconnected.
        env.assert_executed_once(&disconnected).await;
    }
}

#[tokio::test]
async fn connection_limit_returns_503_and_loses_nothing() {
    const CLIENTS: usize = 200;
    let database = FaultDatabase::new().await;
    database.run(&format!("alter role {} connection limit 20", database.name)).await;
    // With the system's certificates, a cold start would mostly read certificates.
    let certificates = TestServer::shared().await.postgres().ca_file();
    let many = |settings: Settings| {
        settings.with("LAMBDA_CONCURRENCY", &CLIENTS.to_string()).with("SSL_CERT_FILE", certificates.to_str().unwrap())
    };
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", many).await);
    let cases = env.prepare_all(&[Operation::Create; CLIENTS]).await;
    let responses = TestEnv::send_together(&cases).await.unwrap();
    for (case, response) in cases.iter().zip(&responses) {
        if response.status == 503 && response.retry_after() == Some(2) {
            // Without a connection there was no statement.
            env.assert_unavailable_and_not_executed(case, response).await;
        } else {
            // On a slow machine some requests time out.
            env.assert_done_or_unavailable(case, response).await;
        }
    }
    let created = responses.iter().filter(|response| response.status == 201).count();
    let full = responses.iter().filter(|response| response.retry_after() == Some(2)).count();
    println!("{created} of {CLIENTS} created, {full} refused for the connection limit");
    assert!(created > 0 && full > 0, "{created} created, {full} refused for the connection limit");
    // Without the limit.
    env.database.run(&format!("alter role {} connection limit -1", env.database.name)).await;
    let cases = env.prepare_all(&[Operation::Create; CLIENTS]).await;
    env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
}
