//! The settings of the API.

use std::time::Duration;

use dev::testing::client::TaskId;
use serde_json::{Value, json};

use crate::kit::{api_with, database, schema};

const CAMEL_CASE: [(&str, &str); 8] = [
    ("userId", "user_id"),
    ("dueDate", "due_date"),
    ("completedAt", "completed_at"),
    ("recurrenceRule", "recurrence_rule"),
    ("nextOccurrence", "next_occurrence"),
    ("timeZone", "time_zone"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
];

#[track_caller]
fn assert_both_cases(task: &Value) {
    for (camel_case, snake_case) in CAMEL_CASE {
        assert!(task.get(camel_case).is_some(), "{camel_case} is not in {task}");
        assert_eq!(task[camel_case], task[snake_case]);
    }
    assert_eq!(task.as_object().map(serde_json::Map::len), Some(25));
}

#[tokio::test]
async fn camel_case_members_can_be_added() {
    let ada = api_with(&[("TASK_JSON_CASE", "both")]).new_user().await;
    let task = ada.create(json!({"title": "Buy milk", "dueDate": "2026-11-21"})).await;
    assert_both_cases(&task);
    let path = format!("/api/tasks/{}", TaskId::from_task(&task));
    assert_both_cases(&ada.get(&path).await.json);
    assert_both_cases(&ada.put(&path, &json!({"due_date": null})).await.expect_status(200).json);
    assert_both_cases(&ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(200).json);
    assert_both_cases(&ada.get("/api/tasks").await.json[0]);
}

#[tokio::test]
async fn text_limits_can_be_set() {
    let longest = schema::max_title_length();
    let limits = [("TASK_TITLE_MAX", &*longest.to_string()), ("TASK_DESCRIPTION_MAX", "5")];
    let ada = api_with(&limits).new_user().await;
    let task = json!({"title": "🥛".repeat(longest), "description": "🥛".repeat(5)});
    let created = ada.create(task.clone()).await;
    assert_eq!((&created["title"], &created["description"]), (&task["title"], &task["description"]));
    let longer = json!({"title": "🥛".repeat(longest + 1), "description": "🥛".repeat(6)});
    let response = ada.post("/api/tasks", &longer).await.expect_invalid_at(&["/title", "/description"]);
    let detail = format!("title must have at most {longest} characters; description must have at most 5 characters");
    assert_eq!(response["detail"], detail);
}

/// The settings allow texts that are too long for the table.
#[tokio::test]
async fn text_that_the_database_rejects_is_invalid() {
    let Some(refusal) = schema::refusal_of_long_texts() else {
        return schema::report_skipped("the database takes every text that the settings can allow");
    };
    let limits = [("TASK_TITLE_MAX", "255"), ("TASK_DESCRIPTION_MAX", "16000"), ("LAMBDA_CONCURRENCY", "1")];
    let api = api_with(&limits);
    let ada = api.new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    let before = database::rows_of(&ada).await;
    let secret = "the description that no log may hold";
    let body = json!({"title": "x".repeat(255), "description": secret.repeat(50)});
    for response in [ada.post("/api/tasks", &body).await, ada.put(&path, &body).await] {
        assert_eq!((response.status, &response["code"]), (422, &json!("validation_failed")));
        let failures = response["errors"].as_array().expect("the fields");
        let details: Vec<&str> = failures.iter().filter_map(|failure| failure["detail"].as_str()).collect();
        assert_eq!(response["detail"], details.join("; "));
        for (failure, detail) in failures.iter().zip(&details) {
            let field = failure["pointer"].as_str().expect("a pointer").trim_start_matches('/');
            assert!(detail.starts_with(&format!("{field} must have at most ")), "{response:?}");
        }
        assert!(!details.is_empty(), "{response:?}");
        let id = response["request_id"].as_str().expect("text");
        let logs = api.stack().logs_when(Duration::from_secs(5), |logs| logs.contains(id)).expect("a line about it");
        assert!(logs.contains(refusal) && !logs.contains(secret), "{logs}");
    }
    assert_eq!(database::rows_of(&ada).await, before);
    ada.put(&path, &json!({"description": "short"})).await.expect_status(200);
}

#[tokio::test]
async fn members_are_snake_case_by_default() {
    let task = api_with(&[]).new_user().await.create(json!({"title": "Buy milk"})).await;
    assert!(CAMEL_CASE.iter().all(|(camel_case, _)| task.get(camel_case).is_none()), "{task}");
}
