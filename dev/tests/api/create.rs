//! `POST /api/tasks`

use dev::testing::client::{TaskId, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database, schema};

const DUE_DATE: &str = "due_date must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z";

/// Asserts that the value of a member is returned and stored as `kept`.
async fn assert_kept(ada: &TestUser, member: &str, sent: Value, kept: Value) {
    let mut body = json!({"title": "Buy milk"});
    body[member] = sent;
    let task = ada.create(body.clone()).await;
    let snake_case = if member == "dueDate" { "due_date" } else { member };
    assert_eq!(task[snake_case], kept, "{body}");
    assert_eq!(ada.get(&format!("/api/tasks/{}", TaskId::from_task(&task))).await.expect_status(200).json, task);
}

/// Asserts that the value of a member is rejected with this message.
async fn assert_rejected(ada: &TestUser, member: &str, sent: Value, detail: &str) {
    let mut body = json!({"title": "Buy milk"});
    body[member] = sent;
    let pointer = format!("/{member}").replace("dueDate", "due_date");
    let response = ada.post("/api/tasks", &body).await.expect_invalid_at(&[&pointer]);
    assert_eq!((&response["detail"], &response["errors"][0]["detail"]), (&json!(detail), &json!(detail)), "{body}");
}

#[tokio::test]
async fn only_the_title_is_required() {
    for route in ["/api/tasks", "/api/{user_id}/tasks"] {
        let ada = api().new_user().await;
        let path = route.replace("{user_id}", &ada.id);
        let response = ada.post(&path, &json!({"title": "Buy milk"})).await.expect_status(201);
        let id = TaskId::from_task(&response.json);
        assert_eq!(matches!(id, TaskId::Number(_)), schema::has_number_ids(), "{id}");
        let created_at = &response["created_at"];
        let expected = json!({
            "id": response["id"], "user_id": ada.id, "title": "Buy milk", "description": null, "completed": false,
            "priority": null, "due_date": null, "tags": [], "category": null, "status": "pending", "completed_at": null,
            "recurrence_rule": null, "next_occurrence": null, "time_zone": null, "version": 1, "created_at": created_at, "updated_at": created_at
        });
        assert_eq!(response.json, expected);
        let transaction = response.transaction.as_deref().expect("the number of the transaction");
        assert!(transaction.parse::<u64>().is_ok() && response.header("x-transaction-id") == Some(transaction));
        let location = response.header("location").expect("where it is");
        assert_eq!(location, format!("{path}/{id}"));
        assert_eq!(ada.get(location).await.expect_status(200).json, expected);
    }
}

#[tokio::test]
async fn created_at_is_the_current_time() {
    let ada = api().new_user().await;
    let clock = "select (extract(epoch from now()) * 1000000)::bigint";
    let now = async || database::connect().await.query_one(clock, &[]).await.expect("the time").get::<_, i64>(0);
    let stored = "select (extract(epoch from created_at) * 1000000)::bigint, to_char(created_at at time zone 'utc',
                  'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from tasks where user_id::text = $1";
    let before = now().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let row = database::connect().await.query_one(stored, &[&ada.id]).await.expect("the task");
    assert!((before..=now().await).contains(&row.get::<_, i64>(0)));
    assert_eq!(task["created_at"], row.get::<_, &str>(1));
}

#[tokio::test]
async fn all_members_can_be_set() {
    let ada = api().new_user().await;
    let mut task = json!({
        "title": "Buy milk", "description": "The good one", "completed": true, "priority": "high",
        "due_date": "2026-11-21T17:30:00.123456Z", "tags": ["Home", "work"], "category": "Errands",
        "status": "completed", "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,WE", "time_zone": "Europe/Berlin"
    });
    let response = ada.post("/api/tasks", &task).await.expect_status(201);
    for name in ["id", "user_id", "version", "created_at", "updated_at", "completed_at", "next_occurrence"] {
        task[name] = response[name].clone();
    }
    assert_eq!(response.json, task);
}

