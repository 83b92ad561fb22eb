//! `GET /api/tasks/{id}`

use dev::testing::client::TaskId;
use serde_json::json;

use crate::kit::{api, database, path, schema};

#[tokio::test]
async fn task_is_returned_as_created() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21"})).await;
    for route in ["/api/tasks/{id}", "/api/{user_id}/tasks/{id}"] {
        let response = ada.get(&path(route, &ada.id, &TaskId::from_task(&task).to_string())).await.expect_status(200);
        assert_eq!(response.json, task);
        assert_eq!(response.header("cache-control"), Some("private, no-cache"));
    }
}

#[tokio::test]
async fn get_ignores_the_query() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let response =
        ada.get(&format!("/api/tasks/{}?status=wrong&limit=-1&id=0&user_id=x", TaskId::from_task(&task))).await;
    assert_eq!(response.expect_status(200).json, task);
}

/// Another back end may store longer and stranger values than the API accepts.
#[tokio::test]
async fn values_of_other_back_ends_are_returned() {
    let ada = api().new_user().await;
    let longest = schema::max_title_length();
    let values = format!("repeat('x', {longest}), 'infinity', '-infinity', '2026-01-01'");
    database::insert_tasks(&ada, "title, due_date, created_at, updated_at", &values).await;
    let id = TaskId::from_task(&database::rows_of(&ada).await[0]);
    let response = ada.get(&format!("/api/tasks/{id}")).await.expect_status(200);
    assert_eq!(response["title"], "x".repeat(longest));
    let zone = if database::due_dates_have_a_zone().await { "Z" } else { "" };
    assert_eq!(response["due_date"], format!("9999-12-31T23:59:59.999999{zone}"));
    assert_eq!(response["created_at"], "0001-01-01T00:00:00.000000Z");
    assert_eq!(response["updated_at"], "2026-01-01T00:00:00.000000Z");
}
