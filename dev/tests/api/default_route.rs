//! Requests that no route matches.

use dev::testing::client::TestRequest;

use crate::kit::{api, methods_of, path, routes};

const OTHER_METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"];

#[tokio::test]
async fn unknown_path_is_not_found() {
    let api = api();
    let ada = api.new_user().await;
    for path in [
        "/",
        "/api",
        "/api/",
        "/tasks",
        "/api//tasks",
        "//api/tasks",
        "/API/tasks",
        "/api/Tasks",
        "/api/tasks/1/completed",
        "/api/tasks/1/2/3",
        "/api/u/tasks/1/2",
        "/healthz",
        "/health/live",
        "/v1/api/tasks",
        "/favicon.ico",
        "/robots.txt",
        "/api/../health",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%00",
        "/%ff",
        "/?path=/health",
    ] {
        for method in OTHER_METHODS {
            for request in [TestRequest::new(method, path), ada.request(method, path)] {
                let response = api.client.send(request).await.expect_status(404);
                if method != "HEAD" {
                    let detail = response["detail"].as_str().expect("a sentence").to_owned();
                    assert!(detail.starts_with("There is nothing at /"), "{detail}");
                    response.expect_problem(404, "route_not_found", &detail);
                }
            }
        }
    }
}

#[tokio::test]
async fn unsupported_method_returns_the_allowed_ones() {
    let api = api();
    let ada = api.new_user().await;
    let routes = routes();
    for (_, route) in &routes {
        let path = path(route, &ada.id, "42");
        // Another route can have a parameter where this one has a word.
        let allowed = methods_of(&path);
        // `HEAD` of the health checks is answered without a route of its own.
        let is_answered = |method: &str| allowed.contains(&method) || (method == "HEAD" && path.starts_with("/health"));
        for method in OTHER_METHODS.into_iter().filter(|method| !is_answered(method)) {
            for request in [TestRequest::new(method, &path), ada.request(method, &path).typed("text/plain", "{")] {
                let response = api.client.send(request).await.expect_status(405);
                assert_eq!(response.header("allow"), Some(allowed.join(", ").as_str()));
                if method != "HEAD" {
                    assert_eq!(response["code"], "method_not_allowed");
                }
            }
        }
    }
}

/// The gateway matches routes before it decodes the path, and the function matches them after.
#[tokio::test]
async fn allow_header_never_lists_the_rejected_method() {
    let api = api();
    for path in ["/api%2ftasks", "/%61pi/tasks", "/api/tasks%2f42", "/api/%74asks/42/complete"] {
        for method in ["GET", "PATCH"] {
            let response = api.client.send(TestRequest::new(method, path)).await;
            let allowed = response.header("allow").unwrap_or_default();
            assert!(!allowed.split(", ").any(|allowed| allowed == method), "{} allows {allowed}", response.request);
        }
    }
}
