//! The kit that all test suites use.
//!
//! | module | what it starts or does |
//! |---|---|
//! | [`stack`] | a whole local stack, with PostgreSQL, the gateway and the functions |
//! | [`better_auth`] | such a stack with the real Better Auth |
//! | [`browser`], [`front_end`], [`example`] | pages in a browser; a front end; that of `examples/nextjs` |
//! | [`typescript_client`] | the client in TypeScript, and the tools of its packages |
//! | [`schemathesis`] | requests that a program makes from `openapi.yaml` |
//! | [`function`] | one function, which gets events exactly as they are written |
//! | [`database`] | databases: empty, migrated, or with the tables of another back end |
//! | [`fault_proxy`] | a proxy in front of a database that counts and injects faults |
//! | [`client`] | requests, responses, and users with their tokens |
//! | [`program`], [`processes`] | programs that run to their end; the processes of this machine |
//! | [`random`], [`wait`] | repeatable random numbers, waiting for a condition |
//!
//! A failure panics: a test cannot continue without what it has asked for. Tokens come from [`crate::tokens`].
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "this is how a test fails")]

pub mod better_auth;
mod binaries;
pub mod browser;
pub mod client;
pub mod database;
pub mod example;
pub mod fault_proxy;
pub mod front_end;
pub mod function;
pub mod processes;
pub mod program;
pub mod random;
pub mod schemathesis;
mod skipped;
pub mod stack;
pub mod typescript_client;
pub mod wait;

pub use binaries::binary;
pub use database::new_database;
pub use skipped::report_skipped;
