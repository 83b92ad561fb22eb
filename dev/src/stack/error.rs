//! Why the local stack does not run.

use std::io;

use super::ready::NotReady;
use crate::aws::instances::InstanceError;
use crate::aws::template::TemplateError;
use crate::environment::SettingError;
use crate::install::ToolError;
use crate::services::better_auth::BetterAuthError;
use crate::services::postgres::PostgresError;
use crate::workspace::WorkspaceError;

/// Why the local stack does not run, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `template.yaml` is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Somebody else listens there.
    #[error("port {0} is taken: stop what listens there, or set PORT to another")]
    PortTaken(u16),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The schema cannot be brought up to date.
    #[error(transparent)]
    Migrate(#[from] migrations::MigrateError),
    /// The users cannot be stored.
    #[error("the database cannot be prepared: {0}")]
    Prepare(#[from] tokio_postgres::Error),
    /// The database of `DATABASE_URL` is not ours to change.
    #[error("the database of DATABASE_URL has no table tasks: run `make migrate` first")]
    NotMigrated,
    /// Better Auth makes tables, and the database of `DATABASE_URL` is not ours to change.
    #[error("Better Auth runs beside a database of its own: unset DATABASE_URL, as in `DATABASE_URL= make dev-auth`")]
    ForeignDatabase,
    /// No Better Auth.
    #[error(transparent)]
    BetterAuth(#[from] BetterAuthError),
    /// A function does not start.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The stack runs and does not answer well.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// Files and folders.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// cargo-lambda is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The workspace does not compile.
    #[error("cargo build --workspace failed")]
    Build,
    /// cargo-lambda ended by itself.
    #[error("cargo lambda watch ended by itself")]
    WatchEnded,
    /// The system refuses something ordinary.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}
