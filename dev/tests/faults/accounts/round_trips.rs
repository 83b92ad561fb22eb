//! What a first request costs: what a function does while it starts is not done again.

use dev::testing::client::TestRequest;
use serde_json::{Value, json};

use super::direct_function::DirectFunction;
use super::env::AccountsEnv;
use super::operation::{ALL_OPERATIONS, Operation};

#[tokio::test]
async fn first_request_takes_no_further_round_trip() {
    let env = AccountsEnv::start_cold().await;
    for operation in ALL_OPERATIONS {
        let mut function = DirectFunction::start(&env, operation.function()).await;
        let (connections, round_trips) = (function.proxy.accepted_connections(), function.proxy.round_trips());
        let case = env.prepare(operation).await;
        let response = function.send(&case.request()).await;
        env.assert_done(&case, &response).await;
        let taken = function.proxy.round_trips() - round_trips;
        assert_eq!(taken, operation.statements(), "{operation:?}");
        assert_eq!(function.proxy.accepted_connections(), connections, "{operation:?}");
    }
}

/// With `AUTH_MODE=password` the statements about tasks have another form, which finds out whether the token was revoked.
#[tokio::test]
async fn revocable_forms_are_prepared_at_start() {
    let env = AccountsEnv::start_cold().await;
    // `{}` is the id of the task.
    let requests: [(&str, &str, &str, Option<Value>); 6] = [
        ("list-tasks", "GET", "/api/tasks", None),
        ("get-task", "GET", "/api/tasks/{}", None),
        ("task-stats", "GET", "/api/tasks/stats", None),
        ("update-task", "PUT", "/api/tasks/{}", Some(json!({"title": "Buy bread"}))),
        ("complete-task", "PATCH", "/api/tasks/{}/toggle", None),
        ("delete-task", "DELETE", "/api/tasks/{}", None),
    ];
    for (name, method, path, body) in requests {
        let mut function = DirectFunction::start(&env, name).await;
        for is_revoked in [false, true] {
            let case = env.prepare(Operation::Me).await;
            if is_revoked {
                let revoke = "insert into tasks_api.token_versions values ($1, 1)";
                env.env.database.owner.client.execute(revoke, &[&case.id.to_string()]).await.unwrap();
            }
            let task = format!("select id::bigint from tasks where user_id = '{}'", case.id);
            let task = env.env.database.number(&task).await.to_string();
            let request: TestRequest = case.with_token(method, &path.replace("{}", &task)).maybe_json(body.as_ref());
            let before = (function.proxy.parsed_statements(), function.proxy.round_trips());
            let response = function.send_about(&task, &request).await;
            let expected = if is_revoked {
                401
            } else if method == "DELETE" {
                204
            } else {
                200
            };
            assert_eq!(response.status, expected, "{name}: {response:?}");
            let cost = (function.proxy.parsed_statements() - before.0, function.proxy.round_trips() - before.1);
            assert_eq!(cost, (0, 1), "{name}: parsed statements and round trips");
        }
    }
}
