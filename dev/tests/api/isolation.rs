//! Nobody sees or changes another user's tasks, and nobody learns that they exist.

use serde_json::{Value, json};

use crate::kit::{Caller, Id, api, good_body, path, routes, task_routes};

/// The routes with a task in their path.
fn routes_of_one_task() -> Vec<(String, String)> {
    let routes: Vec<_> = routes().into_iter().filter(|(_, path)| path.contains("{id}")).collect();
    assert!(routes.len() >= 14, "{routes:?}");
    routes
}

/// Almost the same id: small letters for capital ones, and the reverse.
fn in_another_case(id: &str) -> String {
    let turned = |letter: char| match letter.is_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    };
    id.chars().map(turned).collect()
}

/// Somebody with tasks, and what is stored of them.
async fn victim() -> (Caller, Vec<Value>) {
    let bob = api().new_user().await;
    bob.create(json!({"title": "Bob's secret", "description": "Bob's", "priority": "high"})).await;
    bob.create(json!({"title": "Bob's other", "completed": true, "due_date": "2026-11-21"})).await;
    let rows = bob.rows().await;
    (bob, rows)
}

#[tokio::test]
async fn another_users_task_is_not_found() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    let id = Id::of(&before[0]).to_string();
    for (method, route) in routes_of_one_task() {
        let body = good_body(&method, &route);
        let call = ada.call(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref());
        ada.send(call).await.problem(404, "task_not_found", "Task not found");
    }
    assert_eq!(bob.rows().await, before);
    assert_eq!(ada.rows().await, Vec::<Value>::new());
}

/// The same status, headers and body: the answer does not tell whether the task exists.
#[tokio::test]
async fn another_users_task_is_answered_like_one_that_does_not_exist() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    let foreign = Id::of(&before[0]).to_string();
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
        let body = good_body(&method, &route);
        let answer = async |id: &str| {
            // Not every character may stand in a path as it is.
            let id: String = id.replace('{', "%7b").replace('}', "%7d").replace('"', "%22");
            ada.send(ada.call(&method, &path(&route, &ada.id, &id)).maybe_json(body.as_ref())).await
        };
        let expected = answer(&foreign).await.is(404).without_request();
        for id in nonsense {
            assert_eq!(answer(id).await.without_request(), expected, "{method} {route} with {id}");
        }
    }
    assert_eq!(bob.rows().await, before);
}

/// What is wrong with a body is said alike, whoever the task belongs to.
#[tokio::test]
async fn a_bad_body_does_not_tell_whose_the_task_is() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    for (method, route) in routes_of_one_task().into_iter().filter(|(method, _)| method.starts_with('P')) {
        for (content_type, body) in [
            ("application/json", "{"),
            ("application/json", "[]"),
            ("application/json", r#"{"completed": 5}"#),
            ("application/json", r#"{"completed": true, "user_id": "x"}"#),
            ("text/plain", r#"{"completed": true}"#),
        ] {
            let answer = async |id: &str| {
                let call = ada.call(&method, &path(&route, &ada.id, id)).typed(content_type, body);
                ada.send(call).await.without_request()
            };
            let (own, foreign) = (answer(&own).await, answer(&Id::of(&before[0]).to_string()).await);
            assert!(own.0 >= 400);
            assert_eq!(own, foreign, "{method} {route} with {body}");
        }
    }
    assert_eq!(bob.rows().await, before);
}

#[tokio::test]
async fn the_path_may_name_nobody_else() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    let own_before = ada.rows().await;
    let others = [
        bob.id.clone(),
        in_another_case(&ada.id),
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
        let body = good_body(&method, &route);
        for other in &others {
            for id in [&own, &Id::of(&before[0]).to_string()] {
                let call = ada.call(&method, &path(&route, other, id)).maybe_json(body.as_ref());
                ada.send(call).await.problem(403, "foreign_user", "You may only access your own tasks");
            }
        }
    }
    assert_eq!(bob.rows().await, before);
    assert_eq!(ada.rows().await, own_before);
}

#[tokio::test]
async fn ones_own_id_may_come_encoded() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let encoded: String = ada.id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(ada.get(&format!("/api/{encoded}/tasks/{}", Id::of(&task))).await.is(200).json, task);
}

