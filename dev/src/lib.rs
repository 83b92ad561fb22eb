//! The local stack, never deployed: the functions as they run in AWS, on one machine.
//!
//! ```text
//! client → gateway (routes, cors, event) → instances ⇄ runtime_api ⇄ the real function binaries → PostgreSQL
//!          └──────── answer ←──────────────────┘
//! ```
//!
//! `template.yaml` tells gateway and functions what to do, as in AWS ([`template`]). [`stack`] puts the parts together and
//! takes them down. [`testkit`], [`function`], [`fault_proxy`], [`tokens`] and [`database`] are what tests use.
//! [`artefacts`] and [`deploy`] are the way to AWS: what is built, and how it gets there. [`generate`] writes what lists
//! routes.

mod answer;
pub mod artefacts;
#[cfg(target_os = "linux")]
pub mod bench;
mod better_auth;
mod certificate;
pub mod cors;
pub mod database;
pub mod deploy;
pub mod environment;
mod event;
pub mod fault_proxy;
pub mod function;
mod gateway;
pub mod generate;
mod instances;
mod interrupt;
mod output;
pub mod pgbouncer;
pub mod postgres;
mod process;
pub mod python;
mod random;
pub mod ready;
pub mod routes;
mod runtime_api;
pub mod stack;
pub mod template;
pub mod testkit;
pub mod tokens;
mod tools;
mod watch;
pub mod workspace;
