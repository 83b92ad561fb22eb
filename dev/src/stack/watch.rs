//! `cargo lambda watch`, which runs the functions with hot reload.

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

/// How long the first response may take: cargo compiles the function and its crates first.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(600);
/// How long cargo-lambda may take to end after `SIGTERM`. Only cargo-lambda can stop the functions, because it starts them
/// in process groups of their own.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running `cargo lambda watch`.
#[derive(Debug)]
pub(crate) struct CargoLambda {
    process: Process,
    group: ProcessGroup,
}

/// Builds all binaries, so that the first request need not wait for the compiler.
pub(crate) async fn build(features: Option<&str>) -> Result<(), StackError> {
    let mut command = Command::new(cargo());
    command.args(["build", "--workspace"]).current_dir(root());
    command.args(features.map(|features| format!("--features={features}")));
    run(command).await.ok_or(StackError::Build)
}

impl CargoLambda {
    /// Starts it on a port of this machine.
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
            // Not with `--env-file`, which does not accept `?` and `=` in values.
            .envs(variables)
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .stdin(Stdio::null())
            .stdout(std::io::stderr());
        Ok(Self { process: Process::start(&mut command)?, group })
    }

    /// Waits until it has ended.
    pub(crate) async fn wait(&self) {
        self.process.wait().await;
    }

    /// Stops it, and with it the functions and the compiler.
    pub(crate) async fn stop(self) {
        self.group.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.process.wait()).await;
        self.group.signal(Signal::SIGKILL);
        self.process.wait().await;
    }
}
