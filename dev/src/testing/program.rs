//! Programs that run to their end.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// Runs a program to its end, and returns what it has printed.
///
/// # Errors
/// It failed, or did not end in time: what it has printed.
pub async fn run_program(command: &mut Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(limit, command.output()).await.map_err(|_| format!("not within {limit:?}"))?;
    let output = output.unwrap_or_else(|error| panic!("{:?}: {error}", command.as_std().get_program()));
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if output.status.success() { Ok(printed) } else { Err(printed) }
}
