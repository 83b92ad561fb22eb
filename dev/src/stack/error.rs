//! The error of the local stack.

use std::io;

use super::ready::NotReady;
use crate::aws::instance::InstanceError;
use crate::aws::template::TemplateError;
use crate::environment::SettingError;
use crate::install::ToolError;
use crate::services::better_auth::BetterAuthError;
use crate::services::postgres::PostgresError;
use crate::workspace::WorkspaceError;

/// The local stack cannot run: the reason as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `template.yaml` is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Another process listens on the port.
    #[error("port {0} is taken: stop what listens there, or set PORT to another")]
    PortTaken(u16),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The migrations failed.
    #[error(transparent)]
    Migrate(#[from] migrations::MigrateError),
    /// The demo users cannot be inserted.
    #[error("the database cannot be prepared: {0}")]
    Prepare(#[from] tokio_postgres::Error),
    /// The database of `DATABASE_URL` has no schema, and the local stack does not change it.
    #[error("the database of DATABASE_URL has no table tasks: run `make migrate` first")]
    NotMigrated,
    /// Tokens of the front end could not be verified.
    #[error("AUTH_MODE has hs256, which needs BETTER_AUTH_SECRET: set it to the secret with which the front end signs")]
    NoSecret,
    /// Better Auth would create tables in the database of `DATABASE_URL`.
    #[error("Better Auth runs beside a database of its own: unset DATABASE_URL, as in `DATABASE_URL= make dev-auth`")]
    ForeignDatabase,
    /// No Better Auth.
    #[error(transparent)]
    BetterAuth(#[from] BetterAuthError),
    /// A function does not start.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The API does not become ready.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// A file or folder cannot be used.
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
    /// An error of the operating system.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}
