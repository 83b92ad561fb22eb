//! `POST /api/auth/register`.

use serde_json::json;

use super::kit::{PASSWORD, accounts, new_email};

#[tokio::test]
async fn a_new_user_is_signed_in_at_once() {
    let accounts = accounts().await;
    let email = new_email();
    let body = json!({"email": format!(" {} ", email.to_uppercase()), "password": PASSWORD, "name": "Ada"});
    let response = accounts.post("/api/auth/register", &body).await.expect_status(201);
    assert_eq!((&response["email"], &response["user"]["email"]), (&json!(email), &json!(email)));
    assert_eq!(response["user"]["name"], json!(null), "the table has no such column");
    assert_eq!(response["user"]["id"], response["user_id"]);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let ada = accounts.user(&response);
    ada.post("/api/tasks", &json!({"title": "Buy milk"})).await.expect_status(201);
    let signed_in = accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    assert_eq!(signed_in["user"], response["user"]);
    assert_eq!(accounts.user(&signed_in).get("/api/tasks").await.tasks().len(), 1);
}

#[tokio::test]
async fn the_hash_is_one_that_the_old_back_end_can_read() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    let client = accounts.connect().await;
    let row = client.query_one("select password_hash from users where email = $1", &[&email]).await.unwrap();
    let hash: String = row.get(0);
    assert!(hash.starts_with("$2b$12$") && hash.len() == 60, "{hash}");
}

#[tokio::test]
async fn an_address_can_be_used_once_in_any_case() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for spelling in [email.clone(), email.to_uppercase(), format!(" {email}\t")] {
        let response =
            accounts.sign_up(&spelling).await.expect_problem(409, "email_in_use", "Email already registered");
        assert_eq!(response["message"], response["detail"]);
    }
    let client = accounts.connect().await;
    let upper = new_email().to_uppercase();
    let insert = "insert into users (email, password_hash) values ($1, '')";
    client.execute(insert, &[&upper]).await.unwrap();
    accounts.sign_up(&upper.to_lowercase()).await.expect_status(409);
}

#[tokio::test]
async fn concurrent_sign_ups_make_one_user() {
    let accounts = accounts().await;
    let email = new_email();
    let attempts = (0..4).map(|_| accounts.sign_up(&email));
    let mut statuses: Vec<u16> = futures_util::future::join_all(attempts).await.iter().map(|r| r.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
}

#[tokio::test]
async fn every_broken_rule_is_reported() {
    let accounts = accounts().await;
    let body = json!({"email": "nobody", "password": "short"});
    accounts.post("/api/auth/register", &body).await.expect_invalid_at(&["/email", "/password"]);
    for password in ["password123", &"a".repeat(73), "1234567"] {
        let body = json!({"email": new_email(), "password": password});
        let response = accounts.post("/api/auth/register", &body).await.expect_invalid_at(&["/password"]);
        assert_eq!(response["message"], response["detail"]);
    }
    accounts.post("/api/auth/register", &json!([])).await.expect_invalid_at(&[""]);
}
