//! The functions that are checked before a deployment sends them requests.

/// Their names, which are those of their crates. The hook gets the ARN of the new version of each in its environment:
/// `LIST_TASKS_VERSION` for `list-tasks`.
pub(crate) const FUNCTIONS: &[&str] =
    &["health", "list-tasks", "create-task", "get-task", "update-task", "complete-task", "delete-task"];
