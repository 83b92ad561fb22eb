//! The recurrence rule and the time zone of a task in requests and responses, and the members that are derived from them.

use dev::testing::client::{Follower, TaskId, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

const METHODS: [&str; 2] = ["PUT", "PATCH"];
const DERIVED: &str = "is_recurring, recurrence,recurrence_pattern,recurrence_interval,recurrence_end_date,parent_task_id,\
                       is_overdue,is_completed";

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", TaskId::from_task(task))
}

/// Changes the task, and returns what it is then.
async fn change(ada: &TestUser, method: &str, task: &Value, body: &Value) -> Value {
    let changed = ada.send(ada.request(method, &path_of(task)).json(body)).await.expect_status(200).json;
    assert_eq!(ada.get(&path_of(task)).await.json, changed, "{body}");
    changed
}

fn with(body: &Value, other: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    body
}

#[tokio::test]
async fn rule_is_read_in_every_spelling() {
    let ada = api().new_user().await;
    for (body, rule) in [
        (json!({"recurrence_rule": "RRULE:interval=2;FREQ=weekly;BYDAY=WE,MO"}), "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        (json!({"recurrenceRule": "FREQ=DAILY;INTERVAL=1"}), "FREQ=DAILY"),
        (json!({"recurrence": "monthly"}), "FREQ=MONTHLY"),
        (
            json!({"is_recurring": true, "recurrence_pattern": "daily", "recurrence_interval": 3}),
            "FREQ=DAILY;INTERVAL=3",
        ),
        (json!({"recurring": "yearly"}), "FREQ=YEARLY"),
    ] {
        let new = ada.create(with(&body, &json!({"title": "t", "due_date": "2030-01-31"}))).await;
        assert_eq!(new["recurrence_rule"], rule, "{body}");
        for method in METHODS {
            let task = ada.create(json!({"title": "t", "due_date": "2030-01-31"})).await;
            assert_eq!(change(&ada, method, &task, &body).await["recurrence_rule"], rule, "{body}");
        }
        for cleared in [json!({"recurrence_rule": null}), json!({"recurrence": "none"}), json!({"is_recurring": false})]
        {
            let changed = change(&ada, "PUT", &new, &cleared).await;
            assert_eq!(changed["recurrence_rule"], json!(null), "{cleared}");
            change(&ada, "PUT", &new, &body).await;
        }
    }
}

#[tokio::test]
async fn absent_or_equal_rule_is_no_change() {
    let ada = api().new_user().await;
    let body = json!({"title": "t", "due_date": "2030-01-31", "recurrence": "weekly", "timezone": "Europe/Berlin"});
    let task = ada.create(body).await;
    for body in [
        json!({"recurrence_rule": "FREQ=WEEKLY"}),
        json!({"recurrence_pattern": "weekly", "is_recurring": true}),
        json!({"timeZone": "Europe/Berlin"}),
        json!({"due_date": "2030-01-31"}),
        json!({"due_date": "2030-01-31T00:00:00"}),
    ] {
        assert_eq!(change(&ada, "PUT", &task, &body).await, task, "{body}");
    }
    let renamed = change(&ada, "PUT", &task, &json!({"title": "u"})).await;
    assert_eq!((&renamed["recurrence_rule"], &renamed["time_zone"]), (&json!("FREQ=WEEKLY"), &json!("Europe/Berlin")));
}

#[tokio::test]
async fn failures_of_a_rule_are_named() {
    let ada = api().new_user().await;
    let path = path_of(&ada.create(json!({"title": "t"})).await);
    for (body, pointer) in [
        (json!({"recurrence_rule": "FREQ=HOURLY"}), "/recurrence_rule"),
        (json!({"recurrence": "sometimes"}), "/recurrence"),
        (json!({"recurrence_pattern": "daily", "recurrence_interval": 1000}), "/recurrence_interval"),
        (json!({"time_zone": "Europe Berlin!"}), "/time_zone"),
        (json!({"timezone": 7}), "/time_zone"),
    ] {
        ada.post("/api/tasks", &with(&body, &json!({"title": "t"}))).await.expect_invalid_at(&[pointer]);
        ada.put(&path, &body).await.expect_invalid_at(&[pointer]);
    }
}

#[tokio::test]
async fn zone_that_the_server_does_not_know_is_named() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "t"})).await;
    let path = path_of(&task);
    let zone = json!({"time_zone": "Europe/Atlantis"});
    let detail = "time_zone must be the name of a time zone such as Europe/Berlin";
    let create = ada.request("POST", "/api/tasks").json(&with(&zone, &json!({"title": "t"})));
    let etag = ada.get(&path).await.header("etag").expect("an entity tag").to_owned();
    let update = ada.request("PUT", &path).json(&zone);
    let conditional = update.clone().header("if-match", etag);
    for request in [create.clone(), update.clone(), conditional] {
        assert_eq!(ada.send(request).await.expect_invalid_at(&["/time_zone"])["detail"], detail);
    }
    for request in [create, update] {
        let keyed = request.header("idempotency-key", "k");
        assert_eq!(ada.send(keyed).await.expect_invalid_at(&["/time_zone"])["detail"], detail);
    }
    let operations = |atomic: bool| {
        json!({"atomic": atomic, "operations": [
            {"op": "update", "id": task["id"], "time_zone": "Europe/Berlin"},
            {"op": "create", "title": "t", "timezone": "Europe/Atlantis"},
            {"op": "create", "title": "u", "timezone": ""},
        ]})
    };
    let response = ada.post("/api/tasks/bulk", &operations(true)).await.expect_status(422);
    let error = &response["errors"][0];
    assert_eq!((&error["pointer"], &error["detail"]), (&json!("/operations/1/time_zone"), &json!(detail)));
    assert_eq!(ada.get(&path).await["time_zone"], json!(null));
    let response = ada.post("/api/tasks/bulk", &operations(false)).await.expect_status(200);
    let statuses: Vec<&Value> =
        response["results"].as_array().expect("results").iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [200, 422, 201]);
    assert_eq!(ada.get(&path).await["time_zone"], "Europe/Berlin");
}

