//! `GET /api/tasks/stats`.

use dev::testing::client::TestUser;
use serde_json::{Value, json};

use crate::kit::{api, api_with, database};

/// Each path of the operation.
fn paths(ada: &TestUser) -> [String; 8] {
    let id = &ada.id;
    [
        "/api/tasks/stats".to_owned(),
        "/api/stats".to_owned(),
        format!("/api/{id}/tasks/stats"),
        format!("/api/{id}/stats"),
        "/api/v1/tasks/stats".to_owned(),
        "/api/v1/stats".to_owned(),
        "/api/users/me/stats".to_owned(),
        "/api/v1/users/me/stats".to_owned(),
    ]
}

#[tokio::test]
async fn tasks_are_counted_by_status_and_priority() {
    let (ada, grace) = (api().new_user().await, api().new_user().await);
    let values = "n::text, n % 4 = 0, (array['low', 'medium', null])[1 + n % 3],
        case when n < 6 then timestamptz '2001-01-01' when n < 9 then '9000-01-01' end from generate_series(0, 11) n";
    database::insert_tasks(&ada, "title, completed, priority, due_date", values).await;
    grace.create(json!({"title": "of another user", "priority": "high"})).await;
    let expected = json!({
        "total": 12, "pending": 9, "completed": 3, "overdue": 4,
        "total_tasks": 12, "pending_tasks": 9, "completed_tasks": 3, "overdue_tasks": 4, "completion_rate": 25.0,
        "by_priority": {"low": 4, "medium": 4, "high": 0, "none": 4}
    });
    for path in paths(&ada) {
        let response = ada.get(&path).await.expect_status(200);
        assert_eq!(response.json, expected, "{path}");
        let etag = response.header("etag").expect("an etag");
        ada.send(ada.request("GET", &path).header("if-none-match", etag)).await.expect_status(304);
    }
    // As many as the lists have.
    for (filter, count) in [("status=pending", "pending"), ("completed=true", "completed"), ("overdue=true", "overdue")]
    {
        let list = ada.get(&format!("/api/tasks?{filter}")).await.ids();
        assert_eq!(json!(list.len()), expected[count], "{filter}");
    }
}

#[tokio::test]
async fn a_user_without_tasks_has_zeros() {
    let ada = api().new_user().await;
    let stats = ada.get("/api/stats").await.expect_status(200).json;
    assert_eq!((&stats["total"], &stats["overdue"], &stats["completion_rate"]), (&json!(0), &json!(0), &json!(0.0)));
    assert_eq!(stats["by_priority"], json!({"low": 0, "medium": 0, "high": 0, "none": 0}));
}

#[tokio::test]
async fn completion_rate_has_two_decimals() {
    let ada = api().new_user().await;
    database::insert_tasks(&ada, "title, completed", "n::text, n < 2 from generate_series(0, 2) n").await;
    assert_eq!(ada.get("/api/stats").await["completion_rate"], json!(66.67));
}

#[tokio::test]
async fn other_priorities_count_as_none() {
    let ada = api().new_user().await;
    let values = "n::text, (array['low', 'medium', 'high', null])[1 + n % 4] from generate_series(0, 7) n";
    database::insert_tasks(&ada, "title, priority", values).await;
    for (words, counts) in
        [("Urgent,HIGH", json!({"Urgent": 0, "HIGH": 2, "none": 6})), ("none,low", json!({"none": 6, "low": 2}))]
    {
        let ada = api_with(&[("TASK_PRIORITIES", words)]).user(&ada.id);
        assert_eq!(ada.get("/api/stats").await.expect_status(200)["by_priority"], counts);
    }
}

#[tokio::test]
async fn overdue_is_counted_as_in_lists() {
    for variables in [&[][..], &[("TASK_DUE_DATES", "instant")]] {
        let api = api_with(variables);
        let ada = api.new_user().await;
        // Around now on the clocks of all zones: dates, times on the user's clock, and instants.
        let now: i64 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().cast_signed();
        let sql = database::connect().await;
        for hours in (-30..30).step_by(5) {
            let time = "select to_char(to_timestamp($1::float8), 'YYYY-MM-DD HH24:MI:SS')";
            let time: String =
                sql.query_one(time, &[&((now + hours * 3600 + 1800) as f64)]).await.expect("a time").get(0);
            let (date, clock) = time.split_once(' ').expect("a date and a time");
            for due_date in [date.to_owned(), format!("{date}T{clock}"), format!("{date}T{clock}Z")] {
                ada.create(json!({"title": "Buy milk", "due_date": due_date})).await;
            }
        }
        for zone in ["", "UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Etc/GMT%2B12"] {
            let stats = ada.get(&format!("/api/tasks/stats?tz={zone}")).await.expect_status(200);
            let list = ada.get(&format!("/api/tasks?overdue=true&tz={zone}")).await.expect_status(200).ids();
            assert_eq!(stats["overdue"], json!(list.len()), "{zone}");
        }
        for path in paths(&ada) {
            for zone in ["Nowhere/Nothing", "EST5EDT", "%00"] {
                // With instants only, no statement has the zone.
                let response = ada.get(&format!("{path}?tz={zone}")).await;
                if zone != "Nowhere/Nothing" || variables.is_empty() {
                    response.expect_invalid_at(&["/tz"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn literal_segments_are_not_ids() {
    let ada = api().new_user().await;
    let is_stats = |json: &Value| json.get("by_priority").is_some();
    assert!(is_stats(&ada.get("/api/tasks/stats").await.json));
    ada.put("/api/tasks/stats", &json!({"title": "Buy milk"})).await.expect_status(404);
    ada.delete("/api/tasks/stats").await.expect_status(404);
    ada.get("/api/tasks/stats/").await.expect_status(308);
    let foreign = api().new_user().await;
    for path in paths(&foreign).iter().filter(|path| path.contains(&foreign.id)) {
        ada.get(path).await.expect_status(403);
    }
}
