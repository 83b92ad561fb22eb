//! The operations of tags: `/api/tags` and `/api/tasks/{id}/tags`.

use dev::testing::client::{TaskId, TestUser};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::kit::{api, database};

/// The name, the color and the number of tasks of each tag.
async fn tags(ada: &TestUser) -> Value {
    let list = ada.get("/api/tags").await.expect_status(200).json;
    let tags = list.as_array().expect("an array").iter().map(|tag| {
        assert_eq!((&tag["id"], &tag["usage_count"]), (&tag["name"], &tag["task_count"]));
        assert!(tag["created_at"].is_string(), "{tag}");
        json!([tag["name"], tag["color"], tag["task_count"]])
    });
    tags.collect()
}

/// The tags of each task, in the order in which they were created.
async fn tags_of_tasks(ada: &TestUser) -> Value {
    let list = ada.get("/api/tasks?sort=title").await.expect_status(200);
    list.tasks().iter().map(|task| task["tags"].clone()).collect()
}

async fn user_with_tags(tags: &[&[&str]]) -> TestUser {
    let ada = api().new_user().await;
    for (number, tags) in tags.iter().enumerate() {
        ada.create(json!({"title": format!("task {number}"), "tags": tags})).await;
    }
    ada
}

#[tokio::test]
async fn tags_of_tasks_and_made_ones_are_listed() {
    let ada = user_with_tags(&[&["work", "Home"], &["WORK", "1"], &["work"], &[]]).await;
    user_with_tags(&[&["of another user"]]).await;
    ada.post("/api/tags", &json!({"name": "later", "color": "#ff8800"})).await.expect_status(201);
    ada.post("/api/tags", &json!({"name": "Work"})).await.expect_status(200);
    let mut found = tags(&ada).await;
    // It is one tag, whichever spelling it has.
    assert_eq!(found[3][0].take().as_str().map(str::to_lowercase).as_deref(), Some("work"));
    let expected = json!([["1", null, 1], ["Home", null, 1], ["later", "#ff8800", 0], [null, null, 3]]);
    assert_eq!(found, expected);
    let list = ada.get("/api/tags").await;
    let etag = list.header("etag").expect("an entity tag");
    for path in ["/api/tags", "/api/tasks/tags", &format!("/api/{}/tags", ada.id), "/api/v1/tasks/tags"] {
        assert_eq!(ada.get(path).await.expect_status(200).json, list.json, "{path}");
        ada.send(ada.request("GET", path).header("if-none-match", etag)).await.expect_status(304);
    }
    assert_eq!(tags(&api().new_user().await).await, json!([]));
}

#[tokio::test]
async fn a_tag_is_made_once() {
    let ada = user_with_tags(&[&["Home"]]).await;
    for (body, status, expected) in [
        (json!({"name": " work "}), 201, json!(["work", null, 0])),
        (json!({"name": "WORK", "color": "red"}), 200, json!(["work", "red", 0])),
        (json!({"name": "work", "color": "blue"}), 200, json!(["work", "red", 0])),
        (json!({"name": "home", "color": "green"}), 200, json!(["Home", "green", 1])),
    ] {
        let response = ada.post("/api/tags", &body).await.expect_status(status);
        assert_eq!(json!([response["name"], response["color"], response["task_count"]]), expected, "{body}");
        assert_eq!(response.header("location"), (status == 201).then_some("/api/tags/work"));
    }
    assert_eq!(tags(&ada).await, json!([["Home", "green", 1], ["work", "red", 0]]));
    ada.post("/api/tags", &json!({"color": "red"})).await.expect_invalid_at(&["/name"]);
    ada.post("/api/tags", &json!({"name": "a,b", "color": 7})).await.expect_invalid_at(&["/name", "/color"]);
}

#[tokio::test]
async fn a_new_name_reaches_all_tasks() {
    let ada = user_with_tags(&[&["a", "work", "b"], &["Work"], &["other"]]).await;
    let grace = user_with_tags(&[&["work"]]).await;
    let changed = ada.patch("/api/tags/WORK", &json!({"name": "Job"})).await.expect_status(200);
    assert_eq!((&changed["name"], &changed["task_count"]), (&json!("Job"), &json!(2)));
    assert_eq!(tags_of_tasks(&ada).await, json!([["a", "Job", "b"], ["Job"], ["other"]]));
    assert_eq!(tags_of_tasks(&grace).await, json!([["work"]]));
    // Another spelling of the same name.
    ada.put("/api/tags/Job", &json!({"name": "job", "color": "red"})).await.expect_status(200);
    assert_eq!(tags_of_tasks(&ada).await, json!([["a", "job", "b"], ["job"], ["other"]]));
    assert_eq!(tags(&ada).await, json!([["a", null, 1], ["b", null, 1], ["job", "red", 2], ["other", null, 1]]));
    ada.patch("/api/tags/work", &json!({"name": "x"})).await.expect_problem(404, "tag_not_found", "Tag not found");
    ada.patch("/api/tags/job", &json!({})).await.expect_status(422);
    ada.patch("/api/tags/job", &json!({"name": ""})).await.expect_invalid_at(&["/name"]);
}

