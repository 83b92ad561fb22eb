//! What the log says about tables that cannot be used, and that the advice in it helps.

use dev::testing::database::TestDatabase;
use serde_json::{Value, json};

use crate::case::SESSION;
use crate::database::AuthDatabase;
use crate::function::{Function, StatusFor, bearing, list_tasks};
use crate::keys::ED25519;
use crate::token::{ADA, ORIGIN, SECRET, by_key, by_secret, claims, header, hs256, own_claims};

/// A database with a key, a session and a task of [`ADA`], and a role that owns nothing.
struct Restricted {
    database: AuthDatabase,
    role: String,
    url: String,
}

impl Restricted {
    async fn new() -> Self {
        let test_database = TestDatabase::migrated().await;
        let role = format!("functions_of_{}", test_database.name());
        let (before, after) = test_database.url.split_once("://").expect("a URL");
        let (_, address) = after.split_once('@').expect("a user");
        let url = format!("{before}://{role}:secret@{address}");
        let database = AuthDatabase::on(test_database);
        database.run(&format!("create role {role} login password 'secret'")).await;
        database.run(&format!("grant usage on schema tasks_api to {role}")).await;
        for (privileges, tables) in [
            ("select, insert, delete", "tasks_api.task_fences"),
            ("select, insert", "tasks_api.idempotency_keys"),
            ("select, insert, update, delete", "tasks_api.task_tags"),
            ("select", "tasks_api.task_tombstones, tasks_api.sync_epoch"),
        ] {
            database.run(&format!("grant {privileges} on {tables} to {role}")).await;
        }
        database.create_session_table().await;
        database.create_key_table("text").await;
        database.add_user(ADA).await;
        database.add_key("ed", &ED25519.jwk).await;
        database.add_session(SESSION, ADA, 3600.0).await;
        Self { database, role, url }
    }

    async fn grant(&self, privileges: &str) {
        self.database.run(&format!("grant {privileges} to {}", self.role)).await;
    }

    async fn start(&self, mode: &str) -> Function {
        start(mode, &self.url).await
    }

    /// What the function logs when it starts.
    async fn problems_at_start(&self, mode: &str) -> Vec<String> {
        problems_at_start(mode, &self.url).await
    }
}

async fn start(mode: &str, database_url: &str) -> Function {
    let variables = [
        ("AUTH_MODE", mode),
        ("BETTER_AUTH_URL", ORIGIN),
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", database_url),
    ];
    list_tasks(&variables).await
}

fn jwt() -> String {
    by_key(&ED25519, header("EdDSA", "ed"), claims())
}

async fn problems_at_start(mode: &str, database_url: &str) -> Vec<String> {
    problems(&start(mode, database_url).await.kill().await)
}

/// What a log says about tables: the problems, and the errors of keys.
fn problems(log: &str) -> Vec<String> {
    texts(log, |line| line.get("problem").or_else(|| line.get("error")))
}

/// The cause of the last failure in a log.
fn last_cause(log: &str) -> String {
    texts(log, |line| line.get("cause")).pop().unwrap_or_else(|| unreachable!("no cause in {log}"))
}

fn texts(log: &str, member: impl Fn(&Value) -> Option<&Value>) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(member(&line)?.as_str()?.to_owned())).collect()
}

/// The SQL at the end of a problem.
fn advice(problem: &str) -> &str {
    problem.rsplit_once(": ").expect("advice").1
}

