//! Where users do not sign in at this API.

use serde_json::json;

use super::kit::{Accounts, PASSWORD};
use crate::kit::{api, api_with};
use dev::testing::client::TestRequest;
use dev::testing::database::TestDatabase;

const SENTENCE: &str = "Users sign up and sign in at Better Auth here, not at this API";

const PATHS: [(&str, &str); 6] = [
    ("POST", "/api/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/api/v1/auth/sign-out"),
    ("GET", "/api/auth/me"),
    ("POST", "/api/auth/change-password"),
    ("DELETE", "/api/users/me"),
];

#[tokio::test]
async fn without_the_mode_the_paths_name_better_auth() {
    let _ = api();
    // The mode is off, so these functions are not deployed, and the health function answers.
    let client = api_with(&[]).client;
    for (method, path) in PATHS {
        let response = client.send(TestRequest::new(method, path).json(&json!({}))).await;
        response.expect_problem(404, "route_not_found", SENTENCE);
    }
}

#[tokio::test]
async fn where_better_auth_owns_the_users_the_paths_name_it() {
    let database = TestDatabase::migrated().await;
    let accounts = Accounts::on(&database.url, &[]);
    for (method, path) in PATHS.into_iter().take(2) {
        let body = json!({"email": "ada@example.com", "password": PASSWORD});
        let response = accounts.send(accounts.request(method, path).json(&body)).await;
        response.expect_problem(404, "route_not_found", SENTENCE);
    }
}
