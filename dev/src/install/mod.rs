//! Programs that the local stack needs and that cargo does not build: found on this machine, or installed into `.local`.

mod apt;
mod browser;
mod cargo_lambda;
mod command;
mod error;
pub mod npm;
mod pgbouncer;
mod postgres;
pub mod python;
mod run_as;
mod versions;

pub(crate) use browser::find_chromium;
pub(crate) use cargo_lambda::find_cargo_lambda;
pub(crate) use command::{cargo, run};
pub use error::ToolError;
pub(crate) use pgbouncer::PgBouncerProgram;
pub(crate) use postgres::PostgresPrograms;
pub(crate) use run_as::RunAs;
