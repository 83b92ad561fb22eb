//! `TASK_EXTRA_FIELDS`: members that the front end has of its own, in a table without columns for them.

use dev::testing::client::{Follower, TestUser};
use serde_json::{Value, json};

use crate::kit::{Api, api, api_with, database};

const FIELDS: (&str, &str) = ("TASK_EXTRA_FIELDS", "starred=is_starred, is_archived,color,meta,isPinned,order");
const MEMBERS: [&str; 6] = ["starred", "is_archived", "color", "meta", "isPinned", "order"];
const METHODS: [&str; 2] = ["PUT", "PATCH"];

fn extra_api() -> Api {
    api_with(&[FIELDS])
}

/// The members of a task, in the order of the setting.
fn extra(task: &Value) -> Value {
    MEMBERS.map(|name| task.get(name).unwrap_or_else(|| panic!("{task} has no {name}")).clone()).into_iter().collect()
}

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", dev::testing::client::TaskId::from_task(task))
}

async fn change(ada: &TestUser, method: &str, task: &Value, body: Value) -> Value {
    let changed = ada.send(ada.request(method, &path_of(task)).json(&body)).await.expect_status(200).json;
    assert_eq!(ada.get(&path_of(task)).await.json, changed, "{body}");
    changed
}

#[tokio::test]
async fn members_are_stored_and_answered() {
    let ada = extra_api().new_user().await;
    let meta = json!({"a": [1, 2.5, null, "ü 'x' \"y\""], "": {"title": "no title"}});
    let body = json!({"title": "t", "starred": true, "color": "red", "meta": meta, "is_archived": null, "order": 7});
    let task = ada.create(body).await;
    let expected = json!([true, null, "red", meta, null, 7]);
    assert_eq!(extra(&task), expected);
    assert_eq!(extra(&ada.get(&path_of(&task)).await.json), expected);
    assert_eq!(extra(ada.get("/api/tasks").await.tasks()[0]), expected);
    assert_eq!(extra(ada.get("/api/tasks/search?q=t&sort=due_date&order=desc").await.tasks()[0]), expected);
    let empty = ada.create(json!({"title": "u"})).await;
    assert_eq!(extra(&empty), json!([null, null, null, null, null, null]));
    // Without the setting the members are neither shown nor changed.
    let plain = api().client.user(&ada.id, &api().stack().token(&ada.id));
    let seen = plain.put(&path_of(&task), &json!({"color": "blue", "title": "v"})).await.expect_status(200);
    assert_eq!((seen.json.get("color"), seen.json.get("starred")), (None, None));
    assert_eq!(extra(&ada.get(&path_of(&task)).await.json), expected);
}

#[tokio::test]
async fn a_change_changes_what_it_names() {
    let ada = extra_api().new_user().await;
    for method in METHODS {
        let task = ada.create(json!({"title": "t", "starred": true, "color": "red", "isPinned": [1]})).await;
        let changed = change(&ada, method, &task, json!({"color": "blue", "order": 2})).await;
        assert_eq!(extra(&changed), json!([true, null, "blue", null, [1], 2]));
        assert_eq!(changed["version"], 2);
        let renamed = change(&ada, method, &task, json!({"title": "u"})).await;
        assert_eq!((extra(&renamed), &renamed["version"]), (extra(&changed), &json!(3)));
        let cleared = change(&ada, method, &task, json!({"starred": null, "isPinned": null})).await;
        assert_eq!(extra(&cleared), json!([null, null, "blue", null, null, 2]));
        // What is stored already is no change.
        let same = change(&ada, method, &task, json!({"starred": null, "color": "blue", "order": 2})).await;
        assert_eq!((&same["version"], &same["updated_at"]), (&json!(4), &cleared["updated_at"]));
        let whole = change(&ada, method, &task, cleared.clone()).await;
        assert_eq!(whole["version"], 4);
        ada.send(ada.request(method, &path_of(&task)).json(&json!({"is_starred": true}))).await.expect_status(422);
    }
}

