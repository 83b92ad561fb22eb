//! `GET /health` and `GET /health/ready`

use dev::testing::client::TestRequest;
use serde_json::json;

use crate::kit::{Api, api, proxied_database};

#[tokio::test]
async fn health_needs_no_token() {
    let api = api();
    for (path, status) in [("/health", "healthy"), ("/health/ready", "ready")] {
        let response = api.client.get(path).await.expect_status(200);
        assert_eq!(response.json, json!({"status": status}));
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    }
}

#[tokio::test]
async fn health_ignores_tokens() {
    let ada = api().new_user().await;
    ada.get("/health?x=1").await.expect_status(200);
    let request = TestRequest::new("GET", "/health/ready").bearer("garbage");
    ada.client.send(request).await.expect_status(200);
}

#[tokio::test]
async fn only_readiness_uses_the_database() {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, &[("LAMBDA_CONCURRENCY", "1")]).await;
    let count = || (proxy.round_trips(), proxy.answered_statements());
    let before = count();
    api.client.get("/health").await.expect_status(200);
    assert_eq!(count(), before);
    api.client.get("/health/ready").await.expect_status(200);
    assert_ne!(count(), before);

    proxy.shut_down().await.expect("closed connections");
    api.client.get("/health").await.expect_status(200);
    let response = api.client.get("/health/ready").await;
    response.expect_problem(503, "database_unavailable", "The database is not available at the moment");
    api.client.get("/health").await.expect_status(200);

    proxy.clear_faults().expect("its own port");
    assert_eq!(api.client.get("/health/ready").await.expect_status(200).json, json!({"status": "ready"}));
}
