//! A function as a process that is measured.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::processors::{Processors, processor_time};
use super::runtime_api::{Progress, RuntimeApi, RuntimeApiState};
use crate::aws::identity::REGION;
use crate::aws::runtime_api::protocol;

/// How long a function may take to start or to respond, which only a broken one needs.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// The value of `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
const MEMORY: u64 = 256;
/// A trace id as in the AWS documentation.
const TRACE_ID: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// A function cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The process ended, or there was no response in time.
    #[error("{0} ended or did not answer")]
    NoResponse(String),
    /// The response has another status than expected.
    #[error("{name} answered {response}")]
    UnexpectedResponse {
        /// The function.
        name: String,
        /// What it returned.
        response: String,
    },
    /// An error of the system.
    #[error("{name} cannot be measured: {cause}")]
    System {
        /// The function.
        name: String,
        /// The error of the system.
        cause: io::Error,
    },
}

/// How to start a function: the binary and the variables of its environment.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) language: Language,
    pub(super) variables: Vec<(&'static str, String)>,
    /// The expected status of a response.
    pub(super) status: u16,
}

/// The language of a function, which decides about its client of the Runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    /// The binary is the interpreter. The handler is `main.handler`.
    Python,
}

/// A running function. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Function<'a> {
    api: &'a RuntimeApi,
    name: String,
    status: u16,
    number: u64,
    state: Arc<RuntimeApiState>,
    child: Child,
    started: Instant,
    first_poll: Instant,
}

/// The times of a response with the expected status.
#[derive(Debug, Clone, Copy)]
pub(super) struct InvokeTiming {
    /// From the event to the response.
    pub(super) latency: Duration,
    /// From the start of the process to the response.
    pub(super) since_start: Duration,
}

impl Launch {
    /// Sets a variable.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }
}

impl<'a> Function<'a> {
    /// Starts a function and waits until it asks for its first event.
    pub(super) fn start(api: &'a RuntimeApi, launch: &Launch, processors: &Processors) -> Result<Self, FunctionError> {
        Self::start_with(api, launch, processors, None)
    }

    /// Starts a function with an event that it gets when it asks for one. Its [response](Function::response) comes
    /// later.
    pub(super) fn start_for(
        api: &'a RuntimeApi,
        event: &[u8],
        launch: &Launch,
        processors: &Processors,
    ) -> Result<Self, FunctionError> {
        Self::start_with(api, launch, processors, Some(event_response(&launch.name, event)))
    }

    fn start_with(
        api: &'a RuntimeApi,
        launch: &Launch,
        processors: &Processors,
        event: Option<Vec<u8>>,
    ) -> Result<Self, FunctionError> {
        let (number, state) = api.add(event);
        let mut command = Command::new(&launch.binary);
        let mut address = api.address(number);
        if launch.language == Language::Python {
            command.args(["-m", "awslambdaric", "main.handler"]);
            // This client adds the scheme itself.
            address = address.trim_start_matches("http://").to_owned();
        }
        command
            .env_clear()
            .envs(launch.variables.iter().map(|(name, value)| (*name, value)))
            .envs(protocol::environment(&launch.name, MEMORY, &address))
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_REGION", REGION)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let failed = |cause| FunctionError::System { name: launch.name.clone(), cause };
        let (started, child) = processors.for_functions(|| (Instant::now(), command.spawn())).map_err(failed)?;
        let child = child.map_err(failed)?;
        let (name, status) = (launch.name.clone(), launch.status);
        let mut function = Function { api, name, status, number, state, child, started, first_poll: started };
        function.first_poll = function.wait_for(|progress| progress.first_poll)?;
        Ok(function)
    }

    /// From the start of the process until it asked for its first event.
    pub(super) fn time_to_first_poll(&self) -> Duration {
        self.first_poll - self.started
    }

    /// Sends an event, and waits until the function has responded and asks for the next event.
    pub(super) fn invoke(&mut self, event: &[u8]) -> Result<InvokeTiming, FunctionError> {
        self.state.set_event(event_response(&self.name, event));
        self.response()
    }

    /// Waits until the function has responded to the event that it got, and asks for the next event.
    pub(super) fn response(&mut self) -> Result<InvokeTiming, FunctionError> {
        let (written, read, response) = self.wait_for(|progress| {
            let (read, response) = if progress.is_polling { progress.response.take()? } else { return None };
            Some((progress.event_written?, read, response))
        })?;
        let value: Value = serde_json::from_slice(&response).unwrap_or_default();
        if value["statusCode"] != self.status {
            let response = String::from_utf8_lossy(&response).into_owned();
            return Err(FunctionError::UnexpectedResponse { name: self.name.clone(), response });
        }
        Ok(InvokeTiming { latency: read - written, since_start: read - self.started })
    }

    /// The processor time that all threads of the process have used so far.
    pub(super) fn processor_time(&self) -> Result<Duration, FunctionError> {
        let pid = i32::try_from(self.child.id()).map_err(io::Error::other);
        pid.and_then(processor_time).map_err(|cause| self.system_error(cause))
    }

    /// The maximum of the resident memory of the process so far, in bytes.
    pub(super) fn peak_memory(&self) -> Result<u64, FunctionError> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.map_err(|cause| self.system_error(cause))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kilobytes.ok_or_else(|| self.system_error(io::ErrorKind::InvalidData.into()))? * 1024)
    }

    /// The process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn system_error(&self, cause: io::Error) -> FunctionError {
        FunctionError::System { name: self.name.clone(), cause }
    }

    fn wait_for<T>(&mut self, ready: impl FnMut(&mut Progress) -> Option<T>) -> Result<T, FunctionError> {
        let end = Instant::now() + INVOKE_TIMEOUT;
        let child = &mut self.child;
        let is_over = || Instant::now() > end || !matches!(child.try_wait(), Ok(None));
        self.state.wait_for(ready, is_over).ok_or_else(|| FunctionError::NoResponse(self.name.clone()))
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        self.api.remove(self.number);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The HTTP response of the Runtime API with an event. Each has a request id of its own.
fn event_response(function: &str, event: &[u8]) -> Vec<u8> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let deadline = SystemTime::now() + INVOKE_TIMEOUT;
    let mut head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", event.len());
    for (name, value) in protocol::invocation_headers(function, &request_id, deadline, TRACE_ID) {
        head += &format!("{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", event].concat()
}
