//! How many round trips to the database an operation takes.

use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use dev::testing::fault_proxy::FaultProxy;
use dev::testing::wait::wait_until;
use serde_json::json;

use crate::kit::{Api, proxied_database};

/// The proxy that counts, a stack whose functions are connected, and a user.
async fn warm_stack(variables: &[(&str, &str)]) -> (FaultProxy, Api, TestUser) {
    let (proxy, proxied_url) = proxied_database().await;
    // One instance of each function has one connection.
    let api = Api::start(&proxied_url, &[variables, &[("LAMBDA_CONCURRENCY", "1")]].concat()).await;
    let ada = api.new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    ada.get("/api/tasks").await.expect_status(200);
    ada.get(&path).await.expect_status(200);
    ada.put(&path, &json!({"title": "t"})).await.expect_status(200);
    ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(200);
    ada.delete(&path).await.expect_status(204);
    (proxy, api, ada)
}

/// Sends a request and asserts how many round trips and how many statements it takes.
async fn send_costs(
    proxy: &FaultProxy,
    ada: &TestUser,
    request: TestRequest,
    status: u16,
    cost: (usize, usize),
) -> TestResponse {
    let count = || (proxy.round_trips(), proxy.answered_statements());
    let before = count();
    let response = ada.send(request).await.expect_status(status);
    // PostgreSQL sends an error before it is ready again, and the function may answer in between.
    wait_until("the statements are counted", async || proxy.answered_statements() - before.1 >= cost.1).await;
    let after = count();
    assert_eq!((after.0 - before.0, after.1 - before.1), cost, "{}", response.request);
    response
}

#[tokio::test]
async fn warm_operation_takes_one_round_trip() {
    let (proxy, _api, ada) = warm_stack(&[]).await;
    let once = (1, 1);
    for round in 0..3 {
        let body = json!({"title": format!("Round {round}")});
        let task = send_costs(&proxy, &ada, ada.request("POST", "/api/tasks").json(&body), 201, once).await;
        let path = format!("/api/tasks/{}", TaskId::from_task(&task.json));
        send_costs(&proxy, &ada, ada.request("GET", "/api/tasks"), 200, once).await;
        send_costs(&proxy, &ada, ada.request("GET", "/api/tasks?status=pending&sort=title&limit=5"), 200, once).await;
        send_costs(&proxy, &ada, ada.request("GET", &path), 200, once).await;
        send_costs(&proxy, &ada, ada.request("PUT", &path).json(&json!({"title": "t"})), 200, once).await;
        send_costs(&proxy, &ada, ada.request("PATCH", &path).json(&json!({"priority": "low"})), 200, once).await;
        let fields = json!({
            "tags": ["a"], "category": "c", "completed": true, "status": "pending", "recurrence": "daily",
            "timezone": "Europe/Berlin", "due_date": "2030-01-31"
        });
        send_costs(&proxy, &ada, ada.request("PUT", &path).json(&fields), 200, once).await;
        send_costs(&proxy, &ada, ada.request("PATCH", &format!("{path}/complete")), 200, once).await;
        send_costs(&proxy, &ada, ada.request("DELETE", &path), 204, once).await;
        send_costs(&proxy, &ada, ada.request("GET", &path), 404, once).await;
        send_costs(&proxy, &ada, ada.request("PUT", &path).json(&json!({"title": "t"})), 404, once).await;
        send_costs(&proxy, &ada, ada.request("GET", "/api/tasks/abc"), 404, once).await;
        send_costs(&proxy, &ada, TestRequest::new("GET", "/health/ready"), 200, once).await;
    }
}

/// Creates, changes, completes and deletes a task, each with a key and then again with the same key. The requests take these
/// round trips and statements, if that is given.
async fn send_with_key(proxy: &FaultProxy, ada: &TestUser, key: &str, cost: Option<(usize, usize)>) {
    let keyed = |method: &str, path: &str| ada.request(method, path).header("idempotency-key", key);
    let send = async |request: TestRequest, status: u16| match cost {
        Some(cost) => send_costs(proxy, ada, request, status, cost).await,
        None => ada.send(request).await.expect_status(status),
    };
    let create = keyed("POST", "/api/tasks").json(&json!({"title": "t"}));
    let task = send(create.clone(), 201).await;
    let path = format!("/api/tasks/{}", TaskId::from_task(&task.json));
    let requests = [
        (keyed("PUT", &path).json(&json!({"title": "Changed"})), 200),
        (keyed("PATCH", &format!("{path}/complete")), 200),
        (keyed("DELETE", &path), 204),
    ];
    for (request, status) in requests.clone().into_iter().chain([(create, 201)]).chain(requests) {
        send(request, status).await;
    }
}

#[tokio::test]
async fn request_with_a_key_takes_one_round_trip() {
    let (proxy, _api, ada) = warm_stack(&[]).await;
    let prepared = proxy.prepared_statements();
    send_with_key(&proxy, &ada, "first", None).await;
    // Each of the four statements is sent unnamed, and prepared after that.
    wait_until("the statements are prepared", async || proxy.prepared_statements() - prepared >= 4).await;
    for round in 0..3 {
        send_with_key(&proxy, &ada, &format!("round {round}"), Some((1, 1))).await;
    }
}

#[tokio::test]
async fn failure_with_a_key_takes_two_round_trips() {
    let (proxy, _api, ada) = warm_stack(&[]).await;
    let change = ada.request("PUT", "/api/tasks/0").header("idempotency-key", "k").json(&json!({"title": "t"}));
    // The statements are prepared after the first time, and that is answered before the second time.
    for _ in 0..2 {
        ada.send(change.clone()).await.expect_status(404);
    }
    // The key is looked up once more.
    send_costs(&proxy, &ada, change, 404, (2, 2)).await;
}

#[tokio::test]
async fn refused_request_does_not_reach_the_database() {
    let (proxy, _api, ada) = warm_stack(&[]).await;
    let never = (0, 0);
    for (request, status) in [
        (TestRequest::new("GET", "/api/tasks"), 401),
        (ada.request("GET", "/api/somebody/tasks"), 403),
        (ada.request("POST", "/api/tasks").json(&json!({"title": ""})), 422),
        (ada.request("POST", "/api/tasks").body("{"), 400),
        (ada.request("POST", "/api/tasks").json(&json!({"title": "t"})).header("idempotency-key", ""), 400),
        (ada.request("PUT", "/api/tasks/1").json(&json!({})), 422),
        (ada.request("GET", "/api/tasks/%00"), 404),
        (ada.request("GET", "/api/tasks?limit=0"), 422),
        (TestRequest::new("GET", "/nowhere"), 404),
        (TestRequest::new("GET", "/health"), 200),
    ] {
        send_costs(&proxy, &ada, request, status, never).await;
    }
}

#[tokio::test]
async fn list_with_total_takes_one_round_trip() {
    let (proxy, _api, ada) = warm_stack(&[("TASK_LIST_SHAPE", "object")]).await;
    let queries = ["", "?status=pending", "?limit=1&offset=5"];
    let prepared = proxy.prepared_statements();
    for query in queries {
        ada.get(&format!("/api/tasks{query}")).await.expect_status(200);
    }
    // The list without filters is prepared already. Two lists and a total are sent unnamed, and prepared after that.
    wait_until("the statements are prepared", async || proxy.prepared_statements() - prepared >= 3).await;
    for query in queries {
        let response = send_costs(&proxy, &ada, ada.request("GET", &format!("/api/tasks{query}")), 200, (1, 2)).await;
        assert_eq!(response["total"], 0);
    }
}
