//! The error of a run.

use std::io;
use std::path::PathBuf;

use super::function::FunctionError;
use crate::aws::template::TemplateError;
use crate::install::ToolError;
use crate::services::postgres::PostgresError;
use crate::workspace::WorkspaceError;

/// An error of [`super::run`], as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A binary does not exist.
    #[error("{} is missing: `make bench` builds it", .0.display())]
    Missing(PathBuf),
    /// A function failed.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The names of the functions cannot be read.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// `template.yaml` is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The migrations failed.
    #[error(transparent)]
    Migrate(#[from] migrations::MigrateError),
    /// The users and tasks cannot be stored, or PostgreSQL cannot be measured.
    #[error("the database fails: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A key for the tokens could not be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// A token could not be signed.
    #[error("no token could be signed: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The back end in Python cannot be installed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// An error of the operating system.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}