#[tokio::test]
async fn a_tag_renamed_to_another_becomes_one_with_it() {
    let ada = user_with_tags(&[&["old", "x", "New"], &["NEW", "old"], &["old"], &["new"]]).await;
    for name in ["old", "new"] {
        ada.post("/api/tags", &json!({"name": name, "color": format!("color of {name}")})).await.expect_status(200);
    }
    let merged = ada.put("/api/tags/old", &json!({"name": "new"})).await.expect_status(200);
    assert_eq!((&merged["task_count"], &merged["color"]), (&json!(4), &json!("color of new")));
    let name = merged["name"].as_str().expect("a name");
    assert!(name.eq_ignore_ascii_case("new"), "{name}");
    for tags in tags_of_tasks(&ada).await.as_array().expect("an array") {
        let names: Vec<String> =
            tags.as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_lowercase()).collect();
        assert_eq!(names.iter().filter(|name| *name == "new").count(), 1, "{tags}");
        assert!(!names.contains(&"old".to_owned()), "{tags}");
    }
    let expected = json!([[name, "color of new", 4], ["x", null, 1]]);
    assert_eq!(tags(&ada).await, expected);
}

#[tokio::test]
async fn a_color_changes_no_task() {
    let ada = user_with_tags(&[&["work"]]).await;
    let before = database::rows_of(&ada).await;
    for (body, color) in [
        (json!({"color": "red"}), json!("red")),
        (json!({"name": "work", "color": "blue"}), json!("blue")),
        (json!({"name": "work"}), json!("blue")),
        (json!({"color": null}), json!(null)),
    ] {
        let changed = ada.patch("/api/tags/work", &body).await.expect_status(200);
        assert_eq!((&changed["name"], &changed["color"], &changed["task_count"]), (&json!("work"), &color, &json!(1)));
    }
    assert_eq!(database::rows_of(&ada).await, before);
}

#[tokio::test]
async fn a_deleted_tag_is_on_no_task() {
    let ada = user_with_tags(&[&["a", "Work", "b"], &["work"], &["other"]]).await;
    let grace = user_with_tags(&[&["work"]]).await;
    for user in [&ada, &grace] {
        user.post("/api/tags", &json!({"name": "later"})).await.expect_status(201);
    }
    for name in ["work", "LATER"] {
        let path = format!("/api/tags/{name}");
        ada.delete(&path).await.expect_status(204);
        ada.delete(&path).await.expect_problem(404, "tag_not_found", "Tag not found");
    }
    assert_eq!(tags_of_tasks(&ada).await, json!([["a", "b"], [], ["other"]]));
    assert_eq!(tags(&ada).await, json!([["a", null, 1], ["b", null, 1], ["other", null, 1]]));
    assert_eq!(tags(&grace).await, json!([["later", null, 0], ["work", null, 1]]));
}

/// What `encodeURIComponent` of JavaScript encodes.
const ENCODE_URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[tokio::test]
async fn every_name_can_be_in_a_path() {
    let ada = api().new_user().await;
    let names = ["two words", "ä/ö", "100%", "50%25", "..", "a+b", "?&#", "null", "\\", "🥛"];
    for name in names {
        ada.create(json!({"title": "Buy milk", "tags": [name, "x"]})).await;
        let list = ada.get("/api/tags").await.expect_status(200).json;
        let tag = list.as_array().unwrap().iter().find(|tag| tag["name"] == name).expect("the tag");
        let id = utf8_percent_encode(tag["id"].as_str().expect("a text"), ENCODE_URI_COMPONENT);
        let changed = ada.patch(&format!("/api/tags/{id}"), &json!({"color": "red"})).await.expect_status(200);
        assert_eq!(changed["name"], name);
        ada.delete(&format!("/api/tags/{id}")).await.expect_status(204);
    }
    assert_eq!(tags(&ada).await, json!([["x", null, names.len()]]));
}

