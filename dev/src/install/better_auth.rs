//! The packages of `dev/better-auth`.

use std::path::PathBuf;

use super::error::ToolError;
use super::npm::install_packages;
use crate::workspace::root;

/// Installs the packages, if they are missing or out of date, and returns the folder.
pub(crate) async fn install_better_auth() -> Result<PathBuf, ToolError> {
    let folder = root().join("dev/better-auth");
    install_packages("Better Auth", &folder).await?;
    Ok(folder)
}
