//! Keys that are added and removed while the function runs, from the database and over HTTP.

use dev::testing::fault_proxy::FaultProxy;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::database::AuthDatabase;
use crate::function::{Function, StatusFor, bearing, list_tasks};
use crate::key_server::{KeyResponse, KeyServer, failing_responses};
use crate::keys::{ED25519, NEXT};
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, header, hs256};

fn token() -> String {
    by_key(&ED25519, header("EdDSA", "ed"), claims())
}

fn token_of_the_next_key() -> String {
    by_key(&NEXT, header("EdDSA", "next"), claims())
}

/// A token that is signed with an existing key and names an unknown one.
fn token_of_unknown_key(number: u32) -> String {
    by_key(&ED25519, header("EdDSA", &format!("unknown-{number}")), claims())
}

async fn database() -> AuthDatabase {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database
}

async fn database_with_a_key() -> AuthDatabase {
    let database = database().await;
    database.add_key("ed", &ED25519.jwk).await;
    database
}

async fn function_on(database_url: &str) -> Function {
    list_tasks(&[("BETTER_AUTH_URL", ORIGIN), ("DATABASE_URL", database_url)]).await
}

/// The key of [`token`] alone.
fn usual_keys() -> KeyResponse {
    KeyResponse::Keys(json!([ED25519.jwk_with(&json!({"kid": "ed"}))]))
}

/// A function that gets its keys from this server.
async fn function_with(server: &KeyServer, database_url: &str) -> Function {
    list_tasks(&[("BETTER_AUTH_URL", ORIGIN), ("JWKS_URL", &server.url), ("DATABASE_URL", database_url)]).await
}

#[tokio::test]
async fn new_key_and_old_key_are_accepted() {
    let database = database_with_a_key().await;
    let mut function = function_on(database.url()).await;
    assert_eq!(function.status_for(&token()).await, 200);
    database.add_key("next", &NEXT.jwk).await;
    assert_eq!(function.status_for(&token_of_the_next_key()).await, 200);
    assert_eq!(function.status_for(&token()).await, 200);
}

#[tokio::test]
async fn first_key_may_appear_after_the_start() {
    let database = database().await;
    let mut function = function_on(database.url()).await;
    assert_eq!(function.status_for(&token()).await, 401);
    database.add_key("ed", &ED25519.jwk).await;
    assert_eq!(function.eventual_status_for(&token()).await, 200);
}

#[tokio::test]
async fn known_keys_outlive_a_failure_of_the_table() {
    for failure in ["alter table jwks rename to hidden", "drop table jwks", "delete from jwks"] {
        let database = database_with_a_key().await;
        let mut function = function_on(database.url()).await;
        assert_eq!(function.status_for(&token()).await, 200, "before {failure}");
        database.run(failure).await;
        assert_eq!(function.status_for(&token()).await, 200, "after {failure}");
        assert_eq!(function.status_for(&token_of_unknown_key(1)).await, 401, "after {failure}");
        // An empty table is not a failure: the keys were revoked.
        let expected = if failure == "delete from jwks" { 401 } else { 200 };
        assert_eq!(function.status_for(&token()).await, expected, "after {failure} and a lookup");
    }
}

#[tokio::test]
async fn missing_key_table_returns_500() {
    let database = AuthDatabase::without_keys().await;
    database.add_user(ADA).await;
    let variables = [
        ("AUTH_MODE", "jwks,hs256"),
        ("BETTER_AUTH_URL", ORIGIN),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", database.url()),
    ];
    let mut function = list_tasks(&variables).await;
    let response = function.invoke(&bearing(&token())).await.expect("a response");
    assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")));
    assert_eq!(response.retry_after(), None);
    assert!(function.output().contains("there is no table jwks or jwkss"), "{}", function.output());
    // Tokens that need no key are accepted, and malformed tokens are rejected as usual.
    assert_eq!(function.status_for(&by_secret(hs256(), claims())).await, 200);
    assert_eq!(function.status_for("a.b.c").await, 401);
    database.create_key_table("text").await;
    database.add_key("ed", &ED25519.jwk).await;
    assert_eq!(function.eventual_status_for(&token()).await, 200);
}

#[tokio::test]
async fn unreachable_database_at_start_returns_503() {
    let database = database_with_a_key().await;
    let proxy = FaultProxy::in_front_of(database.url()).await.expect("a free port");
    proxy.refuse_connections().await;
    let mut function = function_on(&proxy.redirect(database.url())).await;
    assert_eq!(function.status_for(&token()).await, 503);
    assert_eq!(function.status_for("a.b.c").await, 401);
    proxy.clear_faults().expect("its own port");
    assert_eq!(function.eventual_status_for(&token()).await, 200);
}

#[tokio::test]
async fn key_ids_may_have_any_type() {
    for (id_type, id) in [
        ("text", "a key'; --"),
        ("varchar(64)", "k"),
        ("integer", "7"),
        ("uuid", "5f8d0d55-b54c-4d6e-9d0a-1f2e3d4c5b6a"),
    ] {
        let database = AuthDatabase::without_keys().await;
        database.add_user(ADA).await;
        database.create_key_table(id_type).await;
        database.add_key(id, &ED25519.jwk).await;
        let mut function = function_on(database.url()).await;
        let token = by_key(&ED25519, header("EdDSA", id), claims());
        assert_eq!(function.status_for(&token).await, 200, "{id_type}");
    }
}

