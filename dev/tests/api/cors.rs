//! CORS headers.

use dev::testing::client::{TestRequest, TestResponse};
use serde_json::json;

use crate::kit::{Api, api, api_with};

/// The default of `CORS_ORIGINS`.
const FRONT_END: &str = "http://localhost:3000";
const OTHER_ORIGINS: [&str; 8] = [
    "https://evil.example",
    "http://localhost:3001",
    "http://localhost",
    "https://localhost:3000",
    "http://localhost:3000.evil.example",
    "http://LOCALHOST:3000",
    "null",
    "*",
];

fn preflight(path: &str, origin: &str, method: &str) -> TestRequest {
    let request =
        TestRequest::new("OPTIONS", path).header("origin", origin).header("access-control-request-method", method);
    request.header("access-control-request-headers", "authorization,content-type")
}

fn list(response: &TestResponse, name: &str) -> Vec<String> {
    let items = response.header(name).unwrap_or_default().split(',');
    let mut items: Vec<String> = items.map(|item| item.trim().to_lowercase()).collect();
    items.sort();
    items
}

#[track_caller]
fn assert_allows_origin(response: &TestResponse, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), Some(origin), "{}", response.request);
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    let exposed =
        ["etag", "idempotent-replayed", "link", "location", "retry-after", "x-request-id", "x-transaction-id"];
    assert_eq!(list(response, "access-control-expose-headers"), exposed);
    assert!(list(response, "vary").contains(&"origin".to_owned()));
}

#[track_caller]
fn assert_allows_no_origin(response: &TestResponse) {
    let names: Vec<_> = response.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(names.is_empty(), "{}: {names:?}", response.request);
}

#[tokio::test]
async fn preflight_needs_no_token() {
    let api = api();
    for path in ["/api/tasks", "/api/ada/tasks/42", "/api/tasks/42/complete", "/nowhere"] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let response = api.client.send_unchecked(preflight(path, FRONT_END, method)).await.expect_status(204);
            assert_allows_origin(&response, FRONT_END);
            assert!(response.body.is_empty());
            let methods = ["delete", "get", "patch", "post", "put"];
            assert_eq!(list(&response, "access-control-allow-methods"), methods);
            let headers = [
                "authorization",
                "content-type",
                "idempotency-key",
                "if-match",
                "if-none-match",
                "prefer",
                "traceparent",
            ];
            assert_eq!(list(&response, "access-control-allow-headers"), headers);
            assert!(response.header("access-control-max-age").is_some_and(|age| age.parse::<u32>().is_ok()));
        }
    }
}

#[tokio::test]
async fn other_origins_are_not_allowed() {
    let api = api();
    let ada = api.new_user().await;
    for origin in OTHER_ORIGINS {
        assert_allows_no_origin(&api.client.send_unchecked(preflight("/api/tasks", origin, "GET")).await);
        let response = ada.send(ada.request("GET", "/api/tasks").header("origin", origin)).await;
        assert_allows_no_origin(&response.expect_status(200));
    }
    assert_allows_no_origin(&ada.get("/api/tasks").await.expect_status(200));
}

#[tokio::test]
async fn every_response_allows_the_configured_origin() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk"})).await;
    for (status, request) in [
        (200, TestRequest::new("GET", "/health")),
        (200, ada.request("GET", "/api/tasks")),
        (201, ada.request("POST", "/api/tasks").json(&json!({"title": "t"}))),
        (204, ada.request("DELETE", &task)),
        (308, ada.request("GET", "/api/tasks/")),
        (400, ada.request("POST", "/api/tasks").body("{")),
        (401, TestRequest::new("GET", "/api/tasks")),
        (403, ada.request("GET", "/api/somebody/tasks")),
        (404, ada.request("GET", &task)),
        (404, TestRequest::new("GET", "/nowhere")),
        (405, TestRequest::new("DELETE", "/api/tasks")),
        (405, TestRequest::new("OPTIONS", "/api/tasks")),
        (415, ada.request("POST", "/api/tasks").typed("text/plain", "{}")),
        (422, ada.request("POST", "/api/tasks").json(&json!({}))),
    ] {
        assert_allows_origin(
            &api.client.send(request.header("origin", FRONT_END)).await.expect_status(status),
            FRONT_END,
        );
    }
}

#[tokio::test]
async fn each_configured_origin_is_echoed_alone() {
    let origins = ["https://one.example", "https://two.example:8443", "http://localhost:5173"];
    let api: Api = api_with(&[("CORS_ORIGINS", &format!("{}/,\"{}\", {}", origins[0], origins[1], origins[2]))]);
    for origin in origins {
        assert_allows_origin(
            &api.client.send_unchecked(preflight("/api/tasks", origin, "PATCH")).await.expect_status(204),
            origin,
        );
        assert_allows_origin(
            &api.client.send(TestRequest::new("GET", "/api/tasks").header("origin", origin)).await.expect_status(401),
            origin,
        );
    }
    for origin in [FRONT_END, "https://one.example:443", "https://two.example", "https://one.example,"] {
        assert_allows_no_origin(&api.client.send_unchecked(preflight("/api/tasks", origin, "GET")).await);
        assert_allows_no_origin(
            &api.client.send(TestRequest::new("GET", "/health").header("origin", origin)).await.expect_status(200),
        );
    }
}
