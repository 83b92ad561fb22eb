//! One process of a function behind a Lambda Runtime API of its own: it gets events exactly as they are written, also
//! those that no gateway would let through, by deadlines that no gateway would set.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;

/// More than any request may take.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(20);

/// A running process. It ends with its owner.
#[derive(Debug)]
pub struct Function {
    process: Child,
    events: mpsc::Sender<Invocation>,
    outcomes: mpsc::Receiver<Outcome>,
    printed: Arc<Lock<Vec<u8>>>,
    readers: JoinSet<()>,
}

/// What the function answered.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionResponse {
    /// The status of HTTP.
    pub status: u64,
    /// Names in lower case, and texts.
    pub headers: Value,
    /// The body: what its JSON says, or its text.
    pub body: Value,
}

/// An event that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is nobody to answer any more.
    #[error("the process ended: {0:?}")]
    Ended(Option<ExitStatus>),
    /// What Lambda calls a function error.
    #[error("the runtime reported an error: {0}")]
    Failed(String),
    /// It took longer than any request may take.
    #[error("no answer came in time")]
    TimedOut,
}

#[derive(Debug)]
struct Invocation {
    event: String,
    deadline: SystemTime,
}

#[derive(Debug)]
enum Outcome {
    Returned(String),
    Failed(String),
}

/// The side of the process.
struct RuntimeApiState {
    events: Mutex<mpsc::Receiver<Invocation>>,
    outcomes: mpsc::Sender<Outcome>,
    asked: Notify,
}

impl Function {
    /// Starts a function with these settings and nothing of the environment of the test, and waits until it asks for an
    /// event, or ends.
    ///
    /// # Errors
    /// There is no free port, or no such binary: run `cargo build --workspace`.
    pub async fn start(binary: &Path, variables: &[(&str, &str)]) -> io::Result<Self> {
        let (events, waiting) = mpsc::channel(1);
        let (given, outcomes) = mpsc::channel(1);
        let state = Arc::new(RuntimeApiState { events: Mutex::new(waiting), outcomes: given, asked: Notify::new() });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
            .route("/2020-01-01/extension/register", post(register))
            .route("/2020-01-01/extension/event/next", get(next_of_extension))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(axum::serve(listener, routes).into_future());
        let name = binary.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut process = Command::new(binary)
            .env_clear()
            .envs([("AWS_LAMBDA_RUNTIME_API", address.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", name)])
            .envs([("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")])
            .envs(std::env::var("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let printed = Arc::default();
        let mut readers = JoinSet::new();
        if let Some(stdout) = process.stdout.take() {
            readers.spawn(collect(stdout, Arc::clone(&printed)));
        }
        if let Some(stderr) = process.stderr.take() {
            readers.spawn(collect(stderr, Arc::clone(&printed)));
        }
        tokio::select! {
            () = state.asked.notified() => {}
            _ = process.wait() => {}
            () = tokio::time::sleep(INVOKE_TIMEOUT) => {}
        }
        Ok(Self { process, events, outcomes, printed, readers })
    }

    /// The answer to an event, for which there is more time than any request may take.
    ///
    /// # Errors
    /// [`InvokeError`]
    pub async fn invoke(&mut self, event: &Value) -> Result<FunctionResponse, InvokeError> {
        self.invoke_by(SystemTime::now() + INVOKE_TIMEOUT, event).await
    }

    /// The answer to an event with this deadline. Nothing happens to who misses it.
    ///
    /// # Errors
    /// [`InvokeError`]
    pub async fn invoke_by(&mut self, deadline: SystemTime, event: &Value) -> Result<FunctionResponse, InvokeError> {
        Ok(FunctionResponse::read(&self.invoke_raw(deadline, &event.to_string()).await?))
    }

    /// What the function returns for an event with this deadline, as it is.
    ///
    /// # Errors
    /// [`InvokeError`]
    pub async fn invoke_raw(&mut self, deadline: SystemTime, event: &str) -> Result<String, InvokeError> {
        let time_left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        // One that has ended takes no events.
        let _ = self.events.try_send(Invocation { event: event.to_owned(), deadline });
        tokio::select! {
            biased;
            outcome = self.outcomes.recv() => match outcome {
                Some(Outcome::Returned(answer)) => Ok(answer),
                Some(Outcome::Failed(report)) => Err(InvokeError::Failed(report)),
                None => Err(InvokeError::TimedOut),
            },
            status = self.process.wait() => Err(InvokeError::Ended(status.ok())),
            () = tokio::time::sleep(INVOKE_TIMEOUT.max(time_left)) => Err(InvokeError::TimedOut),
        }
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends the process, and returns everything that it has printed.
    pub async fn kill(mut self) -> String {
        // One that has ended already is as good.
        let _ = self.process.kill().await;
        while self.readers.join_next().await.is_some() {}
        self.output()
    }

    /// What was read so far of what it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&printed).into_owned()
    }
}

impl FunctionResponse {
    /// An answer in the gateway's format.
    fn read(answer: &str) -> Self {
        let answer: Value = serde_json::from_str(answer).unwrap_or_default();
        let body = answer["body"].as_str().unwrap_or_default();
        Self {
            status: answer["statusCode"].as_u64().unwrap_or_default(),
            headers: answer["headers"].clone(),
            body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
        }
    }
}

/// The event of a request without a header that says who is calling.
#[must_use]
pub fn event(method: &str, path: &str) -> Value {
    let route = format!("{method} {path}");
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example.com", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "id",
            "routeKey": route,
            "stage": "$default",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "isBase64Encoded": false,
    })
}

async fn next(State(state): State<Arc<RuntimeApiState>>) -> impl IntoResponse {
    state.asked.notify_one();
    let invocation = state.events.lock().await.recv().await;
    let (event, deadline) =
        invocation.map_or((String::new(), UNIX_EPOCH), |invocation| (invocation.event, invocation.deadline));
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = AppendHeaders([
        ("lambda-runtime-aws-request-id", uuid::Uuid::new_v4().to_string()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:tasks".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5e6722a7-cc56bc4a1dd2ff4efc1a3f5e".to_owned()),
    ]);
    (headers, event)
}

async fn response(State(state): State<Arc<RuntimeApiState>>, answer: String) -> StatusCode {
    let _ = state.outcomes.send(Outcome::Returned(answer)).await;
    StatusCode::ACCEPTED
}

async fn error(State(state): State<Arc<RuntimeApiState>>, report: String) -> StatusCode {
    let _ = state.outcomes.send(Outcome::Failed(report)).await;
    StatusCode::ACCEPTED
}

async fn register() -> impl IntoResponse {
    AppendHeaders([("lambda-extension-identifier", "extension")])
}

/// There is never one.
async fn next_of_extension() -> StatusCode {
    std::future::pending().await
}

async fn collect(mut pipe: impl AsyncRead + Unpin, into: Arc<Lock<Vec<u8>>>) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        into.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..read]);
    }
}
