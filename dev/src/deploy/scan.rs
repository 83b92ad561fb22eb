//! A security scan of `template.yaml`.

use std::error::Error;

use crate::install::python::CHECKOV;

/// Checks `template.yaml` for known security mistakes, except for those that `.checkov.yaml` explains.
///
/// # Errors
/// Checkov cannot be installed or run, or has found mistakes, which it has printed.
pub async fn scan() -> Result<(), Box<dyn Error>> {
    let status = CHECKOV.command("checkov").await?.args(["--config-file", ".checkov.yaml"]).status()?;
    if status.success() { Ok(()) } else { Err("template.yaml has mistakes that .checkov.yaml does not explain".into()) }
}
