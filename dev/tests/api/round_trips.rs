//! How often an operation asks the database: once.

use serde_json::json;

use crate::kit::{Answer, Api, Call, Caller, Id, Proxy, api};

/// The stack, warm, with the proxy that counts.
async fn counted(variables: &[(&str, &str)]) -> (Proxy, Caller) {
    let proxy = Proxy::before(api().stack().database_url()).await;
    // One instance of each function, and so one connection.
    let api = Api::own(proxy.database_url(), &[variables, &[("LAMBDA_CONCURRENCY", "1")]].concat()).await;
    let ada = api.new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    ada.get("/api/tasks").await.is(200);
    ada.get(&path).await.is(200);
    ada.put(&path, &json!({"title": "t"})).await.is(200);
    ada.patch(&format!("{path}/complete"), &json!({})).await.is(200);
    ada.delete(&path).await.is(204);
    (proxy, ada)
}

/// Sends a request and asserts how many round trips and how many statements it takes.
async fn costs(proxy: &Proxy, ada: &Caller, call: Call, status: u16, cost: (usize, usize)) -> Answer {
    let before = proxy.counts();
    let answer = ada.send(call).await.is(status);
    let after = proxy.counts();
    assert_eq!((after.0 - before.0, after.1 - before.1), cost, "{}", answer.call);
    answer
}

#[tokio::test]
async fn a_warm_operation_takes_one_round_trip() {
    let (proxy, ada) = counted(&[]).await;
    let once = (1, 1);
    for round in 0..3 {
        let body = json!({"title": format!("Round {round}")});
        let task = costs(&proxy, &ada, ada.call("POST", "/api/tasks").json(&body), 201, once).await;
        let path = format!("/api/tasks/{}", Id::of(&task.json));
        costs(&proxy, &ada, ada.call("GET", "/api/tasks"), 200, once).await;
        costs(&proxy, &ada, ada.call("GET", "/api/tasks?status=pending&sort=title&limit=5"), 200, once).await;
        costs(&proxy, &ada, ada.call("GET", &path), 200, once).await;
        costs(&proxy, &ada, ada.call("PUT", &path).json(&json!({"title": "t"})), 200, once).await;
        costs(&proxy, &ada, ada.call("PATCH", &path).json(&json!({"priority": "low"})), 200, once).await;
        costs(&proxy, &ada, ada.call("PATCH", &format!("{path}/complete")), 200, once).await;
        costs(&proxy, &ada, ada.call("DELETE", &path), 204, once).await;
        costs(&proxy, &ada, ada.call("GET", &path), 404, once).await;
        costs(&proxy, &ada, ada.call("PUT", &path).json(&json!({"title": "t"})), 404, once).await;
        costs(&proxy, &ada, ada.call("GET", "/api/tasks/abc"), 404, once).await;
        costs(&proxy, &ada, Call::new("GET", "/health/ready"), 200, once).await;
    }
}

#[tokio::test]
async fn what_is_refused_does_not_reach_the_database() {
    let (proxy, ada) = counted(&[]).await;
    let never = (0, 0);
    for (call, status) in [
        (Call::new("GET", "/api/tasks"), 401),
        (ada.call("GET", "/api/somebody/tasks"), 403),
        (ada.call("POST", "/api/tasks").json(&json!({"title": ""})), 422),
        (ada.call("POST", "/api/tasks").body("{"), 400),
        (ada.call("PUT", "/api/tasks/1").json(&json!({})), 422),
        (ada.call("GET", "/api/tasks/%00"), 404),
        (ada.call("GET", "/api/tasks?limit=0"), 422),
        (Call::new("GET", "/nowhere"), 404),
        (Call::new("GET", "/health"), 200),
    ] {
        costs(&proxy, &ada, call, status, never).await;
    }
}

#[tokio::test]
async fn a_list_with_its_total_still_takes_one_round_trip() {
    let (proxy, ada) = counted(&[("TASK_LIST_SHAPE", "object")]).await;
    for query in ["", "?status=pending", "?limit=1&offset=5"] {
        let answer = costs(&proxy, &ada, ada.call("GET", &format!("/api/tasks{query}")), 200, (1, 2)).await;
        assert_eq!(answer["total"], 0);
    }
}