#[tokio::test]
async fn key_is_named_by_its_row_and_expires_after_30_days() {
    let database = database().await;
    // The `kid` of the JWK has no effect, and a malformed row affects no other key.
    database.add_key("ed", &ED25519.jwk_with(&json!({"kid": "next"}))).await;
    for (id, text) in [("1", ""), ("2", "{"), ("3", "null"), ("4", "[]"), ("5", "\"text\""), ("6", "{\"kty\":\"OKP\"}")]
    {
        database.add_key_text(id, text).await;
    }
    for (id, days) in [("in-grace", 29), ("past-grace", 31)] {
        database.add_key(id, &NEXT.jwk).await;
        database
            .run(&format!(r#"update jwks set "expiresAt" = now() - interval '{days} days' where id = '{id}'"#))
            .await;
    }
    // The function does not read private keys.
    database.run(r#"alter table jwks drop column "privateKey""#).await;
    let mut function = function_on(database.url()).await;
    let of = |key, kid| by_key(key, header("EdDSA", kid), claims());
    assert_eq!(function.status_for(&of(&ED25519, "ed")).await, 200);
    assert_eq!(function.status_for(&of(&ED25519, "next")).await, 401);
    assert_eq!(function.status_for(&of(&NEXT, "in-grace")).await, 200);
    assert_eq!(function.status_for(&of(&NEXT, "past-grace")).await, 401);
    assert_eq!(function.status_for(&of(&ED25519, "2")).await, 401);
}

#[tokio::test]
async fn keys_from_a_url_are_cached() {
    let database = database().await;
    let server = KeyServer::start(usual_keys()).await;
    let mut function = function_with(&server, database.url()).await;
    for _ in 0..20 {
        assert_eq!(function.status_for(&token()).await, 200);
    }
    assert_eq!(server.requests(), 1);
    // Unknown keys do not cause a request each.
    for number in 0..20 {
        assert_eq!(function.status_for(&token_of_unknown_key(number)).await, 401);
    }
    assert_eq!(server.requests(), 2);
    assert_eq!(function.status_for(&token()).await, 200);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn new_key_of_the_server_is_accepted() {
    let database = database().await;
    let (first, second) = (ED25519.jwk_with(&json!({"kid": "ed"})), NEXT.jwk_with(&json!({"kid": "next"})));
    let server = KeyServer::start(KeyResponse::Keys(json!([first]))).await;
    let mut function = function_with(&server, database.url()).await;
    assert_eq!(function.status_for(&token()).await, 200);
    server.respond(KeyResponse::Keys(json!([first, second])));
    assert_eq!(function.status_for(&token_of_the_next_key()).await, 200);
    assert_eq!(function.status_for(&token()).await, 200);
}

#[tokio::test]
async fn known_keys_outlive_a_failure_of_the_server() {
    let database = database().await;
    let mut failures = JoinSet::new();
    for (name, failure) in failing_responses() {
        let url = database.url().to_owned();
        failures.spawn(async move {
            let _permit = permit().await;
            let server = KeyServer::start(usual_keys()).await;
            let mut function = function_with(&server, &url).await;
            let before = function.status_for(&token()).await;
            server.respond(failure);
            let unknown = function.status_for(&token_of_unknown_key(1)).await;
            let known = function.status_for(&token()).await;
            assert_eq!((before, unknown, known), (200, 401, 200), "{name}");
        });
    }
    failures.join_all().await;
}

#[tokio::test]
async fn failing_key_server_returns_503() {
    let database = database().await;
    let mut failures = JoinSet::new();
    for (name, failure) in failing_responses() {
        let url = database.url().to_owned();
        failures.spawn(async move {
            let _permit = permit().await;
            let server = KeyServer::start(failure).await;
            let mut function = function_with(&server, &url).await;
            let response = function.invoke(&bearing(&token())).await.expect("a response");
            assert_eq!((response.status, &response["code"]), (503, &json!("sign_in_unavailable")), "{name}");
            assert!(!function.output().contains("panicked"), "{name}: {}", function.output());
            server.respond(usual_keys());
            assert_eq!(function.eventual_status_for(&token()).await, 200, "{name}, and then the keys");
        });
    }
    failures.join_all().await;
}

#[tokio::test]
async fn redirect_of_the_key_server_is_not_followed() {
    let database = database().await;
    let target = KeyServer::start(usual_keys()).await;
    for status in [301, 302, 303, 307, 308] {
        let server = KeyServer::start(KeyResponse::Redirect(status, target.url.clone())).await;
        let mut function = function_with(&server, database.url()).await;
        assert_eq!(function.status_for(&token()).await, 503, "{status}");
        assert!(server.requests() >= 1);
    }
    assert_eq!(target.requests(), 0);
}

/// A permit for one of two tests at a time. On a busy machine the keys would be too late for the function.
async fn permit() -> SemaphorePermit<'static> {
    static PERMITS: Semaphore = Semaphore::const_new(2);
    PERMITS.acquire().await.expect("a semaphore that is never closed")
}
