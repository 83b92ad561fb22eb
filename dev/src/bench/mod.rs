//! How fast the functions are, beside an empty function and a bare one: what `make bench` runs.
//!
//! The real binaries run behind a Runtime API (`function`) that costs next to nothing, on a PostgreSQL of their own,
//! directly or through a `link` that counts round trips and makes distance. What is compared runs in turns, and
//! what is told is the median of the ratios of neighbours, so that a machine that is busy for a while counts little.

mod effort;
mod env;
mod error;
mod function;
mod link;
mod measure;
mod operation;
mod options;
mod processors;
mod report;
mod run;

pub use error::BenchError;
pub use options::{Binaries, Options};
pub use run::run;
