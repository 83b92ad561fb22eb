//! The schema as a custom resource of a deployment: the real `migrate`, events as CloudFormation sends them, a real
//! PostgreSQL, and a server in the place of CloudFormation's, which takes the answers.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use dev::services::database::connect;
use dev::testing::fault_proxy::{FaultProxy, Script};
use dev::testing::function::{Function, InvokeError};
use dev::testing::new_database;
use serde_json::{Value, json};

/// Takes answers in the place of CloudFormation.
#[derive(Default)]
struct Office {
    answers: Mutex<Vec<Value>>,
    /// How many are turned away first.
    closed_for: AtomicU32,
}

impl Office {
    async fn open() -> (Arc<Self>, String) {
        let office = Arc::new(Self::default());
        let router = Router::new().route("/answer", put(take)).with_state(Arc::clone(&office));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/answer?X-Amz-Signature=a%2Fb", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        (office, url)
    }

    /// The one answer that was given.
    fn answer(&self) -> Value {
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        let [answer] = answers.as_slice() else { unreachable!("{answers:?}") };
        answer.clone()
    }
}

async fn take(State(office): State<Arc<Office>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_closed =
        office.closed_for.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turns| turns.checked_sub(1)).is_ok();
    if is_closed {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    // The URL is signed for an empty content type, and an answer has a length and a limit.
    let is_signed = headers.get("content-type").is_some_and(|value| value.is_empty());
    if !is_signed || headers.get("content-length").is_none() || body.len() > 4096 {
        return StatusCode::FORBIDDEN;
    }
    office.answers.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

/// A request of CloudFormation.
fn event(kind: &str, url: &str) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:migrate",
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/tasks/1",
        "RequestId": "a5d0a1f2-1b0c-4d6c-9f3e-2f9b8f7d6c5b",
        "ResourceType": "Custom::Migration",
        "LogicalResourceId": "Migration",
        "ResourceProperties": {"ServiceToken": "arn", "Version": "1"},
    });
    if kind != "Create" {
        event["PhysicalResourceId"] = "tasks-schema".into();
    }
    if kind == "Update" {
        event["OldResourceProperties"] = json!({"ServiceToken": "arn", "Version": "0"});
    }
    event
}

async fn migrate(variables: &[(&str, &str)]) -> Function {
    let binary = Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("migrate");
    Function::start(&binary, variables).await.expect("the binary beside the one of dev: run `cargo build --workspace`")
}

/// An empty database with Better Auth's table of users.
async fn database_with_users() -> String {
    let url = new_database().await;
    let users = r#"create table "user" (id text primary key, name text not null, email text not null unique)"#;
    connect(&url).await.unwrap().batch_execute(users).await.unwrap();
    url
}

async fn has_tasks(url: &str) -> bool {
    let client = connect(url).await.unwrap();
    client.query_one("select to_regclass('tasks') is not null", &[]).await.unwrap().get(0)
}

#[track_caller]
fn is_success(answer: &Value, reason: &str) {
    let expected = json!({
        "Status": "SUCCESS",
        "Reason": answer["Reason"],
        "PhysicalResourceId": "tasks-schema",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/tasks/1",
        "RequestId": "a5d0a1f2-1b0c-4d6c-9f3e-2f9b8f7d6c5b",
        "LogicalResourceId": "Migration",
    });
    assert_eq!(*answer, expected);
    assert!(answer["Reason"].as_str().unwrap().contains(reason), "{answer}");
}

#[track_caller]
fn is_failure(answer: &Value, reason: &str) {
    assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("FAILED"), &json!("tasks-schema")));
    assert!(answer["Reason"].as_str().unwrap().contains(reason), "{answer}");
}

#[tokio::test]
async fn create_and_update_bring_the_schema_up_to_date_and_delete_leaves_it() {
    let (office, url) = Office::open().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;

    function.invoke(&event("Create", &url)).await.unwrap();
    is_success(&office.answer(), "applied 0001 tasks, 0002");
    assert!(has_tasks(&database).await);

    function.invoke(&event("Update", &url)).await.unwrap();
    is_success(&office.answer(), "up to date");

    function.invoke(&event("Delete", &url)).await.unwrap();
    is_success(&office.answer(), "the tasks stay");
    assert!(has_tasks(&database).await);
}