#[tokio::test]
async fn zone_is_read_in_every_spelling() {
    let ada = api().new_user().await;
    for name in ["time_zone", "timeZone", "timezone"] {
        let new = ada.create(json!({"title": "t", name: "America/New_York"})).await;
        assert_eq!(new["time_zone"], "America/New_York", "{name}");
        assert_eq!(change(&ada, "PUT", &new, &json!({name: "UTC"})).await["time_zone"], "UTC", "{name}");
        for empty in [json!(null), json!(""), json!("none")] {
            change(&ada, "PUT", &new, &json!({"time_zone": "Asia/Tokyo"})).await;
            assert_eq!(change(&ada, "PUT", &new, &json!({name: empty})).await["time_zone"], json!(null), "{empty}");
        }
        let stale = json!({"time_zone": null, "timezone": "Asia/Tokyo"});
        assert_eq!(change(&ada, "PUT", &new, &stale).await["time_zone"], "Asia/Tokyo");
    }
}

#[tokio::test]
async fn bare_date_is_stored_as_one() {
    let ada = api().new_user().await;
    let is_date = async || database::rows_of(&ada).await[0]["due_is_date"].clone();
    let task = ada.create(json!({"title": "t", "due_date": "2030-01-31"})).await;
    assert_eq!(is_date().await, true);
    for (due_date, expected) in [
        ("2030-01-31T00:00:00", json!(true)),
        ("2030-02-01T17:30", json!(false)),
        ("2030-02-02T00:00", json!(false)),
        ("2030-02-03", json!(true)),
        ("2030-02-04T00:00:00", json!(true)),
        ("2030-02-04T09:00:00Z", json!(false)),
    ] {
        change(&ada, "PUT", &task, &json!({"due_date": due_date})).await;
        assert_eq!(is_date().await, expected, "{due_date}");
    }
}

