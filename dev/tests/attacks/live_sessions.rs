//! Sessions that end while the function runs.

use dev::testing::better_auth::cookie_value;

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{Function, StatusFor, list_tasks};
use crate::key_sources::Switch;
use crate::token::{ADA, SECRET, by_secret, claims, hs256, signed_session};

async fn database_with_a_session() -> AuthDatabase {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_session(SESSION, ADA, 3600.0).await;
    database
}

async fn function_on(database_url: &str) -> Function {
    let variables = [("AUTH_MODE", "session,hs256"), ("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", database_url)];
    list_tasks(&variables).await
}

#[tokio::test]
async fn a_session_that_ends_is_refused_at_once() {
    let database = database_with_a_session().await;
    let mut function = function_on(database.url()).await;
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
async fn a_table_that_is_missing_is_not_the_callers_fault() {
    let database = database_with_a_session().await;
    database.run("alter table session rename to sessions").await;
    let mut function = function_on(database.url()).await;
    assert_eq!(function.status_for(SESSION).await, 503);
    // What needs no session does not notice, and what is no token is no better for it.
    assert_eq!(function.status_for(&by_secret(hs256(), claims())).await, 200);
    assert_eq!(function.status_for("'").await, 401);
    database.run("alter table sessions rename to session").await;
    assert_eq!(function.status_for(SESSION).await, 200);
}

#[tokio::test]
async fn a_database_that_is_down_is_not_the_callers_fault() {
    let database = database_with_a_session().await;
    let switch = Switch::before(database.url()).await;
    let mut function = function_on(switch.url()).await;
    assert_eq!(function.status_for(SESSION).await, 503);
    switch.turn(true).await;
    assert_eq!(function.status_for(SESSION).await, 200);
    switch.turn(false).await;
    assert_eq!(function.status_for(SESSION).await, 503);
    assert_eq!(function.status_for("'").await, 401);
    switch.turn(true).await;
    assert_eq!(function.status_for(SESSION).await, 200);
}
