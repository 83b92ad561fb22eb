//! The schema as a custom resource of CloudFormation: the real `migrate`, events in the form of CloudFormation, a real
//! PostgreSQL, and a server that receives the responses.
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

/// Receives the responses in place of CloudFormation.
#[derive(Default)]
struct CallbackServer {
    responses: Mutex<Vec<Value>>,
    /// How many requests are still to be refused with 503.
    refusals: AtomicU32,
}

impl CallbackServer {
    /// Returns the server and the URL for responses.
    async fn start() -> (Arc<Self>, String) {
        let server = Arc::new(Self::default());
        let router = Router::new().route("/answer", put(receive)).with_state(Arc::clone(&server));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/answer?X-Amz-Signature=a%2Fb", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        (server, url)
    }

    /// The one response that was received since the last call.
    fn response(&self) -> Value {
        let responses = std::mem::take(&mut *self.responses.lock().unwrap());
        let [response] = responses.as_slice() else { unreachable!("{responses:?}") };
        response.clone()
    }
}

async fn receive(State(server): State<Arc<CallbackServer>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_refused =
        server.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok();
    if is_refused {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    // The URL is signed for an empty content type. S3, where it leads, needs the length; CloudFormation accepts 4 KB.
    let is_signed = headers.get("content-type").is_some_and(|value| value.is_empty());
    if !is_signed || headers.get("content-length").is_none() || body.len() > 4096 {
        return StatusCode::FORBIDDEN;
    }
    server.responses.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK
}

/// A request of CloudFormation: `Create`, `Update` or `Delete`.
fn event(request_type: &str, url: &str) -> Value {
    let mut event = json!({
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:migrate",
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/tasks/1",
        "RequestId": "a5d0a1f2-1b0c-4d6c-9f3e-2f9b8f7d6c5b",
        "ResourceType": "Custom::Migration",
        "LogicalResourceId": "Migration",
        "ResourceProperties": {"ServiceToken": "arn", "Version": "1"},
    });
    if request_type != "Create" {
        event["PhysicalResourceId"] = "tasks-schema".into();
    }
    if request_type == "Update" {
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
fn assert_success(response: &Value, reason: &str) {
    let expected = json!({
        "Status": "SUCCESS",
        "Reason": response["Reason"],
        "PhysicalResourceId": "tasks-schema",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/tasks/1",
        "RequestId": "a5d0a1f2-1b0c-4d6c-9f3e-2f9b8f7d6c5b",
        "LogicalResourceId": "Migration",
    });
    assert_eq!(*response, expected);
    assert!(response["Reason"].as_str().unwrap().contains(reason), "{response}");
}

#[track_caller]
fn assert_failure(response: &Value, reason: &str) {
    assert_eq!((&response["Status"], &response["PhysicalResourceId"]), (&json!("FAILED"), &json!("tasks-schema")));
    assert!(response["Reason"].as_str().unwrap().contains(reason), "{response}");
}

#[tokio::test]
async fn create_and_update_migrate_and_delete_changes_nothing() {
    let (server, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;

    function.invoke(&event("Create", &url)).await.unwrap();
    assert_success(&server.response(), "applied 0001 tasks, 0002");
    assert!(has_tasks(&database).await);

    function.invoke(&event("Update", &url)).await.unwrap();
    assert_success(&server.response(), "up to date");

    function.invoke(&event("Delete", &url)).await.unwrap();
    assert_success(&server.response(), "the tasks stay");
    assert!(has_tasks(&database).await);
}

#[tokio::test]
async fn the_schedule_cleans_up_and_sends_no_response() {
    let (server, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    // The `Input` of the schedule in the template.
    let clean_up = json!({"command": "clean-up"});
    // Before the first deployment has migrated.
    function.invoke(&clean_up).await.unwrap();
    function.invoke(&event("Create", &url)).await.unwrap();
    assert_success(&server.response(), "applied");

    let client = connect(&database).await.unwrap();
    let old = "insert into tasks_api.task_fences (attempt, made_at) values ('old', now() - interval '2 hours'), ('new', now())";
    client.batch_execute(old).await.unwrap();
    function.invoke(&clean_up).await.unwrap();
    let left = client.query_one("select string_agg(attempt, ' ') from tasks_api.task_fences", &[]).await.unwrap();
    assert_eq!(left.get::<_, String>(0), "new");
    assert!(server.responses.lock().unwrap().is_empty());
    let printed = function.kill().await;
    assert!(printed.contains("0 records of deleted tasks, 1 fences,"), "{printed}");
}

#[tokio::test]
async fn a_failed_clean_up_fails_the_invocation() {
    let mut function = migrate(&[("DATABASE_URL", "postgres://ann:s3cr3t@127.0.0.1:1/todo")]).await;
    let failed = function.invoke(&json!({"command": "clean-up"})).await;
    assert!(matches!(&failed, Err(InvokeError::Failed(report)) if report.contains("Cannot connect")), "{failed:?}");
    let unknown = function.invoke(&json!({"command": "drop-everything"})).await;
    assert!(matches!(&unknown, Err(InvokeError::Failed(_))), "{unknown:?}");
    let printed = function.kill().await;
    assert!(printed.contains("\"ERROR\"") && !printed.contains("s3cr3t"), "{printed}");
}

#[tokio::test]
async fn the_direct_url_is_preferred() {
    let (server, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let variables = [("DATABASE_URL", "postgres://ann@127.0.0.1:1/pooled"), ("DATABASE_URL_UNPOOLED", &database)];
    let mut function = migrate(&variables).await;
    function.invoke(&event("Create", &url)).await.unwrap();
    assert_success(&server.response(), "applied");
}

#[tokio::test]
async fn a_failure_is_reported_without_the_password() {
    let (server, url) = CallbackServer::start().await;
    let without_users = new_database().await;
    let unreachable = "postgres://ann:s3cr3t@127.0.0.1:1/todo";
    for (variables, reason) in [
        (vec![("DATABASE_URL", without_users.as_str())], "neither \"user\" nor users"),
        (vec![("DATABASE_URL", unreachable)], "Cannot connect"),
        (vec![("DATABASE_URL", "postgres://ann:s3cr3t@host/todo?nonsense=1")], "nonsense"),
        (vec![], "DATABASE_URL is not set"),
    ] {
        let mut function = migrate(&variables).await;
        function.invoke(&event("Create", &url)).await.unwrap();
        let response = server.response();
        assert_failure(&response, reason);
        // A rollback of the stack deletes the resource that could not be created.
        function.invoke(&event("Delete", &url)).await.unwrap();
        assert_success(&server.response(), "stay");
        let printed = function.kill().await;
        assert!(!response.to_string().contains("s3cr3t") && !printed.contains("s3cr3t"), "{printed}");
        assert!(printed.contains(reason) || printed.contains(&reason.replace('"', "\\\"")), "{printed}");
    }
}

#[tokio::test]
async fn the_response_is_sent_before_the_timeout() {
    let (server, url) = CallbackServer::start().await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into()).await.unwrap();
    proxy.play_script(&Script::Silent, 100);
    let database = format!("postgres://ann@127.0.0.1:{}/todo?sslmode=disable", proxy.port());
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    let (start, timeout) = (Instant::now(), Duration::from_secs(7));
    function.invoke_by(SystemTime::now() + timeout, &event("Update", &url)).await.unwrap();
    assert!(start.elapsed() < timeout);
    assert_failure(&server.response(), "the time of the function was up");
}

#[tokio::test]
async fn an_older_program_accepts_a_newer_schema() {
    let (server, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    function.invoke(&event("Create", &url)).await.unwrap();
    assert_success(&server.response(), "applied");
    let newer = "insert into tasks_api._sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'of a newer release', true, '\\x00', 0)";
    connect(&database).await.unwrap().batch_execute(newer).await.unwrap();
    function.invoke(&event("Update", &url)).await.unwrap();
    assert_success(&server.response(), "up to date");
}

#[tokio::test]
async fn a_refused_response_is_sent_again() {
    let (server, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    server.refusals.store(2, Ordering::SeqCst);
    function.invoke(&event("Create", &url)).await.unwrap();
    assert_success(&server.response(), "applied");
    // When every attempt is refused, the invocation fails and Lambda repeats it.
    server.refusals.store(3, Ordering::SeqCst);
    let failed = function.invoke(&event("Update", &url)).await;
    assert!(matches!(failed, Err(InvokeError::Failed(_))), "{failed:?}");
    function.invoke(&event("Update", &url)).await.unwrap();
    assert_success(&server.response(), "up to date");
}

#[tokio::test]
async fn no_response_is_sent_over_plain_http() {
    let (_, url) = CallbackServer::start().await;
    let database = database_with_users().await;
    let mut function = migrate(&[("DATABASE_URL", &database)]).await;
    let elsewhere = url.replace("127.0.0.1", "cloudformation.example.com");
    let failed = function.invoke(&event("Create", &elsewhere)).await;
    assert!(matches!(&failed, Err(InvokeError::Failed(report)) if report.contains("https")), "{failed:?}");
}
