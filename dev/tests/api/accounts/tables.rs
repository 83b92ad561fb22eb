//! Tables of users as other back ends made them.

use dev::testing::database::TestDatabase;
use serde_json::{Value, json};

use super::kit::{Accounts, PASSWORD, new_email};

/// A table of users, and what their ids are.
struct Table {
    users: &'static str,
    user_id: &'static str,
    id_is_number: bool,
}

const TABLES: [Table; 4] = [
    Table {
        users: "create table users (
            id serial primary key, email varchar(255) not null unique, hashed_password varchar(255) not null,
            full_name varchar(100), is_active boolean not null, is_superuser boolean not null default false,
            created_at timestamp not null, updated_at timestamp
        )",
        user_id: "integer references users (id)",
        id_is_number: true,
    },
    Table {
        users: r#"create table "user" (
            id varchar(36) primary key, email text not null unique, password text not null, name text not null,
            username text not null unique, "createdAt" timestamptz not null, "isActive" boolean not null
        )"#,
        user_id: r#"varchar(36) references "user" (id)"#,
        id_is_number: false,
    },
    Table {
        users: "create table users (
            id char(32) primary key, email varchar(120) not null, password_hash char(60), created_at text
        )",
        user_id: "varchar(36)",
        id_is_number: false,
    },
    Table {
        users: "create table users (
            id bigint generated always as identity primary key, email varchar(120) not null, password_hash text
        )",
        user_id: "bigint references users (id) on delete cascade",
        id_is_number: true,
    },
];

async fn accounts_on(table: &Table) -> Accounts {
    let database = TestDatabase::empty().await;
    database.run(table.users).await;
    let tasks = format!(
        "create table tasks (
            id serial primary key, user_id {} not null, title varchar(200) not null, description text,
            completed boolean not null default false, created_at timestamp not null default now(),
            updated_at timestamp not null default now()
        )",
        table.user_id
    );
    database.run(&tasks).await;
    migrations::up(&database.url, &migrations::Options::default()).await.expect("an adoption");
    Accounts::on(&database.url, &[])
}

#[tokio::test]
async fn every_operation_works_on_every_table() {
    for table in &TABLES {
        let accounts = accounts_on(table).await;
        let email = new_email();
        let body = json!({"email": email, "password": PASSWORD, "full_name": "Ada Lovelace"});
        let ada = accounts.post("/api/auth/register", &body).await.expect_status(201);
        assert_eq!(ada["user"]["id"].is_number(), table.id_is_number, "{}", table.users);
        assert_eq!(ada["user"]["is_active"], json!(true));
        let ada = accounts.sign_in(&email, PASSWORD).await.expect_status(200);
        let task = json!({"title": "Buy milk"});
        accounts.as_user(&ada, "POST", "/api/tasks", Some(&task)).await.expect_status(201);
        let me = accounts.as_user(&ada, "GET", "/api/auth/me", None).await.expect_status(200);
        assert_eq!(me.json, ada["user"]);
        let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
        let changed = accounts.as_user(&ada, "POST", "/api/auth/change-password", Some(&change)).await;
        let changed = changed.expect_status(200);
        let confirmation = json!({"password": "battery staple"});
        let deleted = accounts.as_user(&changed, "DELETE", "/api/auth/me", Some(&confirmation)).await;
        deleted.expect_status(204);
        accounts.sign_in(&email, "battery staple").await.expect_status(401);
        let tasks = "select count(*) from tasks";
        assert_eq!(accounts.connect().await.query_one(tasks, &[]).await.unwrap().get::<_, i64>(0), 0);
    }
}

#[tokio::test]
async fn names_have_the_columns_that_there_are() {
    let accounts = accounts_on(&TABLES[0]).await;
    let body = json!({"email": new_email(), "password": PASSWORD, "full_name": " Ada ", "username": "ada"});
    let ada = accounts.post("/api/auth/register", &body).await.expect_status(201);
    let names = |user: &Value| json!([user["name"], user["full_name"], user["username"]]);
    assert_eq!(names(&ada["user"]), json!([null, "Ada", null]));
    assert_eq!(ada["user"]["created_at"], ada["user"]["createdAt"]);

    let accounts = accounts_on(&TABLES[1]).await;
    let email = new_email();
    let ada = accounts.sign_up(&email).await.expect_status(201);
    let local = email.split('@').next().expect("a local part");
    assert_eq!(names(&ada["user"]), json!([local, null, email]), "names that must not be null are made");
    let body = |username: &str| json!({"email": new_email(), "password": PASSWORD, "username": username});
    accounts.post("/api/auth/register", &body("lovelace")).await.expect_status(201);
    let taken = accounts.post("/api/auth/register", &body("lovelace")).await;
    taken.expect_problem(409, "conflict", "Another account has this username");
}

#[tokio::test]
async fn inactive_users_cannot_sign_in() {
    let accounts = accounts_on(&TABLES[0]).await;
    let email = new_email();
    let ada = accounts.sign_up(&email).await.expect_status(201);
    accounts.connect().await.batch_execute("update users set is_active = false").await.unwrap();
    accounts.sign_in(&email, PASSWORD).await.expect_status(401);
    let me = accounts.as_user(&ada, "GET", "/api/auth/me", None).await.expect_status(200);
    assert_eq!(me["is_active"], json!(false));
}

#[tokio::test]
async fn a_column_without_a_value_turns_sign_up_off_alone() {
    let database = TestDatabase::adopted(super::kit::layout()).await;
    let accounts = Accounts::on(&database.url, &[("PASSWORD_MIN_LENGTH", "9")]);
    let (email, _) = accounts.new_account().await;
    database.run("alter table users add column tenant integer not null default 0").await;
    database.run("alter table users alter column tenant drop default").await;
    let accounts = Accounts::on(&database.url, &[("PASSWORD_MIN_LENGTH", "10")]);
    let sentence = "Nobody can sign up here: the column tenant of public.users needs a value";
    accounts.sign_up(&new_email()).await.expect_problem(404, "sign_up_off", sentence);
    accounts.sign_in(&email, PASSWORD).await.expect_status(200);
}
