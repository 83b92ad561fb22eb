//! `PUT` and `PATCH /api/tasks/{id}`

use dev::testing::client::{TaskId, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database, path, schema};

const METHODS: [&str; 2] = ["PUT", "PATCH"];

/// A task with a value in every member.
async fn full(ada: &TestUser) -> Value {
    let body = json!({"title": "Buy milk", "description": "The good one", "priority": "low", "due_date": "2026-11-21"});
    ada.create(body).await
}

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", TaskId::from_task(task))
}

/// Asserts that `updated_at` is later and the version the next one, that the `expected` members have changed, and no others.
#[track_caller]
fn assert_changed(response: &Value, before: &Value, expected: &[(&str, Value)]) {
    assert!(response["updated_at"].as_str() > before["updated_at"].as_str(), "{response} after {before}");
    let mut whole = before.clone();
    whole["updated_at"] = response["updated_at"].clone();
    whole["version"] = json!(before["version"].as_i64().expect("a version") + 1);
    for (name, value) in expected {
        whole[*name] = value.clone();
        if *name == "completed" {
            whole["status"] = json!(if *value == true { "completed" } else { "pending" });
            whole["completed_at"] = response["completed_at"].clone();
        }
    }
    assert_eq!(*response, whole);
}

#[tokio::test]
async fn only_sent_members_change() {
    let ada = api().new_user().await;
    for method in METHODS {
        for (name, sent, kept) in [
            ("title", json!("  Buy oat milk "), json!("Buy oat milk")),
            ("description", json!("Or the other"), json!("Or the other")),
            ("description", json!(""), json!("")),
            ("completed", json!(true), json!(true)),
            ("priority", json!("HIGH"), json!("high")),
            ("due_date", json!("2027-01-02T03:04:05+01:00"), json!("2027-01-02T02:04:05.000000Z")),
        ] {
            let before = full(&ada).await;
            let response =
                ada.send(ada.request(method, &path_of(&before)).json(&json!({name: sent}))).await.expect_status(200);
            assert_changed(&response.json, &before, &[(name, kept)]);
            assert_eq!(ada.get(&path_of(&before)).await.json, response.json);
        }
    }
}

#[tokio::test]
async fn every_route_updates_a_task() {
    let ada = api().new_user().await;
    for method in METHODS {
        for route in ["/api/tasks/{id}", "/api/{user_id}/tasks/{id}"] {
            let before = full(&ada).await;
            let path = path(route, &ada.id, &TaskId::from_task(&before).to_string());
            let change = json!({"title": "Buy oat milk", "completed": true, "dueDate": "2027-01-01"});
            let response = ada.send(ada.request(method, &path).json(&change)).await.expect_status(200);
            let due_date = ("due_date", json!("2027-01-01T00:00:00"));
            assert_changed(
                &response.json,
                &before,
                &[("title", json!("Buy oat milk")), ("completed", json!(true)), due_date],
            );
        }
    }
}

#[tokio::test]
async fn null_and_empty_clear_optional_members() {
    let ada = api().new_user().await;
    for method in METHODS {
        for (name, empty) in [
            ("description", json!(null)),
            ("priority", json!(null)),
            ("priority", json!("")),
            ("due_date", json!(null)),
            ("due_date", json!("")),
            ("dueDate", json!(null)),
        ] {
            let before = full(&ada).await;
            let response =
                ada.send(ada.request(method, &path_of(&before)).json(&json!({name: empty}))).await.expect_status(200);
            assert_changed(&response.json, &before, &[(&name.replace("dueDate", "due_date"), json!(null))]);
        }
    }
}

#[tokio::test]
async fn null_keeps_title_and_completed() {
    let ada = api().new_user().await;
    let before = full(&ada).await;
    let change = json!({"title": null, "completed": null, "priority": "medium"});
    let response = ada.put(&path_of(&before), &change).await.expect_status(200);
    assert_changed(&response.json, &before, &[("priority", json!("medium"))]);
}

#[tokio::test]
async fn update_without_known_members_is_rejected() {
    let ada = api().new_user().await;
    let before = full(&ada).await;
    let message = "at least one of title, description, completed, status, priority, due_date, tags, category, \
                   recurrence_rule and time_zone must be given";
    for change in [
        json!({}),
        json!({"title": null}),
        json!({"title": null, "completed": null}),
        json!({"color": "red", "Title": "x", "done": true}),
        json!({"user_id": ada.id, "userId": null}),
        json!({"id": 7, "created_at": "2001-01-01", "updated_at": "2001-01-01"}),
    ] {
        for method in METHODS {
            let response = ada.send(ada.request(method, &path_of(&before)).json(&change)).await;
            assert_eq!(response.expect_invalid_at(&[""])["detail"], message, "{change}");
        }
    }
    assert_eq!(ada.get(&path_of(&before)).await.json, before);
}