#[tokio::test]
async fn the_direct_url_comes_first() {
    let (office, url) = Office::open().await;
    let database = database_with_users().await;
    let variables = [("DATABASE_URL", "postgres://ann@127.0.0.1:1/pooled"), ("DATABASE_URL_UNPOOLED", &database)];
    let mut function = migrate(&variables).await;
    function.invoke(&event("Create", &url)).await.unwrap();
    is_success(&office.answer(), "applied");
}

#[tokio::test]
async fn a_failure_is_reported_with_its_sentence_and_without_the_password() {
    let (office, url) = Office::open().await;
    let without_users = new_database().await;
    let nobody = "postgres://ann:s3cr3t@127.0.0.1:1/todo";
    for (variables, reason) in [
        (vec![("DATABASE_URL", without_users.as_str())], "neither \"user\" nor users"),
        (vec![("DATABASE_URL", nobody)], "Cannot connect"),
        (vec![("DATABASE_URL", "postgres://ann:s3cr3t@host/todo?nonsense=1")], "nonsense"),
        (vec![], "DATABASE_URL is not set"),
    ] {
        let mut function = migrate(&variables).await;
        function.invoke(&event("Create", &url)).await.unwrap();
        let answer = office.answer();
        is_failure(&answer, reason);
        // A stack that is rolled back deletes what it could not create.
        function.invoke(&event("Delete", &url)).await.unwrap();
        is_success(&office.answer(), "stay");
        let printed = function.kill().await;
        assert!(!answer.to_string().contains("s3cr3t") && !printed.contains("s3cr3t"), "{printed}");
        assert!(printed.contains(reason) || printed.contains(&reason.replace('"', "\\\"")), "{printed}");
    }
}

#[tokio::test]
async fn the_answer_comes_before_the_time_is_up() {
    let (office, url) = Office::open().await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into()).await.unwrap();
    proxy.play_script(&Script::Silent, 100);
    let database = format!("postgres://ann@127.0.0.1:{}/todo?sslmode=disable", proxy.port());
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    let (began, time) = (Instant::now(), Duration::from_secs(7));
    function.invoke_by(SystemTime::now() + time, &event("Update", &url)).await.unwrap();
    assert!(began.elapsed() < time);
    is_failure(&office.answer(), "the time of the function was up");
}

#[tokio::test]
async fn an_older_program_succeeds_with_a_newer_schema() {
    let (office, url) = Office::open().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    function.invoke(&event("Create", &url)).await.unwrap();
    is_success(&office.answer(), "applied");
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'of a newer release', true, '\\x00', 0)";
    connect(&database).await.unwrap().batch_execute(newer).await.unwrap();
    function.invoke(&event("Update", &url)).await.unwrap();
    is_success(&office.answer(), "up to date");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_again() {
    let (office, url) = Office::open().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    office.closed_for.store(2, Ordering::SeqCst);
    function.invoke(&event("Create", &url)).await.unwrap();
    is_success(&office.answer(), "applied");
    // Lambda calls again when nobody has taken it at all.
    office.closed_for.store(3, Ordering::SeqCst);
    let failed = function.invoke(&event("Update", &url)).await;
    assert!(matches!(failed, Err(InvokeError::Failed(_))), "{failed:?}");
    function.invoke(&event("Update", &url)).await.unwrap();
    is_success(&office.answer(), "up to date");
}

#[tokio::test]
async fn nothing_is_sent_in_clear_over_a_network() {
    let (_, url) = Office::open().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    let elsewhere = url.replace("127.0.0.1", "cloudformation.example.com");
    let failed = function.invoke(&event("Create", &elsewhere)).await;
    assert!(matches!(&failed, Err(InvokeError::Failed(report)) if report.contains("https")), "{failed:?}");
}
