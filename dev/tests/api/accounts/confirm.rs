//! What the owner of an account confirms with the password: a new password, and the deletion.

use dev::testing::database::{TestDatabase, TestServer};
use serde_json::json;
use tokio_postgres::Client;

use super::kit::{Accounts, PASSWORD, accounts, layout};

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

/// The tables that have a row in which the text occurs.
async fn tables_with(client: &Client, text: &str) -> Vec<String> {
    let tables = "select c.oid::regclass::text
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where nspname !~ '^(pg_|information_schema)' and relkind in ('r', 'p')
        order by 1";
    let mut found = Vec::new();
    for row in client.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let occurs = format!("select exists (select from {table} as t where strpos(t::text, $1) > 0)");
        if client.query_one(&occurs, &[&text]).await.unwrap().get(0) {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn a_deleted_account_leaves_ids_only() {
    for has_foreign_key in [true, false] {
        let database = TestDatabase::with_tables_of(TestServer::shared().await, layout()).await;
        migrations::up(&database.url, &migrations::Options::default()).await.expect("a migrated database");
        if !has_foreign_key {
            let drop = "do $$ declare found record; begin
                for found in select conrelid::regclass as name, conname from pg_constraint
                    where confrelid = 'users'::regclass
                loop
                    execute format('alter table %s drop constraint %I', found.name, found.conname);
                end loop;
            end $$";
            database.run(drop).await;
        }
        let accounts = Accounts::start(&database.url, &[]).await;
        let (email, ada) = accounts.new_account().await;
        let token = ada["access_token"].as_str().expect("a token");
        let id = ada["user_id"].as_str().expect("a uuid").to_owned();
        let with_key = async |method: &str, path: &str, body: serde_json::Value| {
            let request = accounts.request(method, path).bearer(token).header("idempotency-key", "k").json(&body);
            accounts.send(request).await
        };
        let task = json!({"title": "Buy milk", "tags": ["home"], "recurrence": "daily", "due_date": "2100-01-01"});
        let task = with_key("POST", "/api/tasks", task).await.expect_status(201);
        let path = format!("/api/tasks/{}", task["id"]);
        with_key("PUT", &path, json!({"description": "Of a cow"})).await.expect_status(200);
        with_key("POST", &format!("{path}/skip"), json!({})).await.expect_status(200);
        accounts.user(&ada).post("/api/tags", &json!({"name": "work"})).await.expect_status(201);
        let other = accounts.sign_in(&email, PASSWORD).await.expect_status(200);
        accounts.as_user(&other, "POST", "/api/auth/logout", None).await.expect_status(200);
        let code = "insert into tasks_api.reset_codes (user_id, code_hash, expires_at) values ($1, '', now())";
        database.client.execute(code, &[&id]).await.unwrap();
        let before = tables_with(&database.client, &id).await;
        let all = ["tasks", "tasks_api.idempotency_keys", "tasks_api.reset_codes", "tasks_api.task_tags", "users"];
        assert_eq!(before, all);

        let confirmation = json!({"password": PASSWORD});
        accounts.as_user(&ada, "DELETE", "/api/auth/me", Some(&confirmation)).await.expect_status(204);
        // The first expires. The second keeps the tokens of the user revoked.
        let ids = ["tasks_api.task_tombstones", "tasks_api.token_versions"];
        assert_eq!(tables_with(&database.client, &id).await, ids, "has a foreign key: {has_foreign_key}");
        for text in [email.as_str(), "Buy milk", "cow", "home", "work"] {
            assert_eq!(tables_with(&database.client, text).await, [""; 0], "{text}");
        }
    }
}

/// A code stands for a forgotten password at one sign-in, and then, until it expires, for the current password of a change.
#[tokio::test]
async fn a_reset_code_is_good_for_one_sign_in_and_one_change() {
    let accounts = accounts().await;
    let client = accounts.connect().await;
    let (email, ada) = accounts.new_account().await;
    let code = "0123456789ABCDEF01234567";
    let id = ada["user_id"].as_str().expect("a uuid");
    let insert = "insert into tasks_api.reset_codes (user_id, code_hash, expires_at)
        values ($1, sha256($2::text::bytea), now() + interval '30 minutes')";
    client.execute(insert, &[&id, &code]).await.unwrap();
    let (other, _) = accounts.new_account().await;
    accounts.sign_in(&other, code).await.expect_status(401);
    accounts.sign_in(&email, &code.replace('0', "1")).await.expect_status(401);
    let signed_in = accounts.sign_in(&email, &format!(" {} ", code.to_lowercase())).await.expect_status(200);
    accounts.sign_in(&email, code).await.expect_status(401);
    let confirmation = json!({"password": code});
    accounts.as_user(&signed_in, "DELETE", "/api/auth/me", Some(&confirmation)).await.expect_status(403);
    let change = json!({"current_password": code, "new_password": NEW});
    let changed = accounts.as_user(&signed_in, "POST", "/api/auth/change-password", Some(&change)).await;
    let changed = changed.expect_status(200);
    let again = json!({"current_password": code, "new_password": PASSWORD});
    accounts.as_user(&changed, "POST", "/api/auth/change-password", Some(&again)).await.expect_status(403);
    accounts.sign_in(&email, NEW).await.expect_status(200);
    accounts.sign_in(&email, PASSWORD).await.expect_status(401);
}