#[tokio::test]
async fn entity_tags_are_those_of_the_members() {
    let ada = extra_api().new_user().await;
    let task = ada.create(json!({"title": "t", "color": "red"})).await;
    let etag = ada.get(&path_of(&task)).await.header("etag").expect("an entity tag").to_owned();
    let with = |etag: &str, body: Value| ada.request("PUT", &path_of(&task)).json(&body).header("if-match", etag);
    let changed = ada.send(with(&etag, json!({"color": "blue"}))).await.expect_status(200);
    assert_ne!(changed.header("etag"), Some(&*etag));
    assert_eq!(extra(&changed.json)[2], "blue");
    ada.send(with(&etag, json!({"color": "green"}))).await.expect_status(412);
    let etag = changed.header("etag").expect("an entity tag");
    ada.send(ada.request("GET", &path_of(&task)).header("if-none-match", etag)).await.expect_status(304);
    let stale = json!({"color": "green", "expected_updated_at": task["updated_at"]});
    ada.put(&path_of(&task), &stale).await.expect_status(412);
    assert_eq!(extra(&ada.get(&path_of(&task)).await.json)[2], "blue");
}

#[tokio::test]
async fn other_operations_keep_members() {
    let ada = extra_api().new_user().await;
    let body =
        json!({"title": "t", "due_date": "2030-01-31", "recurrence": "weekly", "color": "red", "meta": {"a": 1}});
    let task = ada.create(body).await;
    let path = path_of(&task);
    let skipped = ada.post(&format!("{path}/skip"), &json!({})).await.expect_status(200).json;
    let tagged = ada.post(&format!("{path}/tags"), &json!({"tags": ["a"]})).await.expect_status(200).json;
    let completed = ada.patch(&format!("{path}/complete"), &json!({"completed": true})).await.expect_status(200).json;
    for task in [&skipped, &tagged, &completed] {
        assert_eq!(extra(task), extra(&completed));
        assert_eq!(extra(task)[2], "red");
    }
    let list = ada.get("/api/tasks?status=pending").await;
    assert_eq!((list.tasks().len(), extra(list.tasks()[0])), (1, extra(&completed)), "the next one has them too");
    assert_eq!(ada.patch("/api/tags/a", &json!({"name": "b"})).await.expect_status(200)["name"], "b");
    assert_eq!(extra(&ada.get(&path).await.json), extra(&completed));
}

#[tokio::test]
async fn keys_cover_members() {
    let ada = extra_api().new_user().await;
    let create = |body: Value| ada.request("POST", "/api/tasks").json(&body).header("idempotency-key", "create");
    let body = json!({"title": "t", "starred": true, "meta": {"b": 1, "a": 2}});
    let first = ada.send(create(body)).await.expect_status(201);
    let other_order = json!({"meta": {"a": 2, "b": 1}, "color": null, "starred": true, "title": "t"});
    let again = ada.send(create(other_order)).await.expect_status(201);
    assert_eq!(again.json, first.json);
    assert_eq!(extra(&again.json), json!([true, null, null, {"a": 2, "b": 1}, null, null]));
    for body in [json!({"title": "t"}), json!({"title": "t", "starred": false, "meta": {"b": 1, "a": 2}})] {
        ada.send(create(body)).await.expect_status(422);
    }
    let path = path_of(&first.json);
    let update = |body: Value| ada.request("PUT", &path).json(&body).header("idempotency-key", "update");
    let changed = ada.send(update(json!({"color": "red"}))).await.expect_status(200).json;
    ada.put(&path, &json!({"color": "blue"})).await.expect_status(200);
    assert_eq!(ada.send(update(json!({"color": "red"}))).await.expect_status(200).json, changed);
    ada.send(update(json!({"color": "blue"}))).await.expect_status(422);
    assert_eq!(extra(&ada.get(&path).await.json)[2], "blue");
}

