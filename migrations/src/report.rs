//! What a command has done.

use crate::migration::Migration;

/// What was done, in the order in which it was done. Empty when there was nothing to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The migrations that [`up`](crate::up) applied or [`down`](crate::down) reverted. An adoption stands for several at
    /// once.
    pub migrations: Vec<Migration>,
    /// The changes that an adoption made, or those that were undone with it, each in the imperative: `add the column
    /// due_date`.
    pub changes: Vec<String>,
}
