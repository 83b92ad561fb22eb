//! The servers beside the functions: PostgreSQL, PgBouncer and Better Auth; and what is in their database.

pub(crate) mod better_auth;
mod certificates;
pub mod database;
pub mod pgbouncer;
pub mod postgres;
