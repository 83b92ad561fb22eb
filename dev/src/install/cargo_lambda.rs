//! The program `cargo-lambda`.

use std::path::PathBuf;

use tokio::process::Command;

use super::command::{cargo, is_program, run};
use super::error::ToolError;
use super::python::install_into;
use super::versions::CARGO_LAMBDA_VERSION;
use crate::workspace::{Lock, local};

/// Finds the program on the `PATH`, or installs it into `.local/tools`.
pub(crate) async fn find_cargo_lambda() -> Result<PathBuf, ToolError> {
    let tools = local()?.join("tools");
    let present = || {
        let path = std::env::var_os("PATH");
        let folders = path.iter().flat_map(std::env::split_paths).chain([tools.join("bin")]);
        folders.map(|folder| folder.join("cargo-lambda")).find(|program| is_program(program))
    };
    if let Some(program) = present() {
        return Ok(program);
    }
    let _lock = Lock::take(local()?.join("install.lock")).await?;
    if let Some(program) = present() {
        return Ok(program);
    }
    eprintln!("Installing cargo-lambda, once, into {}.", tools.display());
    if install_into(&tools, &[&format!("cargo-lambda=={CARGO_LAMBDA_VERSION}")]).await.is_none() {
        eprintln!("Python cannot install it. Building it with cargo takes some minutes.");
        let mut cargo = Command::new(cargo());
        cargo.args(["install", "cargo-lambda", "--version", CARGO_LAMBDA_VERSION, "--locked", "--root"]).arg(&tools);
        run(cargo).await;
    }
    present().ok_or(ToolError::NoCargoLambda)
}
