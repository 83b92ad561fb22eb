//! `Idempotency-Key`: a request that is repeated is done once, and answered as the first time.

use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, api_with, database, schema};

const REUSED: &str = "The Idempotency-Key was used before, for another request";

/// An operation, as its keys distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Put,
    Patch,
    Complete,
    Toggle,
    Delete,
}

const OPERATIONS: [Operation; 6] =
    [Operation::Create, Operation::Put, Operation::Patch, Operation::Complete, Operation::Toggle, Operation::Delete];
/// The operations on a task that exists.
const CHANGES: [Operation; 5] =
    [Operation::Put, Operation::Patch, Operation::Complete, Operation::Toggle, Operation::Delete];

impl Operation {
    /// The request without a key. `task` is the path of the task, which a create ignores.
    fn request(self, user: &TestUser, task: &str) -> TestRequest {
        match self {
            Self::Create => user.request("POST", "/api/tasks").json(&json!({"title": "Buy milk"})),
            Self::Put => user.request("PUT", task).json(&json!({"title": "Buy bread", "due_date": "2026-12-05"})),
            Self::Patch => user.request("PATCH", task).json(&json!({"priority": "high"})),
            Self::Complete => user.request("PATCH", &format!("{task}/complete")).json(&json!({"completed": true})),
            Self::Toggle => user.request("PATCH", &format!("{task}/toggle")),
            Self::Delete => user.request("DELETE", task),
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Create => 201,
            Self::Delete => 204,
            _ => 200,
        }
    }
}

/// The request with a key.
fn keyed(request: &TestRequest, key: &str) -> TestRequest {
    request.clone().header("idempotency-key", key)
}

async fn send_keyed(user: &TestUser, request: &TestRequest, key: &str) -> TestResponse {
    user.send(keyed(request, key)).await
}

/// Sends the request, and asserts that it is done now.
async fn first(user: &TestUser, request: &TestRequest, key: &str, status: u16) -> TestResponse {
    let response = send_keyed(user, request, key).await.expect_status(status);
    assert_eq!(response.header("idempotent-replayed"), None, "{}", response.request);
    response
}

/// Sends the request again, and asserts that it gets the first answer.
async fn assert_replayed(user: &TestUser, request: &TestRequest, key: &str, first: &TestResponse) {
    let mut response = send_keyed(user, request, key).await;
    assert_eq!(response.header("idempotent-replayed"), Some("true"), "{response:?}");
    response.headers.remove("idempotent-replayed");
    assert_eq!(response.without_request_id(), first.without_request_id(), "{}", response.request);
    assert_eq!(response.transaction, first.transaction, "{}", response.request);
}

async fn count_keys(user: &TestUser) -> i64 {
    let query = "select count(*) from tasks_api.idempotency_keys where user_id::text = $1";
    database::connect().await.query_one(query, &[&user.id]).await.unwrap().get(0)
}

fn path_of(task: &Value) -> String {
    format!("/api/tasks/{}", TaskId::from_task(task))
}

#[tokio::test]
async fn repeated_request_gets_the_first_answer() {
    for operation in OPERATIONS {
        let ada = api().new_user().await;
        let other_form = format!("/api/{}/tasks", ada.id);
        for prefix in ["/api/tasks", &other_form] {
            let path = ada.create_path(json!({"title": "Buy milk"})).await;
            let mut request = operation.request(&ada, &path);
            request.path = request.path.replace("/api/tasks", prefix);
            let key = format!("key of {prefix}");
            let response = first(&ada, &request, &key, operation.status()).await;
            let transaction = response.header("x-transaction-id").unwrap();
            assert!(transaction.parse::<u64>().is_ok(), "{transaction}");
            let rows = database::rows_of(&ada).await;
            for _ in 0..3 {
                assert_replayed(&ada, &request, &key, &response).await;
            }
            assert_eq!(database::rows_of(&ada).await, rows);
        }
        assert_eq!(count_keys(&ada).await, 2, "{operation:?}");
    }
}

