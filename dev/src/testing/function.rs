//! One process of a function behind a Runtime API of its own.
//!
//! It gets events exactly as they are, also those that no gateway would pass on, with any deadline.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::Request;
use axum::http::header::{CONTENT_LENGTH, HOST};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::aws::event::{RequestContext, request_event};
use crate::aws::routes::{Match, Route};
use crate::aws::runtime_api::{FunctionError, RuntimeApi, RuntimeSession, protocol};
use crate::process::Process;
use crate::sync::lock;
use crate::testing::binaries::binary;
use crate::testing::client::{TestRequest, TestResponse};

/// Longer than any request may take.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The value of `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
const MEMORY: u64 = 128;
/// A trace id in the format of X-Ray.
const TRACE_ID: &str = "Root=1-5e6722a7-cc56bc4a1dd2ff4efc1a3f5e";

/// A running process. Dropping it kills the process.
#[derive(Debug)]
pub struct Function {
    process: Process,
    session: Arc<RuntimeSession>,
    _runtime_api: RuntimeApi,
    output: Arc<Mutex<Vec<u8>>>,
    readers: JoinSet<()>,
}

/// An event without a response.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The process ended.
    #[error("the process ended: {0:?}")]
    Ended(Option<ExitStatus>),
    /// The runtime reported what Lambda calls a function error. The text is the report.
    #[error("the runtime reported an error: {0}")]
    Failed(String),
    /// The function took longer than any request may take.
    #[error("no answer came in time")]
    TimedOut,
}

impl Function {
    /// Starts a function of the workspace, such as `list-tasks`, with [`Function::start`].
    ///
    /// # Panics
    /// The binary is missing: run `cargo build --workspace`.
    pub async fn start_built(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start(&binary(name), variables).await.expect("a function")
    }

    /// Starts a function with these variables and none of the environment of the test. Waits until the function asks
    /// for an event, or ends.
    ///
    /// # Errors
    /// There is no free port, or no such binary: run `cargo build --workspace`.
    pub async fn start(binary: &Path, variables: &[(&str, &str)]) -> io::Result<Self> {
        let name = binary.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let runtime_api = RuntimeApi::start().await?;
        let session = runtime_api.add_session("", name);
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(protocol::environment(name, MEMORY, &runtime_api.address("")))
            .envs(std::env::var("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let process = Process::start(&mut command)?;
        let output = Arc::default();
        let mut readers = JoinSet::new();
        let (stdout, stderr) = process.take_pipes();
        if let Some(stdout) = stdout {
            readers.spawn(collect(stdout, Arc::clone(&output)));
        }
        if let Some(stderr) = stderr {
            readers.spawn(collect(stderr, Arc::clone(&output)));
        }
        tokio::select! {
            () = session.wait_until_polling() => {}
            _ = process.wait() => {}
            () = sleep(INVOKE_TIMEOUT) => {}
        }
        Ok(Self { process, session, _runtime_api: runtime_api, output, readers })
    }

    /// The response to an event, with a deadline that leaves more time than any request may take.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&mut self, event: &Value) -> Result<TestResponse, InvokeError> {
        self.invoke_by(SystemTime::now() + INVOKE_TIMEOUT, event).await
    }

    /// The response to an event with this deadline. A function that misses the deadline is not killed.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke_by(&mut self, deadline: SystemTime, event: &Value) -> Result<TestResponse, InvokeError> {
        let payload = self.invoke_raw(deadline, &event.to_string()).await?;
        let context = &event["requestContext"]["http"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let request = format!("{} {}", text(&context["method"]), text(&event["rawPath"]));
        Ok(TestResponse::from_payload(request, &payload))
    }

    /// What the function returns for an event with this deadline, without interpretation.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke_raw(&mut self, deadline: SystemTime, event: &str) -> Result<String, InvokeError> {
        let time_left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        tokio::select! {
            biased;
            result = self.session.invoke(Bytes::copy_from_slice(event.as_bytes()), deadline, TRACE_ID) => match result {
                Ok(response) => Ok(String::from_utf8_lossy(&response).into_owned()),
                Err(FunctionError(report)) => Err(InvokeError::Failed(report)),
            },
            status = self.process.wait() => Err(InvokeError::Ended(status)),
            () = sleep(INVOKE_TIMEOUT.max(time_left)) => Err(InvokeError::TimedOut),
        }
    }

    /// Whether the process is running now.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Kills the process and returns everything that it printed.
    pub async fn kill(mut self) -> String {
        self.process.stop(Signal::SIGKILL, INVOKE_TIMEOUT).await;
        while self.readers.join_next().await.is_some() {}
        self.output()
    }

    /// What the process has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        let output = lock(&self.output);
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// The event of a request without a token and without a body. `path` is also the path of the route, so there are no
/// path parameters.
///
/// # Panics
/// The path is not one of a URL.
#[must_use]
pub fn event(method: &str, path: &str) -> Value {
    let request = Request::builder().method(method).uri(path).header(HOST, "api.example.com");
    let (parts, ()) = request.body(()).expect("a method and a path").into_parts();
    let context = RequestContext {
        client: (Ipv4Addr::new(192, 0, 2, 1), 50_000).into(),
        port: 443,
        request_id: "JKJaXmPLvHcESHA=",
        trace_id: TRACE_ID,
        now: Timestamp::now(),
    };
    let route = Route::new(method, path, "");
    let route = Match { route: &route, parameters: [].into() };
    let mut event = request_event(&parts, &Bytes::new(), &route, &context);
    // Tests add bodies, and this would not be their length.
    if let Some(headers) = event["headers"].as_object_mut() {
        headers.remove(CONTENT_LENGTH.as_str());
    }
    event
}

/// The event of a request, with its headers and its body. There are no path parameters.
///
/// # Panics
/// As [`event`]. A header or the body is not UTF-8.
#[must_use]
pub fn event_of(request: &TestRequest) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let mut event = event(&request.method, &request.path);
    for (name, value) in request.headers() {
        event["headers"][name] = text(value).into();
    }
    if !request.content().is_empty() {
        event["body"] = text(request.content()).into();
    }
    event
}

async fn collect(mut pipe: impl AsyncRead + Unpin, into: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        lock(&into).extend(&buffer[..read]);
    }
}
