//! The packages of `dev/migration-tools`: the tools with which back ends in TypeScript change a schema.

use std::path::PathBuf;

use super::error::ToolError;
use super::npm::install_packages;
use crate::workspace::root;

/// Installs the packages, if they are missing or out of date, and returns the folder.
///
/// # Errors
/// There is no Node, or the registry is not reachable.
pub async fn install_migration_tools() -> Result<PathBuf, ToolError> {
    let folder = root().join("dev/migration-tools");
    install_packages("prisma and drizzle-kit", &folder).await?;
    Ok(folder)
}