#[tokio::test]
async fn bulk_and_changes_have_the_rule() {
    let ada = api().new_user().await;
    let plain = ada.create(json!({"title": "t"})).await;
    let mut follower = Follower::started(&ada).await;
    let body = json!({"operations": [
        {"op": "create", "title": "a", "due_date": "2030-01-31", "recurrence": "monthly", "timezone": "Europe/Berlin"},
        {"op": "create", "title": "b", "due_date": "2030-01-31T00:00"},
        {"op": "update", "id": plain["id"], "due_date": "2030-01-31", "recurrence_rule": "FREQ=DAILY"},
        {"op": "update", "id": plain["id"], "time_zone": "Asia/Tokyo"},
    ]});
    let response = ada.post("/api/tasks/bulk", &body).await.expect_status(200);
    let fields = |task: &Value| json!([task["due_date"], task["recurrence_rule"], task["time_zone"]]);
    let result = |index: usize| fields(&response["results"][index]["task"]);
    assert_eq!(result(0), json!(["2030-01-31T00:00:00", "FREQ=MONTHLY", "Europe/Berlin"]));
    assert_eq!(result(1), json!(["2030-01-31T00:00:00", null, null]));
    assert_eq!(result(3), json!(["2030-01-31T00:00:00", "FREQ=DAILY", "Asia/Tokyo"]));
    let changes = follower.catch_up(10).await;
    assert_eq!(changes.len(), 3);
    for change in &changes {
        assert_eq!(ada.get(&path_of(&change["task"])).await.json, change["task"]);
    }
    let short = json!({"task_ids": [plain["id"]], "recurrence_rule": "none", "time_zone": "none"});
    ada.post("/api/tasks/bulk", &short).await.expect_status(200);
    assert_eq!(fields(&ada.get(&path_of(&plain)).await.json), json!(["2030-01-31T00:00:00", null, null]));
}

#[tokio::test]
async fn keys_distinguish_the_rule() {
    let ada = api().new_user().await;
    let create = |body: Value| ada.request("POST", "/api/tasks").json(&body).header("idempotency-key", "k");
    let body = json!({"title": "t", "due_date": "2030-01-31", "recurrence": "weekly", "timezone": "Asia/Tokyo"});
    let created = ada.send(create(body)).await.expect_status(201);
    let spelled =
        json!({"title": "t", "dueDate": "2030-01-31T00:00", "recurrenceRule": "FREQ=WEEKLY", "timeZone": "Asia/Tokyo"});
    let replayed = ada.send(create(spelled.clone())).await.expect_status(201);
    assert_eq!((&replayed.json, replayed.header("idempotent-replayed")), (&created.json, Some("true")));
    for other in [json!({"recurrenceRule": "FREQ=DAILY"}), json!({"timeZone": "UTC"})] {
        assert_eq!(ada.send(create(with(&spelled, &other))).await.expect_status(422)["code"], "idempotency_key_reused");
    }
}

