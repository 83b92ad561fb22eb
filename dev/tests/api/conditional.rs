//! `ETag`, `If-Match`, `If-None-Match` and `expected_updated_at`: no change overwrites a version that the client has
//! not seen.

use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{Api, api, api_with, database};

const STALE: (u16, &str, &str) = (412, "precondition_failed", "The task has changed since you read it");

/// Creates a task and returns its path and its ETag.
async fn new_task(ada: &TestUser) -> (String, String) {
    let created = ada.post("/api/tasks", &json!({"title": "Buy milk", "priority": "low"})).await.expect_status(201);
    (created.header("location").unwrap().to_owned(), tag(&created))
}

fn tag(response: &TestResponse) -> String {
    response.header("etag").unwrap().to_owned()
}

/// The requests that change a task. The last one deletes it.
fn changes(ada: &TestUser, path: &str) -> [TestRequest; 6] {
    [
        ada.request("PUT", path).json(&json!({"title": "Buy bread"})),
        ada.request("PATCH", path).json(&json!({"due_date": "2026-12-01"})),
        ada.request("PATCH", &format!("{path}/complete")),
        ada.request("PATCH", &format!("{path}/status")).json(&json!({"completed": false})),
        ada.request("PATCH", &format!("/api/{}{}/toggle", ada.id, path.trim_start_matches("/api"))),
        ada.request("DELETE", path),
    ]
}

#[tokio::test]
async fn etag_changes_with_the_task() {
    let ada = api().new_user().await;
    let (path, created) = new_task(&ada).await;
    assert_eq!(created, "\"1\"");
    assert_eq!(tag(&ada.get(&path).await.expect_status(200)), created);
    let changed = tag(&ada.patch(&path, &json!({"title": "Buy bread"})).await.expect_status(200));
    assert_eq!(changed, "\"2\"");
    let unchanged = tag(&ada.patch(&path, &json!({"title": "Buy bread"})).await.expect_status(200));
    assert_eq!(unchanged, changed);
    assert_eq!(tag(&ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(200)), "\"3\"");
    assert_eq!(tag(&ada.get(&path).await), "\"3\"");
}

#[tokio::test]
async fn current_etag_allows_a_change() {
    let ada = api().new_user().await;
    let (path, mut seen) = new_task(&ada).await;
    for request in changes(&ada, &path) {
        let ways: [fn(&str) -> String; 3] = [|seen| format!("\"999\", {seen}"), |_| "*".to_owned(), str::to_owned];
        for header in ways {
            let response = ada.send(request.clone().header("if-match", header(&seen))).await;
            if response.status == 204 {
                return;
            }
            seen = tag(&response.expect_status(200));
        }
    }
    unreachable!("the last change deletes it");
}

#[tokio::test]
async fn stale_etag_prevents_a_change() {
    let ada = api().new_user().await;
    let (path, first) = new_task(&ada).await;
    ada.patch(&path, &json!({"title": "Buy butter"})).await.expect_status(200);
    let stored = database::rows_of(&ada).await;
    for request in changes(&ada, &path) {
        // Also a change without an effect.
        for request in [request, ada.request("PATCH", &path).json(&json!({"title": "Buy butter"}))] {
            for header in [first.as_str(), "\"3\"", "\"02\"", "W/\"2\"", "\"x\", \"\"", "\"9999999999999999999999\""] {
                let response = ada.send(request.clone().header("if-match", header)).await;
                response.expect_problem(STALE.0, STALE.1, STALE.2);
            }
        }
    }
    assert_eq!(database::rows_of(&ada).await, stored);
}

#[tokio::test]
async fn missing_task_is_not_found_with_any_etag() {
    let (ada, grace) = (api().new_user().await, api().new_user().await);
    let (path, seen) = new_task(&grace).await;
    let stored = database::rows_of(&grace).await;
    for header in [seen.as_str(), "*", "\"999\""] {
        for request in changes(&ada, &path) {
            ada.send(request.header("if-match", header)).await.expect_problem(404, "task_not_found", "Task not found");
        }
        for request in changes(&ada, "/api/tasks/no-such-task") {
            ada.send(request.header("if-match", header)).await.expect_problem(404, "task_not_found", "Task not found");
        }
    }
    assert_eq!(database::rows_of(&grace).await, stored);
}

#[tokio::test]
async fn malformed_if_match_is_rejected() {
    let ada = api().new_user().await;
    let (path, _) = new_task(&ada).await;
    let message = "The header If-Match is malformed: entity tags are quoted, as in If-Match: \"7\"";
    for header in ["1", "", "\"1", "\"1\" \"2\"", "'1'", "*, \"1\""] {
        for request in changes(&ada, &path) {
            ada.send(request.header("if-match", header)).await.expect_problem(400, "malformed_request", message);
        }
    }
    ada.get(&path).await.expect_status(200);
}

#[tokio::test]
async fn only_one_of_two_concurrent_changes_succeeds() {
    let ada = api().new_user().await;
    let (path, mut seen) = new_task(&ada).await;
    for round in 0..10 {
        let change = |title| ada.request("PUT", &path).json(&json!({"title": title})).header("if-match", &seen);
        let (left, right) = (format!("Left {round}"), format!("Right {round}"));
        let (a, b) = tokio::join!(ada.send(change(&left)), ada.send(change(&right)));
        let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
        lost.expect_problem(STALE.0, STALE.1, STALE.2);
        let stored = ada.get(&path).await;
        assert_eq!(stored.json, won.json);
        assert_eq!(tag(&stored), tag(&won));
        seen = tag(&won);
    }
}

