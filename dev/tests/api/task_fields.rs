//! Tags, the category and the status of a task, in every operation.

use dev::testing::client::{Follower, TaskId, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

const METHODS: [&str; 2] = ["PUT", "PATCH"];

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", TaskId::from_task(task))
}

/// A task with tags and a category.
async fn full(ada: &TestUser) -> Value {
    ada.create(json!({"title": "Buy milk", "tags": ["Home", "work"], "category": "Errands"})).await
}

/// Changes the task, and returns what it is then.
async fn change(ada: &TestUser, method: &str, task: &Value, body: &Value) -> Value {
    let changed = ada.send(ada.request(method, &path_of(task)).json(body)).await.expect_status(200).json;
    assert_eq!(ada.get(&path_of(task)).await.json, changed, "{body}");
    changed
}

#[tokio::test]
async fn new_task_has_all_members() {
    let ada = api().new_user().await;
    let plain = ada.create(json!({"title": "Buy milk"})).await;
    for (name, value) in
        [("tags", json!([])), ("category", json!(null)), ("status", json!("pending")), ("completed_at", json!(null))]
    {
        assert_eq!(plain.get(name), Some(&value), "{name}");
    }
    let task = full(&ada).await;
    assert_eq!((&task["tags"], &task["category"]), (&json!(["Home", "work"]), &json!("Errands")));
    assert_eq!(ada.get(&path_of(&task)).await.json, task);
    assert_eq!(ada.get("/api/tasks?sort=created&order=asc").await.json, json!([plain, task]));
}

#[tokio::test]
async fn tags_are_read_in_every_form() {
    let ada = api().new_user().await;
    for body in [
        json!({"tags": ["Home", "work"]}),
        json!({"tags": [{"id": 7, "name": "Home", "color": "#f00"}, {"name": "work"}]}),
        json!({"tags": " Home ,work"}),
        json!({"tag_ids": ["Home", "work"]}),
        json!({"tagIds": ["Home", "work"], "tags": []}),
        json!({"tags": ["Home", "work", "HOME", "", " Work "]}),
    ] {
        let mut new = body.clone();
        new["title"] = json!("Buy milk");
        assert_eq!(ada.create(new).await["tags"], json!(["Home", "work"]), "{body}");
        for method in METHODS {
            let task = ada.create(json!({"title": "Buy milk", "tags": ["old"]})).await;
            assert_eq!(change(&ada, method, &task, &body).await["tags"], json!(["Home", "work"]), "{body}");
        }
    }
}

#[tokio::test]
async fn none_clears_tags_and_category_and_priority() {
    let ada = api().new_user().await;
    for empty in [json!(null), json!(""), json!("none"), json!("None")] {
        for name in ["tags", "category", "priority"] {
            let task = ada.create(json!({"title": "t", "tags": ["a"], "category": "c", "priority": "low"})).await;
            let changed = change(&ada, "PUT", &task, &json!({name: empty})).await;
            let mut expected = task.clone();
            expected[name] = if name == "tags" { json!([]) } else { json!(null) };
            for name in ["version", "updated_at"] {
                expected[name] = changed[name].clone();
            }
            assert_eq!(changed, expected, "{name}: {empty}");
            let new = ada.create(json!({"title": "t", name: empty})).await;
            assert_eq!(new[name], expected[name], "{name}: {empty}");
        }
    }
    let task = full(&ada).await;
    assert_eq!(change(&ada, "PATCH", &task, &json!({"tag_ids": []})).await["tags"], json!([]));
}

#[tokio::test]
async fn absent_fields_stay_and_equal_ones_are_no_change() {
    let ada = api().new_user().await;
    let task = full(&ada).await;
    let changed = change(&ada, "PUT", &task, &json!({"title": "Buy bread"})).await;
    assert_eq!((&changed["tags"], &changed["category"]), (&task["tags"], &task["category"]));
    for body in [json!({"tags": ["Home", "work"]}), json!({"category": " Errands "}), json!({"status": "todo"})] {
        assert_eq!(change(&ada, "PUT", &task, &body).await["version"], changed["version"], "{body}");
    }
    let untagged = ada.create(json!({"title": "Buy salt"})).await;
    assert_eq!(change(&ada, "PUT", &untagged, &json!({"tags": []})).await["version"], 1);
    assert_eq!(change(&ada, "PUT", &task, &json!({"tags": ["home", "work"]})).await["tags"], json!(["home", "work"]));
}

