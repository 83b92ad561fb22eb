//! Development and deployment of the todo API: the local stack, the benchmark, what tests use, and the way to AWS.
//! Never deployed.
//!
//! Modules import downwards only:
//!
//! ```text
//! bench   testing                  measure the functions; drive them in tests
//!    stack   deploy   generate     `dev serve`, `dev watch`; `dev build`, `dev deploy`, `dev scan`; `dev generate`
//!       aws   services             gateway, Runtime API, template; PostgreSQL, PgBouncer, Better Auth
//!          install                 programs that are found or installed
//!             tokens environment   JWTs as Better Auth issues them; settings and `.env`
//!                process workspace random
//! ```

pub mod aws;
#[cfg(target_os = "linux")]
pub mod bench;
pub mod deploy;
pub mod environment;
pub mod generate;
pub mod install;
mod process;
mod random;
pub mod services;
pub mod stack;
pub mod testing;
pub mod tokens;
pub mod workspace;