#[tokio::test]
async fn several_tasks_at_once_have_members() {
    let ada = extra_api().new_user().await;
    let bulk = async |body: Value| ada.post("/api/tasks/bulk", &body).await;
    let one = ada.create(json!({"title": "1", "color": "red"})).await;
    for atomic in [true, false] {
        let body = json!({"atomic": atomic, "operations": [
            {"op": "create", "title": "2", "starred": true},
            {"op": "create", "title": "3", "meta": [1], "priority": "low"},
            {"op": "create", "title": "4"},
            {"op": "update", "id": one["id"], "color": "blue", "order": 1},
            {"op": "update", "id": one["id"], "isPinned": true, "order": null},
        ]});
        let response = bulk(body).await.expect_status(200);
        let tasks = response["results"].as_array().expect("results").iter().map(|result| extra(&result["task"]));
        assert_eq!(
            tasks.collect::<Value>(),
            json!([
                [true, null, null, null, null, null],
                [null, null, null, [1], null, null],
                [null, null, null, null, null, null],
                [null, null, "blue", null, true, if atomic { json!(null) } else { json!(1) }],
                [null, null, "blue", null, true, null],
            ])
        );
    }
    let ids: Vec<Value> = ada.get("/api/tasks").await.tasks().iter().map(|task| task["id"].clone()).collect();
    bulk(json!({"task_ids": ids, "is_archived": true, "color": null})).await.expect_status(200);
    for task in ada.get("/api/tasks").await.tasks() {
        assert_eq!((&task["is_archived"], &task["color"]), (&json!(true), &json!(null)));
    }
    bulk(json!({"task_ids": ids, "color": null})).await.expect_status(200);
    bulk(json!({"task_ids": ids, "priority": null})).await.expect_status(422);
}

#[tokio::test]
async fn changes_have_members() {
    let ada = extra_api().new_user().await;
    for number in 0..3 {
        ada.create(json!({"title": "t", "order": number})).await;
    }
    let mut follower = Follower::new(&ada);
    follower.catch_up(1).await;
    let tasks = ada.get("/api/tasks").await.json;
    let task = &tasks[0];
    change(&ada, "PUT", task, json!({"meta": {"a": 1}})).await;
    ada.delete(&path_of(&tasks[1])).await.expect_status(204);
    follower.catch_up(1).await;
    assert_eq!(follower.tasks.values().cloned().collect::<Vec<_>>().len(), 2);
    for task in follower.tasks.values() {
        assert_eq!(*task, ada.get(&path_of(task)).await.json);
        assert!(task["order"].is_number());
    }
}

#[tokio::test]
async fn both_spellings_are_read_and_answered() {
    let ada = api_with(&[("TASK_JSON_CASE", "both"), FIELDS]).new_user().await;
    let task = ada.create(json!({"title": "t", "isArchived": false, "color": "red", "isPinned": 1})).await;
    assert_eq!((&task["isArchived"], &task["is_archived"]), (&json!(false), &json!(false)));
    assert_eq!((extra(&task), task.get("is_pinned")), (json!([null, false, "red", null, 1, null]), None));
    // A form that spreads a task and changes one of the spellings.
    for name in ["isArchived", "is_archived"] {
        let mut form = ada.get(&path_of(&task)).await.json;
        for value in [json!(true), json!("no"), json!(null), json!(false)] {
            form[name] = value.clone();
            let changed = change(&ada, "PUT", &task, form.clone()).await;
            assert_eq!((&changed["isArchived"], &changed["is_archived"]), (&value, &value), "{name}");
            form = changed;
        }
    }
}

