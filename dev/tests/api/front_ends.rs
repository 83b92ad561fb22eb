//! What public front ends send: a test for each case that was seen in the field.

use dev::testing::client::{TestRequest, TestUser};
use serde_json::{Value, json};

use crate::kit::schema::report_skipped;
use crate::kit::{api, api_with, database};

/// A task as the path, and as a front end has read it.
async fn new_task(ada: &TestUser) -> (String, Value) {
    let path = ada.create_path(json!({"title": "Buy milk", "due_date": "2026-11-21"})).await;
    let task = ada.get(&path).await.expect_status(200).json;
    (path, task)
}

/// The task with other members.
fn with(task: &Value, members: &[(&str, &str)]) -> Value {
    let mut task = task.clone();
    for (name, value) in members {
        task[*name] = json!(value);
    }
    task
}

const NEXT_DAY: &str = "2026-11-22T00:00:00";

#[tokio::test]
async fn null_and_empty_string_toggle() {
    let ada = api().new_user().await;
    let (path, _) = new_task(&ada).await;
    for (body, completed) in [(json!(null), true), (json!(""), false), (json!({}), true)] {
        let response = ada.patch(&format!("{path}/complete"), &body).await.expect_status(200);
        assert_eq!(response["completed"], completed, "{body}");
    }
    ada.patch(&format!("{path}/complete"), &json!("x")).await.expect_status(422);
}

#[tokio::test]
async fn changed_spelling_of_a_spread_task_wins() {
    let ada = api_with(&[("TASK_JSON_CASE", "both")]).new_user().await;
    for edited in ["dueDate", "due_date"] {
        let (path, task) = new_task(&ada).await;
        let changed = ada.put(&path, &with(&task, &[(edited, NEXT_DAY)])).await.expect_status(200);
        assert_eq!((&changed["due_date"], &changed["dueDate"]), (&json!(NEXT_DAY), &json!(NEXT_DAY)), "{edited}");
    }
    let (path, task) = new_task(&ada).await;
    let mut cleared = task.clone();
    cleared["dueDate"] = json!(null);
    assert_eq!(ada.put(&path, &cleared).await.expect_status(200)["due_date"], json!(null));
}

#[tokio::test]
async fn changed_spelling_wins_under_a_precondition() {
    let ada = api_with(&[("TASK_JSON_CASE", "both")]).new_user().await;
    for edited in ["dueDate", "due_date"] {
        let (path, task) = new_task(&ada).await;
        let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
        let request = ada.request("PUT", &path).json(&with(&task, &[(edited, NEXT_DAY)])).header("if-match", etag);
        assert_eq!(ada.send(request).await.expect_status(200)["due_date"], NEXT_DAY, "{edited}");
    }
}

#[tokio::test]
async fn camel_case_wins_if_both_spellings_differ() {
    let ada = api().new_user().await;
    let (path, task) = new_task(&ada).await;
    let both = with(&task, &[("dueDate", "2026-12-01"), ("due_date", "2026-12-02")]);
    assert_eq!(ada.put(&path, &both).await.expect_status(200)["due_date"], "2026-12-01T00:00:00");
}

#[tokio::test]
async fn malformed_second_spelling_is_rejected() {
    let ada = api().new_user().await;
    for (camel_case, snake_case) in [("AAA", "2026-11-21"), ("2026-11-21", "AAA")] {
        let body = json!({"title": "x", "due_date": snake_case, "dueDate": camel_case});
        ada.post("/api/tasks", &body).await.expect_invalid_at(&["/due_date"]);
    }
    let (path, _) = new_task(&ada).await;
    let body = json!({"title": "x", "expected_updated_at": null, "expectedUpdatedAt": "AAA"});
    ada.put(&path, &body).await.expect_invalid_at(&["/expected_updated_at"]);
}

#[tokio::test]
async fn empty_query_values_count_as_absent() {
    let ada = api().new_user().await;
    for title in ["one", "two", "three"] {
        ada.create(json!({"title": title})).await;
    }
    let all = ada.get("/api/tasks").await.expect_status(200).json;
    for query in [
        "status=&priority=&sort=",
        "order=&limit=&offset=",
        "completed=&due_before=&due_after=&overdue=&q=",
        "status=undefined&priority=null&sort=undefined&limit=null",
        "status=all&priority=all&completed=all",
    ] {
        assert_eq!(ada.get(&format!("/api/tasks?{query}")).await.expect_status(200).json, all, "{query}");
    }
    let last = ada.get("/api/tasks?offset=2").await.expect_status(200).json;
    assert_eq!(ada.get("/api/tasks?skip=2").await.expect_status(200).json, last);
}

