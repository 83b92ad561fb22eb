//! The table of users where they sign in at this API.

use dev::testing::database::{LAYOUTS, Layout};
use migrations::{MigrateError, Options, PasswordReset, Plan, Report};

use crate::kit::{Database, USER_TABLE};

const INDEXES: &str = "select pg_get_indexdef(indexrelid) from pg_index join pg_class on pg_class.oid = indexrelid
    where relname = 'tasks_api_users_email' and indisvalid";

fn options(auth_user_table: &str) -> Options {
    Options {
        auth_mode: Some("password".to_owned()),
        auth_user_table: Some(auth_user_table.to_owned()).filter(|name| !name.is_empty()),
        ..Options::default()
    }
}

async fn up(database: &Database, auth_user_table: &str) -> Report {
    migrations::up(&database.url, &options(auth_user_table)).await.expect("a migrated database")
}

async fn plan(database: &Database, auth_user_table: &str) -> Plan {
    migrations::plan(&database.url, &options(auth_user_table)).await.expect("a plan")
}

async fn run_plan(database: &Database, auth_user_table: &str) {
    for statement in plan(database, auth_user_table).await.changes.iter().flat_map(|change| &change.statements) {
        database.run(statement).await;
    }
}

async fn reset(database: &Database, email: &str) -> Result<PasswordReset, MigrateError> {
    migrations::reset_password(&database.url, &options(""), email).await
}

fn layout() -> &'static Layout {
    LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").expect("a layout")
}

#[tokio::test]
async fn addresses_get_an_index_and_lose_it_again() {
    let database = Database::with_rows(layout()).await;
    let before = database.catalog().await;
    let planned = plan(&database, "").await.to_string();
    let index = "CREATE UNIQUE INDEX tasks_api_users_email ON public.users USING btree (lower((email)::text))";
    assert!(
        planned.contains("-- Add the unique index tasks_api_users_email on lower(email) of public.users"),
        "{planned}"
    );
    let report = up(&database, "").await;
    let added = "add the unique index tasks_api_users_email on lower(email) of public.users";
    assert_eq!(report.changes.last().map(String::as_str), Some(added));
    assert_eq!(database.rows(INDEXES).await, [index]);
    let verification = migrations::verify(&database.url, &options("")).await.expect("a verification");
    assert_eq!(verification.differences, []);
    assert!(!verification.notes.iter().any(|note| note.contains("sign up") || note.contains("e-mail")));
    assert_eq!(up(&database, "").await, Report::default());
    assert_eq!(plan(&database, "").await, Plan::default());
    database.down().await.expect("the adoption is reverted");
    assert_eq!(database.catalog().await, before);

    let by_plan = Database::with_rows(layout()).await;
    run_plan(&by_plan, "").await;
    assert_eq!(by_plan.rows(INDEXES).await, [index]);
}

#[tokio::test]
async fn other_modes_leave_the_table_alone() {
    let database = Database::with_rows(layout()).await;
    database.up().await.expect("an adoption");
    assert_eq!(database.rows(INDEXES).await, [""; 0]);
    let verification = migrations::verify(&database.url, &options("")).await.expect("a verification");
    let found: Vec<&str> = verification.differences.iter().map(|difference| difference.description()).collect();
    assert_eq!(found, ["the index tasks_api_users_email on lower(email) of public.users is missing"]);
    database.apply_fix(&verification.differences[0]).await;
    assert_eq!(database.rows(INDEXES).await.len(), 1);
}

#[tokio::test]
async fn new_database_gets_a_table_of_users() {
    let database = Database::with_sql("").await;
    let refusal = migrations::up(&database.url, &options("")).await.expect_err("no table of users");
    assert!(matches!(refusal, MigrateError::NoUserTable) && refusal.to_string().contains("AUTH_USER_TABLE=own makes"));
    let report = up(&database, "own").await;
    assert_eq!(
        report.changes,
        ["create the table users", "add the unique index tasks_api_users_email on lower(email) of public.users"]
    );
    assert_eq!(up(&database, "own").await, Report::default());
    assert_eq!(plan(&database, "own").await, Plan::default());
    let columns = "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute
        where attrelid = 'users'::regclass and attnum > 0 order by attnum";
    let expected = [
        "id | uuid | t",
        "email | character varying(255) | t",
        "password_hash | character varying(255) | t",
        "created_at | timestamp with time zone | f",
        "updated_at | timestamp with time zone | f",
    ];
    assert_eq!(database.rows(columns).await, expected);
    let reference = "fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE";
    assert_eq!(database.foreign_keys().await, [reference]);

    let by_plan = Database::with_sql("").await;
    run_plan(&by_plan, "own").await;
    assert_eq!(by_plan.catalog().await, database.catalog().await);

    // The users stay when the migrations are reverted, and are found again.
    database.run("insert into users (email, password_hash) values ('ada@example.com', 'x')").await;
    while database.down().await.expect("a revert") != Report::default() {}
    assert_eq!(database.row("select count(*) from users").await, "1");
    assert_eq!(database.rows(INDEXES).await, [""; 0]);
    up(&database, "own").await;
    assert_eq!(database.rows(INDEXES).await.len(), 1);
}

#[tokio::test]
async fn interrupted_index_is_made_again() {
    let database = Database::with_rows(layout()).await;
    up(&database, "").await;
    database.run("update pg_index set indisvalid = false where indexrelid = 'tasks_api_users_email'::regclass").await;
    assert_eq!(database.rows(INDEXES).await, [""; 0]);
    up(&database, "").await;
    assert_eq!(database.rows(INDEXES).await.len(), 1);
}

