//! One process of a function, with the environment that Lambda gives it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::identity::REGION;
use super::runtime_api::{FunctionError, RuntimeApi, RuntimeSession, protocol};
use super::template::Function;
use crate::process::{LastLogLine, LogOutput, Process, ProcessGroup, forward_lines};

/// How long a process may take until it asks for its first event.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long an instance with an extension may take to end after `SIGTERM`. One without is killed immediately.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the rest of the output of a process that has ended may take.
const LAST_OUTPUT_TIMEOUT: Duration = Duration::from_secs(1);

/// A function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The binary is not there.
    #[error("the binary of {0} is missing: run `cargo build --workspace`")]
    Missing(String),
    /// The system cannot start it.
    #[error("{name} cannot be started: {cause}")]
    Spawn {
        /// The function.
        name: String,
        /// The error of the system.
        cause: io::Error,
    },
    /// The process ended before it asked for an event. The last line that it printed is the error.
    #[error("{message}")]
    Ended {
        /// The last line that the function printed.
        message: String,
    },
    /// The process runs but does not ask for an event.
    #[error("{0} did not ask for an event within {limit} s of its start", limit = START_TIMEOUT.as_secs())]
    Slow(String),
    /// The stack is stopping.
    #[error("the local stack is stopping")]
    Stopping,
}

/// How instances are started.
#[derive(Debug)]
pub(crate) struct InstanceConfig {
    /// The folder with the binaries.
    pub(crate) binaries: PathBuf,
    /// Variables for every function, in addition to the environment of this process.
    pub(crate) variables: BTreeMap<String, String>,
    /// The maximum number of instances of one function.
    pub(crate) concurrency: usize,
}

impl InstanceConfig {
    /// The binary of a function.
    pub(crate) fn binary(&self, function: &str) -> PathBuf {
        self.binaries.join(function)
    }

    fn command(&self, group: &ProcessGroup, function: &Function, id: &str, runtime_api: &str) -> Command {
        let name = &function.name;
        let mut command = group.command(self.binary(name));
        for (name, value) in [("AWS_REGION", REGION), ("AWS_LAMBDA_LOG_FORMAT", "JSON")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        command
            .env_remove("AWS_LAMBDA_MAX_CONCURRENCY")
            .envs(&self.variables)
            .envs(protocol::environment(name, function.memory, runtime_api))
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[{}]{id}", protocol::LATEST_VERSION))
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("LAMBDA_TASK_ROOT", &self.binaries)
            .env("_HANDLER", "bootstrap")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A running process of a function. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Instance {
    id: String,
    process: Process,
    session: Arc<RuntimeSession>,
}

/// An instance that has not yet asked for its first event.
pub(crate) struct Starting {
    pub(crate) instance: Arc<Instance>,
    function: String,
    last_line: Arc<LastLogLine>,
    /// Ends when all that the process printed has been read.
    stderr: JoinHandle<()>,
}

impl Starting {
    /// Starts the process.
    ///
    /// # Errors
    /// [`InstanceError::Spawn`].
    pub(crate) fn spawn(
        function: &Function,
        config: &InstanceConfig,
        group: &ProcessGroup,
        runtime_api: &RuntimeApi,
        output: &Arc<LogOutput>,
    ) -> Result<Self, InstanceError> {
        let name = function.name.clone();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let session = runtime_api.add_session(&id, &name);
        let process = Process::start(&mut config.command(group, function, &id, &runtime_api.address(&id)));
        let process = process.map_err(|cause| InstanceError::Spawn { name: name.clone(), cause })?;
        let (stdout, stderr) = process.take_pipes();
        if let Some(stdout) = stdout {
            tokio::spawn(forward_lines(stdout, Arc::clone(output), None));
        }
        let last_line = Arc::<LastLogLine>::default();
        let (output, recorder) = (Arc::clone(output), Arc::clone(&last_line));
        let stderr = tokio::spawn(async move {
            if let Some(stderr) = stderr {
                forward_lines(stderr, output, Some(recorder)).await;
            }
        });
        let instance = Arc::new(Instance { id, process, session });
        Ok(Self { instance, function: name, last_line, stderr })
    }

    /// Waits until the process asks for its first event.
    ///
    /// # Errors
    /// [`InstanceError::Slow`]; [`InstanceError::Ended`].
    pub(crate) async fn wait_until_ready(self) -> Result<Arc<Instance>, InstanceError> {
        let Self { instance, function, last_line, stderr } = self;
        if instance.polls_within(START_TIMEOUT).await {
            return Ok(instance);
        }
        if instance.is_running() {
            instance.kill();
            return Err(InstanceError::Slow(function));
        }
        let _ = timeout(LAST_OUTPUT_TIMEOUT, stderr).await;
        let message = last_line.message().unwrap_or_else(|| format!("{function} ended at its start"));
        Err(InstanceError::Ended { message })
    }
}

impl Instance {
    /// Different for each instance.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process is running now.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Waits until the process has ended.
    pub(crate) async fn wait(&self) {
        self.process.wait().await;
    }

    /// Handles an event.
    ///
    /// # Errors
    /// [`FunctionError`], also if the process ends.
    pub(crate) async fn invoke(
        &self,
        event: Bytes,
        time_limit: Duration,
        trace_id: &str,
    ) -> Result<Bytes, FunctionError> {
        let deadline = SystemTime::now() + time_limit;
        tokio::select! {
            biased;
            result = self.session.invoke(event, deadline, trace_id) => result,
            _ = self.process.wait() => Err(FunctionError("the process ended".to_owned())),
        }
    }

    /// Whether the process asks for an event before `limit` has passed. Returns `false` immediately if it ends.
    pub(crate) async fn polls_within(&self, limit: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.session.wait_until_polling() => true,
            _ = self.process.wait() => false,
            () = tokio::time::sleep(limit) => false,
        }
    }

    /// Kills the process.
    pub(crate) fn kill(&self) {
        self.process.signal(Signal::SIGKILL);
    }

    /// Ends the process as Lambda does: with `SIGTERM` if it has an extension, and with `SIGKILL` otherwise.
    pub(crate) async fn stop(&self) {
        let signal = if self.session.has_extension() { Signal::SIGTERM } else { Signal::SIGKILL };
        self.process.stop(signal, STOP_TIMEOUT).await;
    }
}

/// The folder with the binaries of the functions: that of the binary of this process.
///
/// # Errors
/// The system does not know the binary of this process.
pub(crate) fn binaries_folder() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().map(Path::to_owned).unwrap_or_default())
}
