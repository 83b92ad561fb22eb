//! Hashes of the programs that own such databases, made by their libraries when the test runs.

use std::collections::BTreeMap;
use std::process::Stdio;

use dev::install::python::PASSWORD_HASHES;
use dev::workspace::root;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_postgres::Client;

use super::kit::{Accounts, accounts, accounts_with, new_email};

/// What the libraries make of a password.
#[derive(Deserialize)]
struct Python {
    made: BTreeMap<String, String>,
    checked: Vec<bool>,
    sha256: String,
}

async fn python(password: &str, hashes: &[String]) -> Python {
    let interpreter = PASSWORD_HASHES.folder().await.expect("the libraries").join("bin/python");
    let mut process = Command::new(interpreter)
        .arg(root().join("dev/tests/api/accounts/hashes.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python");
    let request = json!({"password": password, "hashes": hashes}).to_string();
    process.stdin.take().expect("a pipe").write_all(request.as_bytes()).await.expect("a reader");
    let output = process.wait_with_output().await.expect("Python");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn insert(client: &Client, hash: &str) -> String {
    let email = new_email();
    client.execute("insert into users (email, password_hash) values ($1, $2)", &[&email, &hash]).await.unwrap();
    email
}

async fn stored_hash(client: &Client, email: &str) -> String {
    client.query_one("select password_hash from users where email = $1", &[&email]).await.unwrap().get(0)
}

/// Signs in against each hash of the libraries, and then lets them verify what is stored.
async fn check(accounts: &Accounts, password: &str, weak: &[&str]) {
    let client = accounts.connect().await;
    let Python { made, .. } = python(password, &[]).await;
    assert_eq!(made.len(), 9);
    let mut hashes = Vec::new();
    for (library, hash) in &made {
        let email = insert(&client, hash).await;
        let from = accounts.elsewhere();
        from.sign_in(&email, &format!("x{password}")).await.expect_status(401);
        let response = from.sign_in(&email, password).await;
        assert_eq!(response.status, 200, "{library}: {hash}");
        let stored = stored_hash(&client, &email).await;
        let is_replaced = stored != *hash;
        assert_eq!(is_replaced, weak.contains(&library.as_str()), "{library}: {stored}");
        assert!(!is_replaced || stored.starts_with("$2b$12$"), "{library}: {stored}");
        from.sign_in(&email, password).await.expect_status(200);
        hashes.push(stored);
    }
    let email = new_email();
    let body = json!({"email": email, "password": &password[..password.len().min(72)]});
    accounts.post("/api/auth/register", &body).await.expect_status(201);
    hashes.push(stored_hash(&client, &email).await);
    assert_eq!(python(password, &hashes).await.checked, vec![true; hashes.len()], "{hashes:?}");
}

const WEAK: [&str; 3] = ["bcrypt of cost 4", "passlib bcrypt 2a", "passlib bcrypt 2y"];

#[tokio::test]
async fn hashes_of_python_are_verified_and_ours_by_python() {
    let accounts = accounts().await;
    for password in ["correct horse", "pässwörd 🐎 ∞"] {
        check(&accounts, password, &WEAK).await;
    }
}

/// Python's bcrypt before 5 and passlib read 72 bytes.
#[tokio::test]
async fn long_passwords_are_cut_as_by_python() {
    let accounts = accounts().await;
    let password = "0123456789".repeat(9);
    check(&accounts, &password, &WEAK).await;
    let Python { made, .. } = python(&password, &[]).await;
    let client = accounts.connect().await;
    for (library, is_cut) in [("bcrypt", true), ("passlib argon2", false), ("passlib pbkdf2_sha256", false)] {
        let email = insert(&client, &made[library]).await;
        let status = if is_cut { 200 } else { 401 };
        accounts.sign_in(&email, &format!("{}other", &password[..72])).await.expect_status(status);
    }
}

#[tokio::test]
async fn sha256_is_replaced_where_the_settings_accept_it() {
    let legacy = accounts_with(&[("PASSWORD_LEGACY", "sha256")]).await;
    let client = legacy.connect().await;
    let hash = python("correct horse", &[]).await.sha256;
    let email = insert(&client, &hash).await;
    accounts().await.sign_in(&email, "correct horse").await.expect_status(401);
    legacy.sign_in(&email, "wrong password").await.expect_status(401);
    legacy.sign_in(&email, "correct horse").await.expect_status(200);
    assert!(stored_hash(&client, &email).await.starts_with("$2b$12$"));
    accounts().await.sign_in(&email, "correct horse").await.expect_status(200);
}

#[tokio::test]
async fn new_hashes_are_of_the_kind_that_is_set() {
    let argon2id = accounts_with(&[("PASSWORD_HASH", "argon2id")]).await;
    let client = argon2id.connect().await;
    let (email, _) = argon2id.new_account().await;
    let hash = stored_hash(&client, &email).await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(python("correct horse", &[hash]).await.checked, [true]);
    argon2id.sign_in(&email, "correct horse").await.expect_status(200);
    let long = json!({"email": new_email(), "password": "0123456789".repeat(9)});
    argon2id.post("/api/auth/register", &long).await.expect_status(201);
}

#[tokio::test]
async fn a_hash_that_does_not_fit_stays() {
    let accounts = accounts().await;
    let client = accounts.connect().await;
    let weak = python("correct horse", &[]).await.made["bcrypt of cost 4"].clone();
    let email = insert(&client, &weak).await;
    let rule = "alter table users add constraint no_new_hash check (email <> '{}' or password_hash like '$2b$04$%')";
    client.batch_execute(&rule.replace("{}", &email)).await.unwrap();
    accounts.sign_in(&email, "correct horse").await.expect_status(200);
    assert_eq!(stored_hash(&client, &email).await, weak);
    client.batch_execute("alter table users drop constraint no_new_hash").await.unwrap();
}
