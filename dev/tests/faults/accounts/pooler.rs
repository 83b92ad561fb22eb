//! PgBouncer between the functions and the server.

use std::time::Duration;

use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings, can_track_statements};
use dev::testing::client::TestResponse;
use dev::testing::database::TestServer;
use dev::testing::report_skipped;
use dev::testing::wait::wait_until;

use super::env::AccountsEnv;
use super::operation::{ALL_OPERATIONS, ONE_OF_EACH_FUNCTION};
use crate::env::FaultDatabase;
use crate::pooler::start_pooler;

/// Starts the functions, connected, and their pooler, which has two connections to the server.
async fn start(change: impl FnOnce(&mut PgBouncerSettings)) -> (AccountsEnv, PgBouncer) {
    let database = FaultDatabase::with_passwords(TestServer::shared().await).await;
    let (database, pooler) = start_pooler(database, change).await;
    let env = AccountsEnv::start_on(database, |settings| settings).await;
    env.warm_up().await;
    (env, pooler)
}

async fn assert_works_repeatedly(tracks_statements: bool) {
    let (env, _pooler) = start(|settings| settings.tracks_statements = tracks_statements).await;
    for _ in 0..3 {
        env.assert_works(&ALL_OPERATIONS).await;
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        env.assert_all_done(&cases, &AccountsEnv::send_together(&cases).await.unwrap()).await;
    }
}

#[tokio::test]
async fn pooler_multiplexes_connections() {
    assert_works_repeatedly(false).await;
}

#[tokio::test]
async fn pooler_with_statement_tracking_multiplexes_connections() {
    if can_track_statements().await.unwrap() {
        assert_works_repeatedly(true).await;
    } else {
        report_skipped("this PgBouncer does not track prepared statements, 1.21 and newer do");
    }
}

#[tokio::test]
async fn pooler_restart_while_idle_goes_unnoticed() {
    let (env, mut pooler) = start(|_| ()).await;
    pooler.kill().await;
    env.env.proxy.wait_until_all_closed().await.unwrap();
    pooler.restart().await.unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn pooler_crash_executes_no_statement_twice() {
    let (env, mut pooler) = start(|_| ()).await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.lock_tables().await;
    let responses = AccountsEnv::send_together(&cases);
    env.env.database.wait_for_blocked_statements(2).await;
    // A restart could take longer than the functions try to connect.
    let other = pooler.start_other().await.unwrap();
    env.env.proxy.set_upstream(([127, 0, 0, 1], other.port()).into());
    pooler.kill().await;
    env.env.database.wait_for_blocked_statements(4).await;
    env.env.database.run("commit").await;
    let responses: Vec<TestResponse> = responses.await.unwrap();
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_done_or_unavailable(case, response).await;
    }
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn pooler_queue_timeout_returns_503() {
    let (env, mut pooler) = start(|_| ()).await;
    pooler.kill().await;
    pooler.set_query_wait_timeout(Duration::from_secs(1));
    pooler.restart().await.unwrap();
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.lock_tables().await;
    let responses = AccountsEnv::send_together(&cases);
    env.env.database.wait_for_blocked_statements(2).await;
    wait_until("the others are refused", async || {
        env.env.stack.logs().matches("query_wait_timeout").count() >= 2 * (cases.len() - 2)
    })
    .await;
    env.env.database.run("commit").await;
    let responses = responses.await.unwrap();
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_done_or_unavailable(case, response).await;
    }
    assert!(responses.iter().any(|response| response.status == 503), "{responses:?}");
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn full_pooler_returns_503() {
    let (env, mut pooler) = start(|_| ()).await;
    pooler.kill().await;
    pooler.allow_clients(2);
    pooler.restart().await.unwrap();
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let responses = AccountsEnv::send_together(&cases).await.unwrap();
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_done_or_unavailable(case, response).await;
        assert!(response.status != 503 || response.retry_after() == Some(2), "{response:?}");
    }
    let refused = responses.iter().filter(|response| response.status == 503).count();
    assert!((1..cases.len()).contains(&refused), "{refused} got 503");

    pooler.kill().await;
    pooler.allow_clients(100);
    pooler.restart().await.unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}
