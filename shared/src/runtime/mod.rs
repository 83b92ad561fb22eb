//! The Lambda runtime: the loop that every function runs, logs, metrics, and the end of the process.

mod app;
mod deadline;
mod documents;
mod log;
mod metrics;
mod serve;
mod shutdown;

pub use documents::serve_documents;
pub use serve::{serve, serve_accounts, serve_own_account, serve_public};
