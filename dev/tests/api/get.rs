//! `GET /api/tasks/{id}`

use serde_json::json;

use crate::kit::{Id, api, path, schema};

#[tokio::test]
async fn a_task_is_read_as_it_was_created() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21"})).await;
    for route in ["/api/tasks/{id}", "/api/{user_id}/tasks/{id}"] {
        let answer = ada.get(&path(route, &ada.id, &Id::of(&task).to_string())).await.is(200);
        assert_eq!(answer.json, task);
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    }
}

#[tokio::test]
async fn a_query_changes_nothing() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let answer = ada.get(&format!("/api/tasks/{}?status=wrong&limit=-1&id=0&user_id=x", Id::of(&task))).await;
    assert_eq!(answer.is(200).json, task);
}

/// Another back end wrote it: the columns take more than this one would.
#[tokio::test]
async fn what_others_have_stored_is_passed_on() {
    let ada = api().new_user().await;
    let longest = schema::longest_title();
    let values = format!("repeat('x', {longest}), 'infinity', '-infinity', '2026-01-01'");
    ada.insert("title, due_date, created_at, updated_at", &values).await;
    let id = Id::of(&ada.rows().await[0]);
    let answer = ada.get(&format!("/api/tasks/{id}")).await.is(200);
    assert_eq!(answer["title"], "x".repeat(longest));
    assert_eq!(answer["due_date"], "9999-12-31T23:59:59.999999Z");
    assert_eq!(answer["created_at"], "0001-01-01T00:00:00.000000Z");
    assert_eq!(answer["updated_at"], "2026-01-01T00:00:00.000000Z");
}
