//! `POST /api/tasks/bulk`

use dev::testing::client::{TaskId, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database, schema};

const ROUTES: [&str; 2] = ["/api/tasks/bulk", "/api/{user_id}/tasks/bulk"];

async fn bulk(user: &TestUser, body: &Value) -> TestResponse {
    user.post("/api/tasks/bulk", body).await
}

/// The statuses of the operations.
fn statuses(response: &TestResponse) -> Vec<u64> {
    let results = response["results"].as_array().expect("results");
    results.iter().map(|result| result["status"].as_u64().expect("a status")).collect()
}

/// The places, statuses and codes of the operations that are refused.
fn refusals(response: &TestResponse) -> Vec<(&str, u64, &str)> {
    let errors = response["errors"].as_array().expect("errors");
    errors
        .iter()
        .map(|error| {
            (
                error["pointer"].as_str().expect("a pointer"),
                error["status"].as_u64().expect("a status"),
                error["code"].as_str().expect("a code"),
            )
        })
        .collect()
}

async fn titles(user: &TestUser) -> Vec<String> {
    let list = user.get("/api/tasks?sort=title").await.expect_status(200);
    list.tasks().iter().map(|task| task["title"].as_str().expect("a title").to_owned()).collect()
}

#[tokio::test]
async fn each_kind_of_operation_is_done() {
    for route in ROUTES {
        let ada = api().new_user().await;
        let [changed, completed, toggled, deleted] = [
            ada.create(json!({"title": "Buy milk", "description": "Two litres"})).await,
            ada.create(json!({"title": "Buy bread"})).await,
            ada.create(json!({"title": "Buy eggs", "completed": true})).await,
            ada.create(json!({"title": "Buy salt"})).await,
        ];
        let body = json!({"operations": [
            {"op": "create", "title": " Buy tea ", "priority": "HIGH", "dueDate": "2026-12-05T17:30", "color": "red"},
            {"op": "update", "id": changed["id"], "version": 1, "description": null, "due_date": "2026-12-05T17:30:00Z"},
            {"op": "complete", "id": completed["id"].to_string().trim_matches('"'), "completed": true},
            {"op": "complete", "id": toggled["id"]},
            {"op": "delete", "id": deleted["id"]},
            {"op": "create", "title": "Buy rice", "completed": true, "description": "Brown"},
        ]});
        let response = ada.post(&route.replace("{user_id}", &ada.id), &body).await.expect_status(200);
        assert_eq!(statuses(&response), [201, 200, 200, 200, 204, 201]);
        let transaction = response["txid"].as_str().expect("a transaction");
        assert_eq!(response.header("x-transaction-id"), Some(transaction));
        let task = |index: usize| &response["results"][index]["task"];
        assert_eq!(task(0)["title"], "Buy tea");
        assert_eq!((&task(0)["priority"], &task(0)["due_date"]), (&json!("high"), &json!("2026-12-05T17:30:00")));
        assert_eq!((&task(1)["description"], &task(1)["title"]), (&Value::Null, &json!("Buy milk")));
        assert_eq!((&task(1)["due_date"], &task(1)["version"]), (&json!("2026-12-05T17:30:00.000000Z"), &json!(2)));
        assert_eq!((&task(2)["completed"], &task(3)["completed"]), (&json!(true), &json!(false)));
        assert_eq!(response["results"][4], json!({"status": 204}));
        assert_eq!((&task(5)["completed"], &task(5)["description"]), (&json!(true), &json!("Brown")));
        for index in [0, 1, 2, 3, 5] {
            let mut stored = task(index).clone();
            assert_eq!(stored["txid"], json!(transaction));
            stored.as_object_mut().expect("a task").remove("txid");
            let path = format!("/api/tasks/{}", TaskId::from_task(&stored));
            assert_eq!(ada.get(&path).await.expect_status(200).json, stored);
        }
        assert_eq!(titles(&ada).await, ["Buy bread", "Buy eggs", "Buy milk", "Buy rice", "Buy tea"]);
    }
}

