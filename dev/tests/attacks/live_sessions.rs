//! Sessions that end while the function runs.

use dev::testing::better_auth::cookie_value;
use dev::testing::fault_proxy::FaultProxy;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{Function, StatusFor, list_tasks};
use crate::token::{ADA, SECRET, by_secret, claims, hs256, signed_session};

async fn database_with_a_session() -> AuthDatabase {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_session(SESSION, ADA, 3600.0).await;
    database
}

async fn start_function(database_url: &str) -> Function {
    let variables = [("AUTH_MODE", "session,hs256"), ("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", database_url)];
    list_tasks(&variables).await
}

#[tokio::test]
async fn ended_session_is_rejected_immediately() {
    let database = database_with_a_session().await;
    let mut function = start_function(database.url()).await;
    let signed = cookie_value(&signed_session(SESSION, SECRET));
    for end in [
        "delete from session",
        r#"update session set "expiresAt" = now()"#,
        "update session set token = 'another'",
        r#"delete from "user""#,
    ] {
        assert_eq!(function.status_for(SESSION).await, 200, "before {end}");
        assert_eq!(function.status_for(&signed).await, 200, "before {end}");
        database.run(end).await;
        assert_eq!(function.status_for(SESSION).await, 401, "after {end}");
        assert_eq!(function.status_for(&signed).await, 401, "after {end}");
        database.run(r#"delete from session; delete from "user""#).await;
        database.add_user(ADA).await;
        database.add_session(SESSION, ADA, 3600.0).await;
    }
}

#[tokio::test]
async fn missing_session_table_returns_500() {
    let database = database_with_a_session().await;
    database.run("alter table session rename to old_session").await;
    let mut function = start_function(database.url()).await;
    assert_eq!(function.status_for(SESSION).await, 500);
    assert!(function.output().contains("there is no table session or sessions"), "{}", function.output());
    // Tokens that need no session are accepted, and malformed tokens are rejected as usual.
    assert_eq!(function.status_for(&by_secret(hs256(), claims())).await, 200);
    assert_eq!(function.status_for("'").await, 401);
    database.run("alter table old_session rename to session").await;
    assert_eq!(function.status_for(SESSION).await, 200);
}

#[tokio::test]
async fn unreachable_database_returns_503() {
    let database = database_with_a_session().await;
    let proxy = FaultProxy::in_front_of(database.url()).await.expect("a free port");
    proxy.refuse_connections().await;
    let mut function = start_function(&proxy.redirect(database.url())).await;
    assert_eq!(function.status_for(SESSION).await, 503);
    proxy.clear_faults().expect("its own port");
    assert_eq!(function.status_for(SESSION).await, 200);
    proxy.shut_down().await.expect("closed connections");
    assert_eq!(function.status_for(SESSION).await, 503);
    assert_eq!(function.status_for("'").await, 401);
    proxy.clear_faults().expect("its own port");
    assert_eq!(function.status_for(SESSION).await, 200);
}
