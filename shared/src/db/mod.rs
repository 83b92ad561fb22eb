//! The one connection of this process; the only module that names the driver. It knows no table.
//!
//! A function instance serves one request at a time, is frozen between requests for seconds or hours, and is started by
//! the hundred. So there is one connection and no pool: opened before the first request (`connector`), checked before it
//! is used again (`connection`), taken out while in use and put back after a clean end (`slot`), and replaced without an
//! error for the caller when it was lost (`retry`). A request that is cancelled or fails halfway cannot leave a half-read
//! connection to the next one.
//!
//! Statements with one best plan are prepared on it (`prepared`), under names that no other client uses for another
//! statement (`statement_names`).

mod catalog;
mod connection;
mod connector;
mod database;
mod error;
mod param;
mod prepared;
mod query;
mod retry;
mod row;
mod slot;
mod socket;
mod statement_names;
mod stats;
mod stored_time;

pub(crate) use catalog::{CatalogColumn, CatalogTable, TableCheck, TypeCategory};
pub(crate) use database::Database;
pub use database::Readiness;
pub use error::DbError;
pub(crate) use error::{DbErrorKind, Rejection, cause_chain};
pub(crate) use param::SqlParam;
pub(crate) use query::{Fence, Query, QueryResult};
pub(crate) use row::Row;
pub use row::RowId;
pub(crate) use stats::{ConnectReason, ConnectStats, DbStats};
pub(crate) use stored_time::{StoredTime, microseconds};
