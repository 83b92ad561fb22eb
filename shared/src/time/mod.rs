//! Time: how long ago something was in a process that Lambda freezes, and points in time as PostgreSQL stores them.

mod instant;
mod timestamp;

pub(crate) use instant::FreezeAwareInstant;
pub use timestamp::Timestamp;
