//! `POST /api/tasks/{id}/skip` and `POST /api/tasks/{id}/stop-recurrence`.

use dev::testing::client::{TaskId, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database};

const PREFIXES: [&str; 2] = ["/api", "/api/{user_id}"];

async fn post(user: &TestUser, task: &Value, action: &str) -> TestResponse {
    user.send(user.request("POST", &format!("/api/tasks/{}/{action}", TaskId::from_task(task)))).await
}

#[tokio::test]
async fn skip_moves_the_due_date_to_the_next_occurrence() {
    for prefix in PREFIXES {
        let ada = api().new_user().await;
        for (due, rule, zone, dates) in [
            ("2030-01-31", "FREQ=MONTHLY", None, ["2030-02-28T00:00:00", "2030-03-31T00:00:00"]),
            ("2030-01-07T09:00", "FREQ=WEEKLY;BYDAY=MO,TH", None, ["2030-01-10T09:00:00", "2030-01-14T09:00:00"]),
            // Summer time begins on 31 March.
            (
                "2030-03-30T08:00:00Z",
                "FREQ=DAILY",
                Some("Europe/Berlin"),
                ["2030-03-31T07:00:00.000000Z", "2030-04-01T07:00:00.000000Z"],
            ),
        ] {
            let body = json!({"title": "Water", "due_date": due, "recurrence_rule": rule, "time_zone": zone});
            let task = ada.create(body).await;
            let path = format!("{prefix}/tasks/{}/skip", TaskId::from_task(&task)).replace("{user_id}", &ada.id);
            for (number, date) in dates.iter().enumerate() {
                let skipped = ada.send(ada.request("POST", &path)).await.expect_status(200);
                assert_eq!((&skipped["due_date"], &skipped["recurrence_rule"]), (&json!(date), &json!(rule)));
                assert_eq!((&skipped["id"], &skipped["completed"]), (&task["id"], &json!(false)));
                assert_eq!(skipped["version"], json!(number + 2));
                assert_eq!(skipped.header("etag"), Some(format!("\"{}\"", number + 2).as_str()));
            }
        }
        assert_eq!(ada.get("/api/tasks").await.tasks().len(), 3);
    }
}

/// Skipping a task that is long overdue does not make it due in the past.
#[tokio::test]
async fn skip_does_not_end_in_the_past() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Water", "due_date": "1970-01-01T00:00:01Z", "recurrence": "daily"})).await;
    let skipped = post(&ada, &task, "skip").await.expect_status(200);
    let is_future = "select (due_date at time zone 'UTC') > now() at time zone 'UTC' from tasks where id::text = $1";
    let is_future = if database::due_dates_have_a_zone().await {
        is_future.replace("(due_date at time zone 'UTC')", "due_date at time zone 'UTC'")
    } else {
        is_future.replace("(due_date at time zone 'UTC')", "due_date")
    };
    let id = TaskId::from_task(&skipped.json).to_string();
    let row = database::connect().await.query_one(&is_future, &[&id]).await.expect("a row");
    assert!(row.get::<_, bool>(0), "{skipped:?}");
}

#[tokio::test]
async fn skip_uses_up_an_occurrence() {
    let ada = api().new_user().await;
    let rule = "FREQ=DAILY;COUNT=2";
    let task = ada.create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence_rule": rule})).await;
    let skipped = post(&ada, &task, "skip").await.expect_status(200);
    assert_eq!(skipped["recurrence_rule"], "FREQ=DAILY;COUNT=1");
    post(&ada, &task, "skip").await.expect_problem(409, "not_recurring", "Task does not recur");
    let until = ada
        .create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence_rule": "FREQ=DAILY;UNTIL=20300101"}))
        .await;
    post(&ada, &until, "skip").await.expect_problem(409, "not_recurring", "Task does not recur");
}

/// The series has one start, also after a skip: a month's end does not become the 28th.
#[tokio::test]
async fn skip_keeps_the_start_of_the_series() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Rent", "due_date": "2030-01-31", "recurrence": "monthly"})).await;
    post(&ada, &task, "skip").await.expect_status(200);
    let path = format!("/api/tasks/{}/complete", TaskId::from_task(&task));
    let completed = ada.patch(&path, &json!({"completed": true})).await.expect_status(200);
    assert_eq!(completed["next_occurrence"], "2030-03-31T00:00:00");
}

