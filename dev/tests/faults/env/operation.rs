//! The operations on tasks.

/// What a client can do with tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Get,
    Create,
    Update,
    Toggle,
    Complete,
    Delete,
}

pub(crate) const ALL_OPERATIONS: [Operation; 7] = [
    Operation::List,
    Operation::Get,
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
];

/// One operation of each function, for requests at the same time.
pub(crate) const ONE_OF_EACH_FUNCTION: [Operation; 6] =
    [Operation::List, Operation::Get, Operation::Create, Operation::Update, Operation::Toggle, Operation::Delete];

/// The writes among them.
pub(crate) const ONE_WRITE_OF_EACH_FUNCTION: [Operation; 4] =
    [Operation::Create, Operation::Update, Operation::Toggle, Operation::Delete];
/// The operations that take a key.
pub(crate) const WRITES: [Operation; 5] =
    [Operation::Create, Operation::Update, Operation::Toggle, Operation::Complete, Operation::Delete];

impl Operation {
    /// Whether it writes. A retry of a write first fences off the earlier attempt, with a statement of its own.
    pub(crate) fn is_fenced(self) -> bool {
        !matches!(self, Self::List | Self::Get)
    }

    /// The binary that does it, which is also its application name in the database.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::List => "list-tasks",
            Self::Get => "get-task",
            Self::Create => "create-task",
            Self::Update => "update-task",
            Self::Toggle | Self::Complete => "complete-task",
            Self::Delete => "delete-task",
        }
    }
}