#[tokio::test]
async fn atomic_operations_are_all_done_or_none() {
    let ada = api().new_user().await;
    let bob = api().new_user().await;
    let milk = ada.create(json!({"title": "Buy milk"})).await;
    let bread = ada.create(json!({"title": "Buy bread"})).await;
    let foreign = bob.create(json!({"title": "Bob's"})).await;
    let before = database::rows_of(&ada).await;
    let body = json!({"operations": [
        {"op": "create", "title": "Buy tea"},
        {"op": "update", "id": milk["id"], "title": "Buy oat milk"},
        {"op": "update", "id": bread["id"], "version": 7, "title": "Buy rolls"},
        {"op": "delete", "id": foreign["id"]},
        {"op": "complete", "id": "no such id"},
        {"op": "create", "title": " ", "priority": "urgent"},
        {"op": "rename", "id": milk["id"]},
        "delete",
        {"op": "update", "title": "Buy tea"},
    ]});
    let response = bulk(&ada, &body).await.expect_status(422);
    assert_eq!(response["code"], "bulk_refused");
    let expected = [
        ("/operations/2", 412, "precondition_failed"),
        ("/operations/3", 404, "task_not_found"),
        ("/operations/4", 404, "task_not_found"),
        ("/operations/5/title", 422, "validation_failed"),
        ("/operations/5/priority", 422, "validation_failed"),
        ("/operations/6/op", 422, "validation_failed"),
        ("/operations/7", 422, "validation_failed"),
        ("/operations/8/id", 422, "validation_failed"),
    ];
    assert_eq!(refusals(&response), expected);
    assert_eq!(database::rows_of(&ada).await, before);
    assert_eq!(database::rows_of(&bob).await.len(), 1);
}

#[tokio::test]
async fn other_operations_are_done_each_on_its_own() {
    let ada = api().new_user().await;
    let milk = ada.create(json!({"title": "Buy milk"})).await;
    let body = json!({"atomic": false, "operations": [
        {"op": "create", "title": "Buy tea"},
        {"op": "update", "id": milk["id"], "title": ""},
        {"op": "update", "id": 987_654_321, "title": "Buy rolls"},
        {"op": "complete", "id": milk["id"], "version": 2},
        {"op": "update", "id": milk["id"], "version": 1, "priority": "low"},
        {"op": "complete", "id": milk["id"], "version": 2},
        {"op": "create", "title": "Buy salt"},
    ]});
    let response = bulk(&ada, &body).await.expect_status(200);
    assert_eq!(statuses(&response), [201, 422, 404, 412, 200, 200, 201]);
    assert_eq!(response["results"][4]["task"]["version"], 2);
    assert_eq!(response["results"][5]["task"]["version"], 3);
    let problem = &response["results"][1]["problem"];
    assert_eq!(problem["errors"], json!([{"pointer": "/operations/1/title", "detail": "title must not be empty"}]));
    assert_eq!(titles(&ada).await, ["Buy milk", "Buy salt", "Buy tea"]);
}

