//! Databases for tests.

mod layouts;
mod server;
mod test_database;

pub use layouts::{LAYOUTS, Layout};
pub use server::TestServer;
pub use test_database::{TestDatabase, new_database};
