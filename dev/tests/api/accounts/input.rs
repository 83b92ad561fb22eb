//! Input that is meant to do something else.

use serde_json::{Value, json};

use super::kit::{PASSWORD, accounts, new_email};

const SQL: [&str; 6] =
    ["' or '1'='1", "'; drop table users; --", "\" or \"\"=\"", "$1", "\\'; select pg_sleep(9); --", "%' or true) --"];

#[tokio::test]
async fn no_member_is_taken_for_sql() {
    let accounts = accounts().await;
    let (email, _) = accounts.new_account().await;
    for sql in SQL {
        for body in [
            json!({"email": sql, "password": PASSWORD}),
            json!({"email": email, "password": sql}),
            json!({"username": format!("{email}{sql}"), "password": PASSWORD}),
        ] {
            accounts.elsewhere().post("/api/auth/login", &body).await.expect_status(401);
        }
        let own = format!("{}@{}", sql.replace(' ', "_").replace('@', ""), new_email().replace('@', "."));
        let body = json!({"email": own, "password": format!("{sql} {PASSWORD}"), "name": sql, "username": sql});
        let from = accounts.elsewhere();
        let response = from.post("/api/auth/register", &body).await.expect_status(201);
        assert_eq!(response["email"], json!(own.to_lowercase()));
        from.sign_in(&own, &format!("{sql} {PASSWORD}")).await.expect_status(200);
    }
    accounts.sign_in(&email, PASSWORD).await.expect_status(200);
}

#[tokio::test]
async fn other_members_reach_no_column() {
    let accounts = accounts().await;
    let (_, eve) = accounts.new_account().await;
    let email = new_email();
    let body = json!({
        "email": email, "password": PASSWORD, "id": eve["user_id"], "user_id": eve["user_id"], "userId": eve["user_id"],
        "password_hash": "x", "hashed_password": "x", "is_superuser": true, "is_admin": true, "role": "admin",
        "is_active": false, "created_at": "2001-01-01T00:00:00Z", "version": 7, "scopes": ["admin"]
    });
    let response = accounts.post("/api/auth/register", &body).await.expect_status(201);
    assert_ne!(response["user_id"], eve["user_id"]);
    assert_eq!(response["user"]["is_active"], json!(true));
    assert!(response["user"]["created_at"].as_str().is_some_and(|time| !time.starts_with("2001")));
    accounts.sign_in(&email, PASSWORD).await.expect_status(200);
}

#[tokio::test]
async fn long_passwords_are_refused_and_never_cut_when_new() {
    let accounts = accounts().await;
    let longest = format!("{}é", "p".repeat(70));
    let email = new_email();
    let body = |password: &str| json!({"email": email, "password": password});
    let longer = format!("{longest}x");
    accounts.post("/api/auth/register", &body(&longer)).await.expect_invalid_at(&["/password"]);
    let ada = accounts.post("/api/auth/register", &body(&longest)).await.expect_status(201);
    accounts.sign_in(&email, &longest).await.expect_status(200);
    // As the programs that made older hashes did, the verification reads 72 bytes.
    accounts.sign_in(&email, &format!("{longest}{}", "x".repeat(2000))).await.expect_status(200);
    accounts.sign_in(&email, &"p".repeat(70)).await.expect_status(401);
    accounts.post("/api/auth/login", &body(&"p".repeat(9 * 1024))).await.expect_status(413);
    let change = json!({"current_password": longest, "new_password": longer});
    accounts
        .as_user(&ada, "POST", "/api/auth/change-password", Some(&change))
        .await
        .expect_invalid_at(&["/new_password"]);
}

#[tokio::test]
async fn the_null_character_is_refused() {
    let accounts = accounts().await;
    let email = new_email();
    for (body, pointer) in [
        (json!({"email": email, "password": "correct\0horse"}), "/password"),
        (json!({"email": format!("{email}\0"), "password": PASSWORD}), "/email"),
    ] {
        accounts.post("/api/auth/register", &body).await.expect_invalid_at(&[pointer]);
        accounts.post("/api/auth/login", &body).await.expect_invalid_at(&[pointer]);
    }
    let name = json!({"email": email, "password": PASSWORD, "name": "a\0b"});
    accounts.post("/api/auth/register", &name).await.expect_invalid_at(&["/name"]);
    let form = "username=ada%40example.com&password=correct%00horse";
    let request = accounts.request("POST", "/api/auth/login").typed("application/x-www-form-urlencoded", form);
    accounts.send(request).await.expect_invalid_at(&["/password"]);
}

/// Addresses that look alike are different accounts, unless they differ only in case.
#[tokio::test]
async fn look_alikes_are_other_accounts() {
    let accounts = accounts().await;
    let email = new_email();
    accounts.sign_up(&email).await.expect_status(201);
    for twin in [
        email.replacen("ada", "ａda", 1),
        email.replacen("ada", "аda", 1),
        email.replacen("ada", "ada\u{200b}", 1),
        email.replacen("ada", "adé", 1),
        email.replacen("ada", "ade\u{301}", 1),
        email.replacen("ada", "ada\u{ad}", 1),
    ] {
        let from = accounts.elsewhere();
        from.sign_in(&twin, PASSWORD).await.expect_status(401);
        let body = json!({"email": twin, "password": "battery staple"});
        from.post("/api/auth/register", &body).await.expect_status(201);
        accounts.elsewhere().sign_in(&email, "battery staple").await.expect_status(401);
        from.sign_in(&twin, "battery staple").await.expect_status(200);
    }
    // U+212A, the Kelvin sign, is `k` in lower case.
    let kelvin = new_email().replacen("ada", "kay", 1);
    accounts.sign_up(&kelvin).await.expect_status(201);
    accounts.sign_up(&kelvin.replacen('k', "\u{212a}", 1)).await.expect_status(409);
}

#[tokio::test]
async fn passwords_are_compared_as_they_are() {
    let accounts = accounts().await;
    let email = new_email();
    let password = " Pässwörd  ";
    let body = json!({"email": email, "password": password});
    accounts.post("/api/auth/register", &body).await.expect_status(201);
    for other in ["Pässwörd", " pässwörd  ", " Pa\u{308}sswo\u{308}rd  "] {
        accounts.sign_in(&email, other).await.expect_status(401);
    }
    accounts.sign_in(&email, password).await.expect_status(200);
}

#[tokio::test]
async fn values_of_other_types_are_refused() {
    let accounts = accounts().await;
    for value in [json!(7), json!(true), json!(["a"]), json!({"$ne": null})] {
        let body = json!({"email": "ada@example.com", "password": value});
        accounts.post("/api/auth/login", &body).await.expect_invalid_at(&["/password"]);
        let body = json!({"email": value, "password": PASSWORD});
        accounts.post("/api/auth/login", &body).await.expect_invalid_at(&["/email"]);
    }
    for body in [json!(null), json!("text"), json!([1])] {
        accounts.post("/api/auth/login", &body).await.expect_invalid_at(&[""]);
    }
    let malformed = accounts.request("POST", "/api/auth/login").typed("application/json", "{");
    let response = accounts.send(malformed).await.expect_status(400);
    assert_eq!(response["message"], response["detail"]);
    let missing: Value = json!({"password": null});
    accounts.post("/api/auth/login", &missing).await.expect_invalid_at(&["/email", "/password"]);
}
