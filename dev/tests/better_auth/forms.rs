//! The forms of Better Auth's tables, made by Better Auth itself: its versions, adapters, kinds of ids and settings.

use dev::services::database::connect;
use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings};
use dev::testing::better_auth::{BetterAuthStack, SignedUpUser};
use dev::testing::client::TestUser;
use dev::testing::function::Function;
use serde_json::json;

use crate::{assert_token_works, bearing, create};

/// Asserts that two users of a Better Auth with these settings have tasks of their own, with every kind of token, and
/// that the tasks of a deleted user are deleted. Returns the user who is left.
async fn assert_users_have_tasks(settings: &[(&str, &str)]) -> (BetterAuthStack, SignedUpUser) {
    let env = BetterAuthStack::start(settings).await;
    let (ada, grace) = (env.sign_up("ada").await, env.sign_up("grace").await);
    for token in [env.jwt(&ada).await, env.own_jwt(&ada).await, ada.session.clone(), ada.signed_session.clone()] {
        assert_token_works(&env, &token, &ada.id).await;
    }
    let adas = create(&user(&env, &ada), "Ada's").await;
    create(&user(&env, &grace), "Grace's").await;
    let foreign = format!("/api/tasks/{}", adas["id"]);
    for token in [env.jwt(&grace).await, env.own_jwt(&grace).await, grace.session.clone()] {
        let grace = env.client.user(&grace.id, &token);
        let list = grace.get("/api/tasks").await;
        let titles: Vec<_> = list.tasks().iter().map(|task| task["title"].clone()).collect();
        assert_eq!(titles, [json!("Grace's")]);
        assert_eq!(grace.get(&foreign).await.status, 404);
    }

    env.post("/delete-user", &ada).await;
    let database = connect(env.stack.database_url()).await.unwrap();
    let rows = database.query("select user_id::text from tasks", &[]).await.unwrap();
    let owners: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, [grace.id.as_str()]);
    (env, grace)
}

fn user(env: &BetterAuthStack, user: &SignedUpUser) -> TestUser {
    env.client.user(&user.id, &user.session)
}

#[tokio::test]
async fn version_1_3() {
    assert_users_have_tasks(&[("BETTER_AUTH_VERSION", "1.3")]).await;
}

#[tokio::test]
async fn version_1_3_with_drizzle_and_a_local_time_zone() {
    // Times are stored without a zone: those of Better Auth are UTC, whatever its zone and that of PostgreSQL are.
    assert_users_have_tasks(&[("BETTER_AUTH_VERSION", "1.3"), ("ADAPTER", "drizzle"), ("TZ", "America/New_York")])
        .await;
}

#[tokio::test]
async fn version_1_4_with_serial_ids_and_a_renamed_table() {
    assert_users_have_tasks(&[("BETTER_AUTH_VERSION", "1.4"), ("ID_FORMAT", "serial"), ("USER_TABLE", "users")]).await;
}

#[tokio::test]
async fn version_1_4_with_drizzle_plural_names_and_uuids() {
    assert_users_have_tasks(&[
        ("BETTER_AUTH_VERSION", "1.4"),
        ("ADAPTER", "drizzle"),
        ("USE_PLURAL", "1"),
        ("ID_FORMAT", "uuid"),
    ])
    .await;
}

#[tokio::test]
async fn table_of_users_in_mixed_case() {
    assert_users_have_tasks(&[("USER_TABLE", "User"), ("AUTH_USER_TABLE", r#""User""#)]).await;
}

#[tokio::test]
async fn version_1_7_with_drizzle() {
    assert_users_have_tasks(&[("ADAPTER", "drizzle")]).await;
}

#[tokio::test]
async fn version_1_7_with_drizzle_plural_names_and_serial_ids() {
    assert_users_have_tasks(&[("ADAPTER", "drizzle"), ("USE_PLURAL", "1"), ("ID_FORMAT", "serial")]).await;
}

/// The settings that make Better Auth as Neon manages it.
const NEON: [(&str, &str); 5] = [
    ("AUTH_SCHEMA", "neon_auth"),
    ("ID_FORMAT", "uuid"),
    ("BASE_PATH", "/neondb/auth"),
    ("JWKS_PATH", "/.well-known/jwks.json"),
    ("AUTH_USER_TABLE", r#"neon_auth."user""#),
];

#[tokio::test]
async fn neon_auth_with_keys_from_its_table_or_url() {
    let (env, grace) = assert_users_have_tasks(&NEON).await;
    let jwt = env.jwt(&grace).await;
    let keys = format!("{}/.well-known/jwks.json", env.auth_url());
    for (jwks_url, status) in [(keys.as_str(), 200), (&format!("{}/jwks", env.auth_url()), 503)] {
        let variables =
            [("DATABASE_URL", env.stack.database_url()), ("BETTER_AUTH_URL", env.auth_url()), ("JWKS_URL", jwks_url)];
        let mut function = Function::start_built("list-tasks", &variables).await;
        let response = function.invoke(&bearing(&jwt)).await.unwrap();
        assert_eq!(response.status, status, "{jwks_url}: {}", function.output());
    }
}

#[tokio::test]
async fn neon_auth_through_a_pooler() {
    let (env, grace) = assert_users_have_tasks(&NEON).await;
    let url = env.stack.database_url();
    let (user, rest) = url.trim_start_matches("postgres://").split_once(':').unwrap();
    let (password, rest) = rest.split_once('@').unwrap();
    let (address, name) = rest.split_once('/').unwrap();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let pooler = PgBouncer::start(PgBouncerSettings::new(port, user, password)).await.unwrap();
    let pooled_url = format!("postgres://{user}:{password}@127.0.0.1:{}/{name}", pooler.port());
    for (mode, token) in [("jwks", env.jwt(&grace).await), ("session", grace.session.clone())] {
        let variables = [("AUTH_MODE", mode), ("DATABASE_URL", &pooled_url), ("BETTER_AUTH_URL", env.auth_url())];
        let mut function = Function::start_built("list-tasks", &variables).await;
        for _ in 0..3 {
            let response = function.invoke(&bearing(&token)).await.unwrap();
            assert_eq!(response.status, 200, "{mode}: {}", function.output());
        }
    }
}

#[tokio::test]
async fn sessions_in_secondary_storage_only_are_explained() {
    let env = BetterAuthStack::start(&[("SECONDARY_STORAGE", "only")]).await;
    let ada = env.sign_up("ada").await;
    for token in [env.jwt(&ada).await, env.own_jwt(&ada).await] {
        assert_token_works(&env, &token, &ada.id).await;
    }
    let response = user(&env, &ada).get("/api/tasks").await;
    assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")));
    let logs = env.stack.logs();
    assert!(logs.contains("there is no table session or sessions"), "{logs}");
    assert!(logs.contains("set its option session.storeSessionInDatabase, or use AUTH_MODE=jwks"), "{logs}");
}

#[tokio::test]
async fn sessions_in_secondary_storage_and_the_database() {
    let env = BetterAuthStack::start(&[("BETTER_AUTH_VERSION", "1.4"), ("SECONDARY_STORAGE", "also")]).await;
    let ada = env.sign_up("ada").await;
    assert_token_works(&env, &ada.session, &ada.id).await;
    env.post("/sign-out", &ada).await;
    assert_eq!(user(&env, &ada).get("/api/tasks").await.status, 401);
}