#[tokio::test]
async fn answer_with_a_key_is_that_without() {
    for operation in OPERATIONS {
        let (ada, grace) = (api().new_user().await, api().new_user().await);
        let [one, other] = [ada.create(json!({"title": "t"})).await, grace.create(json!({"title": "t"})).await];
        let with_key = first(&ada, &operation.request(&ada, &path_of(&one)), "k", operation.status()).await;
        let without = grace.send(operation.request(&grace, &path_of(&other))).await.expect_status(operation.status());
        let names = |response: &TestResponse| response.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&with_key), names(&without), "{operation:?}");
        let members = |response: &TestResponse| {
            let mut members = response.json.clone();
            for name in ["id", "user_id", "created_at", "updated_at", "completed_at", "txid"] {
                members.as_object_mut().and_then(|members| members.remove(name));
            }
            members
        };
        assert_eq!(members(&with_key), members(&without), "{operation:?}");
        if operation != Operation::Delete {
            assert_eq!(ada.get(&path_of(&with_key.json)).await.json, with_key.json, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn every_due_date_is_replayed_as_stored() {
    let ada = api().new_user().await;
    for due_date in
        [json!(null), json!("2026-12-05"), json!("2026-12-05T17:30:15.25"), json!("2026-12-05T17:30:15.123456+02:00")]
    {
        let body = json!({"title": "t", "due_date": due_date, "description": "ä \"\\ 🥛\u{1}", "priority": "low"});
        let request = ada.request("POST", "/api/tasks").json(&body);
        let created = first(&ada, &request, &due_date.to_string(), 201).await;
        assert_eq!(ada.get(&path_of(&created.json)).await.json, created.json);
        assert_replayed(&ada, &request, &due_date.to_string(), &created).await;
    }
    for due_date in ["infinity", "-infinity", "0001-01-01", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.5"] {
        database::insert_tasks(&ada, "title, due_date", &format!("'Stored', '{due_date}'")).await;
    }
    let stored = ada.get("/api/tasks").await;
    for task in stored.tasks().into_iter().filter(|task| task["title"] == "Stored") {
        let request = ada.request("PUT", &path_of(task)).json(&json!({"title": "Changed"}));
        let changed = first(&ada, &request, &task["id"].to_string(), 200).await;
        assert_eq!(changed["due_date"], task["due_date"]);
        assert_eq!(ada.get(&path_of(task)).await.json, changed.json);
        assert_replayed(&ada, &request, &task["id"].to_string(), &changed).await;
    }
}

#[tokio::test]
async fn replay_does_not_depend_on_the_present_task() {
    for operation in OPERATIONS.into_iter().filter(|operation| *operation != Operation::Delete) {
        let ada = api().new_user().await;
        let path = ada.create_path(json!({"title": "Buy milk"})).await;
        let request = operation.request(&ada, &path);
        let response = first(&ada, &request, "k", operation.status()).await;
        let changed_path = if operation == Operation::Create { path_of(&response.json) } else { path };
        ada.put(&changed_path, &json!({"title": "Later", "completed": false})).await.expect_status(200);
        let rows = database::rows_of(&ada).await;
        assert_replayed(&ada, &request, "k", &response).await;
        assert_eq!(database::rows_of(&ada).await, rows, "{operation:?}");
        ada.delete(&changed_path).await.expect_status(204);
        let rows = database::rows_of(&ada).await;
        assert_replayed(&ada, &request, "k", &response).await;
        assert_eq!(database::rows_of(&ada).await, rows, "a deleted task must not come back");
    }
}

#[tokio::test]
async fn deletion_is_replayed_although_the_task_is_back() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let request = Operation::Delete.request(&ada, &path_of(&task));
    let deleted = first(&ada, &request, "k", 204).await;
    assert_replayed(&ada, &request, "k", &deleted).await;
    let id = task["id"].as_str().map_or_else(|| task["id"].to_string(), |id| format!("'{id}'"));
    database::insert_tasks(&ada, "id, title", &format!("{id}, 'Restored'")).await;
    assert_replayed(&ada, &request, "k", &deleted).await;
    assert_eq!(ada.get(&path_of(&task)).await.expect_status(200)["title"], "Restored");
}

#[tokio::test]
async fn key_of_another_task_is_rejected() {
    for operation in CHANGES {
        let ada = api().new_user().await;
        let [one, other] = [ada.create(json!({"title": "a"})).await, ada.create(json!({"title": "b"})).await];
        first(&ada, &operation.request(&ada, &path_of(&one)), "k", operation.status()).await;
        let rows = database::rows_of(&ada).await;
        let response = send_keyed(&ada, &operation.request(&ada, &path_of(&other)), "k").await;
        let response = response.expect_problem(422, "idempotency_key_reused", REUSED);
        let id = (operation != Operation::Delete).then_some(&one["id"]);
        assert_eq!(response.json.get("id"), id, "{operation:?}");
        assert_eq!(database::rows_of(&ada).await, rows, "{operation:?}");
    }
}

#[tokio::test]
async fn key_of_another_change_is_rejected() {
    let ada = api().new_user().await;
    let task = ada.create(json!({"title": "a"})).await;
    for (ending, done, other) in [
        ("", json!({"title": "b"}), json!({"title": "c"})),
        ("/complete", json!({"completed": true}), json!({"completed": false})),
        ("/toggle", json!({}), json!({"completed": true})),
    ] {
        let request = |body: &Value| ada.request("PATCH", &(path_of(&task) + ending)).json(body);
        let key = format!("key of {ending}");
        first(&ada, &request(&done), &key, 200).await;
        let rows = database::rows_of(&ada).await;
        let response = send_keyed(&ada, &request(&other), &key).await;
        let response = response.expect_problem(422, "idempotency_key_reused", REUSED);
        assert_eq!((&response["id"], database::rows_of(&ada).await), (&task["id"], rows));
    }
}

#[tokio::test]
async fn key_of_a_create_names_what_it_created() {
    let ada = api().new_user().await;
    let create = |body: Value| ada.request("POST", "/api/tasks").json(&body);
    let created = first(&ada, &create(json!({"title": "a"})), "k", 201).await;
    for body in [
        json!({"title": "b"}),
        json!({"title": "a", "description": ""}),
        json!({"title": "a", "completed": false}),
        json!({"title": "a", "priority": "low"}),
        json!({"title": "a", "due_date": "2026-12-05"}),
    ] {
        let response = send_keyed(&ada, &create(body), "k").await;
        assert_eq!(response.expect_problem(422, "idempotency_key_reused", REUSED)["id"], created["id"]);
    }
    ada.delete(&path_of(&created.json)).await.expect_status(204);
    let response = send_keyed(&ada, &create(json!({"title": "b"})), "k").await;
    assert_eq!(response.expect_problem(422, "idempotency_key_reused", REUSED)["id"], created["id"]);
    assert_eq!(database::rows_of(&ada).await, [] as [Value; 0]);
}

#[tokio::test]
async fn other_spellings_are_the_same_input() {
    let ada = api().new_user().await;
    let create = |body: &str| ada.request("POST", "/api/tasks").body(body);
    let body = r#"{"title":"Buy milk","priority":"HIGH","due_date":"2026-12-05T17:30:00+02:00"}"#;
    let created = first(&ada, &create(body), "k", 201).await;
    for body in [
        r#"{"due_date": "2026-12-05T15:30:00Z", "title": "  Buy milk ", "priority": "high"}"#,
        r#"{"title":"Buy milk","dueDate":"2026-12-05T15:30:00.000Z","priority":"High","description":null,"color":"red"}"#,
        r#"{"title":"x","title":"Buy\u0020milk","priority":"high","due_date":"2026-12-05T15:30:00Z"}"#,
    ] {
        assert_replayed(&ada, &create(body), "k", &created).await;
    }
    let path = path_of(&created.json);
    let toggled = first(&ada, &Operation::Toggle.request(&ada, &path), "k", 200).await;
    for ending in ["complete", "toggle", "status"] {
        for body in ["", "null", "\"\"", "{}", " {\"completed\": null}"] {
            let request = ada.request("PATCH", &format!("{path}/{ending}")).body(body);
            assert_replayed(&ada, &request, "k", &toggled).await;
        }
    }
}

#[tokio::test]
async fn if_match_is_not_part_of_the_input() {
    let ada = api().new_user().await;
    for operation in CHANGES {
        let path = ada.create_path(json!({"title": "Buy milk"})).await;
        let request = operation.request(&ada, &path);
        let tag = ada.get(&path).await.header("etag").unwrap().to_owned();
        let response = first(&ada, &request.clone().header("if-match", &tag), &path, operation.status()).await;
        // The version of the first request, a later one, and none.
        for request in [request.clone().header("if-match", &tag), request.clone().header("if-match", "\"99\""), request]
        {
            assert_replayed(&ada, &request, &path, &response).await;
        }
    }
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let expecting =
        |time: &Value| ada.request("PUT", &path_of(&task)).json(&json!({"title": "t", "expected_updated_at": time}));
    let changed = first(&ada, &expecting(&task["updated_at"]), "expected", 200).await;
    assert_replayed(&ada, &expecting(&task["updated_at"]), "expected", &changed).await;
    let response = send_keyed(&ada, &expecting(&changed["updated_at"]), "expected").await;
    response.expect_problem(422, "idempotency_key_reused", REUSED);
}

#[tokio::test]
async fn failures_can_be_tried_again() {
    let ada = api().new_user().await;
    for operation in CHANGES {
        let task = ada.create(json!({"title": "Buy milk"})).await;
        let (path, key) = (path_of(&task), path_of(&task));
        let request = operation.request(&ada, &path);
        let stale = keyed(&request.clone().header("if-match", "\"99\""), &key);
        ada.send(stale).await.expect_status(412);
        ada.delete(&path).await.expect_status(204);
        send_keyed(&ada, &request, &key).await.expect_status(404);
        assert_eq!(count_keys(&ada).await, 0, "{operation:?}");
        let id = task["id"].as_str().map_or_else(|| task["id"].to_string(), |id| format!("'{id}'"));
        database::insert_tasks(&ada, "id, title", &format!("{id}, 'Restored'")).await;
        let response = first(&ada, &request, &key, operation.status()).await;
        assert_replayed(&ada, &request, &key, &response).await;
        database::connect()
            .await
            .batch_execute(&format!("delete from tasks_api.idempotency_keys where user_id::text = '{}'", ada.id))
            .await
            .unwrap();
    }
    let create = |title: &str| ada.request("POST", "/api/tasks").json(&json!({"title": title}));
    send_keyed(&ada, &create(""), "k").await.expect_invalid_at(&["/title"]);
    send_keyed(&ada, &create(&"x".repeat(201)), "k").await.expect_invalid_at(&["/title"]);
    first(&ada, &create("Buy milk"), "k", 201).await;
}

#[tokio::test]
async fn failure_in_the_database_can_be_tried_again() {
    if schema::refusal_of_long_texts().is_none() {
        return schema::report_skipped("the database takes every text that the settings can allow");
    }
    let limits = [("TASK_TITLE_MAX", "255"), ("TASK_DESCRIPTION_MAX", "16000"), ("LAMBDA_CONCURRENCY", "1")];
    let ada = api_with(&limits).new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    let long = json!({"title": "x".repeat(255), "description": "x".repeat(16_000)});
    for (method, path, status) in [("POST", "/api/tasks", 201), ("PUT", &path, 200)] {
        let keys = count_keys(&ada).await;
        let refused = send_keyed(&ada, &ada.request(method, path).json(&long), "k").await;
        refused.expect_status(422)["errors"].as_array().expect("the fields");
        assert_eq!(count_keys(&ada).await, keys);
        first(&ada, &ada.request(method, path).json(&json!({"title": "Buy bread"})), "k", status).await;
    }
}

#[tokio::test]
async fn keys_belong_to_a_user_and_an_operation() {
    let (ada, grace) = (api().new_user().await, api().new_user().await);
    let mut ids = Vec::new();
    for user in [&ada, &grace] {
        let path = user.create_path(json!({"title": "Buy milk"})).await;
        for operation in [Operation::Create, Operation::Put, Operation::Toggle, Operation::Delete] {
            let response = first(user, &operation.request(user, &path), "k", operation.status()).await;
            ids.push(response.header("x-transaction-id").unwrap().to_owned());
        }
        // PUT and PATCH are one operation.
        let same = user.request("PATCH", &path).json(&json!({"title": "Buy bread", "dueDate": "2026-12-05"}));
        let response = send_keyed(user, &same, "k").await.expect_status(200);
        assert_eq!(response.header("idempotent-replayed"), Some("true"));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    assert_eq!((count_keys(&ada).await, count_keys(&grace).await), (4, 4));
    let foreign = ada.request("POST", &format!("/api/{}/tasks", grace.id)).json(&json!({"title": "Buy milk"}));
    send_keyed(&ada, &foreign, "k").await.expect_status(403);
}

#[tokio::test]
async fn malformed_key_is_rejected() {
    let ada = api().new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    let rows = database::rows_of(&ada).await;
    let message = "The header Idempotency-Key is malformed: it is one key of 1 to 255 printable ASCII characters, as in \
                   Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\"";
    let long = "x".repeat(256);
    for key in ["", "\"\"", "\"a", "\"a\"b", "a, b", "\"a\", \"b\"", "ä", "\" a\"", &long] {
        for operation in OPERATIONS {
            let response = send_keyed(&ada, &operation.request(&ada, &path), key).await;
            response.expect_problem(400, "malformed_request", message);
        }
    }
    // Repeated headers are joined, and the header is no list.
    let request = keyed(&keyed(&Operation::Create.request(&ada, ""), "a"), "a");
    ada.send(request).await.expect_problem(400, "malformed_request", message);
    assert_eq!((database::rows_of(&ada).await, count_keys(&ada).await), (rows, 0));
}

#[tokio::test]
async fn a_key_may_be_quoted() {
    let ada = api().new_user().await;
    let longest = "x".repeat(255);
    for (bare, quoted) in
        [("a b", "\"a b\""), (r#"a"b\c"#, r#""a\"b\\c""#), ("~", "\"~\""), (&longest, &format!("\"{longest}\""))]
    {
        let request = Operation::Create.request(&ada, "");
        let created = first(&ada, &request, bare, 201).await;
        assert_replayed(&ada, &request, quoted, &created).await;
    }
    first(&ada, &Operation::Create.request(&ada, ""), "\"a, b\"", 201).await;
}

#[tokio::test]
async fn requests_at_once_are_done_once() {
    for operation in OPERATIONS {
        let ada = api().new_user().await;
        let path = ada.create_path(json!({"title": "Buy milk"})).await;
        let tag = ada.get(&path).await.header("etag").unwrap().to_owned();
        let request = operation.request(&ada, &path);
        let is_conditional = !matches!(operation, Operation::Create);
        let request = if is_conditional { request.header("if-match", &tag) } else { request };
        let responses = futures_util::future::join_all((0..8).map(|_| send_keyed(&ada, &request, "k"))).await;
        let is_replayed = |response: &&TestResponse| response.header("idempotent-replayed").is_some();
        assert_eq!(responses.iter().filter(is_replayed).count(), 7, "{operation:?}: {responses:?}");
        let answer = |response: &TestResponse| (response.status, response.json.clone());
        assert!(responses.iter().all(|response| answer(response) == answer(&responses[0])), "{responses:?}");
        assert_eq!(responses[0].status, operation.status());
        let rows = database::rows_of(&ada).await.len();
        let expected = match operation {
            Operation::Create => 2,
            Operation::Delete => 0,
            _ => 1,
        };
        assert_eq!((rows, count_keys(&ada).await), (expected, 1), "{operation:?}");
    }
}

#[tokio::test]
async fn one_of_two_inputs_at_once_is_done() {
    let ada = api().new_user().await;
    for round in 0..5 {
        let key = round.to_string();
        let create = |title: &str| ada.request("POST", "/api/tasks").json(&json!({"title": title}));
        let (left, right) = (create("Left"), create("Right"));
        let (left, right) = tokio::join!(send_keyed(&ada, &left, &key), send_keyed(&ada, &right, &key));
        let (done, refused) = if left.status == 201 { (left, right) } else { (right, left) };
        let refused = refused.expect_problem(422, "idempotency_key_reused", REUSED);
        assert_eq!(refused["id"], done.expect_status(201)["id"]);
    }
    assert_eq!(database::rows_of(&ada).await.len(), 5);
}

#[tokio::test]
async fn stored_values_that_break_rules_are_replayed() {
    let ada = api().new_user().await;
    let title = "x".repeat(schema::max_title_length().min(255));
    if title.len() <= 200 {
        return schema::report_skipped("no title is longer than the settings allow");
    }
    database::insert_tasks(&ada, "title", &format!("'{title}'")).await;
    let path = path_of(&ada.get("/api/tasks").await.tasks()[0].clone());
    let request = ada.request("PUT", &path).json(&json!({"title": title, "completed": true}));
    let changed = first(&ada, &request, "k", 200).await;
    assert_eq!((&changed["title"], &changed["completed"]), (&json!(title), &json!(true)));
    ada.put(&path, &json!({"title": "Short"})).await.expect_status(200);
    assert_replayed(&ada, &request, "k", &changed).await;
    send_keyed(&ada, &request, "another").await.expect_invalid_at(&["/title"]);
    ada.delete(&path).await.expect_status(204);
    assert_replayed(&ada, &request, "k", &changed).await;
    send_keyed(&ada, &request, "another").await.expect_status(404);
}

#[tokio::test]
async fn requests_without_a_key_are_not_stored() {
    let ada = api().new_user().await;
    for _ in 0..2 {
        let task = ada.create(json!({"title": "Buy milk"})).await;
        for operation in CHANGES {
            let response = ada.send(operation.request(&ada, &path_of(&task))).await.expect_status(operation.status());
            assert_eq!(response.header("idempotent-replayed"), None);
        }
        ada.create(json!({"title": "Buy milk"})).await;
    }
    assert_eq!((database::rows_of(&ada).await.len(), count_keys(&ada).await), (2, 0));
}

#[tokio::test]
async fn deleted_user_has_no_keys() {
    let ada = api().new_user().await;
    let request = Operation::Create.request(&ada, "");
    first(&ada, &request, "k", 201).await;
    database::delete_user(&ada).await;
    let has_foreign_key =
        "select exists (select from pg_constraint where conrelid = 'tasks'::regclass and contype = 'f')";
    if database::connect().await.query_one(has_foreign_key, &[]).await.unwrap().get(0) {
        assert_eq!(count_keys(&ada).await, 0);
        send_keyed(&ada, &request, "k").await.expect_status(401);
        assert_eq!(database::rows_of(&ada).await, [] as [Value; 0]);
    }
}

#[tokio::test]
async fn key_outlives_a_change_of_settings() {
    let ada = api().new_user().await;
    let request = ada.request("POST", "/api/tasks").json(&json!({"title": "Buy milk"}));
    let created = first(&ada, &request, "k", 201).await;
    let changed = api_with(&[("TASK_PRIORITY_DEFAULT", "low"), ("TASK_JSON_CASE", "both")]);
    let ada = changed.user(&ada.id);
    let request = ada.request("POST", "/api/tasks").json(&json!({"title": "Buy milk"}));
    let response = send_keyed(&ada, &request, "k").await.expect_status(201);
    assert_eq!(response.header("idempotent-replayed"), Some("true"));
    assert_eq!((&response["id"], &response["userId"]), (&created["id"], &json!(ada.id)));
}
