//! What tests use: a whole stack, one function, a database, and a proxy that injects network faults.

mod database;
pub mod fault_proxy;
pub mod function;
mod skipped;
pub mod stack;

pub use database::new_database;
pub use skipped::report_skipped;
