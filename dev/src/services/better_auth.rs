//! The real Better Auth, on the database of the API: the program in `dev/better-auth`.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::environment::Environment;
use crate::install::ToolError;
use crate::install::npm::BETTER_AUTH;
use crate::process::{LastLogLine, LogOutput, Process, ProcessGroup, forward_lines};

/// How long it may take to create its tables and accept requests.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to end after `SIGTERM`.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A running Better Auth.
#[derive(Debug)]
pub(crate) struct BetterAuth {
    process: Process,
    /// Ends it when this process has ended.
    _group: ProcessGroup,
    /// Such as `http://127.0.0.1:9001`.
    pub(crate) url: String,
}

/// Better Auth cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BetterAuthError {
    /// Node or the packages are missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The system cannot start it.
    #[error("Better Auth cannot be run: {0}")]
    Run(#[from] std::io::Error),
    /// It ended, or was not ready in time.
    #[error("Better Auth did not start: {0}")]
    Start(String),
}

/// The line that it prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl BetterAuth {
    /// Starts Better Auth on a port of this machine; 0 stands for a free one. It creates its tables if they are missing.
    /// The comment in its source lists its other settings.
    pub(crate) async fn start(
        database_url: &str,
        secret: &str,
        port: u16,
        environment: &Environment,
        output: &Arc<LogOutput>,
    ) -> Result<Self, BetterAuthError> {
        let folder: PathBuf = BETTER_AUTH.folder().await?;
        let group = ProcessGroup::new()?;
        let mut command = group.command("node");
        command
            .arg("server.mjs")
            .current_dir(folder)
            .envs(environment.added())
            .env("DATABASE_URL", database_url)
            .env("BETTER_AUTH_SECRET", secret)
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let process = Process::start(&mut command)?;
        let (stdout, stderr) = process.take_pipes();
        let last_line = Arc::new(LastLogLine::default());
        if let Some(stderr) = stderr {
            tokio::spawn(forward_lines(stderr, Arc::clone(output), Some(Arc::clone(&last_line))));
        }
        let mut lines = stdout.map(|stdout| BufReader::new(stdout).lines());
        let first_line = async {
            match &mut lines {
                Some(lines) => lines.next_line().await.ok().flatten(),
                None => None,
            }
        };
        let line = timeout(START_TIMEOUT, first_line).await.ok().flatten();
        let ready: Option<Ready> = line.and_then(|line| serde_json::from_str(&line).ok());
        match ready {
            Some(Ready { url }) => Ok(Self { process, _group: group, url }),
            None => {
                process.stop(Signal::SIGTERM, STOP_TIMEOUT).await;
                Err(BetterAuthError::Start(last_line.message().unwrap_or_else(|| "it says nothing".to_owned())))
            }
        }
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        self.process.stop(Signal::SIGTERM, STOP_TIMEOUT).await;
    }
}
