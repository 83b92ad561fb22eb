//! From the sign-up to the first task, with the real Better Auth and every token that its front ends send.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod forms;

use std::time::Duration;

use dev::services::database::connect;
use dev::testing::better_auth::{BetterAuthStack, cookie_value};
use dev::testing::client::{TestResponse, TestUser};
use dev::testing::function::event;
use dev::testing::wait::wait_until_within;
use serde_json::{Value, json};

async fn create(user: &TestUser, title: &str) -> TestResponse {
    user.post("/api/tasks", &json!({"title": title})).await
}

/// Asserts that the token is accepted by every operation on a task, which belongs to the user.
async fn assert_token_works(env: &BetterAuthStack, token: &str, user_id: &str) {
    let user = env.client.user(user_id, token);
    let created = create(&user, "Buy milk").await;
    assert_eq!(created.status, 201, "{}", env.stack.logs());
    let task = created.json;
    let owner = task["user_id"].as_str().map_or_else(|| task["user_id"].to_string(), str::to_owned);
    assert_eq!(owner, user_id);
    let path = format!("/api/tasks/{}", task["id"]);
    assert_eq!(user.get(&path).await.status, 200);
    assert_eq!(user.put(&path, &json!({"priority": "low"})).await.status, 200);
    assert_eq!(user.send(user.request("PATCH", &format!("{path}/complete"))).await.status, 200);
    let list = user.get("/api/tasks").await;
    assert!(list.tasks().iter().any(|listed| listed["id"] == task["id"] && listed["completed"] == true));
    assert_eq!(user.delete(&path).await.status, 204);
}

/// `GET /api/tasks` with this token, as a function gets it.
fn bearing(token: &str) -> Value {
    let mut event = event("GET", "/api/tasks");
    event["headers"]["authorization"] = format!("Bearer {token}").into();
    event
}

/// The status of a list with this token.
async fn list_status(env: &BetterAuthStack, token: &str, user_id: &str) -> u16 {
    env.client.user(user_id, token).get("/api/tasks").await.status
}

