//! The servers that the functions work with: PostgreSQL, PgBouncer and Better Auth.

pub(crate) mod better_auth;
mod certificates;
pub mod database;
pub mod pgbouncer;
pub mod postgres;
pub(crate) mod postgres_protocol;