#[tokio::test]
async fn lists_are_filtered_by_booleans() {
    let ada = extra_api().new_user().await;
    for (title, value) in
        [("a", json!(true)), ("b", json!(false)), ("c", json!(null)), ("d", json!("true")), ("e", json!(true))]
    {
        ada.create(json!({"title": title, "is_archived": value, "isPinned": title == "e"})).await;
    }
    let titles = async |query: &str| {
        let list = ada.get(&format!("/api/tasks?sort=title&{query}")).await.expect_status(200);
        list.tasks().iter().map(|task| task["title"].as_str().unwrap_or_default().to_owned()).collect::<String>()
    };
    for (query, expected) in [
        ("is_archived=true", "ae"),
        ("isArchived=TRUE", "ae"),
        ("is_archived=false", "bcd"),
        ("is_archived=all", "abcde"),
        ("is_archived=", "abcde"),
        ("is_archived=true&isPinned=false", "a"),
        ("is_starred=true&starred=false", "abcde"),
        ("order=desc", "edcba"),
    ] {
        assert_eq!(titles(query).await, expected, "{query}");
    }
    ada.get("/api/tasks?color=red&is_archived=1").await.expect_invalid_at(&["/is_archived", "/color"]);
    assert_eq!(ada.get("/api/tasks/search?q=a&is_archived=true").await.tasks().len(), 1);
}

#[tokio::test]
async fn cursor_keeps_the_filter() {
    let ada = extra_api().new_user().await;
    for number in 0..4 {
        ada.create(json!({"title": "t", "is_archived": number % 2 == 0})).await;
    }
    let first = ada.get("/api/tasks?limit=1&is_archived=true").await.expect_status(200);
    let link = first.header("link").expect("a next page").to_owned();
    let cursor =
        link.split("cursor=").nth(1).and_then(|rest| rest.split(['>', '&']).next()).expect("a cursor").to_owned();
    let next = ada.get(&format!("/api/tasks?limit=5&cursor={cursor}")).await.expect_status(200);
    assert_eq!(next.tasks().iter().map(|task| &task["is_archived"]).collect::<Vec<_>>(), [true]);
    ada.get(&format!("/api/tasks?cursor={cursor}&is_archived=true")).await.expect_status(200);
    ada.get(&format!("/api/tasks?cursor={cursor}&is_archived=false")).await.expect_status(400);
    // A stack that does not know the member would return other tasks.
    let plain = api().client.user(&ada.id, &api().stack().token(&ada.id));
    plain.get(&format!("/api/tasks?cursor={cursor}")).await.expect_status(400);
}

#[tokio::test]
async fn values_cannot_reach_other_columns() {
    let ada = extra_api().new_user().await;
    let bob = extra_api().new_user().await;
    let task = ada.create(json!({"title": "t", "meta": 1})).await;
    let attack = json!({
        "set": {"user_id": bob.id, "title": "x"}, "user_id": bob.id, "extra_input": {"set": {"version": 9}},
        "'); drop table tasks; --": "}", "is_starred": "x"
    });
    let changed = change(&ada, "PUT", &task, json!({"meta": attack, "color": "'); drop table tasks; --"})).await;
    assert_eq!((&changed["meta"], &changed["user_id"]), (&attack, &json!(ada.id)));
    assert_eq!((&changed["title"], &changed["version"]), (&json!("t"), &json!(2)));
    for body in [
        json!({"extra": {"color": "blue"}, "title": "t"}),
        json!({"extra_input": {"set": {"color": "blue"}}, "title": "t"}),
        json!({"last_request": "x", "idempotency_key": "x", "changed_in": "9", "is_starred": true, "title": "t"}),
    ] {
        assert_eq!(change(&ada, "PUT", &task, body.clone()).await["version"], 2, "{body}");
    }
    assert_eq!(bob.get("/api/tasks").await.tasks().len(), 0);
    let row = &database::rows_of(&ada).await[0];
    assert_eq!(row["extra_input"], json!(null));
    assert_eq!(row["extra"], json!({"meta": attack, "color": "'); drop table tasks; --"}));
    for body in [json!({"meta": {"a": ["\u{0}"]}}), json!({"meta": {"\u{0}": 1}}), json!({"meta": "\u{0}"})] {
        ada.put(&path_of(&task), &body).await.expect_invalid_at(&["/meta"]);
    }
}
