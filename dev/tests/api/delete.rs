//! `DELETE /api/tasks/{id}`

use dev::testing::client::TaskId;
use serde_json::json;

use crate::kit::{api, database, path};

#[tokio::test]
async fn deleted_task_is_not_found() {
    let ada = api().new_user().await;
    for route in ["/api/tasks/{id}", "/api/{user_id}/tasks/{id}"] {
        let kept = ada.create(json!({"title": "Buy milk"})).await;
        let deleted = ada.create(json!({"title": "Buy bread"})).await;
        let path = path(route, &ada.id, &TaskId::from_task(&deleted).to_string());
        let response = ada.delete(&path).await.expect_status(204);
        assert!(response.body.is_empty());
        for method in ["GET", "DELETE"] {
            let again = ada.send(ada.request(method, &path)).await;
            again.expect_problem(404, "task_not_found", "Task not found");
        }
        ada.put(&path, &json!({"title": "t"})).await.expect_status(404);
        ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(404);
        assert_eq!(ada.get("/api/tasks").await.json, json!([kept]));
        ada.delete(&format!("/api/tasks/{}", TaskId::from_task(&kept))).await.expect_status(204);
    }
    assert!(database::rows_of(&ada).await.is_empty());
}

#[tokio::test]
async fn delete_ignores_the_body() {
    let ada = api().new_user().await;
    for body in [&b"{"[..], b"\xff", br#"{"user_id": "somebody else"}"#] {
        let path = ada.create_path(json!({"title": "Buy milk"})).await;
        ada.send(ada.request("DELETE", &path).typed("text/plain", body)).await.expect_status(204);
    }
}

#[tokio::test]
async fn only_one_of_two_concurrent_deletes_succeeds() {
    let ada = api().new_user().await;
    for _ in 0..5 {
        let path = ada.create_path(json!({"title": "Buy milk"})).await;
        let (one, other) = tokio::join!(ada.delete(&path), ada.delete(&path));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404]);
    }
}
