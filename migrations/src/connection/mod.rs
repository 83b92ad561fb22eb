//! The session in which migrations run.

mod migration_lock;
mod session;
mod url;

pub(crate) use migration_lock::acquire_migration_lock;
pub(crate) use session::{connect, connect_read_only};
