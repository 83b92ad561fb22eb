//! `cargo lambda watch`: the functions with hot reload.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;

use super::error::StackError;
use crate::install::{cargo, run};
use crate::process::{Process, ProcessGroup};
use crate::workspace::root;

/// How long the first answer may take: cargo looks at every crate again.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(180);
/// How long cargo-lambda may take to end when asked. It has put the functions into groups of their own, and only it
/// can stop them.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running `cargo lambda watch` with all it has started.
#[derive(Debug)]
pub(crate) struct CargoLambda {
    process: Process,
    group: ProcessGroup,
}

/// Builds all binaries, so that the first request does not wait for the compiler.
pub(crate) async fn build(features: Option<&str>) -> Result<(), StackError> {
    let mut command = Command::new(cargo());
    command.args(["build", "--workspace"]).current_dir(root());
    command.args(features.map(|features| format!("--features={features}")));
    run(command).await.ok_or(StackError::Build)
}

impl CargoLambda {
    /// Starts it on a port of the loopback.
    pub(crate) fn start(
        program: &Path,
        port: u16,
        features: Option<&str>,
        variables: BTreeMap<String, String>,
    ) -> std::io::Result<Self> {
        let group = ProcessGroup::new()?;
        let mut command = group.command(program);
        command
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
            .args(features.map(|features| format!("--features={features}")))
            .current_dir(root())
            // By the environment: in a file of variables it would stumble over `?` and `=`.
            .envs(variables)
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .stdin(Stdio::null())
            .stdout(std::io::stderr());
        Ok(Self { process: Process::start(&mut command)?, group })
    }

    /// Returns when it has ended by itself.
    pub(crate) async fn ended(&self) {
        self.process.wait().await;
    }

    /// Ends it, the functions and the compiler that it runs.
    pub(crate) async fn stop(self) {
        self.group.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.process.wait()).await;
        self.group.signal(Signal::SIGKILL);
        self.process.wait().await;
    }
}