#[tokio::test]
async fn stop_ends_the_series() {
    for prefix in PREFIXES {
        let ada = api().new_user().await;
        let task = ada.create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence": "daily"})).await;
        let path = format!("{prefix}/tasks/{}/stop-recurrence", TaskId::from_task(&task)).replace("{user_id}", &ada.id);
        let stopped = ada.send(ada.request("POST", &path)).await.expect_status(200);
        assert_eq!((&stopped["recurrence_rule"], &stopped["due_date"]), (&Value::Null, &json!("2030-01-01T00:00:00")));
        let complete = format!("/api/tasks/{}/complete", TaskId::from_task(&task));
        let completed = ada.patch(&complete, &json!({"completed": true})).await.expect_status(200);
        assert_eq!(completed["next_occurrence"], Value::Null);
        assert_eq!(ada.get("/api/tasks").await.tasks().len(), 1);
    }
}

#[tokio::test]
async fn task_that_does_not_recur_is_a_conflict() {
    let ada = api().new_user().await;
    let once = ada.create(json!({"title": "Buy milk", "due_date": "2030-01-01"})).await;
    let completed = ada.create(json!({"title": "Water", "recurrence": "daily", "completed": true})).await;
    let before = database::rows_of(&ada).await;
    for task in [&once, &completed] {
        for action in ["skip", "stop-recurrence"] {
            post(&ada, task, action).await.expect_problem(409, "not_recurring", "Task does not recur");
        }
    }
    assert_eq!(database::rows_of(&ada).await, before);
}

#[tokio::test]
async fn task_of_another_user_is_not_found() {
    let (ada, bob) = (api().new_user().await, api().new_user().await);
    let task = ada.create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence": "daily"})).await;
    let before = database::rows_of(&ada).await;
    for action in ["skip", "stop-recurrence"] {
        post(&bob, &task, action).await.expect_problem(404, "task_not_found", "Task not found");
        for id in ["no-such-id", "99999999999999999999"] {
            let path = format!("/api/tasks/{id}/{action}");
            ada.send(ada.request("POST", &path)).await.expect_problem(404, "task_not_found", "Task not found");
        }
    }
    assert_eq!(database::rows_of(&ada).await, before);
}

#[tokio::test]
async fn version_can_be_expected() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence": "daily"})).await;
    let id = TaskId::from_task(&task);
    for action in ["skip", "stop-recurrence"] {
        let path = format!("/api/tasks/{id}/{action}");
        let request = |version: &str| ada.request("POST", &path).header("if-match", version);
        ada.send(request("\"7\"")).await.expect_problem(
            412,
            "precondition_failed",
            "The task has changed since you read it",
        );
        let version = if action == "skip" { "\"1\"" } else { "\"2\"" };
        ada.send(request(version)).await.expect_status(200);
    }
}

#[tokio::test]
async fn repeated_request_skips_once() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Water", "due_date": "2030-01-01", "recurrence": "daily"})).await;
    let other = ada.create(json!({"title": "Read", "due_date": "2030-01-01", "recurrence": "daily"})).await;
    let send = async |task: &Value, action: &str| {
        let path = format!("/api/tasks/{}/{action}", TaskId::from_task(task));
        ada.send(ada.request("POST", &path).header("idempotency-key", "k")).await
    };
    for action in ["skip", "stop-recurrence"] {
        let first = send(&task, action).await.expect_status(200);
        assert_eq!(first.header("idempotent-replayed"), None);
        let before = database::rows_of(&ada).await;
        let again = send(&task, action).await.expect_status(200);
        assert_eq!((again.header("idempotent-replayed"), &again.json), (Some("true"), &first.json));
        assert_eq!(send(&other, action).await.expect_status(422)["code"], "idempotency_key_reused");
        assert_eq!(database::rows_of(&ada).await, before);
    }
}
