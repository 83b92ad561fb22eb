//! `POST /api/auth/login`, and what its token is good for.

use serde_json::{Value, json};

use super::kit::{PASSWORD, accounts, new_email};

const REFUSAL: (u16, &str, &str) = (401, "invalid_credentials", "Invalid email or password");

#[tokio::test]
async fn every_refusal_is_the_same() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    let client = accounts.connect().await;
    let unusable = new_email();
    let insert = "insert into users (email, password_hash) values ($1, $2)";
    client.execute(insert, &[&unusable, &""]).await.unwrap();
    let mut answers = Vec::new();
    for (email, password) in [
        (email.as_str(), "wrong password"),
        (&new_email(), PASSWORD),
        (&unusable, PASSWORD),
        (&unusable, ""),
        (&email, ""),
        ("not an address", PASSWORD),
    ] {
        let (status, code, detail) = REFUSAL;
        let response = accounts.sign_in(email, password).await.expect_problem(status, code, detail);
        assert_eq!(response["message"], response["detail"]);
        answers.push(response.without_request_id());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn every_name_of_a_route_works() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    let body = json!({"email": email, "password": PASSWORD});
    for prefix in ["/api/auth", "/auth", "/api/v1/auth"] {
        for name in ["login", "signin", "sign-in"] {
            let response = accounts.post(&format!("{prefix}/{name}"), &body).await.expect_status(200);
            let me = accounts.as_user(&response, "GET", &format!("{prefix}/me"), None).await.expect_status(200);
            assert_eq!(me.json, response["user"]);
        }
        for name in ["register", "signup", "sign-up"] {
            let new = json!({"email": new_email(), "password": PASSWORD});
            let from = accounts.elsewhere();
            let response = from.post(&format!("{prefix}/{name}"), &new).await.expect_status(201);
            let name = name.replace("register", "logout").replace("up", "out");
            from.as_user(&response, "POST", &format!("{prefix}/{name}"), None).await.expect_status(200);
        }
    }
    let response = accounts.post("/api/login", &body).await.expect_status(200);
    for path in ["/api/me", "/api/users/me"] {
        accounts.as_user(&response, "GET", path, None).await.expect_status(200);
    }
    let new = json!({"email": new_email(), "password": PASSWORD});
    accounts.post("/api/register", &new).await.expect_status(201);
}

#[tokio::test]
async fn a_form_is_accepted_as_json_is() {
    let accounts = accounts().await;
    let (email, response) = accounts.new_account().await;
    let encode = |pairs: &[(&str, &str)]| form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let password_grant = [
        ("grant_type", "password"),
        ("username", email.as_str()),
        ("password", PASSWORD),
        ("scope", ""),
        ("client_id", "string"),
        ("client_secret", "string"),
    ];
    for content_type in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
        let request = accounts.request("POST", "/api/auth/login").typed(content_type, encode(&password_grant));
        assert_eq!(accounts.send(request).await.expect_status(200)["user"], response["user"]);
    }
    let form = accounts.request("POST", "/api/auth/login").typed("application/x-www-form-urlencoded", "username=a");
    accounts.send(form).await.expect_invalid_at(&["/password"]);
    let new = encode(&[("email", &new_email()), ("password", PASSWORD)]);
    let form = accounts.request("POST", "/api/auth/register").typed("application/x-www-form-urlencoded", new);
    accounts.send(form).await.expect_status(201);
    let text = accounts.request("POST", "/api/auth/login").typed("text/plain", "{}");
    accounts.send(text).await.expect_status(415);
}

#[tokio::test]
async fn every_identifier_is_read() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for name in ["email", "username", "username_or_email", "email_or_username", "usernameOrEmail"] {
        let body = json!({name: email.to_uppercase(), "password": PASSWORD});
        accounts.post("/api/auth/login", &body).await.expect_status(200);
    }
}

#[tokio::test]
async fn the_exact_address_comes_before_others() {
    let accounts = accounts().await;
    let client = accounts.connect().await;
    let lower = new_email();
    let upper = lower.to_uppercase();
    accounts.sign_up(&lower).await.expect_status(201);
    // Two users whose addresses differ in case, as an old back end may have made them.
    let copy = "insert into users (email, password_hash) select $1, password_hash from users where email = $2";
    client.batch_execute("drop index if exists tasks_api_users_email").await.unwrap();
    client.execute(copy, &[&upper, &lower]).await.unwrap();
    for email in [&lower, &upper] {
        assert_eq!(accounts.sign_in(email, PASSWORD).await.expect_status(200)["email"], json!(email));
    }
    accounts.sign_in(&lower.replace("ada", "Ada"), PASSWORD).await.expect_status(401);
    client.execute("delete from users where email = $1", &[&lower]).await.unwrap();
    assert_eq!(accounts.sign_in(&lower, PASSWORD).await.expect_status(200)["email"], json!(upper));
}

#[tokio::test]
async fn a_token_of_sign_in_ends_with_sign_out() {
    let accounts = accounts().await;
    let (email, first) = accounts.new_account().await;
    let second = accounts.sign_in(&email, PASSWORD).await.expect_status(200);
    let message = accounts.as_user(&first, "POST", "/api/auth/logout", None).await.expect_status(200);
    assert_eq!(message.json, json!({"message": "Signed out"}));
    for (method, path) in [("GET", "/api/auth/me"), ("POST", "/api/auth/logout"), ("GET", "/api/tasks")] {
        accounts.as_user(&first, method, path, None).await.expect_status(401);
    }
    accounts.as_user(&second, "GET", "/api/auth/me", None).await.expect_status(200);
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in() {
    let accounts = accounts().await;
    for (method, path) in [
        ("GET", "/api/auth/me"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/auth/change-password"),
        ("DELETE", "/api/auth/me"),
    ] {
        let response = accounts.send(accounts.request(method, path)).await;
        response.expect_problem(401, "unauthenticated", "Not authenticated");
        let request = accounts.request(method, path).bearer("a.b.c").json(&json!({}));
        accounts.send(request).await.expect_status(401);
    }
}

#[tokio::test]
async fn a_browser_decodes_the_token() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let accounts = accounts().await;
    let email = format!("ü?>~{}", new_email());
    let response = accounts.sign_up(&email).await.expect_status(201);
    let token = response["token"].as_str().expect("a token");
    let payload = STANDARD_NO_PAD.decode(token.split('.').nth(1).expect("a payload")).expect("plain base64");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!((&payload["sub"], &payload["email"]), (&response["user_id"], &json!(email)));
    let lifetime = payload["exp"].as_u64().zip(payload["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, response["expires_in"].as_u64());
}