#[tokio::test]
async fn limits_are_named_at_their_member() {
    let ada = api().new_user().await;
    let task = full(&ada).await;
    let numbered: Vec<String> = (0..21).map(|number| format!("tag {number}")).collect();
    let longest = json!({"tags": numbered[..20], "category": "ü".repeat(50)});
    assert_eq!(change(&ada, "PUT", &task, &longest).await["category"], longest["category"]);
    for (body, pointer, detail) in [
        (json!({"tags": numbered}), "/tags", "tags must have at most 20 names"),
        (json!({"tag_ids": ["x".repeat(51)]}), "/tags", "each of tags must have at most 50 characters"),
        (json!({"tags": ["a,b"]}), "/tags", "none of tags must contain a comma"),
        (json!({"tags": 7}), "/tags", "tags must be a list of names"),
        (json!({"tags": [7]}), "/tags", "tags must be a list of names"),
        (json!({"tags": ["a\u{0}b"]}), "/tags", "tags must be a list of names"),
        (json!({"category": "x".repeat(51)}), "/category", "category must have at most 50 characters"),
        (json!({"category": 7}), "/category", "category must be a text"),
        (json!({"status": "archived"}), "/status", "status must be pending, completed, todo, in_progress or done"),
    ] {
        let mut new = body.clone();
        new["title"] = json!("t");
        assert_eq!(ada.post("/api/tasks", &new).await.expect_invalid_at(&[pointer])["detail"], detail);
        assert_eq!(ada.put(&path_of(&task), &body).await.expect_invalid_at(&[pointer])["detail"], detail);
    }
    let all = json!({"title": "", "status": 7, "tags": [7], "category": "x".repeat(51)});
    ada.post("/api/tasks", &all).await.expect_invalid_at(&["/title", "/status", "/tags", "/category"]);
}

#[tokio::test]
async fn status_sets_completed() {
    let ada = api().new_user().await;
    for (word, completed) in [
        ("completed", true),
        ("done", true),
        ("Done", true),
        ("pending", false),
        ("todo", false),
        ("in_progress", false),
    ] {
        let status = if completed { "completed" } else { "pending" };
        let new = ada.create(json!({"title": "t", "status": word})).await;
        assert_eq!((&new["completed"], &new["status"]), (&json!(completed), &json!(status)), "{word}");
        let other = ada.create(json!({"title": "t", "completed": !completed})).await;
        let changed = change(&ada, "PUT", &other, &json!({"status": word})).await;
        assert_eq!((&changed["completed"], &changed["status"]), (&json!(completed), &json!(status)), "{word}");
        let path = format!("{}/complete", path_of(&ada.create(json!({"title": "t"})).await));
        for _ in 0..2 {
            let changed = ada.patch(&path, &json!({"status": word})).await.expect_status(200);
            assert_eq!(changed["completed"], completed, "{word}");
        }
    }
}

#[tokio::test]
async fn edited_one_of_completed_and_status_wins() {
    let ada = api().new_user().await;
    for completed in [false, true] {
        for edited in ["completed", "status"] {
            let task = ada.create(json!({"title": "t", "completed": completed})).await;
            let mut form = task.clone();
            form[edited] = if edited == "completed" {
                json!(!completed)
            } else {
                json!(if completed { "in_progress" } else { "done" })
            };
            let changed = change(&ada, "PUT", &task, &form).await;
            assert_eq!(changed["completed"], !completed, "{edited} of {completed}");
        }
    }
    let new = ada.create(json!({"title": "t", "completed": false, "status": "completed"})).await;
    assert_eq!(new["completed"], true);
}