#[tokio::test]
async fn operations_on_one_task_are_one_change() {
    let ada = api().new_user().await;
    let milk = ada.create(json!({"title": "Buy milk", "priority": "low"})).await;
    let bread = ada.create(json!({"title": "Buy bread"})).await;
    let body = json!({"operations": [
        {"op": "update", "id": milk["id"], "version": 1, "title": "Buy oat milk", "description": "One litre"},
        {"op": "delete", "id": bread["id"]},
        {"op": "complete", "id": milk["id"]},
        {"op": "update", "id": milk["id"], "title": "Buy soy milk"},
        {"op": "complete", "id": milk["id"]},
        {"op": "complete", "id": milk["id"]},
    ]});
    let response = bulk(&ada, &body).await.expect_status(200);
    assert_eq!(statuses(&response), [200, 204, 200, 200, 200, 200]);
    for index in [0, 2, 3, 4, 5] {
        let task = &response["results"][index]["task"];
        assert_eq!((&task["title"], &task["description"]), (&json!("Buy soy milk"), &json!("One litre")));
        assert_eq!((&task["completed"], &task["version"], &task["priority"]), (&json!(true), &json!(2), &json!("low")));
    }
    let body = json!({"operations": [
        {"op": "complete", "id": milk["id"]},
        {"op": "delete", "id": milk["id"]},
        {"op": "update", "id": milk["id"], "title": "Buy milk"},
        {"op": "complete", "id": milk["id"]},
    ]});
    let response = bulk(&ada, &body).await.expect_status(422);
    let expected = [("/operations/2", 404, "task_not_found"), ("/operations/3", 404, "task_not_found")];
    assert_eq!(refusals(&response), expected);
    let versions = json!({"operations": [
        {"op": "complete", "id": milk["id"], "version": 2},
        {"op": "update", "id": milk["id"], "version": 3, "title": "Buy milk"},
    ]});
    let response = bulk(&ada, &versions).await.expect_status(422);
    assert_eq!(refusals(&response), [("/operations/1", 412, "precondition_failed")]);
}

#[tokio::test]
async fn stored_values_that_break_rules_can_be_sent_back() {
    let ada = api().new_user().await;
    let long = "x".repeat(201);
    if schema::max_title_length() <= 201 {
        return schema::report_skipped("the database takes no title that is too long for the API");
    }
    database::insert_tasks(&ada, "title", &format!("'{long}'")).await;
    let id = ada.get("/api/tasks").await.json[0]["id"].clone();
    let change = |title: &str| json!({"op": "update", "id": id, "title": title, "completed": true});
    let response = bulk(&ada, &json!({"operations": [change(&long)]})).await.expect_status(200);
    assert_eq!(response["results"][0]["task"]["completed"], json!(true));
    let other = bulk(&ada, &json!({"operations": [change(&"y".repeat(201))]})).await.expect_status(422);
    assert_eq!(refusals(&other), [("/operations/0/title", 422, "validation_failed")]);
}

