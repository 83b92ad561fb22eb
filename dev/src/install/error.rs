//! The errors of this folder.

use std::path::PathBuf;

use super::versions::{OLDEST_NODE, OLDEST_PGBOUNCER, OLDEST_POSTGRES};
use crate::workspace::WorkspaceError;

/// A program was not found and cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No PostgreSQL.
    #[error(
        "no PostgreSQL of version {OLDEST_POSTGRES} or newer was found and none could be installed: install it, or set DATABASE_URL"
    )]
    NoPostgres,
    /// The data directory belongs to a version of PostgreSQL that is not installed.
    #[error("{} was made by PostgreSQL {major}, which is not on this machine: install it, or delete the folder to start empty", .data.display())]
    OtherPostgres {
        /// The version that made the data directory.
        major: u32,
        /// The data directory.
        data: PathBuf,
    },
    /// No PgBouncer.
    #[error(
        "no PgBouncer of version {}.{} or newer was found and none could be installed: install it, on Debian with `apt-get install pgbouncer`",
        OLDEST_PGBOUNCER.0,
        OLDEST_PGBOUNCER.1
    )]
    NoPgBouncer,
    /// No cargo-lambda.
    #[error("cargo-lambda could not be installed: see https://www.cargo-lambda.info/guide/installation.html")]
    NoCargoLambda,
    /// No Node, or too old.
    #[error("{0} needs Node {OLDEST_NODE} or newer with npm: install it from https://nodejs.org")]
    NoNode(&'static str),
    /// npm failed.
    #[error("{name} could not be installed: npm ci failed in {}", .folder.display())]
    NoNpmPackages {
        /// What the packages are.
        name: &'static str,
        /// Where `package.json` is.
        folder: PathBuf,
    },
    /// No Chromium.
    #[error("neither Chromium nor Chrome was found: install it, on Debian with `apt-get install chromium`")]
    NoChromium,
    /// No Python, or the package index is not reachable.
    #[error("{0} could not be installed: it needs Python 3.10 or newer with venv and pip")]
    NoPython(&'static str),
    /// A file or folder of the installation cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}