#[tokio::test]
async fn server_generated_members_are_ignored() {
    let ada = api().new_user().await;
    let old = "2001-01-01T00:00:00Z";
    let body = json!({
        "title": "Buy milk", "id": 7, "created_at": old, "createdAt": old, "updated_at": old, "version": 9,
        "color": {"red": [1, 2]}, "": null, "labels": ["a"]
    });
    let task = ada.create(body).await;
    assert_ne!(task["id"], json!(7));
    let row = &database::rows_of(&ada).await[0];
    assert_eq!((&row["id"], &row["version"]), (&task["id"], &json!(1)));
    assert!(task["created_at"].as_str() > Some("2020") && task["created_at"] == task["updated_at"]);
}

#[tokio::test]
async fn trimmed_title_has_1_to_200_code_points() {
    let ada = api().new_user().await;
    assert_kept(&ada, "title", json!("  \t Buy milk \r\n"), json!("Buy milk")).await;
    assert_kept(&ada, "title", json!("\u{a0}\u{2003}Buy  milk\u{3000}"), json!("Buy  milk")).await;
    for longest in ["x".repeat(200), "ü".repeat(200), "🥛".repeat(200), "e\u{301}".repeat(100)] {
        assert_kept(&ada, "title", json!(longest), json!(longest)).await;
        assert_kept(&ada, "title", json!(format!("  {longest}  ")), json!(longest)).await;
        assert_rejected(&ada, "title", json!(format!("{longest}x")), "title must have at most 200 characters").await;
    }
    assert_kept(&ada, "title", json!("x"), json!("x")).await;
    for empty in ["", " ", "\n\t \u{a0}\u{2003}"] {
        assert_rejected(&ada, "title", json!(empty), "title must not be empty").await;
    }
    assert_rejected(&ada, "title", json!(null), "title is required").await;
    for wrong in [json!(5), json!(true), json!(["a"]), json!({"a": 1}), json!(1.5)] {
        assert_rejected(&ada, "title", wrong, "title must be a text").await;
    }
    let response = ada.post("/api/tasks", &json!({"description": "no title"})).await;
    assert_eq!(response.expect_invalid_at(&["/title"])["detail"], "title is required");
}

#[tokio::test]
async fn description_has_at_most_1000_code_points() {
    let ada = api().new_user().await;
    for longest in ["x".repeat(1000), "🥛".repeat(1000)] {
        assert_kept(&ada, "description", json!(longest), json!(longest)).await;
        let detail = "description must have at most 1000 characters";
        assert_rejected(&ada, "description", json!(format!("{longest}x")), detail).await;
    }
    for kept in [json!(null), json!(""), json!("  with spaces\n")] {
        assert_kept(&ada, "description", kept.clone(), kept).await;
    }
    for wrong in [json!(5), json!(false), json!([]), json!({})] {
        assert_rejected(&ada, "description", wrong, "description must be a text").await;
    }
}

#[tokio::test]
async fn completed_is_a_boolean() {
    let ada = api().new_user().await;
    for (sent, kept) in [(json!(true), true), (json!(false), false), (json!(null), false)] {
        assert_kept(&ada, "completed", sent, json!(kept)).await;
    }
    for wrong in [json!("true"), json!(1), json!(0), json!([true]), json!({}), json!("")] {
        assert_rejected(&ada, "completed", wrong, "completed must be true or false").await;
    }
}

#[tokio::test]
async fn priority_is_case_insensitive() {
    let ada = api().new_user().await;
    for (sent, kept) in [
        (json!("low"), json!("low")),
        (json!("Medium"), json!("medium")),
        (json!("HIGH"), json!("high")),
        (json!(""), json!(null)),
        (json!(null), json!(null)),
    ] {
        assert_kept(&ada, "priority", sent, kept).await;
    }
    for wrong in [json!("urgent"), json!(" low"), json!("lo"), json!(1), json!(true), json!([]), json!({"a": "low"})] {
        assert_rejected(&ada, "priority", wrong, "priority must be low, medium or high").await;
    }
}