#[tokio::test]
async fn derived_members_can_be_added() {
    let ada = api_with(&[("TASK_FIELDS", DERIVED)]).new_user().await;
    let plain = ada.create(json!({"title": "t"})).await;
    for (name, value) in [
        ("is_recurring", json!(false)),
        ("recurrence", json!(null)),
        ("recurrence_pattern", json!(null)),
        ("recurrence_interval", json!(null)),
        ("recurrence_end_date", json!(null)),
        ("parent_task_id", json!(null)),
        ("is_overdue", json!(false)),
        ("is_completed", json!(false)),
    ] {
        assert_eq!(plain.get(name), Some(&value), "{name}");
    }
    let rule = "FREQ=WEEKLY;INTERVAL=2;UNTIL=20301231";
    let body = json!({"title": "t", "due_date": "2020-01-01", "recurrence_rule": rule});
    let task = ada.create(body).await;
    for (name, value) in [
        ("is_recurring", json!(true)),
        ("recurrence", json!("biweekly")),
        ("recurrence_pattern", json!("weekly")),
        ("recurrence_interval", json!(2)),
        ("recurrence_end_date", json!("2030-12-31T00:00:00")),
        ("is_overdue", json!(true)),
    ] {
        assert_eq!(task.get(name), Some(&value), "{name}");
    }
    // A form sends everything back, with one member changed.
    assert_eq!(change(&ada, "PUT", &task, &task).await, task);
    for (edit, rule) in [
        (json!({"recurrence_pattern": "daily"}), "FREQ=DAILY;INTERVAL=2;UNTIL=20301231"),
        (json!({"recurrence_interval": 1}), "FREQ=WEEKLY;UNTIL=20301231"),
        (json!({"recurrence_end_date": null}), "FREQ=WEEKLY;INTERVAL=2"),
        (json!({"recurrence_rule": "FREQ=YEARLY;COUNT=3"}), "FREQ=YEARLY;COUNT=3"),
    ] {
        let task =
            ada.create(json!({"title": "t", "due_date": "2020-01-01", "recurrence_rule": task["recurrence_rule"]}));
        let task = task.await;
        let changed = change(&ada, "PUT", &task, &with(&task, &edit)).await;
        assert_eq!(changed["recurrence_rule"], rule, "{edit}");
    }
    let changed = change(&ada, "PUT", &plain, &with(&plain, &json!({"is_completed": true}))).await;
    assert_eq!((&changed["completed"], &changed["is_completed"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn derived_members_have_both_cases() {
    let variables = [("TASK_FIELDS", "isRecurring,recurrence_interval"), ("TASK_JSON_CASE", "both")];
    let ada = api_with(&variables).new_user().await;
    let task = ada.create(json!({"title": "t", "recurrence": "daily"})).await;
    for name in ["is_recurring", "isRecurring"] {
        assert_eq!(task.get(name), Some(&json!(true)), "{name}");
    }
    assert_eq!((task.get("recurrenceInterval"), task.get("recurrence_pattern")), (Some(&json!(1)), None));
}

#[tokio::test]
async fn tags_have_the_form_of_the_setting() {
    let tag = |name: &str| json!({"id": name, "name": name, "color": null});
    for (form, expected, empty) in [
        ("objects", json!([tag("Home"), tag("work")]), json!([])),
        ("string", json!("Home,work"), json!("")),
        ("names", json!(["Home", "work"]), json!([])),
    ] {
        let ada = api_with(&[("TASK_TAGS", form)]).new_user().await;
        let task = ada.create(json!({"title": "t", "tags": ["Home", "work"]})).await;
        assert_eq!(task["tags"], expected);
        assert_eq!(ada.create(json!({"title": "t"})).await["tags"], empty);
        // A form sends back what it has read.
        assert_eq!(change(&ada, "PUT", &task, &task).await, task);
    }
}

#[tokio::test]
async fn tags_as_objects_have_their_colors() {
    let api = api_with(&[("TASK_TAGS", "objects")]);
    let (ada, bob) = (api.new_user().await, api.new_user().await);
    for (user, name, color) in [(&ada, "WORK", "red"), (&bob, "Home", "blue"), (&ada, "other", "green")] {
        user.post("/api/tags", &json!({"name": name, "color": color})).await.expect_status(201);
    }
    let body = json!({"title": "t", "tags": ["Home", "work"]});
    let tag = |name: &str, color: Value| json!({"id": name, "name": name, "color": color});
    let expected = json!([tag("Home", json!(null)), tag("work", json!("red"))]);
    let mut task = ada.create(body.clone()).await;
    assert_eq!(task["tags"], expected);
    let keyed = ada.request("POST", "/api/tasks").json(&body).header("idempotency-key", "k");
    assert_eq!(ada.send(keyed).await.expect_status(201)["tags"], expected);
    assert_eq!(change(&ada, "PUT", &task, &task).await, task);
    for task in ada.get("/api/tasks?sort=due_date&order=desc").await.tasks() {
        assert_eq!(task["tags"], expected);
    }
    let mut follower = Follower::new(&ada);
    follower.catch_up(10).await;
    assert!(follower.tasks.values().all(|task| task["tags"] == expected));
    ada.patch("/api/tags/work", &json!({"color": "pink"})).await.expect_status(200);
    task["tags"][1]["color"] = json!("pink");
    assert_eq!(ada.get(&path_of(&task)).await.json, task);
}

/// Completes the task in one of several ways, and returns what the response says.
async fn complete(ada: &TestUser, way: usize, task: &Value) -> Value {
    let path = path_of(task);
    let put = ada.request("PUT", &path);
    let request = match way {
        0 => ada.request("PATCH", &format!("{path}/complete")),
        1 => put.json(&json!({"status": "completed"})),
        2 => put.json(&json!({"completed": true})).header("idempotency-key", "k"),
        _ => {
            let body = json!({"operations": [{"op": "complete", "id": task["id"], "completed": true}]});
            let response = ada.post("/api/tasks/bulk", &body).await.expect_status(200);
            let mut task = response["results"][0]["task"].clone();
            task.as_object_mut().and_then(|task| task.remove("txid"));
            return task;
        }
    };
    ada.send(request).await.expect_status(200).json
}

#[tokio::test]
async fn completion_answers_with_the_next_occurrence() {
    for way in 0..4 {
        for (due_date, next) in [
            ("2030-01-31", "2030-02-28T00:00:00"),
            ("2030-01-31T17:30", "2030-02-28T17:30:00"),
            ("2030-01-31T17:30:00Z", "2030-02-28T17:30:00.000000Z"),
        ] {
            let ada = api_with(&[("TASK_FIELDS", "parent_task_id")]).new_user().await;
            let body = json!({
                "title": "Pay the rent", "due_date": due_date, "recurrence": "monthly", "tags": ["Home"], "category": "c",
                "time_zone": "Europe/London"
            });
            let task = ada.create(body).await;
            assert_eq!(task["next_occurrence"], json!(null), "{due_date}");
            let completed = complete(&ada, way, &task).await;
            assert_eq!((&completed["id"], &completed["status"]), (&task["id"], &json!("completed")), "{way}");
            assert_eq!(completed["next_occurrence"], next, "{way}");
            assert!(completed["completed_at"].as_str() > task["created_at"].as_str(), "{completed}");
            assert_eq!(ada.get(&path_of(&task)).await.json, completed, "{way}");
            let pending = ada.get("/api/tasks?status=pending").await.expect_status(200);
            let [successor] = pending.tasks()[..] else { panic!("one successor: {}", pending.json) };
            assert_eq!((&successor["due_date"], &successor["parent_task_id"]), (&json!(next), &task["id"]), "{way}");
            for name in ["title", "recurrence_rule", "tags", "category", "time_zone"] {
                assert_eq!(successor[name], task[name], "{name}");
            }
            let reopened = ada.put(&path_of(&task), &json!({"completed": false})).await.expect_status(200);
            assert_eq!(
                (&reopened["completed_at"], &reopened["next_occurrence"]),
                (&json!(null), &json!(null)),
                "{way}"
            );
            assert_eq!(ada.get("/api/tasks").await.tasks().len(), 1, "{way}");
        }
    }
}

#[tokio::test]
async fn rule_without_a_due_date_begins_today() {
    let ada = api().new_user().await;
    let today = "select to_char(now() at time zone 'Pacific/Kiritimati', 'YYYY-MM-DD\"T00:00:00\"')";
    let today = async || -> String { database::connect().await.query_one(today, &[]).await.expect("a date").get(0) };
    let before = today().await;
    let rule = json!({"recurrence": "daily", "time_zone": "Pacific/Kiritimati"});
    let new = ada.create(with(&rule, &json!({"title": "t"}))).await;
    let task = ada.create(json!({"title": "t"})).await;
    for task in [new, change(&ada, "PUT", &task, &rule).await] {
        let due_date = task["due_date"].as_str().expect("a due date").to_owned();
        assert!([before.clone(), today().await].contains(&due_date), "{due_date}");
    }
}
