//! The operations on tasks and tags.

use std::collections::BTreeSet;

/// What a client can do with tasks and tags.
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
    /// Moves a recurring task to its next occurrence.
    Skip,
    StopRecurrence,
    ListTags,
    /// Makes a tag that a task has already.
    CreateTag,
    RenameTag,
    DeleteTag,
    /// Adds a tag to a task.
    AddTag,
    /// Removes a tag from a task.
    RemoveTag,
}

pub(crate) const ALL_OPERATIONS: [Operation; 19] = [
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
    Operation::Skip,
    Operation::StopRecurrence,
    Operation::ListTags,
    Operation::CreateTag,
    Operation::RenameTag,
    Operation::DeleteTag,
    Operation::AddTag,
    Operation::RemoveTag,
];

/// One operation of each function that many tests strike, for requests at the same time.
pub(crate) const ONE_OF_EACH_FUNCTION: [Operation; 17] = [
    Operation::List,
    Operation::Get,
    Operation::Stats,
    Operation::Changes,
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Delete,
    Operation::Bulk,
    Operation::Skip,
    Operation::StopRecurrence,
    Operation::ListTags,
    Operation::CreateTag,
    Operation::RenameTag,
    Operation::DeleteTag,
    Operation::AddTag,
    Operation::RemoveTag,
];

/// The writes among them.
pub(crate) const ONE_WRITE_OF_EACH_FUNCTION: [Operation; 12] = [
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Delete,
    Operation::Bulk,
    Operation::Skip,
    Operation::StopRecurrence,
    Operation::CreateTag,
    Operation::RenameTag,
    Operation::DeleteTag,
    Operation::AddTag,
    Operation::RemoveTag,
];

/// The operations that are not in [`ONE_OF_EACH_FUNCTION`].
pub(crate) const OTHER_OPERATIONS: [Operation; 2] = [Operation::Complete, Operation::BulkEach];

/// The operations that take a key.
pub(crate) const WRITES: [Operation; 14] = [
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
    Operation::Bulk,
    Operation::BulkEach,
    Operation::Skip,
    Operation::StopRecurrence,
    Operation::CreateTag,
    Operation::RenameTag,
    Operation::DeleteTag,
    Operation::AddTag,
    Operation::RemoveTag,
];

/// The functions that connect to the database while they start: all about tasks and tags. `health` does not, and those of
/// sign-in do not run here.
pub(crate) fn functions_with_connection() -> BTreeSet<&'static str> {
    let routes = shared::routes::ROUTES.iter();
    routes
        .filter(|route| ["/tasks", "/tags"].iter().any(|noun| route.path.contains(noun)))
        .map(|route| route.function)
        .collect()
}

impl Operation {
    /// Whether it writes. A retry of a write first fences off the earlier attempt, with a statement of its own.
    pub(crate) fn is_fenced(self) -> bool {
        !matches!(self, Self::List | Self::Get | Self::Stats | Self::Changes | Self::ListTags)
    }

    /// Whether its task has a tag.
    pub(super) fn is_about_tags(self) -> bool {
        matches!(
            self,
            Self::ListTags | Self::CreateTag | Self::RenameTag | Self::DeleteTag | Self::AddTag | Self::RemoveTag
        )
    }

    /// Whether its task recurs.
    pub(super) fn is_about_series(self) -> bool {
        matches!(self, Self::Skip | Self::StopRecurrence)
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
            Self::Skip => "skip-task",
            Self::StopRecurrence => "stop-recurrence",
            Self::ListTags => "list-tags",
            Self::CreateTag => "create-tag",
            Self::RenameTag => "update-tag",
            Self::DeleteTag => "delete-tag",
            Self::AddTag => "add-task-tags",
            Self::RemoveTag => "remove-task-tag",
        }
    }
}
