//! The id of a task.

use std::fmt;

use serde_json::Value;

/// The id of a task, ordered as in the database. Displays as in a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskId {
    /// From an integer column.
    Number(i64),
    /// From a text or UUID column.
    Text(String),
}

impl TaskId {
    /// The id of a task in a response.
    #[track_caller]
    #[must_use]
    pub fn from_task(task: &Value) -> Self {
        match &task["id"] {
            Value::String(text) => Self::Text(text.clone()),
            id => Self::Number(id.as_i64().unwrap_or_else(|| panic!("no id: {task}"))),
        }
    }

    /// The ids of tasks.
    pub fn from_tasks<'a>(tasks: impl IntoIterator<Item = &'a Value>) -> Vec<Self> {
        tasks.into_iter().map(Self::from_task).collect()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}
