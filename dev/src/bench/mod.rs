//! `dev bench`: how fast the functions are, compared with functions that do nothing, or nothing but send a
//! statement.
//!
//! The real binaries run behind a Runtime API that costs next to nothing, with a PostgreSQL of their own. They connect
//! to it directly, or through a proxy that counts round trips and adds latency. Functions that are compared run in
//! turns. The result is the median of the ratios of neighbouring measurements, so that a machine that is busy for a
//! while has little influence.

mod effort;
mod env;
mod error;
mod function;
mod link;
mod markdown;
mod operation;
mod options;
mod processors;
mod quota;
mod report;
mod run;
mod runner;
mod runtime_api;
mod sections;
mod server;
mod statistics;
mod subjects;

pub use error::BenchError;
pub use options::{Binaries, Options};
pub use run::run;
