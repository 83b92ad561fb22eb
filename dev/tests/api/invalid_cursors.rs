//! `GET /api/tasks`: cursors that are refused.

use dev::testing::client::{TestResponse, TestUser};
use serde_json::{Value, json};

use crate::cursors::changed;
use crate::kit::{api, api_with, database};

const DETAIL: &str = "The cursor is malformed or belongs to a list with other parameters: read the list from its start";

#[track_caller]
fn expect_invalid_cursor(response: TestResponse) {
    response.expect_problem(400, "invalid_cursor", DETAIL);
}

/// A user with three tasks without due dates and priorities.
async fn user_with_tasks(api: &crate::kit::Api) -> TestUser {
    let ada = api.new_user().await;
    database::insert_tasks(&ada, "title", "n::text from generate_series(1, 3) n").await;
    ada
}

async fn cursor_of(ada: &TestUser, query: &str) -> String {
    let response = ada.get(&format!("/api/tasks?limit=1&{query}")).await.expect_status(200);
    let link = response.header("link").expect("more tasks").to_owned();
    link.split("cursor=").nth(1).and_then(|rest| rest.split('>').next()).expect("a cursor").to_owned()
}

#[tokio::test]
async fn parameters_that_differ_are_refused() {
    let ada = user_with_tasks(&api()).await;
    for (list, same, other) in [
        (
            "",
            &["sort=created", "order=desc", "status=all", "priority=all", "tz=utc", "limit=2"][..],
            &["status=pending"][..],
        ),
        ("", &["search=", "q=%20"], &["sort=updated", "sort=title", "order=asc", "priority=low", "tz=Europe/Berlin"]),
        ("", &["due_before=", "cursor="], &["due_before=2030-01-01", "due_after=2020-01-01", "overdue=false", "q=1"]),
        (
            "status=pending&sort=title",
            &["status=pending", "completed=false", "status=active&sort_by=title", "sort=Title&order=asc", "order=ASC"],
            &[
                "status=all",
                "completed=all",
                "completed=true",
                "sort=created",
                "sort=title&order=desc",
                "sort=priority",
            ],
        ),
        (
            "overdue=false&tz=Asia/Tokyo",
            &["overdue=FALSE", "tz=Asia/Tokyo"],
            &["overdue=true", "tz=UTC", "tz=Asia/Seoul"],
        ),
    ] {
        let cursor = cursor_of(&ada, list).await;
        for query in same {
            // The last of a repeated parameter counts.
            let path = format!("/api/tasks?cursor=x&{query}&cursor={cursor}");
            assert_eq!(ada.get(&path).await.expect_status(200).ids().len(), 2, "{path}");
        }
        for query in other {
            expect_invalid_cursor(ada.get(&format!("/api/tasks?{query}&cursor={cursor}")).await);
        }
    }
}

#[tokio::test]
async fn due_dates_and_words_of_another_list_are_refused() {
    let ada = api().new_user().await;
    let values = "'Buy milk ' || n, timestamptz '2026-11-21' from generate_series(1, 3) n";
    database::insert_tasks(&ada, "title, due_date", values).await;
    let list = "due_before=2026-11-30T00:00:00.123456789Z&due_after=2026-11-01&q=milk+Buy";
    let cursor = cursor_of(&ada, list).await;
    for query in
        [list, "due_before=2026-11-30T02:00:00.123456%2B02:00", "dueAfter=2026-11-01T00:00", "search=%20milk++Buy"]
    {
        assert_eq!(ada.get(&format!("/api/tasks?{query}&cursor={cursor}")).await.expect_status(200).ids().len(), 2);
    }
    for query in ["due_before=2026-11-30", "due_after=2026-11-01T00:00:00Z", "q=milk", "q=buy+milk", "q=milk+Buy+x"] {
        expect_invalid_cursor(ada.get(&format!("/api/tasks?{query}&cursor={cursor}")).await);
    }
}

#[tokio::test]
async fn an_offset_beside_a_cursor_is_refused() {
    let ada = user_with_tasks(&api()).await;
    let cursor = cursor_of(&ada, "").await;
    for name in ["offset", "skip"] {
        ada.get(&format!("/api/tasks?cursor={cursor}&{name}=0")).await.expect_status(200);
        ada.get(&format!("/api/tasks?cursor={cursor}&{name}=1")).await.expect_invalid_at(&["/offset"]);
    }
    ada.get(&format!("/api/tasks?cursor={cursor}&limit=0")).await.expect_invalid_at(&["/limit"]);
}

#[tokio::test]
async fn a_cursor_without_a_value_counts_as_absent() {
    let ada = user_with_tasks(&api()).await;
    for query in ["cursor=", "cursor=undefined", "cursor=null", "cursor&offset=0"] {
        assert_eq!(ada.get(&format!("/api/tasks?{query}")).await.expect_status(200).ids().len(), 3, "{query}");
    }
}

