//! What the logs contain, and what they must not.

use std::time::Duration;

use dev::testing::client::TestRequest;
use serde_json::{Value, json};

use crate::kit::{Api, proxied_database};

const LIMIT: Duration = Duration::from_secs(5);

/// Waits for a line about a request and returns the logs.
fn wait_for_logs_about(api: &Api, request_id: &str) -> String {
    api.stack().logs_when(LIMIT, |logs| logs.contains(request_id)).expect("a line about the request")
}

#[track_caller]
fn assert_contains_none(logs: &str, secrets: &[&str]) {
    for secret in secrets {
        let line = logs.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}

#[tokio::test]
async fn log_contains_no_secrets() {
    assert_no_secrets_are_logged(&[]).await;
}

#[tokio::test]
async fn log_of_any_level_contains_no_secrets() {
    for level in ["DEBUG", "TRACE"] {
        assert_no_secrets_are_logged(&[("AWS_LAMBDA_LOG_LEVEL", level)]).await;
    }
}

async fn assert_no_secrets_are_logged(variables: &[(&str, &str)]) {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, variables).await;
    let ada = api.new_user().await;
    let (title, description, query) = ("a title nobody logs", "a description nobody logs", "a-query-nobody-logs");
    let body = json!({"title": title, "description": description, "priority": "priority-nobody-logs"});
    let good = json!({"title": title, "description": description});
    let path = ada.create_path(good.clone()).await;
    let forged = format!("{}x", ada.token);
    proxy.shut_down().await.expect("closed connections");
    let mut last = String::new();
    for round in 0..2 {
        let expected = if round == 0 { 503 } else { 200 };
        ada.put(&path, &good).await.expect_status(expected);
        ada.get("/api/tasks").await.expect_status(expected);
        ada.post("/api/tasks", &body).await.expect_status(422);
        ada.send(ada.request("POST", "/api/tasks").body(format!("{{\"title\": \"{title}"))).await.expect_status(400);
        ada.get(&format!("/api/tasks?status={query}")).await.expect_status(422);
        let refused = api.client.send(TestRequest::new("GET", "/api/tasks").bearer(&forged)).await.expect_status(401);
        last = refused["request_id"].as_str().expect("text").to_owned();
        if round == 0 {
            proxy.clear_faults().expect("its own port");
        }
    }
    let logs = wait_for_logs_about(&api, &last);
    let password = &proxied_url.split([':', '@']).nth(2).expect("a password");
    let signature = ada.token.rsplit('.').next().expect("a signature");
    let secrets = [&ada.token, signature, api.stack().secret(), password, &proxied_url, title, description, query];
    assert_contains_none(&logs, &secrets);
    assert_contains_none(&logs, &["priority-nobody-logs", "Bearer "]);
}

#[tokio::test]
async fn failure_is_logged_once_with_its_cause() {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, &[]).await;
    let ada = api.new_user().await;
    proxy.shut_down().await.expect("closed connections");
    for (request, status, code) in [
        (ada.request("GET", "/api/tasks"), 503, "database_unavailable"),
        (TestRequest::new("GET", "/api/tasks"), 401, "unauthenticated"),
        (ada.request("POST", "/api/tasks").json(&json!({})), 422, "validation_failed"),
    ] {
        let response = api.client.send(request).await.expect_status(status);
        let id = response.header("x-request-id").expect("an id");
        let logs = wait_for_logs_about(&api, id);
        let lines: Vec<&str> = logs.lines().filter(|line| line.contains(id)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let event: Value = serde_json::from_str(lines[0]).expect("JSON");
        assert_eq!((&event["status"], &event["code"]), (&json!(status), &json!(code)), "{event}");
        assert_eq!(event["level"], if status == 503 { "ERROR" } else { "INFO" });
        let cause = event["cause"].as_str().unwrap_or_default();
        assert_eq!(cause.contains("refused") || cause.contains("closed"), status == 503, "{event}");
        // The response does not contain the cause.
        assert!(!String::from_utf8_lossy(&response.body).contains("refused"));
    }
}