#[tokio::test]
async fn the_body_may_name_nobody_else() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    let own_before = ada.rows().await;
    let bodies = task_routes().into_iter().filter(|(method, _)| method.starts_with('P'));
    for (method, route) in bodies {
        let call = ada.call(&method, &path(&route, &ada.id, &own));
        let good = good_body(&method, &route).expect("a body");
        for name in ["user_id", "userId"] {
            for other in [
                json!(bob.id),
                json!(""),
                json!(in_another_case(&ada.id)),
                json!(format!(" {}", ada.id)),
                json!(5),
                json!(0),
                json!(false),
                json!([ada.id]),
                json!({"id": ada.id}),
            ] {
                let mut body = good.clone();
                body[name] = other;
                let answer = ada.send(call.clone().json(&body)).await;
                answer.problem(403, "foreign_user", "You may only access your own tasks");
                let invalid = json!({"title": 5, "completed": 5, name: body[name]});
                ada.send(call.clone().json(&invalid)).await.is(403);
            }
        }
        let one_of_two = json!({"title": "t", "completed": true, "user_id": ada.id, "userId": bob.id});
        ada.send(call.clone().json(&one_of_two)).await.is(403);
    }
    assert_eq!(bob.rows().await, before);
    assert_eq!(ada.rows().await, own_before);
}

#[tokio::test]
async fn the_body_may_name_the_caller_or_nobody() {
    let ada = api().new_user().await;
    let own = ada.create_id(json!({"title": "Buy milk"})).await;
    for (method, route) in task_routes().into_iter().filter(|(method, _)| method.starts_with('P')) {
        let call = ada.call(&method, &path(&route, &ada.id, &own));
        let good = good_body(&method, &route).expect("a body");
        for (name, user) in
            [("user_id", json!(ada.id)), ("userId", json!(ada.id)), ("user_id", json!(null)), ("userId", json!(null))]
        {
            let mut body = good.clone();
            body[name] = user;
            let answer = ada.send(call.clone().json(&body)).await;
            assert!([200, 201].contains(&answer.status), "{}", answer.json);
        }
    }
}

#[tokio::test]
async fn a_list_holds_the_callers_tasks_alone() {
    let (bob, before) = victim().await;
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
            assert_eq!(ada.get(&format!("{path}{query}")).await.is(200).json, json!([own]), "{query}");
        }
        assert_eq!(ada.get(&format!("{path}?status=completed")).await.is(200).json, json!([]));
        assert_eq!(ada.get(&format!("{path}?offset=1")).await.is(200).json, json!([]));
    }
    assert_eq!(bob.rows().await, before);
}

/// What a proxy or a client adds to a request changes nobody's identity.
#[tokio::test]
async fn headers_name_nobody() {
    let (bob, before) = victim().await;
    let ada = api().new_user().await;
    for name in
        ["x-user-id", "x-forwarded-user", "user-id", "x-original-url", "x-http-method-override", "x-amzn-oidc-identity"]
    {
        let call = ada.call("GET", "/api/tasks").header(name, &bob.id);
        assert_eq!(ada.send(call).await.is(200).json, json!([]));
        let call = ada.call("GET", &format!("/api/tasks/{}", Id::of(&before[0]))).header(name, &bob.id);
        ada.send(call).await.is(404);
    }
}

/// The same instance of a function serves one user after the other.
#[tokio::test]
async fn callers_do_not_get_into_each_others_way() {
    let api = api();
    let mut callers = Vec::new();
    for number in 0..8 {
        let caller = api.new_user().await;
        callers.push(tokio::spawn(async move {
            for round in 0..10 {
                let title = format!("{number} {round}");
                let task = caller.create(json!({"title": title})).await;
                let path = format!("/api/tasks/{}", Id::of(&task));
                assert_eq!(caller.get(&path).await.is(200)["title"], title);
                caller.patch(&format!("{path}/complete"), &json!({"completed": true})).await.is(200);
                assert_eq!(caller.get("/api/tasks").await.is(200).tasks().len(), round + 1);
            }
        }));
    }
    for caller in callers {
        caller.await.expect("its own tasks alone");
    }
}