#[tokio::test]
async fn edited_one_of_tags_and_tag_ids_wins() {
    let ada = api().new_user().await;
    let task = full(&ada).await;
    let stale = json!({"tags": ["Home", "work"], "tag_ids": ["later"]});
    let changed = change(&ada, "PUT", &task, &stale).await;
    assert_eq!(changed["tags"], json!(["later"]));
    let edited = json!({"tags": ["Home"], "tag_ids": ["later"]});
    assert_eq!(change(&ada, "PUT", &task, &edited).await["tags"], json!(["Home"]));
}

#[tokio::test]
async fn stored_values_that_break_rules_can_be_sent_back() {
    let ada = api().new_user().await;
    let names: Vec<String> = (0..21).map(|number| format!("tag {number}")).chain(["a,b".into()]).collect();
    let task = ada.create(json!({"title": "t"})).await;
    let client = database::connect().await;
    let category = "x".repeat(60);
    let update = "update tasks set tags = $1, category = $2 where user_id::text = $3";
    client.execute(update, &[&names, &category, &ada.id]).await.expect("an update");
    let mut form = ada.get(&path_of(&task)).await.json;
    assert_eq!((&form["tags"], &form["category"]), (&json!(names), &json!(category)));
    form["title"] = json!("Buy bread");
    let changed = change(&ada, "PUT", &task, &form).await;
    assert_eq!((&changed["tags"], &changed["title"]), (&json!(names), &json!("Buy bread")));
    let mut operation = form.clone();
    (operation["op"], operation["version"]) = (json!("update"), changed["version"].clone());
    let bulk = ada.post("/api/tasks/bulk", &json!({"operations": [operation]})).await.expect_status(200);
    assert_eq!(bulk["results"][0]["task"]["tags"], json!(names));
    operation["tags"][0] = json!("other");
    operation["category"] = json!("y".repeat(60));
    let response = ada.post("/api/tasks/bulk", &json!({"operations": [operation]})).await.expect_status(422);
    let pointers: Vec<&Value> =
        response["errors"].as_array().expect("errors").iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/operations/0/tags", "/operations/0/category"], "{}", response.json);
    form["tags"][0] = json!("other");
    ada.put(&path_of(&task), &form).await.expect_invalid_at(&["/tags"]);
}

#[tokio::test]
async fn camel_case_has_the_time_of_completion() {
    let ada = api_with(&[("TASK_JSON_CASE", "both")]).new_user().await;
    let task = ada.create(json!({"title": "t", "completed": true})).await;
    assert_eq!(task.get("completedAt"), task.get("completed_at"));
    assert!(task.get("completedAt").is_some());
}

#[tokio::test]
async fn bulk_operations_have_all_fields() {
    let ada = api().new_user().await;
    let [tagged, plain] = [full(&ada).await, ada.create(json!({"title": "Buy bread"})).await];
    let body = json!({"operations": [
        {"op": "create", "title": "Buy tea", "tags": "a,b", "category": "c", "status": "done"},
        {"op": "create", "title": "Buy rice"},
        {"op": "update", "id": tagged["id"], "tags": null, "category": "none", "status": "completed"},
        {"op": "update", "id": plain["id"], "tag_ids": [{"name": "x"}], "category": "y"},
        {"op": "complete", "id": plain["id"], "status": "completed"},
    ]});
    let response = ada.post("/api/tasks/bulk", &body).await.expect_status(200);
    let fields = |index: usize| {
        let task = &response["results"][index]["task"];
        json!([task["tags"], task["category"], task["status"]])
    };
    assert_eq!(fields(0), json!([["a", "b"], "c", "completed"]));
    assert_eq!(fields(1), json!([[], null, "pending"]));
    assert_eq!(fields(2), json!([[], null, "completed"]));
    assert_eq!(fields(3), json!([["x"], "y", "completed"]));
    for result in response["results"].as_array().expect("results") {
        assert_eq!(result["task"]["txid"], response["txid"]);
        let mut task = result["task"].clone();
        task.as_object_mut().and_then(|task| task.remove("txid"));
        assert_eq!(ada.get(&path_of(&task)).await.json, task);
    }
    let ids = json!([tagged["id"], plain["id"]]);
    let short = json!({"task_ids": ids, "status": "pending", "tags": ["later"], "category": "z"});
    ada.post("/api/tasks/bulk", &short).await.expect_status(200);
    for task in [&tagged, &plain] {
        let task = ada.get(&path_of(task)).await;
        assert_eq!(json!([task["tags"], task["category"], task["status"]]), json!([["later"], "z", "pending"]));
    }
}

