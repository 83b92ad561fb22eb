//! Users can neither see nor change the tasks of others, nor learn that they exist.

use dev::testing::client::{TaskId, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database, path, routes, routes_with_body, task_routes, valid_body};

/// The routes with a task id in their path.
fn routes_of_one_task() -> Vec<(String, String)> {
    let routes: Vec<_> = routes().into_iter().filter(|(_, path)| path.contains("/tasks/{id}")).collect();
    assert!(routes.len() >= 20, "{routes:?}");
    routes
}

/// The id with upper and lower case swapped.
fn swap_case(id: &str) -> String {
    let swap = |letter: char| match letter.is_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    };
    id.chars().map(swap).collect()
}

/// Another user with tasks, and the rows of these tasks.
async fn other_user() -> (TestUser, Vec<Value>) {
    let bob = api().new_user().await;
    bob.create(json!({"title": "Bob's secret", "description": "Bob's", "priority": "high"})).await;
    bob.create(json!({"title": "Bob's other", "completed": true, "due_date": "2026-11-21"})).await;
    let rows = database::rows_of(&bob).await;
    (bob, rows)
}

#[tokio::test]
async fn another_users_task_is_not_found() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let id = TaskId::from_task(&before[0]).to_string();
    for (method, route) in routes_of_one_task() {
        let body = valid_body(&method, &route);
        let request = ada.request(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref());
        ada.send(request).await.expect_problem(404, "task_not_found", "Task not found");
    }
    assert_eq!(database::rows_of(&bob).await, before);
    assert_eq!(database::rows_of(&ada).await, Vec::<Value>::new());
}

/// The responses are equal in status, headers and body, so they do not reveal whether the task exists.
#[tokio::test]
async fn another_users_task_looks_like_a_missing_one() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let foreign = TaskId::from_task(&before[0]).to_string();
    let never = (i64::from(i32::MAX) - 1).to_string();
    let long = "9".repeat(5000);
    let nonsense = [
        "0",
        "-1",
        "-0",
        "+1",
        "1.0",
        "1e3",
        "0x1",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999999999",
        "abc",
        "null",
        "undefined",
        "NaN",
        "true",
        "f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f",
        "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI",
        "%00",
        "1%00",
        "%2e%2e",
        "%2e",
        "..",
        "%20",
        "%201",
        "1%20",
        "1%0a",
        "%09",
        "%c3%a4",
        "%e2%91%a0",
        "%d9%a1",
        "%ff",
        "%2f",
        "1%2f2",
        "%5c",
        "%25",
        "%2531",
        "1%3b",
        "1,2",
        "1;2",
        "*",
        "~",
        "'",
        "[1]",
        "{1}",
        "\"1\"",
        "tasks",
        "complete",
        &long,
        &never,
    ];
    for (method, route) in routes_of_one_task() {
        let body = valid_body(&method, &route);
        let response = async |id: &str| {
            // Some characters must be encoded in a path.
            let id: String = id.replace('{', "%7b").replace('}', "%7d").replace('"', "%22");
            ada.send(ada.request(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref())).await
        };
        let expected = response(&foreign).await.expect_status(404).without_request_id();
        for id in nonsense {
            assert_eq!(response(id).await.without_request_id(), expected, "{method} {route} with {id}");
        }
    }
    assert_eq!(database::rows_of(&bob).await, before);
}

/// Errors about the body do not depend on the owner of the task.
#[tokio::test]
async fn invalid_body_does_not_reveal_the_owner() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    let reads_body = |(method, route): &(String, String)| valid_body(method, route).is_some();
    for (method, route) in routes_of_one_task().into_iter().filter(reads_body) {
        for (content_type, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", r#"{"completed": 5}"#),
            ("application/json", r#"{"completed": true, "user_id": "x"}"#),
            ("text/plain", r#"{"completed": true}"#),
        ] {
            let response = async |id: &str| {
                let request = ada.request(&method, &path(&route, &ada.id, id)).typed(content_type, body);
                ada.send(request).await.without_request_id()
            };
            let (own, foreign) = (response(&own).await, response(&TaskId::from_task(&before[0]).to_string()).await);
            assert!(own.0 >= 400);
            assert_eq!(own, foreign, "{method} {route} with {body}");
        }
    }
    assert_eq!(database::rows_of(&bob).await, before);
}

#[tokio::test]
async fn another_user_in_the_path_is_forbidden() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    let own_before = database::rows_of(&ada).await;
    let others = [
        bob.id.clone(),
        swap_case(&ada.id),
        format!("{}x", ada.id),
        format!("{}%20", ada.id),
        format!("%20{}", ada.id),
        format!("{}%00", ada.id),
        format!("{},{}", ada.id, bob.id),
        "%25".to_owned(),
        "%2a".to_owned(),
        "..".to_owned(),
        "me".to_owned(),
        "null".to_owned(),
        "0".to_owned(),
        "%ff".to_owned(),
    ];
    let routes: Vec<_> = task_routes().into_iter().filter(|(_, path)| path.contains("{user_id}")).collect();
    assert!(routes.len() >= 9, "{routes:?}");
    for (method, route) in routes {
        let body = valid_body(&method, &route);
        for other in &others {
            for id in [&own, &TaskId::from_task(&before[0]).to_string()] {
                let request = ada.request(&method, &path(&route, other, id)).maybe_json(body.as_ref());
                ada.send(request).await.expect_problem(403, "foreign_user", "You may only access your own tasks");
            }
        }
    }
    assert_eq!(database::rows_of(&bob).await, before);
    assert_eq!(database::rows_of(&ada).await, own_before);
}

