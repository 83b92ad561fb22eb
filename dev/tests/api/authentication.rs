//! Every operation without a valid token.

use dev::testing::client::{TestRequest, TestResponse};
use dev::tokens;
use serde_json::{Value, json};

use crate::kit::{api, api_with, database, is_public, path, routes, task_routes, valid_body};

#[track_caller]
fn assert_unauthenticated(response: TestResponse) -> TestResponse {
    let response = response.expect_problem(401, "unauthenticated", "Not authenticated");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    response
}

#[tokio::test]
async fn every_route_about_a_user_requires_a_token() {
    let api = api();
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = database::rows_of(&ada).await;
    let mut protected = 0;
    for (method, route) in routes() {
        let body = valid_body(&method, &route);
        let response =
            api.client.send(TestRequest::new(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref())).await;
        if is_public(&route) {
            response.expect_status(200);
        } else {
            assert_unauthenticated(response);
            protected += 1;
        }
    }
    assert!(protected >= 18, "{protected}");
    assert_eq!(database::rows_of(&ada).await, before);
}

/// Invalid tokens of the user, with their fault.
fn bad_tokens(secret: &str, user_id: &str) -> Vec<(&'static str, String)> {
    let now = tokens::now();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let mint = |claims: Value| tokens::mint_claims(secret, &header, &claims);
    let good = tokens::mint(secret, user_id);
    let (rest, _) = good.rsplit_once('.').expect("three parts");
    vec![
        ("garbage", "garbage".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("expired", mint(json!({"sub": user_id, "iat": now - 7200, "exp": now - 1}))),
        ("not yet valid", mint(json!({"sub": user_id, "nbf": now + 3600, "exp": now + 7200}))),
        ("without an end", mint(json!({"sub": user_id}))),
        ("without a user", mint(json!({"exp": now + 3600}))),
        ("of another secret", tokens::mint("another secret that is long enough", user_id)),
        ("without a signature", format!("{rest}.")),
        (
            "not signed at all",
            tokens::mint_claims(secret, &json!({"alg": "none"}), &json!({"sub": user_id, "exp": now + 3600})),
        ),
    ]
}

#[tokio::test]
async fn invalid_tokens_get_identical_responses() {
    let api = api();
    let ada = api.new_user().await;
    let without = assert_unauthenticated(api.client.get("/api/tasks").await).without_request_id();
    for (fault, token) in bad_tokens(api.stack().secret(), &ada.id) {
        let response = api.client.send(TestRequest::new("GET", "/api/tasks").bearer(&token)).await;
        assert_eq!(assert_unauthenticated(response).without_request_id(), without, "{fault}");
    }
}

#[tokio::test]
async fn invalid_token_reaches_no_operation() {
    let api = api();
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = database::rows_of(&ada).await;
    let (_, expired) = bad_tokens(api.stack().secret(), &ada.id).swap_remove(2);
    for (method, route) in task_routes() {
        let body = valid_body(&method, &route);
        let request = TestRequest::new(&method, &path(&route, &ada.id, &id)).bearer(&expired);
        assert_unauthenticated(api.client.send(request.maybe_json(body.as_ref())).await);
    }
    assert_eq!(database::rows_of(&ada).await, before);
}

/// Without a token, a path of another user, a missing task and an invalid body get the same response.
#[tokio::test]
async fn missing_token_is_checked_first() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk"})).await;
    for request in [
        TestRequest::new("GET", &task),
        TestRequest::new("GET", "/api/tasks/0"),
        TestRequest::new("GET", &format!("/api/{}/tasks", ada.id)),
        TestRequest::new("GET", "/api/nobody/tasks"),
        TestRequest::new("GET", "/api/tasks?limit=0"),
        TestRequest::new("POST", "/api/tasks").typed("text/plain", "{"),
        TestRequest::new("POST", "/api/tasks").json(&json!({"user_id": "nobody"})),
        TestRequest::new("PATCH", &format!("{task}/complete")).typed("application/json", vec![b' '; 70_000]),
    ] {
        assert_unauthenticated(api.client.send(request).await);
    }
}