#[tokio::test]
async fn expected_updated_at_is_a_precondition() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let path = format!("/api/tasks/{}", TaskId::from_task(&task));
    let mut seen = task["updated_at"].as_str().unwrap().to_owned();
    for name in ["expected_updated_at", "expectedUpdatedAt"] {
        for ending in ["", "/complete"] {
            let body = |time: &Value| json!({"completed": ending.is_empty(), name: time});
            let path = format!("{path}{ending}");
            // As in the response, and with the precision of JavaScript's Date.
            let ways: [fn(&str) -> String; 2] = [str::to_owned, |seen| format!("{}Z", &seen[..23])];
            for time in ways {
                let response = ada.patch(&path, &body(&json!(time(&seen)))).await.expect_status(200);
                seen = response["updated_at"].as_str().unwrap().to_owned();
                // A change without an effect keeps the time, so the second precondition holds.
                let again = ada.patch(&path, &body(&json!(seen))).await.expect_status(200);
                assert_eq!(again["updated_at"], json!(seen));
            }
            for time in [task["updated_at"].clone(), json!("2026-11-21"), json!("9999-12-31T23:59:59.999Z")] {
                ada.patch(&path, &body(&time)).await.expect_problem(STALE.0, STALE.1, STALE.2);
            }
            ada.patch(&path, &body(&Value::Null)).await.expect_status(200);
            for wrong in [json!("yesterday"), json!(1), json!("")] {
                ada.patch(&path, &body(&wrong)).await.expect_invalid_at(&["/expected_updated_at"]);
            }
            seen = ada.get(&path.replace("/complete", "")).await["updated_at"].as_str().unwrap().to_owned();
        }
    }
    let alone = json!({"expected_updated_at": seen});
    ada.put(&path, &alone).await.expect_invalid_at(&[""]);
    let both = ada.request("PUT", &path).json(&json!({"title": "t", "expected_updated_at": seen}));
    ada.send(both.clone().header("if-match", "\"1\"")).await.expect_problem(STALE.0, STALE.1, STALE.2);
    let current = tag(&ada.get(&path).await);
    ada.send(both.header("if-match", current)).await.expect_status(200);
}

#[tokio::test]
async fn matching_if_none_match_returns_304() {
    let ada = api().new_user().await;
    let (path, _) = new_task(&ada).await;
    for path in [path.as_str(), "/api/tasks", "/api/tasks?limit=1", &format!("/api/{}/tasks", ada.id)] {
        let known = tag(&ada.get(path).await.expect_status(200));
        let strong = known.trim_start_matches("W/");
        for header in
            [known.clone(), strong.to_owned(), format!("W/{strong}"), format!("\"x\",{known}"), "*".to_owned()]
        {
            let response = ada.send(ada.request("GET", path).header("if-none-match", header)).await.expect_status(304);
            assert_eq!(tag(&response), known);
        }
        for header in ["\"x\"", "1", "", "W/\"0000000000000000\""] {
            ada.send(ada.request("GET", path).header("if-none-match", header)).await.expect_status(200);
        }
    }
    let lists = [tag(&ada.get("/api/tasks").await), tag(&ada.get("/api/tasks?status=completed").await)];
    assert_ne!(lists[0], lists[1]);
    let before = ada.request("GET", "/api/tasks").header("if-none-match", &lists[0]);
    ada.patch(&path, &json!({"title": "Buy bread"})).await.expect_status(200);
    assert_ne!(tag(&ada.send(before).await.expect_status(200)), lists[0]);
    // The header applies to reads only: changes and errors are unaffected.
    ada.send(ada.request("PATCH", &path).json(&json!({"title": "t"})).header("if-none-match", "*"))
        .await
        .expect_status(200);
    ada.send(ada.request("POST", "/api/tasks").json(&json!({"title": "t"})).header("if-none-match", "*"))
        .await
        .expect_status(201);
    ada.send(ada.request("GET", "/api/tasks/0").header("if-none-match", "*")).await.expect_status(404);
    ada.send(ada.request("GET", "/api/tasks?limit=0").header("if-none-match", "*")).await.expect_status(422);
    ada.client.send(TestRequest::new("GET", &path).header("if-none-match", "*")).await.expect_status(401);
}

#[tokio::test]
async fn if_match_can_be_required() {
    let strict: Api = api_with(&[("REQUIRE_IF_MATCH", "1")]);
    let ada = strict.new_user().await;
    let (path, _) = new_task(&ada).await;
    let stored = database::rows_of(&ada).await;
    let message = "The header If-Match is required: send the ETag of the task that you read";
    for request in changes(&ada, &path) {
        ada.send(request).await.expect_problem(428, "precondition_required", message);
    }
    assert_eq!(database::rows_of(&ada).await, stored);
    for request in changes(&ada, &path) {
        let seen = tag(&ada.get(&path).await.expect_status(200));
        assert!([200, 204].contains(&ada.send(request.header("if-match", seen)).await.status));
    }
    ada.get("/api/tasks").await.expect_status(200);
}