#[tokio::test]
async fn missing_column_is_named() {
    let database = AuthDatabase::on(TestDatabase::migrated().await);
    database.add_user(ADA).await;
    let tables = "create table jwks (id text primary key, key text); create table session (id text, token text)";
    database.run(tables).await;
    let expected = [
        "the table public.jwks has no column for publicKey among id, key",
        "the table public.session has no column for userId among id, token",
    ];
    let mut at_start = problems_at_start("jwks,session", database.url()).await;
    at_start.sort();
    assert_eq!(at_start.len(), 2, "{at_start:?}");
    let mut function = start("jwks,session", database.url()).await;
    for ((token, expected), at_start) in [jwt(), SESSION.to_owned()].iter().zip(expected).zip(at_start) {
        assert!(at_start.contains(expected), "{at_start}");
        let response = function.invoke(&bearing(token)).await.expect("a response");
        assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")));
        assert!(function.output().contains(r#""remedy":"fix""#), "{}", function.output());
        let cause = last_cause(&function.output());
        assert!(cause.contains(expected), "{cause}");
    }
}

#[tokio::test]
async fn column_of_an_unusable_type_is_no_reason_to_wait() {
    let database = AuthDatabase::on(TestDatabase::migrated().await);
    database.add_user(ADA).await;
    database.run(r#"create table session (token text, "userId" text, "expiresAt" boolean)"#).await;
    let mut function = start("session", database.url()).await;
    let response = function.invoke(&bearing(SESSION)).await.expect("a response");
    assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")));
    assert_eq!(response.retry_after(), None);
    let log = function.kill().await;
    let problem = r#"the column "expiresAt" of public.session has a type that is no time"#;
    assert_eq!(problems(&log), [problem]);
    assert!(last_cause(&log).contains(problem), "{log}");
}

#[tokio::test]
async fn missing_grant_is_named_and_helps() {
    let env = Restricted::new().await;
    env.grant("select, insert, update, delete on tasks").await;
    for (mode, token) in [("jwks", jwt()), ("session", SESSION.to_owned())] {
        let mut function = env.start(mode).await;
        let response = function.invoke(&bearing(&token)).await.expect("a response");
        assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")), "{}", function.output());
        let cause = last_cause(&function.output());
        let at_start = problems(&function.kill().await).remove(0);
        assert!(at_start.contains(&format!("the role {} may not read public.", env.role)), "{at_start}");
        assert_eq!(advice(&cause), advice(&at_start));
        env.database.run(advice(&at_start)).await;
        let mut function = env.start(mode).await;
        assert_eq!(function.status_for(&token).await, 200, "{}", function.output());
        assert_eq!(problems(&function.kill().await), [""; 0]);
    }
    let role = &env.role;
    let readable = format!(r#"has_column_privilege('{role}', 'jwks', 'privateKey', 'select')"#);
    assert_eq!(env.database.number(&format!("select count(*) where {readable}")).await, 0, "private keys stay private");
}

#[tokio::test]
async fn missing_grant_on_a_schema_is_named_and_helps() {
    let env = Restricted::new().await;
    env.grant("select, insert, update, delete on tasks").await;
    env.database.run("create schema neon_auth; alter table jwks set schema neon_auth").await;
    let problem = env.problems_at_start("jwks").await.remove(0);
    let grant = format!("grant usage on schema neon_auth to {}; grant select (", env.role);
    assert!(advice(&problem).starts_with(&grant), "{problem}");
    env.database.run(advice(&problem)).await;
    assert_eq!(env.start("jwks").await.status_for(&jwt()).await, 200);
}

#[tokio::test]
async fn start_names_grants_that_tasks_lack() {
    let env = Restricted::new().await;
    // As in a database that another back end made.
    env.database.run("alter table tasks alter id drop identity; create sequence numbers owned by tasks.id").await;
    env.database.run("alter table tasks alter id set default nextval('numbers'); select setval('numbers', 1000)").await;
    env.grant("select on tasks").await;
    env.database
        .run(&format!(
            "revoke insert on tasks_api.task_fences, tasks_api.idempotency_keys from {0};
             revoke select on tasks_api.sync_epoch, tasks_api.task_tags from {0}; revoke usage on schema tasks_api from {0}",
            env.role
        ))
        .await;
    let problems = env.problems_at_start("hs256").await;
    let grants: Vec<&str> = problems.iter().map(|problem| advice(problem)).collect();
    let role = &env.role;
    let expected = [
        format!("grant insert, update, delete on public.tasks to {role}"),
        format!("grant usage on sequence numbers to {role}"),
        format!("grant usage on schema tasks_api to {role}"),
        format!("grant insert on tasks_api.task_fences to {role}"),
        format!("grant insert on tasks_api.idempotency_keys to {role}"),
        format!("grant select on tasks_api.task_tags to {role}"),
        format!("grant select on tasks_api.sync_epoch to {role}"),
    ];
    assert_eq!(grants, expected);
    for grant in grants {
        env.database.run(grant).await;
    }
    assert_eq!(env.problems_at_start("hs256").await, [""; 0]);
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &env.url)];
    let mut create = Function::start_built("create-task", &variables).await;
    let mut event = bearing(&by_secret(hs256(), claims()));
    event["requestContext"]["http"]["method"] = "POST".into();
    event["body"] = json!({"title": "Buy milk"}).to_string().into();
    let response = create.invoke(&event).await.expect("a response");
    assert_eq!(response.status, 201, "{}", create.output());
}

#[tokio::test]
async fn start_names_grants_that_sign_in_lacks() {
    let env = Restricted::new().await;
    env.grant("select, insert, update, delete on tasks").await;
    let role = &env.role;
    assert_eq!(env.problems_at_start("hs256").await, [""; 0]);
    let problems = env.problems_at_start("password").await;
    let grants: Vec<&str> = problems.iter().map(|problem| advice(problem)).collect();
    let expected = [
        format!("grant delete on tasks_api.idempotency_keys to {role}"),
        format!("grant select, insert, delete on tasks_api.revoked_tokens to {role}"),
        format!("grant select, insert, update on tasks_api.token_versions to {role}"),
        format!("grant select, insert, update, delete on tasks_api.sign_in_buckets to {role}"),
        format!("grant select, update, delete on tasks_api.reset_codes to {role}"),
    ];
    assert_eq!(grants, expected);
    let token = by_secret(hs256(), own_claims());
    assert_eq!(env.start("password").await.status_for(&token).await, 500);
    for grant in grants {
        env.database.run(grant).await;
    }
    assert_eq!(env.problems_at_start("password").await, [""; 0]);
    assert_eq!(env.start("password").await.status_for(&token).await, 200);
}

#[tokio::test]
async fn start_names_row_level_security_and_what_helps() {
    let env = Restricted::new().await;
    env.grant("select, insert, update, delete on tasks").await;
    env.grant("select on session").await;
    let policy = "create policy own on tasks using (user_id = current_setting('app.user', true))";
    env.database.run(&format!("alter table tasks enable row level security; {policy}")).await;
    env.database.run("alter table session enable row level security").await;
    let token = by_secret(hs256(), claims());
    let mut function = env.start("hs256").await;
    let hidden = function.invoke(&bearing(&token)).await.expect("a response");
    assert_eq!(hidden.json, json!([]));
    assert_eq!(problems(&function.kill().await).len(), 1, "hs256 needs no session");
    let problems_before = env.problems_at_start("hs256,session").await;
    assert_eq!(problems_before.len(), 2, "{problems_before:?}");
    for problem in &problems_before {
        assert!(problem.starts_with("row-level security is active on public."), "{problem}");
        env.database.run(advice(problem)).await;
    }
    let mut function = env.start("hs256,session").await;
    for token in [token.as_str(), SESSION] {
        let list = function.invoke(&bearing(token)).await.expect("a response");
        assert_eq!(list.tasks().len(), 1);
    }
    assert_eq!(problems(&function.kill().await), [""; 0]);
}

#[tokio::test]
async fn start_names_missing_tables() {
    let database = AuthDatabase::on(TestDatabase::empty().await);
    let problems = problems_at_start("jwks,session", database.url()).await;
    assert_eq!(problems.len(), 8, "{problems:?}");
    for (problem, expected) in problems.iter().zip([
        "there is no table session or sessions in the search path or in the schema neon_auth",
        "there is no table jwks or jwkss in the search path or in the schema neon_auth",
        "there is no table tasks in the search path",
        "there is no table task_fences in the schema tasks_api",
        "there is no table idempotency_keys in the schema tasks_api",
        "there is no table task_tags in the schema tasks_api",
        "there is no table task_tombstones in the schema tasks_api",
        "there is no table sync_epoch in the schema tasks_api",
    ]) {
        assert!(problem.contains(expected), "{problem}");
    }
    assert_eq!(problems_at_start("hs256", database.url()).await.len(), 6);
}

#[tokio::test]
async fn start_names_the_table_that_is_ignored() {
    let database = AuthDatabase::new().await;
    database.run("create table sessions as table session").await;
    let expected = ["public.session is used, and public.sessions is ignored"];
    assert_eq!(problems_at_start("session", database.url()).await, expected);
    database.run("create schema neon_auth; alter table sessions set schema neon_auth").await;
    database.run("alter table neon_auth.sessions rename to session").await;
    let expected = ["public.session is used, and neon_auth.session is ignored"];
    assert_eq!(problems_at_start("session", database.url()).await, expected);
    // A table of another program is not meant.
    database.run("alter table neon_auth.session rename to sessions").await;
    database.run(r#"alter table neon_auth.sessions drop column "userId""#).await;
    assert_eq!(problems_at_start("session", database.url()).await, [""; 0]);
}

/// With secondary storage, Better Auth never stores a session in the database.
#[tokio::test]
async fn start_tells_of_sessions_that_are_elsewhere() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.run("create table account (id text)").await;
    assert_eq!(problems_at_start("session", database.url()).await, [""; 0], "nobody has signed up");
    database.run("insert into account values ('1')").await;
    for (renames, name) in [
        ("", "public.session"),
        ("alter table session rename to sessions; alter table account rename to accounts", "public.sessions"),
    ] {
        database.run(renames).await;
        let problems = problems_at_start("session", database.url()).await;
        let expected = format!("{name} has no session, although there are accounts: if Better Auth keeps sessions in");
        assert!(problems.len() == 1 && problems[0].starts_with(&expected), "{problems:?}");
        assert_eq!(problems_at_start("hs256", database.url()).await, [""; 0], "no session is needed");
    }
    database.run("alter table sessions rename to session").await;
    database.add_session(SESSION, ADA, 3600.0).await;
    assert_eq!(problems_at_start("session", database.url()).await, [""; 0]);
}

#[tokio::test]
async fn unknown_session_beside_no_other_is_explained_once() {
    let database = AuthDatabase::new().await;
    database.add_user(ADA).await;
    database.add_session("expired", ADA, -1.0).await;
    let explanation = "public.session has no session that has not expired";
    let mut function = start("session", database.url()).await;
    for _ in 0..2 {
        assert_eq!(function.status_for(SESSION).await, 401);
    }
    let log = function.kill().await;
    assert_eq!(log.matches(explanation).count(), 1, "{log}");
    assert!(log.contains("session.storeSessionInDatabase"), "{log}");

    database.add_session(SESSION, ADA, 3600.0).await;
    let mut function = start("session", database.url()).await;
    assert_eq!(function.status_for("unknown").await, 401);
    assert!(!function.kill().await.contains(explanation), "there is another session");
}
