//! Development and deployment of the todo API: the local stack, the benchmark, the kit of the tests, and deployments.
//! Never deployed.
//!
//! A request to the local stack:
//!
//! ```text
//! client → aws::gateway (routes, cors, event) → aws::pool → aws::runtime_api ⇄ the function's binary → PostgreSQL
//!        ←──── aws::response ←───────────────────┘
//! ```
//!
//! The modules, from top to bottom. Each imports modules of the rows below only:
//!
//! | Modules | Purpose |
//! |---|---|
//! | [`mod@bench`], [`testing`] | `dev bench`; what tests use: a stack, one function, a database, a proxy that injects faults |
//! | [`stack`], [`deploy`], [`generate`] | `dev serve` and `dev watch`; `dev build`, `dev deploy` and `dev scan`; `dev generate` |
//! | [`aws`], [`services`] | API Gateway and Lambda on this machine; PostgreSQL, PgBouncer and Better Auth |
//! | [`install`], [`tokens`] | programs that are found or installed; JWTs like those of Better Auth |
//! | [`environment`], `process` | settings and `.env`; child processes and their output |
//! | `random`, `sync`, [`workspace`] | random text; locking; folders and files of the workspace |

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
mod sync;
pub mod testing;
pub mod tokens;
pub mod workspace;
