//! The API through `cargo lambda watch`.

use std::path::Path;
use std::process::Command;

use dev::testing::client::{TaskId, TestRequest};
use dev::testing::stack::Settings;
use serde_json::json;

use crate::kit::{Api, api, path};

/// Its events have no route key, encoded path parameters, and a deadline in 1970.
#[tokio::test]
async fn cargo_lambda_watch_serves_the_api() {
    let binary = Path::new(env!("CARGO_BIN_EXE_dev"));
    let target = binary.ancestors().nth(2).and_then(Path::to_str).expect("the folder above debug");
    let mut arguments = vec!["watch", "--json", "--until-stdin-closes", "--port", "0", "--ephemeral"];
    // The features of the Makefile, so that little has to be compiled again.
    if !Command::new("pkg-config").args(["--exists", "openssl"]).status().is_ok_and(|status| status.success()) {
        arguments.extend(["--features", "shared/vendored-openssl"]);
    }
    let settings = Settings::new().with_arguments(&arguments).with("CARGO_TARGET_DIR", target);
    let api = Api::start_with(settings.with_database(api().stack().database_url())).await;
    let ada = api.new_user().await;
    for prefix in ["/api", "/api/{user_id}"] {
        let tasks = path(&format!("{prefix}/tasks"), &ada.id, "");
        let request = ada.request("POST", &tasks).json(&json!({"title": "Bücher", "due_date": "2026-11-21"}));
        let created = api.client.send_unchecked(request).await.expect_status(201);
        let task = format!("{tasks}/{}", TaskId::from_task(&created.json));
        assert_eq!(created.header("location"), Some(task.as_str()));
        let send = async |method: &str, path: &str| api.client.send_unchecked(ada.request(method, path)).await;
        assert_eq!(
            send("GET", &format!("{tasks}?status=%70ending&limit=5")).await.expect_status(200).json,
            json!([created.json])
        );
        assert_eq!(send("GET", &task).await.expect_status(200).json, created.json);
        let change = ada.request("PUT", &task).json(&json!({"title": "Buy milk"}));
        assert_eq!(api.client.send_unchecked(change).await.expect_status(200)["title"], "Buy milk");
        for ending in ["complete", "toggle", "status"] {
            send("PATCH", &format!("{task}/{ending}")).await.expect_status(200);
        }
        assert_eq!(send("GET", &task).await.expect_status(200)["completed"], true);
        send("DELETE", &task).await.expect_status(204);
        for assert_all_end in
            [task.clone(), format!("{tasks}/abc"), format!("{tasks}/%00"), format!("{tasks}/%27%20or%201")]
        {
            send("GET", &assert_all_end).await.expect_problem(404, "task_not_found", "Task not found");
        }
        api.client.send_unchecked(TestRequest::new("GET", &tasks)).await.expect_problem(
            401,
            "unauthenticated",
            "Not authenticated",
        );
    }
    api.client.send_unchecked(ada.request("GET", "/api/somebody/tasks")).await.expect_status(403);
    api.client.send_unchecked(TestRequest::new("GET", "/health/ready")).await.expect_status(200);
}