#[tokio::test]
async fn server_generated_members_cannot_be_changed() {
    let ada = api().new_user().await;
    let before = full(&ada).await;
    let old = "2001-01-01T00:00:00Z";
    let change = json!({
        "title": "Buy oat milk", "id": 7, "user_id": ada.id, "created_at": old, "createdAt": old, "updated_at": old,
        "updatedAt": old, "version": 70
    });
    let response = ada.put(&path_of(&before), &change).await.expect_status(200);
    assert_changed(&response.json, &before, &[("title", json!("Buy oat milk"))]);
    let row = &database::rows_of(&ada).await[0];
    assert_eq!((&row["id"], &row["version"]), (&before["id"], &json!(2)));
}

#[tokio::test]
async fn update_without_effect_keeps_updated_at() {
    let ada = api().new_user().await;
    let before = full(&ada).await;
    for method in METHODS {
        for name in ["title", "description", "completed", "priority", "due_date"] {
            let response = ada.send(ada.request(method, &path_of(&before)).json(&json!({name: before[name]}))).await;
            assert_eq!(response.expect_status(200).json, before, "{name}");
        }
        assert_eq!(
            ada.send(ada.request(method, &path_of(&before)).json(&before)).await.expect_status(200).json,
            before
        );
    }
}

#[tokio::test]
async fn every_change_advances_updated_at() {
    let ada = api().new_user().await;
    let mut before = full(&ada).await;
    for round in 0..10 {
        let response =
            ada.patch(&path_of(&before), &json!({"title": format!("Round {round}")})).await.expect_status(200);
        assert_changed(&response.json, &before, &[("title", json!(format!("Round {round}")))]);
        before = response.json;
    }
}

#[tokio::test]
async fn update_validates_like_create() {
    let ada = api().new_user().await;
    let before = full(&ada).await;
    for method in METHODS {
        for (change, pointers) in [
            (json!({"title": ""}), &["/title"][..]),
            (json!({"title": "   "}), &["/title"]),
            (json!({"title": "x".repeat(201)}), &["/title"]),
            (json!({"title": 5}), &["/title"]),
            (json!({"title": "a\0b"}), &["/title"]),
            (json!({"description": "x".repeat(1001)}), &["/description"]),
            (json!({"description": []}), &["/description"]),
            (json!({"completed": "true"}), &["/completed"]),
            (json!({"priority": "urgent"}), &["/priority"]),
            (json!({"due_date": "soon", "title": "good"}), &["/due_date"]),
            (
                json!({"title": 1, "description": 1, "completed": 1, "priority": 1, "due_date": 1}),
                &["/title", "/description", "/completed", "/priority", "/due_date"],
            ),
        ] {
            ada.send(ada.request(method, &path_of(&before)).json(&change)).await.expect_invalid_at(pointers);
        }
        for (name, longest) in [("title", "🥛".repeat(200)), ("description", "🥛".repeat(1000))] {
            let task = full(&ada).await;
            let response =
                ada.send(ada.request(method, &path_of(&task)).json(&json!({name: longest}))).await.expect_status(200);
            assert_changed(&response.json, &task, &[(name, json!(longest))]);
        }
    }
    assert_eq!(ada.get(&path_of(&before)).await.json, before);
}

/// The title is longer than the API accepts. Other changes of the task still work.
#[tokio::test]
async fn task_with_an_overlong_title_can_be_changed() {
    if schema::max_title_length() == 200 {
        return schema::report_skipped("no title is longer than the API allows");
    }
    let ada = api().new_user().await;
    database::insert_tasks(&ada, "title", "repeat('x', 255)").await;
    let task = ada.get("/api/tasks").await.json[0].clone();
    let response = ada.patch(&path_of(&task), &json!({"description": "d"})).await.expect_status(200);
    assert_changed(&response.json, &task, &[("description", json!("d"))]);
    ada.put(&path_of(&task), &response.json).await.expect_status(200);
    let longer = format!("{} too", task["title"].as_str().expect("text"));
    ada.patch(&path_of(&task), &json!({"title": longer})).await.expect_invalid_at(&["/title"]);
}