#[tokio::test]
async fn status_has_aliases() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "done", "completed": true})).await;
    let pending = ada.create(json!({"title": "pending"})).await;
    for query in ["status=active", "status=Incomplete", "status=pending"] {
        assert_eq!(ada.get(&format!("/api/tasks?{query}")).await.json, json!([pending]), "{query}");
    }
    for query in ["completed=all", "status=all", "completed=ALL"] {
        assert_eq!(ada.get(&format!("/api/tasks?{query}")).await.tasks().len(), 2, "{query}");
    }
}

#[tokio::test]
async fn version_prefix_is_no_user() {
    let ada = api().new_user().await;
    let bob = api().new_user().await;
    let (path, task) = new_task(&ada).await;
    let versioned = path.replace("/api/", "/api/v1/");
    assert_eq!(ada.get(&versioned).await.expect_status(200).json, task);
    assert_eq!(ada.get("/api/v1/tasks").await.expect_status(200).json, json!([task]));
    ada.patch(&format!("{versioned}/complete"), &json!({"completed": true})).await.expect_status(200);
    bob.get(&versioned).await.expect_status(404);
    bob.delete(&versioned).await.expect_status(404);
    ada.delete(&versioned).await.expect_status(204);
    ada.post("/api/v1/tasks", &json!({"title": "Buy bread"})).await.expect_status(201);
}

#[tokio::test]
async fn trailing_slash_redirects() {
    let ada = api().new_user().await;
    for (method, path, location) in [
        ("GET", "/api/tasks/", "/api/tasks"),
        ("GET", "/api/tasks/?status=pending&limit=5", "/api/tasks?status=pending&limit=5"),
        ("POST", "/api/tasks/", "/api/tasks"),
        ("PUT", "/api/tasks/42/", "/api/tasks/42"),
        ("PATCH", "/api/tasks/42/complete/", "/api/tasks/42/complete"),
        ("GET", "/api/v1/tasks/", "/api/v1/tasks"),
        ("GET", "/health/", "/health"),
    ] {
        let response = ada.send(ada.request(method, path)).await.expect_status(308);
        assert_eq!(response.header("location"), Some(location), "{method} {path}");
        assert_eq!(response.json, Value::Null, "{method} {path}");
    }
    // Only one slash, and only after a path that exists.
    for path in ["/api/tasks//", "//api/tasks/", "/nothing/", "/", "//example.com/"] {
        ada.get(path).await.expect_status(404);
    }
}

#[tokio::test]
async fn own_id_can_be_a_number() {
    const ID: &str = "4711";
    let insert = r#"insert into "user" (id, name, email) values ($1, 'Ada', 'ada-4711@example.com')"#;
    if database::connect().await.execute(insert, &[&ID]).await.is_err() {
        return report_skipped("the ids of this layout's users are not text");
    }
    let ada = api().user(ID);
    ada.post("/api/tasks", &json!({"title": "x", "user_id": 4711})).await.expect_status(201);
    ada.post("/api/tasks", &json!({"title": "x", "userId": "4711"})).await.expect_status(201);
    for foreign in [json!(4712), json!(4711.5), json!("04711"), json!(true)] {
        ada.post("/api/tasks", &json!({"title": "x", "user_id": foreign})).await.expect_status(403);
    }
}

#[tokio::test]
async fn head_of_health_has_no_body() {
    for path in ["/health", "/health/ready"] {
        let response = api().client.send(TestRequest::new("HEAD", path)).await.expect_status(200);
        assert_eq!(response.json, Value::Null);
    }
}

#[tokio::test]
async fn title_of_zero_width_characters_is_empty() {
    let ada = api().new_user().await;
    let response = ada.post("/api/tasks", &json!({"title": "\u{200b}\u{feff} \u{2060}"})).await;
    assert_eq!(response.expect_invalid_at(&["/title"])["detail"], "title must not be empty");
}

#[tokio::test]
async fn unknown_path_is_named() {
    let ada = api().new_user().await;
    let response = ada.get("/api/tasks/42/comments").await;
    response.expect_problem(404, "route_not_found", "There is nothing at /api/tasks/42/comments");
}
