//! Writes of tags that a client repeats, with and without an `Idempotency-Key`.

use dev::testing::client::{TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};

use crate::kit::{api, database};

/// Every write of a tag, for the task at this path, with the status of its response. Each needs the tag `home`.
fn writes(ada: &TestUser, task: &str) -> [(TestRequest, u16); 7] {
    [
        (ada.request("POST", "/api/tags").json(&json!({"name": "new", "color": "red"})), 201),
        (ada.request("POST", "/api/tags").json(&json!({"name": "HOME", "color": "red"})), 200),
        (ada.request("PATCH", "/api/tags/home").json(&json!({"name": "House"})), 200),
        (ada.request("PUT", "/api/tags/home").json(&json!({"color": "blue"})), 200),
        (ada.request("DELETE", "/api/tags/home"), 204),
        (ada.request("POST", &format!("{task}/tags")).json(&json!({"tags": ["x"]})), 200),
        (ada.request("DELETE", &format!("{task}/tags/home")), 204),
    ]
}

async fn send_keyed(ada: &TestUser, request: &TestRequest, key: &str) -> TestResponse {
    ada.send(request.clone().header("idempotency-key", key)).await
}

/// What a repeat must have in common with the first response.
fn answer(mut response: TestResponse) -> (u16, Vec<(String, String)>, Value) {
    response.headers.remove("idempotent-replayed");
    response.without_request_id()
}

#[tokio::test]
async fn repeated_write_of_a_tag_gets_the_first_answer() {
    for number in 0..7 {
        let ada = api().new_user().await;
        let task = ada.create_path(json!({"title": "Buy milk", "tags": ["home", "work"]})).await;
        let (request, status) = &writes(&ada, &task)[number];
        let first = send_keyed(&ada, request, "k").await.expect_status(*status);
        assert_eq!(first.header("idempotent-replayed"), None, "{}", first.request);
        for later in [json!({"tags": ["home"]}), json!({"tags": []})] {
            let repeated = send_keyed(&ada, request, "k").await;
            assert_eq!(repeated.header("idempotent-replayed"), Some("true"), "{repeated:?}");
            assert_eq!(answer(repeated), answer(first.clone()));
            // Nothing is done again, whatever has become of the task.
            ada.put(&task, &later).await.expect_status(200);
            let rows = database::rows_of(&ada).await;
            assert_eq!(answer(send_keyed(&ada, request, "k").await), answer(first.clone()));
            assert_eq!(database::rows_of(&ada).await, rows, "{}", first.request);
        }
    }
}

#[tokio::test]
async fn key_of_another_write_of_a_tag_is_rejected() {
    let ada = api().new_user().await;
    let task = ada.create_path(json!({"title": "Buy milk", "tags": ["home", "work"]})).await;
    let create = |name: &str| ada.request("POST", "/api/tags").json(&json!({"name": name}));
    let color = |name: &str| ada.request("PATCH", &format!("/api/tags/{name}")).json(&json!({"color": "red"}));
    let delete = |name: &str| ada.request("DELETE", &format!("/api/tags/{name}"));
    let add = |name: &str| ada.request("POST", &format!("{task}/tags")).json(&json!({"tags": [name]}));
    let remove = |name: &str| ada.request("DELETE", &format!("{task}/tags/{name}"));
    let requests: [&dyn Fn(&str) -> TestRequest; 5] = [&create, &color, &add, &remove, &delete];
    for (number, request) in requests.into_iter().enumerate() {
        let key = number.to_string();
        assert!(send_keyed(&ada, &request("home"), &key).await.status < 300);
        // The case of a name in the path does not matter, and that of a new tag does.
        let same = if number == 0 || number == 2 { "home" } else { "HOME" };
        assert!(send_keyed(&ada, &request(same), &key).await.header("idempotent-replayed").is_some(), "{number}");
        let detail = "The Idempotency-Key was used before, for another request";
        let reused = send_keyed(&ada, &request("work"), &key).await;
        reused.expect_problem(422, "idempotency_key_reused", detail);
    }
    ada.send(delete("x").header("idempotency-key", "a, b")).await.expect_status(400);
}

#[tokio::test]
async fn repeated_rename_finds_the_tag_of_the_new_name() {
    let ada = api().new_user().await;
    ada.create(json!({"title": "Buy milk", "tags": ["home"]})).await;
    let rename = json!({"name": "House", "color": "red"});
    let renamed = ada.patch("/api/tags/home", &rename).await.expect_status(200);
    for path in ["/api/tags/home", "/api/tags/HOME"] {
        assert_eq!(ada.put(path, &rename).await.expect_status(200).json, renamed.json, "{path}");
    }
    // It is no rename that was done.
    for other in [json!({"name": "house"}), json!({"name": "x"}), json!({"color": "red"})] {
        ada.patch("/api/tags/home", &other).await.expect_problem(404, "tag_not_found", "Tag not found");
    }
    // A repeat does not undo what was done since.
    ada.patch("/api/tags/house", &json!({"color": "blue"})).await.expect_status(200);
    assert_eq!(ada.patch("/api/tags/home", &rename).await.expect_status(200)["color"], "blue");
    ada.delete("/api/tags/house").await.expect_status(204);
    ada.patch("/api/tags/home", &rename).await.expect_problem(404, "tag_not_found", "Tag not found");
    // A tag of the former name is another one, and is renamed.
    ada.create(json!({"title": "Buy bread", "tags": ["Home"]})).await;
    assert_eq!(ada.patch("/api/tags/home", &rename).await.expect_status(200)["task_count"], 1);
    let grace = api().new_user().await;
    grace.create(json!({"title": "Buy milk", "tags": ["house"]})).await;
    grace.patch("/api/tags/home", &rename).await.expect_problem(404, "tag_not_found", "Tag not found");
}
