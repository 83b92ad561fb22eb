//! What the owner of an account confirms with the password: a new password, and the deletion.

use serde_json::json;

use super::kit::{PASSWORD, accounts};

const NEW: &str = "battery staple";

#[tokio::test]
async fn a_new_password_signs_all_devices_out() {
    let accounts = accounts().await;
    let (email, first) = accounts.new_account().await;
    let second = accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    let changed = accounts.as_user(&first, "POST", "/api/auth/change-password", Some(&change)).await;
    let changed = changed.expect_status(200);
    assert_eq!((&changed["message"], changed.header("cache-control")), (&json!("Password changed"), Some("no-store")));
    for old in [&first, &second] {
        accounts.as_user(old, "GET", "/api/auth/me", None).await.expect_status(401);
        accounts.as_user(old, "GET", "/api/tasks", None).await.expect_status(401);
    }
    accounts.as_user(&changed, "GET", "/api/auth/me", None).await.expect_status(200);
    accounts.sign_in(&email, PASSWORD).await.expect_status(401);
    let third = accounts.sign_in(&email, NEW).await.expect_status(200);
    accounts.as_user(&third, "GET", "/api/tasks", None).await.expect_status(200);
}

#[tokio::test]
async fn a_wrong_password_confirms_nothing() {
    let accounts = accounts().await;
    let (email, ada) = accounts.new_account().await;
    let change = json!({"current_password": "wrong password", "new_password": NEW});
    let response = accounts.as_user(&ada, "POST", "/api/auth/change-password", Some(&change)).await;
    let response = response.expect_problem(403, "wrong_password", "The password is wrong");
    assert_eq!(response["message"], response["detail"]);
    let confirmation = json!({"password": "wrong password"});
    let response = accounts.as_user(&ada, "DELETE", "/api/auth/me", Some(&confirmation)).await;
    response.expect_problem(403, "wrong_password", "The password is wrong");
    accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    let common = json!({"current_password": PASSWORD, "new_password": "password123"});
    let response = accounts.as_user(&ada, "POST", "/api/auth/change-password", Some(&common)).await;
    response.expect_invalid_at(&["/new_password"]);
    let nothing = json!({});
    let response = accounts.as_user(&ada, "DELETE", "/api/auth/me", Some(&nothing)).await;
    response.expect_invalid_at(&["/password"]);
}

#[tokio::test]
async fn attempts_to_confirm_are_counted() {
    let accounts = accounts().await;
    let (_, ada) = accounts.new_account().await;
    let confirmation = json!({"password": "wrong password"});
    for _ in 0..5 {
        accounts.as_user(&ada, "DELETE", "/api/auth/me", Some(&confirmation)).await.expect_status(403);
    }
    let right = json!({"password": PASSWORD});
    let response = accounts.as_user(&ada, "DELETE", "/api/auth/me", Some(&right)).await.expect_status(429);
    assert!(response.retry_after().is_some_and(|seconds| (1..=30).contains(&seconds)), "{response:?}");
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing() {
    let accounts = accounts().await;
    let client = accounts.connect().await;
    for path in ["/api/auth/me", "/api/users/me"] {
        let (email, ada) = accounts.new_account().await;
        let (_, eve) = accounts.new_account().await;
        for user in [&ada, &eve] {
            let task = json!({"title": "Buy milk", "tags": ["home"]});
            accounts.user(user).post("/api/tasks", &task).await.expect_status(201);
            accounts.user(user).post("/api/tags", &json!({"name": "work"})).await.expect_status(201);
        }
        let confirmation = json!({"password": PASSWORD});
        accounts.as_user(&ada, "DELETE", path, Some(&confirmation)).await.expect_status(204);
        for (method, path) in [("GET", "/api/auth/me"), ("GET", "/api/tasks"), ("DELETE", "/api/auth/me")] {
            accounts.as_user(&ada, method, path, Some(&confirmation)).await.expect_status(401);
        }
        let id = ada["user_id"].as_str().expect("a uuid");
        for table in ["tasks", "tasks_api.task_tags"] {
            let count = format!("select count(*) from {table} where user_id::text = $1");
            assert_eq!(client.query_one(&count, &[&id]).await.unwrap().get::<_, i64>(0), 0, "{table}");
        }
        assert_eq!(accounts.user(&eve).get("/api/tasks").await.tasks().len(), 1);
        accounts.sign_in(&email, PASSWORD).await.expect_status(401);
        let again = accounts.sign_up(&email).await.expect_status(201);
        assert_ne!(again["user_id"], ada["user_id"]);
        assert_eq!(accounts.user(&again).get("/api/tasks").await.tasks().len(), 0);
    }
}