#[tokio::test]
async fn one_change_is_made_to_many_ids() {
    let ada = api().new_user().await;
    let bob = api().new_user().await;
    let foreign = bob.create(json!({"title": "Bob's"})).await;
    let [one, two, three] = [
        ada.create(json!({"title": "One"})).await,
        ada.create(json!({"title": "Two", "completed": true})).await,
        ada.create(json!({"title": "Three"})).await,
    ];
    let ids = json!([one["id"], foreign["id"], "no such id", two["id"], one["id"]]);
    let body = json!({"task_ids": ids, "completed": true, "priority": "Low"});
    let response = bulk(&ada, &body).await.expect_status(200);
    assert_eq!((&response["count"], &response["message"]), (&json!(2), &json!("2 tasks changed")));
    assert_eq!(statuses(&response), [200, 404, 404, 200, 200]);
    for task in ada.get("/api/tasks?sort=title&status=completed").await.tasks() {
        assert_eq!(task["priority"], "low");
    }
    let body = json!({"task_ids": [three["id"], "99999999999999999999"], "delete": true});
    let response = bulk(&ada, &body).await.expect_status(200);
    assert_eq!((&response["count"], &response["message"]), (&json!(1), &json!("1 task deleted")));
    assert_eq!(titles(&ada).await, ["One", "Two"]);
    assert_eq!(titles(&bob).await, ["Bob's"]);
    let none = bulk(&ada, &json!({"task_ids": [three["id"]], "delete": true})).await.expect_status(200);
    assert_eq!((&none["count"], &none["txid"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn invalid_bodies_are_refused() {
    let ada = api().new_user().await;
    let create = json!({"op": "create", "title": "Buy milk"});
    for (body, pointers) in [
        (json!({}), &[""][..]),
        (json!({"delete": true}), &[""]),
        (json!({"task_ids": [], "delete": true}), &["/task_ids"]),
        (json!({"task_ids": [1], "delete": false}), &[""]),
        (json!({"task_ids": [1]}), &[""]),
        (json!({"task_ids": [1, 2], "priority": "urgent"}), &["/priority"]),
        (json!({"task_ids": [1, 2], "completed": "yes"}), &["/completed"]),
        (json!({"task_ids": "1", "completed": true}), &["/task_ids"]),
        (json!({"operations": []}), &["/operations"]),
        (json!({"operations": {"op": "create"}}), &["/operations"]),
        (json!({"operations": vec![&create; 101]}), &["/operations"]),
        (json!({"operations": [create], "atomic": "no"}), &["/atomic"]),
        (json!({"task_ids": vec![1; 101], "completed": true}), &["/task_ids"]),
    ] {
        bulk(&ada, &body).await.expect_invalid_at(pointers);
    }
    bulk(&ada, &json!([])).await.expect_status(422);
    let of_bob = json!({"op": "create", "title": "Buy milk", "user_id": "bob"});
    bulk(&ada, &json!({"operations": [create, of_bob]})).await.expect_status(403);
    bulk(&ada, &json!({"task_ids": [1], "delete": true, "userId": "bob"})).await.expect_status(403);
    assert!(database::rows_of(&ada).await.is_empty());
}

#[tokio::test]
async fn hundred_operations_fit() {
    let ada = api().new_user().await;
    let create = json!({"op": "create", "title": "🥛".repeat(200), "description": "🥛".repeat(1000)});
    let response = bulk(&ada, &json!({"operations": vec![create; 100]})).await.expect_status(200);
    assert_eq!(statuses(&response), [201; 100]);
    let ids: Vec<&Value> =
        response["results"].as_array().into_iter().flatten().map(|result| &result["task"]["id"]).collect();
    let response = bulk(&ada, &json!({"task_ids": ids, "delete": true})).await.expect_status(200);
    assert_eq!(response["count"], 100);
    assert!(database::rows_of(&ada).await.is_empty());
    let body = json!({"operations": [{"op": "create", "title": "t", "description": "x".repeat(1024 * 1024)}]});
    bulk(&ada, &body).await.expect_status(413);
}

#[tokio::test]
async fn created_tasks_keep_the_order_of_the_request() {
    let ada = api().new_user().await;
    let creates: Vec<Value> = (0..50)
        .map(|number| match number % 3 {
            0 => json!({"op": "create", "title": number.to_string()}),
            1 => json!({"op": "create", "title": number.to_string(), "description": "d"}),
            _ => json!({"op": "create", "title": number.to_string(), "due_date": "2026-12-05", "priority": "low"}),
        })
        .collect();
    let response = bulk(&ada, &json!({"operations": creates})).await.expect_status(200);
    for (number, result) in response["results"].as_array().into_iter().flatten().enumerate() {
        assert_eq!(result["task"]["title"], number.to_string());
    }
}

#[tokio::test]
async fn client_can_choose_ids() {
    let ada = api().new_user().await;
    let id = "0b5bd1a4-6d64-4e2c-9f0e-2f1f2b7a9c11";
    let other = "0b5bd1a4-6d64-4e2c-9f0e-2f1f2b7a9c12";
    let body = json!({"operations": [
        {"op": "create", "id": id, "title": "Buy milk", "priority": "low"},
        {"op": "update", "id": id, "title": "Buy oat milk", "description": "One litre"},
        {"op": "complete", "id": id},
        {"op": "create", "title": "Buy bread"},
    ]});
    if schema::has_number_ids() {
        let response = bulk(&ada, &body).await.expect_status(422);
        assert_eq!(refusals(&response)[0], ("/operations/0/id", 422, "validation_failed"));
        return;
    }
    let response = bulk(&ada, &body).await.expect_status(200);
    assert_eq!(statuses(&response), [201, 200, 200, 201]);
    let task = &response["results"][0]["task"];
    assert_eq!((&task["id"], &task["title"], &task["completed"]), (&json!(id), &json!("Buy oat milk"), &json!(true)));
    assert_eq!((&task["description"], &task["version"]), (&json!("One litre"), &json!(1)));
    assert_eq!(titles(&ada).await, ["Buy bread", "Buy oat milk"]);
    let again = json!({"atomic": false, "operations": [
        {"op": "create", "id": id, "title": "Buy milk"},
        {"op": "create", "id": other, "title": "Buy tea"},
        {"op": "complete", "id": other},
    ]});
    let response = bulk(&ada, &again).await.expect_status(200);
    assert_eq!(statuses(&response), [409, 201, 200]);
    let twice = json!({"operations": [{"op": "create", "id": other, "title": "a"}, {"op": "create", "id": other, "title": "b"}]});
    let response = bulk(&ada, &twice).await.expect_status(422);
    assert_eq!(refusals(&response), [("/operations/1/id", 422, "validation_failed")]);
}

#[tokio::test]
async fn repeat_with_a_key_changes_nothing() {
    let ada = api().new_user().await;
    let milk = ada.create(json!({"title": "Buy milk"})).await;
    for atomic in [true, false] {
        let body = json!({"atomic": atomic, "operations": [
            {"op": "create", "title": "Buy bread"},
            {"op": "complete", "id": milk["id"]},
        ]});
        let key = format!("bulk {atomic}");
        let send = async |body: &Value| {
            let request = ada.request("POST", "/api/tasks/bulk").header("idempotency-key", &key).json(body);
            ada.send(request).await
        };
        let first = send(&body).await.expect_status(200);
        assert_eq!(first.header("idempotent-replayed"), None);
        let before = database::rows_of(&ada).await;
        let again = send(&body).await.expect_status(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!((&again.json, again.header("x-transaction-id")), (&first.json, first.header("x-transaction-id")));
        assert_eq!(database::rows_of(&ada).await, before);
        let other = send(&json!({"operations": [{"op": "create", "title": "Buy tea"}]})).await.expect_status(422);
        assert_eq!(other["code"], "idempotency_key_reused");
    }
    let body = json!({"task_ids": [milk["id"], "no such id"], "delete": true});
    let delete = ada.request("POST", "/api/tasks/bulk").header("idempotency-key", "delete").json(&body);
    let first = ada.send(delete.clone()).await.expect_status(200);
    let again = ada.send(delete).await.expect_status(200);
    assert_eq!((&again.json, &again["count"]), (&first.json, &json!(1)));
    let key = "bulk refused";
    let send = async |title: &str| {
        let body = json!({"operations": [{"op": "create", "title": title}]});
        ada.send(ada.request("POST", "/api/tasks/bulk").header("idempotency-key", key).json(&body)).await
    };
    send("").await.expect_status(422);
    send("Buy tea").await.expect_status(200);
}

#[tokio::test]
async fn version_can_be_required() {
    let ada = api_with(&[("REQUIRE_IF_MATCH", "1")]).new_user().await;
    let milk = ada.create(json!({"title": "Buy milk"})).await;
    let complete = |version: Value| json!({"op": "complete", "id": milk["id"], "version": version});
    let response = bulk(&ada, &json!({"operations": [complete(Value::Null)]})).await.expect_status(422);
    assert_eq!(refusals(&response), [("/operations/0", 428, "precondition_required")]);
    bulk(&ada, &json!({"operations": [complete(json!(1))]})).await.expect_status(200);
}

/// Two requests change the same tasks in opposite orders.
#[tokio::test]
async fn concurrent_requests_do_not_wait_for_each_other() {
    let ada = api().new_user().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(ada.create(json!({"title": "Buy milk"})).await["id"].clone());
    }
    let mut reversed = ids.clone();
    reversed.reverse();
    for completed in [true, false, true] {
        let [one, other] = [&ids, &reversed].map(|ids| json!({"task_ids": ids, "completed": completed}));
        let (one, other) = tokio::join!(bulk(&ada, &one), bulk(&ada, &other));
        assert_eq!((&one.expect_status(200)["count"], &other.expect_status(200)["count"]), (&json!(20), &json!(20)));
    }
}