#[tokio::test]
async fn addresses_that_differ_in_case_are_reported() {
    let database = Database::with_rows(layout()).await;
    database
        .run("insert into users (email, password_hash) values ('Twin@example.com', 'x'), ('twin@example.com', 'x')")
        .await;
    let notes = plan(&database, "").await.notes;
    let twins = "1 e-mail addresses are in public.users more than once, in upper and lower case: their users sign in with the \
                 exact address";
    assert_eq!(notes, [twins]);
    up(&database, "").await;
    let index = "CREATE INDEX tasks_api_users_email ON public.users USING btree (lower((email)::text))";
    assert_eq!(database.rows(INDEXES).await, [index]);
}

/// The tables of SQLModel, whose defaults are in Python.
#[tokio::test]
async fn columns_that_sign_up_cannot_fill_are_named() {
    let users = |more: &str| {
        format!(
            "create table \"user\" (
                id uuid primary key, email text not null, hashed_password varchar not null,
                is_active boolean not null, full_name text not null, created_at timestamp not null{more}
            )"
        )
    };
    let database = Database::with_sql(&users("")).await;
    assert_eq!(plan(&database, "").await.notes, [""; 0]);
    let database =
        Database::with_sql(&users(", is_superuser boolean not null, plan text not null default 'free'")).await;
    let note = "nobody can sign up at this API, because is_superuser of public.\"user\" must not be null and has no default; \
                sign-in works";
    assert_eq!(plan(&database, "").await.notes, [note]);
    let database =
        Database::with_sql("create table users (id int primary key, email text, password varchar(40))").await;
    let note = "nobody can sign up at this API, because the column of the hash in public.users has 40 characters and a hash \
                60; sign-in works";
    assert_eq!(plan(&database, "").await.notes, [note]);
}

#[tokio::test]
async fn passwords_of_better_auth_switch_sign_in_off() {
    let account = "create table account (id text, \"providerId\" text, password text)";
    let database = Database::with_sql(&format!("{USER_TABLE}; {account}")).await;
    let off = "sign-up and sign-in at this API are off, because Better Auth has the passwords, in public.account: remove \
               password from AUTH_MODE";
    assert_eq!(plan(&database, "").await.notes, [off]);
    let refused = reset(&database, "ada@example.com").await.err().map(|error| error.to_string());
    assert_eq!(refused, Some(format!("There are no passwords here to reset: {off}")));

    let database = Database::with_rows(layout()).await;
    database.run(account).await;
    let both = "passwords can be in public.users or public.account: set AUTH_USER_TABLE to the table of users, or the \
                functions do not start";
    assert_eq!(plan(&database, "").await.notes, [both]);
    up(&database, "").await;
    assert_eq!(database.rows(INDEXES).await, [""; 0]);
    up(&database, "users").await;
    assert_eq!(database.rows(INDEXES).await.len(), 1);
}

#[tokio::test]
async fn reset_code_replaces_the_one_before() {
    let database = Database::with_rows(layout()).await;
    up(&database, "").await;
    database.run("insert into users (email, password_hash) values ('Ada@example.com', 'x')").await;
    let first = reset(&database, " ada@example.COM ").await.expect("a code");
    assert_eq!(first.email, "Ada@example.com");
    assert!(first.code.len() == 24 && first.code.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')));
    database.run("update tasks_api.reset_codes set is_used = true").await;
    let second = reset(&database, "Ada@example.com").await.expect("a code");
    assert_ne!(first.code, second.code);
    let stored = format!(
        "select count(*), bool_and(code_hash = sha256('{}')), bool_and(not is_used),
            bool_and(expires_at between now() + interval '29 minutes' and now() + interval '30 minutes'),
            bool_and(user_id = (select id::text from users where email = 'Ada@example.com'))
        from tasks_api.reset_codes",
        second.code
    );
    assert_eq!(database.row(&stored).await, "1 | t | t | t | t");
    assert!(second.to_string().starts_with(&second.code));
}

#[tokio::test]
async fn reset_needs_one_user() {
    let database = Database::with_rows(layout()).await;
    let missing = reset(&database, "ada@example.com").await;
    assert!(matches!(missing, Err(MigrateError::NoResetCodes)));
    up(&database, "").await;
    assert!(matches!(reset(&database, "nobody@example.com").await, Err(MigrateError::UnknownUser)));
    assert!(matches!(reset(&database, "' or true--").await, Err(MigrateError::UnknownUser)));
    database
        .run(
            "drop index tasks_api_users_email;
            insert into users (email, password_hash) values ('Twin@example.com', 'x'), ('twin@example.com', 'x')",
        )
        .await;
    assert!(matches!(reset(&database, "TWIN@example.com").await, Err(MigrateError::AmbiguousUser)));
    assert_eq!(reset(&database, "twin@example.com").await.expect("an exact address").email, "twin@example.com");
}

#[tokio::test]
async fn live_user_has_the_type_of_the_owner() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        let types = "select prorettype = (select atttypid from pg_attribute where attrelid = 'tasks'::regclass
            and attname = 'user_id') from pg_proc where proname = 'live_user'";
        assert_eq!(database.row(types).await, "t", "{}", layout.name);
        let user = database.row(&format!("select id::text from {} limit 1", layout.user_table)).await;
        let live = format!("select tasks_api.live_user('j 0 {user}')::text");
        assert_eq!(database.row(&live).await, user, "{}", layout.name);
        database.run(&format!("insert into tasks_api.token_versions values ('{user}', 1)")).await;
        let error = database.client.batch_execute(&live).await.expect_err("a revoked token");
        assert_eq!(error.code().map(|code| code.code()), Some("TA401"), "{}", layout.name);
    }
}