#[tokio::test]
async fn due_date_accepts_common_formats() {
    let ada = api().new_user().await;
    for (sent, kept) in [
        ("2026-11-21T17:30:00Z", "2026-11-21T17:30:00.000000Z"),
        ("2026-11-21T17:30:00.123Z", "2026-11-21T17:30:00.123000Z"),
        ("2026-11-21T17:30:00.123456Z", "2026-11-21T17:30:00.123456Z"),
        ("2026-11-21T17:30:00+02:00", "2026-11-21T15:30:00.000000Z"),
        ("2026-11-21T00:30:00+05:30", "2026-11-20T19:00:00.000000Z"),
        ("2026-11-21T17:30:00-08:00", "2026-11-22T01:30:00.000000Z"),
        ("2026-11-21t17:30:00z", "2026-11-21T17:30:00.000000Z"),
        ("2026-11-21T17:30:00", "2026-11-21T17:30:00"),
        ("2026-11-21T17:30", "2026-11-21T17:30:00"),
        ("2026-11-21T17:30:00.25", "2026-11-21T17:30:00.25"),
        ("2026-11-21", "2026-11-21T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00"),
        ("0001-01-01", "0001-01-01T00:00:00"),
        ("1899-12-31T23:59:59Z", "1899-12-31T23:59:59.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        assert_kept(&ada, "due_date", json!(sent), json!(kept)).await;
    }
    for empty in [json!(null), json!("")] {
        assert_kept(&ada, "due_date", empty, json!(null)).await;
    }
    for wrong in [
        json!("tomorrow"),
        json!("2026-02-30"),
        json!("2025-02-29"),
        json!("2026-13-01"),
        json!("21.11.2026"),
        json!("2026-11-21T25:00:00Z"),
        json!("2026-11-21T17:30:00+99:00"),
        json!("infinity"),
        json!("now"),
        json!("1763693509"),
        json!(" "),
        json!(1_763_693_509),
        json!(true),
        json!([2026, 11, 21]),
        json!({"date": "2026-11-21"}),
    ] {
        assert_rejected(&ada, "due_date", wrong, DUE_DATE).await;
    }
}

#[tokio::test]
async fn camel_case_members_are_accepted() {
    let ada = api().new_user().await;
    assert_kept(&ada, "dueDate", json!("2026-11-21"), json!("2026-11-21T00:00:00")).await;
    assert_rejected(&ada, "dueDate", json!("soon"), DUE_DATE).await;
    let body = json!({"title": "Buy milk", "dueDate": "2026-01-01", "due_date": "2026-02-02", "userId": ada.id});
    assert_eq!(ada.create(body).await["due_date"], "2026-01-01T00:00:00");
}

#[tokio::test]
async fn all_errors_are_reported_together() {
    let ada = api().new_user().await;
    let body = json!({"title": " ", "description": 5, "completed": "no", "priority": "urgent", "due_date": "soon"});
    let response = ada.post("/api/tasks", &body).await;
    let response = response.expect_invalid_at(&["/title", "/description", "/completed", "/priority", "/due_date"]);
    let detail = response["detail"].as_str().expect("one sentence");
    assert_eq!(detail.split("; ").count(), 5, "{detail}");
    for name in ["title", "description", "completed", "priority", "due_date"] {
        assert!(detail.contains(name), "{name} is not in {detail}");
    }
    assert_eq!(database::rows_of(&ada).await, Vec::<Value>::new());
}

#[tokio::test]
async fn nul_is_rejected_in_every_string() {
    let ada = api().new_user().await;
    for text in ["\0", "Buy\0milk", "Buy milk\0"] {
        assert_rejected(&ada, "title", json!(text), "title must not contain U+0000").await;
        assert_rejected(&ada, "description", json!(text), "description must not contain U+0000").await;
    }
    assert_rejected(&ada, "priority", json!("low\0"), "priority must be low, medium or high").await;
    assert_rejected(&ada, "due_date", json!("2026-11-21\0"), DUE_DATE).await;
}

#[tokio::test]
async fn other_characters_are_preserved() {
    let ada = api().new_user().await;
    for text in [
        "'; drop table tasks; --",
        "\" or 1=1 --",
        "$1 %s {} \\ \\u0000 ${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "\u{1}\u{1f}\u{7f}x",
        "\u{202e}rtl\u{2066}\u{200b}",
        "\u{feff}x\u{fffd}\u{ffff}\u{10ffff}",
        "a\nb\r\nc\td",
        "👩‍👩‍👧‍👦 ẞß Ǆ ﷺ",
    ] {
        assert_kept(&ada, "title", json!(text), json!(text)).await;
        assert_kept(&ada, "description", json!(text), json!(text)).await;
    }
}
