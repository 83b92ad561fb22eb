//! Programs that the local stack needs and that cargo does not build: found on this machine, or installed into `.local`.

mod apt;
mod better_auth;
mod browser;
mod cargo_lambda;
mod command;
mod error;
mod migration_tools;
mod npm;
mod pgbouncer;
mod postgres;
pub mod python;
mod run_as;
mod versions;

pub(crate) use better_auth::install_better_auth;
pub(crate) use browser::find_chromium;
pub(crate) use cargo_lambda::find_cargo_lambda;
pub(crate) use command::{cargo, run};
pub use error::ToolError;
pub use migration_tools::install_migration_tools;
pub(crate) use npm::install_packages;
pub(crate) use pgbouncer::PgBouncerProgram;
pub(crate) use postgres::PostgresPrograms;
pub(crate) use run_as::RunAs;