#[tokio::test]
async fn location_leads_to_a_new_tag_of_any_name() {
    let ada = api().new_user().await;
    for name in ["two words", "a/b", "100%", "%2F", "..", "käse", "?&#", "\u{7}", "x\u{85}y", "🥛"] {
        let created = ada.post("/api/tags", &json!({"name": name})).await.expect_status(201);
        let location = created.header("location").expect("the path of the tag");
        assert_eq!(ada.patch(location, &json!({"color": "red"})).await.expect_status(200)["name"], name, "{location}");
    }
}

#[tokio::test]
async fn tags_are_added_to_a_task_and_set() {
    let ada = api().new_user().await;
    let path = format!("{}/tags", ada.create_path(json!({"title": "Buy milk", "tags": ["Home"]})).await);
    for (method, body, expected) in [
        ("POST", json!({"tags": ["work", "HOME", "Work"]}), json!(["Home", "work"])),
        ("POST", json!({"tags": "shop, work"}), json!(["Home", "work", "shop"])),
        ("POST", json!({"tag_ids": ["x"]}), json!(["Home", "work", "shop", "x"])),
        ("POST", json!({"tags": []}), json!(["Home", "work", "shop", "x"])),
        ("PUT", json!({"tags": [{"name": "b"}, "a"]}), json!(["b", "a"])),
        ("PUT", json!({"tags": []}), json!([])),
    ] {
        let task = ada.send(ada.request(method, &path).json(&body)).await.expect_status(200);
        assert_eq!(task["tags"], expected, "{method} {body}");
    }
    for body in [json!({}), json!({"tags": 7}), json!({"tags": ["x".repeat(51)]}), json!({"tags": ["a\0b"]})] {
        ada.post(&path, &body).await.expect_invalid_at(&["/tags"]);
    }
    let many = |from: usize, to: usize| json!({"tags": (from..to).map(|n| format!("tag {n}")).collect::<Vec<_>>()});
    ada.post(&path, &many(0, 15)).await.expect_status(200);
    ada.post(&path, &many(10, 21)).await.expect_invalid_at(&["/tags"]);
    let full = ada.post(&path, &many(10, 20)).await.expect_status(200);
    assert_eq!(full["tags"], many(0, 20)["tags"]);
}

#[tokio::test]
async fn one_tag_is_removed_from_a_task() {
    let ada = api().new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk", "tags": ["Home", "work"]})).await;
    ada.create(json!({"title": "Buy bread", "tags": ["home"]})).await;
    for _ in 0..2 {
        ada.delete(&format!("{path}/tags/home")).await.expect_status(204);
        assert_eq!(ada.get(&path).await["tags"], json!(["work"]));
    }
    assert_eq!(tags(&ada).await, json!([["home", null, 1], ["work", null, 1]]));
    ada.delete("/api/tasks/2147483646/tags/home").await.expect_problem(404, "task_not_found", "Task not found");
}

#[tokio::test]
async fn tags_of_a_changed_task_are_not_changed() {
    let ada = api().new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk", "tags": ["home"]})).await;
    let old = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    ada.put(&path, &json!({"title": "Buy bread"})).await.expect_status(200);
    let add = |etag: &str| {
        ada.request("POST", &format!("{path}/tags")).json(&json!({"tags": ["work"]})).header("if-match", etag)
    };
    let remove = |etag: &str| ada.request("DELETE", &format!("{path}/tags/home")).header("if-match", etag);
    ada.send(add(&old)).await.expect_status(412);
    ada.send(remove(&old)).await.expect_status(412);
    assert_eq!(ada.get(&path).await["tags"], json!(["home"]));
    let current = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    let added = ada.send(add(&current)).await.expect_status(200);
    ada.send(remove(added.header("etag").expect("an entity tag"))).await.expect_status(204);
    assert_eq!(ada.get(&path).await["tags"], json!(["work"]));
}

#[tokio::test]
async fn a_task_keeps_its_version_if_its_tags_stay() {
    let ada = user_with_tags(&[&[], &["home"]]).await;
    let before = database::rows_of(&ada).await;
    for row in &before {
        let path = format!("/api/tasks/{}/tags", TaskId::from_task(row));
        ada.post(&path, &json!({"tags": []})).await.expect_status(200);
        ada.delete(&format!("{path}/work")).await.expect_status(204);
    }
    assert_eq!(database::rows_of(&ada).await, before);
}
