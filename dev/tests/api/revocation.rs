//! Tokens that this API has signed, and their revocation: every operation finds out in its own statement.

use std::time::Duration;

use dev::services::database::{connect, new_user};
use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use dev::testing::stack::Settings;
use dev::testing::wait::wait_until;
use dev::tokens::{mint, mint_claims, mint_revocable, now};
use serde_json::{Value, json};

use crate::kit::{Api, api_with, database, path, proxied_database, task_routes, valid_body};

const PASSWORD: [(&str, &str); 1] = [("AUTH_MODE", "password")];

/// Further requests of operations, which send other statements than the bare route.
const VARIANTS: [(&str, &str); 14] = [
    ("GET", "/api/tasks?status=pending&priority=high&search=milk&sort=title&order=asc&limit=5&offset=2"),
    ("GET", "/api/tasks?sort=due_date&order=desc"),
    ("GET", "/api/tasks?sort=priority&overdue=true&tz=Europe/Berlin"),
    ("GET", "/api/tasks?sort=updated&tag=home"),
    ("GET", "/api/tasks/changes?limit=5"),
    ("GET", "/api/tasks/stats?tz=Europe/Berlin"),
    ("POST", r#"/api/tasks {"title": "t", "tags": ["home"], "recurrence": "daily", "due_date": "2030-01-31"}"#),
    ("POST", r#"/api/tasks/bulk {"task_ids": ["{id}", "0"], "completed": true}"#),
    ("POST", r#"/api/tasks/bulk {"task_ids": ["{id}"], "delete": true}"#),
    ("POST", r#"/api/tasks/bulk {"atomic": true, "operations": [{"op": "delete", "id": "{id}"}]}"#),
    (
        "POST",
        r#"/api/tasks/bulk {"operations": [{"op": "update", "id": "0", "title": "t"}, {"op": "create", "title": "t"}]}"#,
    ),
    ("PUT", r#"/api/tasks/{id} {"title": "t", "tags": ["home"], "recurrence": "weekly", "due_date": "2030-01-31"}"#),
    ("PATCH", r#"/api/tasks/{id} {"title": "t", "expected_updated_at": "2030-01-31T00:00:00Z"}"#),
    ("PATCH", "/api/tasks/{id}/complete"),
];

/// All requests of all routes about this task, with and without a key.
fn requests(user: &TestUser, id: &str) -> Vec<TestRequest> {
    let routes = task_routes().into_iter().map(|(method, route)| {
        let body = valid_body(&method, &route).map(|body| body.to_string());
        (method, path(&route, &user.id, id), body)
    });
    let variants = VARIANTS.iter().map(|(method, request)| {
        let request = request.replace("{id}", id);
        let (path, body) = request.split_once(' ').map_or((&*request, None), |(path, body)| (path, Some(body)));
        ((*method).to_owned(), path.to_owned(), body.map(str::to_owned))
    });
    let mut requests = Vec::new();
    for (method, path, body) in routes.chain(variants) {
        let request = user.request(&method, &path);
        let request = match body {
            Some(body) => request.typed("application/json", body),
            None => request,
        };
        if method != "GET" {
            requests.push(request.clone().header("idempotency-key", "k"));
        }
        requests.push(request);
    }
    requests
}

#[track_caller]
fn assert_refused(response: TestResponse) {
    let response = response.expect_problem(401, "unauthenticated", "Not authenticated");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
}

/// The same user with another token.
fn with_token(api: &Api, user: &TestUser, token_id: &str, version: u32) -> TestUser {
    api.client.user(&user.id, &mint_revocable(api.stack().secret(), &user.id, token_id, version))
}

async fn revoke(token_id: &str) {
    let statement = "insert into tasks_api.revoked_tokens values ($1, now() + interval '7 days')";
    database::connect().await.execute(statement, &[&token_id]).await.expect("a revoked token");
}

async fn raise_version(user: &TestUser) {
    let statement = "insert into tasks_api.token_versions values ($1, 1)
                     on conflict (user_id) do update set version = token_versions.version + 1";
    database::connect().await.execute(statement, &[&user.id]).await.expect("a version");
}

async fn assert_every_operation_refuses(api: &Api, user: &TestUser, id: &str) {
    let requests = requests(user, id);
    assert!(requests.len() >= 60, "{}", requests.len());
    for request in requests {
        assert_refused(api.client.send(request).await);
    }
}

#[tokio::test]
async fn every_operation_refuses_a_revoked_token() {
    let api = api_with(&PASSWORD);
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk", "tags": ["home"]})).await;
    let before = database::rows_of(&ada).await;
    let signed_out = format!("signed-out-{}", ada.id.replace(' ', ""));
    revoke(&signed_out).await;
    let elsewhere = with_token(&api, &ada, &signed_out, 0);
    assert_every_operation_refuses(&api, &elsewhere, &id).await;
    // Of no task, so that no row is examined. The operation may not say that there is none.
    assert_every_operation_refuses(&api, &elsewhere, "0").await;
    assert_eq!(database::rows_of(&ada).await, before);
    ada.get(&format!("/api/tasks/{id}")).await.expect_status(200);

    // All tokens of the user.
    raise_version(&ada).await;
    assert_every_operation_refuses(&api, &ada, &id).await;
    assert_eq!(database::rows_of(&ada).await, before);
    let signed_in_again = with_token(&api, &ada, "again", 1);
    signed_in_again.get(&format!("/api/tasks/{id}")).await.expect_status(200);
    assert_refused(with_token(&api, &ada, "ahead", 2).get("/api/tasks").await);
}

/// PostgreSQL need not know the user to read an empty table.
#[tokio::test]
async fn empty_tables_do_not_hide_a_revocation() {
    let api = Api::start_with(Settings::new().with("AUTH_MODE", "password")).await;
    let client = connect(api.stack().database_url()).await.expect("the database");
    let ada = api.user(&new_user(&client).await.expect("a user").id);
    let statements = "analyze; insert into tasks_api.token_versions select id, 1 from \"user\"";
    client.batch_execute(statements).await.expect("a version");
    assert_every_operation_refuses(&api, &ada, "0").await;
    assert_every_operation_refuses(&api, &ada, "1").await;
}

#[tokio::test]
async fn refusal_takes_one_round_trip_and_no_retry() {
    let (proxy, proxied_url) = proxied_database().await;
    let variables = [PASSWORD.as_slice(), &[("LAMBDA_CONCURRENCY", "1")]].concat();
    let api = Api::start(&proxied_url, &variables).await;
    let ada = api.new_user().await;
    // Every function is connected, and prepares its statements at the end of a round trip.
    for request in requests(&ada, "0").into_iter().chain(requests(&ada, "0")) {
        api.client.send(request).await;
    }
    raise_version(&ada).await;
    let id = database::rows_of(&ada).await.first().map(|row| TaskId::from_task(row).to_string());
    for request in requests(&ada, &id.expect("a task")) {
        let before = (proxy.round_trips(), proxy.answered_statements());
        let response = api.client.send(request).await;
        let name = response.request.clone();
        assert_refused(response);
        wait_until("the statement is counted", async || proxy.answered_statements() > before.1).await;
        assert_eq!(proxy.round_trips() - before.0, 1, "{name}");
    }
}

#[tokio::test]
async fn refusal_is_no_failure_of_the_database() {
    let api = Api::start(api_with(&[]).stack().database_url(), &PASSWORD).await;
    let ada = api.new_user().await;
    raise_version(&ada).await;
    assert_refused(ada.get("/api/tasks").await);
    assert_refused(ada.post("/api/tasks", &json!({"title": "t"})).await);
    let timeout = Duration::from_secs(10);
    let logs = api.stack().logs_when(timeout, |logs| logs.matches("TA401 the token is revoked").count() >= 2);
    let logs = logs.expect("two refusals in the log");
    assert!(!logs.contains("\"level\":\"ERROR\"") && !logs.contains("asked again"), "{logs}");
}

/// What is refused before the database is asked looks the same for every token.
#[tokio::test]
async fn form_of_a_request_is_checked_first() {
    let api = api_with(&PASSWORD);
    let ada = api.new_user().await;
    raise_version(&ada).await;
    ada.post("/api/tasks", &json!({"title": ""})).await.expect_status(422);
    ada.get("/api/tasks?limit=0").await.expect_status(422);
    ada.get("/api/nobody/tasks").await.expect_status(403);
}

#[tokio::test]
async fn tokens_of_two_modes_keep_their_rules() {
    let own = "a secret of its own, which is long enough";
    let shared = "the secret of the front end, which is long";
    let modes = [("AUTH_MODE", "hs256,password"), ("AUTH_TOKEN_SECRET", own), ("BETTER_AUTH_SECRET", shared)];
    let api = Api::start(api_with(&[]).stack().database_url(), &modes).await;
    let ada = api_with(&[]).new_user().await;
    let status = async |token: &str| api.client.user(&ada.id, token).get("/api/tasks").await.status;
    assert_eq!(status(&mint(shared, &ada.id)).await, 200);
    assert_eq!(status(&mint(own, &ada.id)).await, 401);
    assert_eq!(status(&mint_revocable(own, &ada.id, "j", 0)).await, 200);
    assert_eq!(status(&mint_revocable(shared, &ada.id, "j", 0)).await, 401);
    raise_version(&ada).await;
    assert_eq!(status(&mint_revocable(own, &ada.id, "j", 0)).await, 401);
    assert_eq!(status(&mint_revocable(own, &ada.id, "j", 1)).await, 200);
    assert_eq!(status(&mint(shared, &ada.id)).await, 200, "tokens without a version are not revoked");
}

#[tokio::test]
async fn claims_of_wrong_types_are_refused() {
    let api = api_with(&PASSWORD);
    let ada = api.new_user().await;
    let exp = now() + 3600;
    let status = async |claims: Value| {
        let token = mint_claims(api.stack().secret(), &json!({"alg": "HS256", "typ": "JWT"}), &claims);
        api.client.user(&ada.id, &token).get("/api/tasks").await.status
    };
    let with = |jti: Value, ver: Value| json!({"sub": ada.id, "exp": exp, "jti": jti, "ver": ver});
    assert_eq!(status(with(json!("j"), json!(0))).await, 200);
    for jti in
        [json!(null), json!(""), json!(7), json!("a b"), json!(["j"]), json!("j".repeat(65)), json!("j".repeat(5000))]
    {
        assert_eq!(status(with(jti.clone(), json!(0))).await, 401, "{jti}");
    }
    for ver in [json!(null), json!("0"), json!(-1), json!(0.0), json!(1), json!(1_u64 << 40), json!([0])] {
        assert_eq!(status(with(json!("j"), ver.clone())).await, 401, "{ver}");
    }
    assert_eq!(status(json!({"sub": ada.id, "exp": exp})).await, 401);
    assert_eq!(status(json!({"sub": ada.id, "jti": "j", "ver": 0})).await, 401);
    assert_eq!(status(json!({"sub": ada.id, "exp": 1, "jti": "j", "ver": 0})).await, 401);
    // Nothing of a claim is SQL.
    assert_eq!(status(with(json!("');drop--"), json!(0))).await, 200);
}