#[tokio::test]
async fn own_user_id_may_be_percent_encoded() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let encoded: String = ada.id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(
        ada.get(&format!("/api/{encoded}/tasks/{}", TaskId::from_task(&task))).await.expect_status(200).json,
        task
    );
}

#[tokio::test]
async fn another_user_in_the_body_is_forbidden() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    let own_before = database::rows_of(&ada).await;
    for (method, route) in routes_with_body() {
        let request = ada.request(&method, &path(&route, &ada.id, &own));
        let good = valid_body(&method, &route).expect("a body");
        for name in ["user_id", "userId"] {
            for other in [
                json!(bob.id),
                json!(""),
                json!(swap_case(&ada.id)),
                json!(format!(" {}", ada.id)),
                json!(5),
                json!(0),
                json!(false),
                json!([ada.id]),
                json!({"id": ada.id}),
            ] {
                let mut body = good.clone();
                body[name] = other;
                let response = ada.send(request.clone().json(&body)).await;
                response.expect_problem(403, "foreign_user", "You may only access your own tasks");
                let invalid = json!({"title": 5, "completed": 5, name: body[name]});
                ada.send(request.clone().json(&invalid)).await.expect_status(403);
            }
        }
        let one_of_two = json!({"title": "t", "completed": true, "user_id": ada.id, "userId": bob.id});
        ada.send(request.clone().json(&one_of_two)).await.expect_status(403);
    }
    assert_eq!(database::rows_of(&bob).await, before);
    assert_eq!(database::rows_of(&ada).await, own_before);
}

#[tokio::test]
async fn own_user_id_in_the_body_is_allowed() {
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    for (method, route) in routes_with_body() {
        let request = ada.request(&method, &path(&route, &ada.id, &own));
        let good = valid_body(&method, &route).expect("a body");
        for (name, user) in
            [("user_id", json!(ada.id)), ("userId", json!(ada.id)), ("user_id", json!(null)), ("userId", json!(null))]
        {
            let mut body = good.clone();
            body[name] = user;
            let response = ada.send(request.clone().json(&body)).await;
            assert!([200, 201].contains(&response.status), "{}", response.json);
        }
    }
}

#[tokio::test]
async fn list_contains_only_own_tasks() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    let own = ada.create(json!({"title": "Buy milk", "priority": "high"})).await;
    for path in ["/api/tasks".to_owned(), format!("/api/{}/tasks", ada.id)] {
        for query in [
            String::new(),
            format!("?user_id={}", bob.id),
            format!("?userId={0}&owner={0}", bob.id),
            "?status=all".to_owned(),
            "?priority=high&sort=title&order=asc".to_owned(),
            "?limit=1000&offset=0&sort=updated".to_owned(),
            "?id=1&filter=*&search=b&overdue=false".to_owned(),
        ] {
            assert_eq!(ada.get(&format!("{path}{query}")).await.expect_status(200).json, json!([own]), "{query}");
        }
        assert_eq!(ada.get(&format!("{path}?status=completed")).await.expect_status(200).json, json!([]));
        assert_eq!(ada.get(&format!("{path}?offset=1")).await.expect_status(200).json, json!([]));
    }
    assert_eq!(database::rows_of(&bob).await, before);
}

/// Headers that proxies and clients add do not change the user.
#[tokio::test]
async fn headers_do_not_change_the_user() {
    let (bob, before) = other_user().await;
    let ada = api().new_user().await;
    for name in
        ["x-user-id", "x-forwarded-user", "user-id", "x-original-url", "x-http-method-override", "x-amzn-oidc-identity"]
    {
        let request = ada.request("GET", "/api/tasks").header(name, &bob.id);
        assert_eq!(ada.send(request).await.expect_status(200).json, json!([]));
        let request =
            ada.request("GET", &format!("/api/tasks/{}", TaskId::from_task(&before[0]))).header(name, &bob.id);
        ada.send(request).await.expect_status(404);
    }
}

/// One instance of a function serves one user after the other.
#[tokio::test]
async fn concurrent_users_do_not_mix() {
    let api = api();
    let mut callers = Vec::new();
    for number in 0..8 {
        let caller = api.new_user().await;
        callers.push(tokio::spawn(async move {
            for round in 0..10 {
                let title = format!("{number} {round}");
                let task = caller.create(json!({"title": title})).await;
                let path = format!("/api/tasks/{}", TaskId::from_task(&task));
                assert_eq!(caller.get(&path).await.expect_status(200)["title"], title);
                caller.patch(&format!("{path}/complete"), &json!({"completed": true})).await.expect_status(200);
                assert_eq!(caller.get("/api/tasks").await.expect_status(200).tasks().len(), round + 1);
            }
        }));
    }
    for caller in callers {
        caller.await.expect("its own tasks alone");
    }
}
