//! A real function behind a Lambda Runtime API of this test's own: it gets events exactly as they are written here,
//! also those that no gateway would let through.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// More than any request may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One process of `list-tasks`. It ends with its owner.
pub(crate) struct Function {
    process: Child,
    events: mpsc::Sender<String>,
    outcomes: mpsc::Receiver<Outcome>,
    printed: Arc<Lock<Vec<u8>>>,
    readers: JoinSet<()>,
}

/// What the function answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) headers: Value,
    pub(crate) body: Value,
}

/// An event that was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    #[error("the process ended: {0:?}")]
    Ended(Option<ExitStatus>),
    #[error("the runtime reported an error: {0}")]
    Failed(String),
    #[error("no answer came in time")]
    Nothing,
}

enum Outcome {
    Returned(String),
    Failed(String),
}

/// The side of the process.
struct Desk {
    events: Mutex<mpsc::Receiver<String>>,
    outcomes: mpsc::Sender<Outcome>,
}

impl Function {
    /// Starts the function with these settings and nothing of the environment of the test.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let (events, waiting) = mpsc::channel(1);
        let (given, outcomes) = mpsc::channel(1);
        let desk = Arc::new(Desk { events: Mutex::new(waiting), outcomes: given });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
            .with_state(desk);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(axum::serve(listener, routes).into_future());
        let mut process = Command::new(binary())
            .env_clear()
            .envs([("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", "list-tasks")])
            .envs([("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")])
            .envs(std::env::var("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary of list-tasks beside the one of dev: run `cargo build --workspace`");
        let printed = Arc::default();
        let mut readers = JoinSet::new();
        readers.spawn(collect(process.stdout.take().expect("a pipe"), Arc::clone(&printed)));
        readers.spawn(collect(process.stderr.take().expect("a pipe"), Arc::clone(&printed)));
        Self { process, events, outcomes, printed, readers }
    }

    /// The answer to an event.
    pub(crate) async fn ask(&mut self, event: &Value) -> Result<Answer, Silence> {
        // One that has ended takes no events.
        let _ = self.events.try_send(event.to_string());
        tokio::select! {
            biased;
            outcome = self.outcomes.recv() => match outcome {
                Some(Outcome::Returned(answer)) => Ok(Answer::read(&answer)),
                Some(Outcome::Failed(report)) => Err(Silence::Failed(report)),
                None => Err(Silence::Nothing),
            },
            status = self.process.wait() => Err(Silence::Ended(status.ok())),
            () = tokio::time::sleep(PATIENCE) => Err(Silence::Nothing),
        }
    }

    /// The status of the answer to a request with this bearer token.
    pub(crate) async fn status_for(&mut self, token: &str) -> u64 {
        self.ask(&bearing(token)).await.map(|answer| answer.status).unwrap_or_else(|silence| {
            unreachable!("{silence}; {}", self.printed());
        })
    }

    /// As [`Function::status_for`], asked again as long as `Retry-After` may ask for it: without keys the source is only
    /// looked at once a second.
    pub(crate) async fn status_soon_for(&mut self, token: &str) -> u64 {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        loop {
            let status = self.status_for(token).await;
            if status == 200 || std::time::Instant::now() > end {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Whether the process has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends the process, and returns everything that it has printed.
    pub(crate) async fn end(mut self) -> String {
        // One that has ended already is as good.
        let _ = self.process.kill().await;
        while self.readers.join_next().await.is_some() {}
        self.printed()
    }

    /// What was read so far of what it has printed.
    pub(crate) fn printed(&self) -> String {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&printed).into_owned()
    }
}

impl Answer {
    /// The body's text is read as JSON.
    fn read(answer: &str) -> Self {
        let answer: Value = serde_json::from_str(answer).expect("an answer in the gateway's format");
        let body = answer["body"].as_str().unwrap_or_default();
        Self {
            status: answer["statusCode"].as_u64().unwrap_or_default(),
            headers: answer["headers"].clone(),
            body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
        }
    }
}

/// `GET /api/tasks` without a header that says who is calling.
pub(crate) fn anonymous() -> Value {
    json!({
        "version": "2.0",
        "routeKey": "GET /api/tasks",
        "rawPath": "/api/tasks",
        "rawQueryString": "",
        "headers": {"host": "api.example.com", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "http": {"method": "GET", "path": "/api/tasks", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "id",
            "routeKey": "GET /api/tasks",
            "stage": "$default",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "isBase64Encoded": false,
    })
}

/// `GET /api/tasks` with this text as its `Authorization`.
pub(crate) fn authorized(authorization: &str) -> Value {
    let mut event = anonymous();
    event["headers"]["authorization"] = authorization.into();
    event
}

/// `GET /api/tasks` with `Authorization: Bearer …`.
pub(crate) fn bearing(token: &str) -> Value {
    authorized(&format!("Bearer {token}"))
}

fn binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("list-tasks")
}

async fn next(State(desk): State<Arc<Desk>>) -> impl IntoResponse {
    let event = desk.events.lock().await.recv().await.unwrap_or_default();
    let deadline = (dev::tokens::now() + PATIENCE.as_secs()) * 1000;
    let headers = AppendHeaders([
        ("lambda-runtime-aws-request-id", uuid::Uuid::new_v4().to_string()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:list-tasks".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5e6722a7-cc56bc4a1dd2ff4efc1a3f5e".to_owned()),
    ]);
    (headers, event)
}

async fn response(State(desk): State<Arc<Desk>>, answer: String) -> StatusCode {
    let _ = desk.outcomes.send(Outcome::Returned(answer)).await;
    StatusCode::ACCEPTED
}

async fn error(State(desk): State<Arc<Desk>>, report: String) -> StatusCode {
    let _ = desk.outcomes.send(Outcome::Failed(report)).await;
    StatusCode::ACCEPTED
}

async fn collect(mut pipe: impl AsyncRead + Unpin, into: Arc<Lock<Vec<u8>>>) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        into.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..read]);
    }
}