#[tokio::test]
async fn merged_operations_keep_each_field() {
    let ada = api().new_user().await;
    let id = full(&ada).await["id"].clone();
    let body = json!({"operations": [
        {"op": "update", "id": id, "tags": ["a"]},
        {"op": "update", "id": id, "category": "c", "completed": true, "status": "pending"},
        {"op": "update", "id": id, "title": "Buy bread"},
    ]});
    let response = ada.post("/api/tasks/bulk", &body).await.expect_status(200);
    let task = &response["results"][2]["task"];
    assert_eq!(
        json!([task["title"], task["tags"], task["category"], task["completed"], task["version"]]),
        json!(["Buy bread", ["a"], "c", true, 2])
    );
}

#[tokio::test]
async fn changes_have_all_fields() {
    let ada = api().new_user().await;
    let mut follower = Follower::started(&ada).await;
    let task = full(&ada).await;
    let changes = follower.catch_up(10).await;
    assert_eq!(changes.last().map(|change| &change["task"]), Some(&task));
    let changed = change(&ada, "PUT", &task, &json!({"tags": ["other"]})).await;
    assert_eq!(follower.catch_up(10).await.last().map(|change| &change["task"]), Some(&changed));
}

#[tokio::test]
async fn keys_distinguish_the_new_fields() {
    let ada = api().new_user().await;
    let create = |body: Value| ada.request("POST", "/api/tasks").json(&body).header("idempotency-key", "k");
    let body = json!({"title": "t", "tags": ["a", "b"], "category": "c"});
    let created = ada.send(create(body)).await.expect_status(201);
    let spelled = json!({"title": "t", "tagIds": [{"name": "a"}, "b", "A"], "category": " c "});
    let replayed = ada.send(create(spelled)).await.expect_status(201);
    assert_eq!((&replayed.json, replayed.header("idempotent-replayed")), (&created.json, Some("true")));
    for other in [json!({"title": "t"}), json!({"title": "t", "tags": ["b", "a"], "category": "c"})] {
        assert_eq!(ada.send(create(other)).await.expect_status(422)["code"], "idempotency_key_reused");
    }
    let path = path_of(&created.json);
    let edit = json!({"completed": true, "status": "pending", "tag_ids": ["x"], "tags": ["a", "b"]});
    for _ in 0..3 {
        let changed = ada.send(ada.request("PUT", &path).json(&edit).header("idempotency-key", "k")).await;
        let changed = changed.expect_status(200);
        assert_eq!((&changed["completed"], &changed["tags"]), (&json!(true), &json!(["x"])));
    }
}

#[tokio::test]
async fn answer_of_an_earlier_release_is_replayed() {
    let ada = api().new_user().await;
    let request = ada.request("POST", "/api/tasks").json(&json!({"title": "t"})).header("idempotency-key", "k");
    let created = ada.send(request.clone()).await.expect_status(201);
    let client = database::connect().await;
    let update = "update tasks_api.idempotency_keys
                  set answer = answer - array['tags', 'category', 'completed_at']
                  where user_id::text = $1";
    assert_eq!(client.execute(update, &[&ada.id]).await.expect("an update"), 1);
    assert_eq!(ada.send(request).await.expect_status(201).json, created.json);
}

#[tokio::test]
async fn entity_tag_changes_with_each_field() {
    let ada = api().new_user().await;
    let path = path_of(&full(&ada).await);
    for body in [json!({"tags": ["x"]}), json!({"category": "x"}), json!({"status": "done"})] {
        let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
        let conditional = |etag: &str| ada.request("PUT", &path).json(&body).header("if-match", etag);
        let changed = ada.send(conditional(&etag)).await.expect_status(200);
        assert_ne!(changed.header("etag"), Some(&*etag), "{body}");
        ada.send(conditional(&etag)).await.expect_status(412);
    }
}
