//! The operations of the API, as far as they are tried.

use reqwest::Method;

/// A method and a path, and the function behind them.
#[derive(Debug)]
pub(crate) struct Operation {
    /// One of [`FUNCTIONS`](crate::functions::FUNCTIONS) or [`OPTIONAL_FUNCTIONS`](crate::functions::OPTIONAL_FUNCTIONS).
    pub(crate) function: &'static str,
    pub(crate) method: Method,
    /// As in `template.yaml`, with `{id}` for the id of a task.
    pub(crate) path: &'static str,
}

pub(crate) const HEALTH: Operation = Operation { function: "health", method: Method::GET, path: "/health" };
pub(crate) const READY: Operation = Operation { function: "health", method: Method::GET, path: "/health/ready" };
pub(crate) const DOCS: Operation = Operation { function: "docs", method: Method::GET, path: "/openapi.json" };
pub(crate) const LIST: Operation = Operation { function: "list-tasks", method: Method::GET, path: "/api/tasks" };
pub(crate) const CREATE: Operation = Operation { function: "create-task", method: Method::POST, path: "/api/tasks" };
pub(crate) const GET: Operation = Operation { function: "get-task", method: Method::GET, path: "/api/tasks/{id}" };
pub(crate) const UPDATE: Operation =
    Operation { function: "update-task", method: Method::PATCH, path: "/api/tasks/{id}" };
pub(crate) const COMPLETE: Operation =
    Operation { function: "complete-task", method: Method::PATCH, path: "/api/tasks/{id}/complete" };
pub(crate) const DELETE: Operation =
    Operation { function: "delete-task", method: Method::DELETE, path: "/api/tasks/{id}" };
pub(crate) const BULK: Operation = Operation { function: "bulk-tasks", method: Method::POST, path: "/api/tasks/bulk" };
pub(crate) const CHANGES: Operation =
    Operation { function: "list-changes", method: Method::GET, path: "/api/tasks/changes" };
pub(crate) const STATS: Operation = Operation { function: "task-stats", method: Method::GET, path: "/api/tasks/stats" };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::FUNCTIONS;

    #[test]
    fn every_operation_has_a_listed_function() {
        for operation in [HEALTH, READY, LIST, CREATE, GET, UPDATE, COMPLETE, DELETE, BULK, CHANGES, STATS] {
            assert!(FUNCTIONS.contains(&operation.function), "{operation:?}");
        }
    }
}