#[tokio::test]
async fn all_tokens_of_a_user_reach_the_same_tasks() {
    let env = BetterAuthStack::start(&[("COOKIE_CACHE", "jwt")]).await;
    let ada = env.sign_up("ada").await;
    let cookie = ada.cookies.split("; ").find_map(|cookie| cookie.strip_prefix("better-auth.session_data=")).unwrap();
    for token in [
        env.jwt(&ada).await,
        env.own_jwt(&ada).await,
        cookie.to_owned(),
        ada.session.clone(),
        ada.signed_session.clone(),
        cookie_value(&ada.signed_session),
    ] {
        assert_token_works(&env, &token, &ada.id).await;
    }

    create(&env.client.user(&ada.id, &ada.session), "Ada's").await;
    let grace = env.sign_up("grace").await;
    for token in [env.jwt(&grace).await, env.own_jwt(&grace).await, grace.session.clone()] {
        let list = env.client.user(&grace.id, &token).get("/api/tasks").await;
        assert_eq!(list.json, json!([]));
    }
    let logs = env.stack.logs();
    for secret in [&ada.session, &ada.signed_session, env.stack.secret()] {
        assert!(!logs.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn only_the_enabled_kinds_of_tokens_are_accepted() {
    let env = BetterAuthStack::start(&[("AUTH_MODE", "jwks")]).await;
    let ada = env.sign_up("ada").await;
    assert_token_works(&env, &env.jwt(&ada).await, &ada.id).await;
    for token in [&env.own_jwt(&ada).await, &ada.session, &ada.signed_session] {
        assert_eq!(list_status(&env, token, &ada.id).await, 401);
    }
}

#[tokio::test]
async fn sign_out_ends_sessions_but_not_jwts() {
    let env = BetterAuthStack::start(&[("JWT_EXPIRATION", "3s")]).await;
    let ada = env.sign_up("ada").await;
    let jwt = env.jwt(&ada).await;
    assert_eq!(list_status(&env, &ada.session, &ada.id).await, 200);
    env.post("/sign-out", &ada).await;
    for token in [&ada.session, &ada.signed_session] {
        assert_eq!(list_status(&env, token, &ada.id).await, 401);
    }
    assert_eq!(list_status(&env, &jwt, &ada.id).await, 200);
    // A token expires by the clock, so there is no condition to wait for.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(list_status(&env, &jwt, &ada.id).await, 401);
}

#[tokio::test]
async fn deleted_user_loses_tasks_and_cannot_create_any() {
    let env = BetterAuthStack::start(&[]).await;
    let (ada, grace) = (env.sign_up("ada").await, env.sign_up("grace").await);
    let (jwt, own) = (env.jwt(&ada).await, env.own_jwt(&ada).await);
    create(&env.client.user(&ada.id, &jwt), "Ada's").await;
    create(&env.client.user(&grace.id, &grace.session), "Grace's").await;
    env.post("/delete-user", &ada).await;

    let database = connect(env.stack.database_url()).await.unwrap();
    let owners: Vec<String> =
        database.query("select user_id from tasks", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, [grace.id]);
    for token in [&jwt, &own, &ada.session] {
        assert_eq!(create(&env.client.user(&ada.id, token), "Ada's").await.status, 401);
    }
    let users: i64 =
        database.query_one(r#"select count(*) from "user" where email = $1"#, &[&ada.email]).await.unwrap().get(0);
    assert_eq!(users, 0, "only Better Auth creates users");
}

#[tokio::test]
async fn tokens_of_rotated_keys_are_accepted() {
    let env = BetterAuthStack::start(&[("ROTATION_INTERVAL_SECONDS", "1")]).await;
    let ada = env.sign_up("ada").await;
    let old = env.jwt(&ada).await;
    assert_token_works(&env, &old, &ada.id).await;
    let database = connect(env.stack.database_url()).await.unwrap();
    // Better Auth creates a new key for the first token after the old key has expired.
    let ended = r#"select coalesce(bool_and("expiresAt" < now()), false) from jwks"#;
    wait_until_within(Duration::from_secs(60), "the key has expired", async || {
        database.query_one(ended, &[]).await.unwrap().get::<_, bool>(0)
    })
    .await;
    let new = env.jwt(&ada).await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new));
    // The function looks for an unknown key immediately. Only the next lookup has to wait.
    assert_eq!(list_status(&env, &new, &ada.id).await, 200);
    assert_eq!(list_status(&env, &old, &ada.id).await, 200);
}

#[tokio::test]
async fn es256_tokens_are_accepted() {
    let env = BetterAuthStack::start(&[("JWT_ALG", "ES256")]).await;
    let ada = env.sign_up("ada").await;
    assert_token_works(&env, &env.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn rs256_tokens_with_keys_from_a_url_are_accepted() {
    let env = BetterAuthStack::start(&[("JWT_ALG", "RS256"), ("JWKS_SOURCE", "url")]).await;
    let ada = env.sign_up("ada").await;
    assert_token_works(&env, &env.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn ps256_tokens_are_accepted() {
    let env = BetterAuthStack::start(&[("JWT_ALG", "PS256")]).await;
    let ada = env.sign_up("ada").await;
    assert_token_works(&env, &env.jwt(&ada).await, &ada.id).await;
}

#[tokio::test]
async fn es512_tokens_are_rejected() {
    let env = BetterAuthStack::start(&[("JWT_ALG", "ES512")]).await;
    let ada = env.sign_up("ada").await;
    assert_eq!(list_status(&env, &env.jwt(&ada).await, &ada.id).await, 401);
    assert_token_works(&env, &ada.session, &ada.id).await;
}

#[tokio::test]
async fn users_with_uuid_ids_have_tasks() {
    let env = BetterAuthStack::start(&[("ID_FORMAT", "uuid")]).await;
    let ada = env.sign_up("ada").await;
    for token in [env.jwt(&ada).await, env.own_jwt(&ada).await, ada.session.clone()] {
        assert_token_works(&env, &token, &ada.id).await;
    }
    let nobody = dev::tokens::mint(env.stack.secret(), "not-a-uuid");
    assert_eq!(list_status(&env, &nobody, "not-a-uuid").await, 401);
    assert_eq!(create(&env.client.user("not-a-uuid", &nobody), "Nobody's").await.status, 401);
}