#[tokio::test]
async fn only_bearer_tokens_are_accepted() {
    let api = api();
    let ada = api.new_user().await;
    for authorization in ["", "Bearer", "Bearer ", &ada.token, &format!("Basic {}", ada.token)] {
        assert_unauthenticated(
            api.client.send(TestRequest::new("GET", "/api/tasks").header("authorization", authorization)).await,
        );
    }
    let beside = [("x-authorization", "Bearer "), ("cookie", "better-auth.session_token="), ("x-user-id", "")];
    for (name, value) in beside {
        assert_unauthenticated(
            api.client.send(TestRequest::new("GET", "/api/tasks").header(name, format!("{value}{}", ada.token))).await,
        );
    }
    assert_unauthenticated(api.client.get(&format!("/api/tasks?token={0}&access_token={0}", ada.token)).await);
}

#[tokio::test]
async fn bearer_scheme_is_case_insensitive() {
    let ada = api().new_user().await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let request = TestRequest::new("GET", "/api/tasks").header("authorization", format!("{scheme} {}", ada.token));
        ada.send(request).await.expect_status(200);
    }
}

#[tokio::test]
async fn two_authorization_headers_are_rejected() {
    let api = api();
    let ada = api.new_user().await;
    assert_unauthenticated(ada.send(ada.request("GET", "/api/tasks").bearer(&ada.token)).await);
    assert_unauthenticated(ada.send(ada.request("GET", "/api/tasks").bearer("garbage")).await);
    assert_unauthenticated(
        api.client.send(TestRequest::new("GET", "/api/tasks").bearer("garbage").bearer(&ada.token)).await,
    );
}

#[tokio::test]
async fn cookie_cache_of_better_auth_is_accepted() {
    let api = api_with(&[("AUTH_MODE", "hs256")]);
    let ada = api.new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let header = json!({"alg": "HS256"});
    let cached = |user: &str, session_user: &str| {
        let claims = json!({
            "session": {"id": "s", "userId": session_user, "token": "t"},
            "user": {"id": user, "email": "ada@example.com"},
            "updatedAt": 1, "iat": tokens::now(), "exp": tokens::now() + 300,
        });
        TestRequest::new("GET", "/api/tasks").bearer(&tokens::mint_claims(api.stack().secret(), &header, &claims))
    };
    assert_eq!(ada.send(cached(&ada.id, &ada.id)).await.expect_status(200).json, json!([task]));
    assert_unauthenticated(api.client.send(cached(&ada.id, "somebody else")).await);
}

#[tokio::test]
async fn unknown_user_has_no_tasks_and_cannot_create() {
    let api = api();
    let nobody = api.unknown_user();
    let someones = api.new_user().await.create_path(json!({"title": "Buy milk"})).await;
    assert_unauthenticated(nobody.post("/api/tasks", &json!({"title": "Buy milk"})).await);
    assert_eq!(nobody.get("/api/tasks").await.expect_status(200).json, json!([]));
    for task in ["/api/tasks/1", &someones] {
        nobody.get(task).await.expect_problem(404, "task_not_found", "Task not found");
        nobody.patch(task, &json!({"title": "t"})).await.expect_status(404);
        nobody.patch(&format!("{task}/complete"), &json!({})).await.expect_status(404);
        nobody.delete(task).await.expect_status(404);
    }
}

#[tokio::test]
async fn deleted_user_cannot_create_tasks() {
    let ada = api().new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk"})).await;
    database::delete_user(&ada).await;
    assert_unauthenticated(ada.post("/api/tasks", &json!({"title": "Buy milk"})).await);
    assert_eq!(ada.get("/api/tasks").await.expect_status(200).json, json!([]));
    ada.get(&task).await.expect_status(404);
}
