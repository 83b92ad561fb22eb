//! `GET /health` and `GET /health/ready`

use serde_json::json;

use crate::kit::{Api, Proxy, api};

#[tokio::test]
async fn without_a_token_health_says_that_it_runs() {
    let api = api();
    for (path, status) in [("/health", "healthy"), ("/health/ready", "ready")] {
        let answer = api.get(path).await.is(200);
        assert_eq!(answer.json, json!({"status": status}));
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    }
}

#[tokio::test]
async fn a_token_makes_no_difference_to_health() {
    let ada = api().new_user().await;
    ada.get("/health?x=1").await.is(200);
    let call = crate::kit::Call::new("GET", "/health/ready").bearer("garbage");
    ada.api.send(call).await.is(200);
}

#[tokio::test]
async fn only_ready_asks_the_database() {
    let mut proxy = Proxy::before(api().stack().database_url()).await;
    let api = Api::own(proxy.database_url(), &[("LAMBDA_CONCURRENCY", "1")]).await;
    let before = proxy.counts();
    api.get("/health").await.is(200);
    assert_eq!(proxy.counts(), before);
    api.get("/health/ready").await.is(200);
    assert_ne!(proxy.counts(), before);

    proxy.stop().await;
    api.get("/health").await.is(200);
    let answer = api.get("/health/ready").await;
    answer.problem(503, "database_unavailable", "The database is not available at the moment");
    api.get("/health").await.is(200);

    proxy.restart().await;
    assert_eq!(api.get("/health/ready").await.is(200).json, json!({"status": "ready"}));
}
