//! Adoption: the first `up` in a database where another back end created the table `tasks`, and its revert.
//!
//! What is missing is added beside what exists; no row is changed and nothing is removed that the other back end needs.
//! Every change is short or blocks no other session, and is recorded in the table `tasks_api.tasks_adoption` together with its
//! undo. The changes follow from the catalog alone, so that an interrupted adoption continues where it stopped.

mod adopt;
mod changes;
mod log;
mod messages;
mod revert;

pub(crate) use adopt::{adopt, make_changes};
pub(crate) use changes::required_changes;
pub(crate) use log::AdoptionLog;
pub(crate) use messages::messages;
pub(crate) use revert::revert;
