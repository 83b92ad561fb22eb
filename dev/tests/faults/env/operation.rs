//! The operations on tasks.

use std::collections::BTreeSet;

/// What a client can do with tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Get,
    Stats,
    /// Lists the changes since the beginning.
    Changes,
    Create,
    Update,
    Toggle,
    Complete,
    Delete,
    /// Several operations, all or none.
    Bulk,
    /// Several operations, each on its own. One of them fails.
    BulkEach,
}

pub(crate) const ALL_OPERATIONS: [Operation; 11] = [
    Operation::List,
    Operation::Get,
    Operation::Stats,
    Operation::Changes,
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
    Operation::Bulk,
    Operation::BulkEach,
];

/// One operation of each of their functions, for requests at the same time.
pub(crate) const ONE_OF_EACH_FUNCTION: [Operation; 9] = [
    Operation::List,
    Operation::Get,
    Operation::Stats,
    Operation::Changes,
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Delete,
    Operation::Bulk,
];

/// The writes among them.
pub(crate) const ONE_WRITE_OF_EACH_FUNCTION: [Operation; 5] =
    [Operation::Create, Operation::Update, Operation::Toggle, Operation::Delete, Operation::Bulk];

/// The operations whose function has another one in [`ONE_OF_EACH_FUNCTION`]. All are writes.
pub(crate) const OTHER_OPERATIONS: [Operation; 2] = [Operation::Complete, Operation::BulkEach];

/// The operations that take a key.
pub(crate) const WRITES: [Operation; 7] = [
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
    Operation::Bulk,
    Operation::BulkEach,
];

/// The functions that connect to the database while they start: all but `health`.
pub(crate) fn functions_with_connection() -> BTreeSet<&'static str> {
    let functions = shared::routes::ROUTES.iter().map(|route| route.function);
    functions.filter(|function| *function != "health").collect()
}

impl Operation {
    /// Whether it writes. A retry of a write first fences off the earlier attempt, with a statement of its own.
    pub(crate) fn is_fenced(self) -> bool {
        !matches!(self, Self::List | Self::Get | Self::Stats | Self::Changes)
    }

    /// The binary that does it, which is also its application name in the database.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::List => "list-tasks",
            Self::Get => "get-task",
            Self::Stats => "task-stats",
            Self::Changes => "list-changes",
            Self::Create => "create-task",
            Self::Update => "update-task",
            Self::Toggle | Self::Complete => "complete-task",
            Self::Delete => "delete-task",
            Self::Bulk | Self::BulkEach => "bulk-tasks",
        }
    }
}