#[tokio::test]
async fn garbage_is_refused() {
    let ada = user_with_tasks(&api()).await;
    let good = cursor_of(&ada, "").await;
    let huge = "A".repeat(9000);
    for cursor in [
        "x",
        "0",
        "-1",
        "e30",
        "W10",
        "bnVsbA",
        "IiI",
        "MQ",
        "%00",
        "%ff",
        "a+b",
        "a%2Bb",
        "a/b",
        "....",
        "%F0%9F%98%80",
        &huge,
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}="),
        &format!("{good}AAAA"),
        &format!("+{good}"),
        &good.to_lowercase(),
        "eyJzb3J0IjoxfQ==",
    ] {
        for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
            expect_invalid_cursor(ada.get(&format!("{path}?cursor={cursor}")).await);
        }
    }
    // However wrong the rest is.
    expect_invalid_cursor(ada.get("/api/tasks?cursor=x&limit=0&sort=x").await);
}

#[tokio::test]
async fn cursors_with_other_members_are_refused() {
    for variables in [&[][..], &[("TASK_LIST_SHAPE", "object")]] {
        let ada = user_with_tasks(&api_with(variables)).await;
        for sort in ["created", "updated", "due_date", "title", "priority"] {
            let good = cursor_of(&ada, &format!("sort={sort}&overdue=false&tz=Europe/Berlin&q=&status=pending")).await;
            let try_with = async |name: &str, value: Value| {
                let cursor = changed(&good, |members| {
                    if value.is_null() {
                        members.as_object_mut().unwrap().remove(name);
                    } else {
                        members[name] = value;
                    }
                });
                expect_invalid_cursor(ada.get(&format!("/api/tasks?cursor={cursor}")).await);
            };
            for name in ["format", "sort", "order", "id", "key", "now", "tz", "completed", "search", "due_after"] {
                for value in [json!(1), json!(true), json!([]), json!({}), json!("\0"), json!("a\0b")] {
                    try_with(name, value).await;
                }
            }
            for (name, value) in [
                ("format", json!("0")),
                ("format", json!("2")),
                ("format", json!(null)),
                ("sort", json!("color")),
                ("sort", json!(null)),
                ("order", json!("up")),
                ("order", json!(null)),
                ("id", json!(null)),
                ("now", json!("soon")),
                ("now", json!(null)),
                ("overdue", json!(null)),
                ("overdue", json!("maybe")),
                ("tz", json!("Nowhere/Nothing")),
                ("tz", json!("EST5EDT")),
                ("completed", json!("yes")),
                ("priority", json!("urgent")),
                ("due_before", json!("tomorrow")),
                ("due_before", json!("2026-11-21T00:00:00+99:00")),
                ("search", json!("x".repeat(201))),
            ] {
                try_with(name, value).await;
            }
        }
        for (sort, keys) in [
            ("created", &["soon", "", "1e3", "1.5", "2026-01-01", "99999999999999999999", "9223372036854775806"][..]),
            ("updated", &["-9223372036854775807", "-211813488000000001", "9223371331200000000", "' or true --"]),
            ("due_date", &["9223371331200000000", "infinity", "null"]),
            ("priority", &["urgent", "HIGH", "1", ""]),
        ] {
            let good = cursor_of(&ada, &format!("sort={sort}")).await;
            for key in keys {
                let cursor = changed(&good, |members| members["key"] = json!(key));
                expect_invalid_cursor(ada.get(&format!("/api/tasks?cursor={cursor}")).await);
            }
        }
    }
}

#[tokio::test]
async fn an_id_that_no_row_can_have_is_refused() {
    let ada = user_with_tasks(&api()).await;
    for sort in ["created", "due_date", "title", "priority"] {
        let good = cursor_of(&ada, &format!("sort={sort}")).await;
        for id in
            ["", "abc", "1.5", "99999999999", "9223372036854775808", "-9223372036854775809", "1; drop table tasks", "ä"]
        {
            let cursor = changed(&good, |members| members["id"] = json!(id));
            let response = ada.get(&format!("/api/tasks?cursor={cursor}")).await;
            // A column of texts can have each.
            if crate::kit::schema::has_number_ids() {
                expect_invalid_cursor(response);
            } else {
                response.expect_status(200);
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_vocabulary_is_refused() {
    let ada = user_with_tasks(&api()).await;
    ada.create(json!({"title": "urgent", "priority": "high"})).await;
    let cursor = cursor_of(&ada, "sort=priority").await;
    let api = api_with(&[("TASK_PRIORITIES", "low,medium")]);
    let ada = api.user(&ada.id);
    expect_invalid_cursor(ada.get(&format!("/api/tasks?cursor={cursor}")).await);
}
