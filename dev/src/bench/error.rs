//! Why there are no results.

use std::io;
use std::path::PathBuf;

use super::function::FunctionError;
use crate::aws::template::TemplateError;
use crate::services::postgres::PostgresError;
use crate::workspace::WorkspaceError;

/// Why there are no results, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A binary is not there.
    #[error("{} is missing: `make bench` builds it", .0.display())]
    Missing(PathBuf),
    /// A function did not do what is measured.
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
    /// The schema cannot be made.
    #[error(transparent)]
    Migrate(#[from] migrations::MigrateError),
    /// The users and tasks cannot be stored.
    #[error("the database cannot be prepared: {0}")]
    Prepare(#[from] tokio_postgres::Error),
    /// No key for the tokens.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// No token.
    #[error("no token could be signed: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The system refuses something ordinary.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}
