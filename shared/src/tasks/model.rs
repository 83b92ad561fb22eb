//! Stored tasks.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::due_date::DueDate;
use crate::db::RowId;
use crate::input::FromPath;
use crate::noun::Noun;
use crate::time::Timestamp;

/// What a task is called.
pub(super) static TASK: Noun =
    Noun { table: "tasks", name: "task", capitalized: "Task", not_found_code: "task_not_found" };

/// A stored task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Assigned by the database.
    pub id: TaskId,
    /// The owner, as the token names it.
    pub user_id: String,
    /// 1 to 255 code points.
    pub title: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether it is done.
    pub completed: bool,
    /// One of the words of `TASK_PRIORITIES`. Other values, stored by an earlier back end, are returned as they are.
    pub priority: Option<String>,
    /// When it should be done.
    pub due_date: Option<DueDate>,
    /// Names that differ without regard to case.
    pub tags: Vec<String>,
    /// Free text.
    pub category: Option<String>,
    /// How it recurs: a rule of RFC 5545 without its prefix. Another text if an earlier back end stored it.
    pub recurrence: Option<String>,
    /// The due date of the next occurrence, if the task was completed and one was made.
    pub next_occurrence: Option<DueDate>,
    /// The zone in which it recurs, as the IANA database names it. `None` is UTC.
    pub time_zone: Option<String>,
    /// The previous occurrence.
    pub recurrence_of: Option<TaskId>,
    /// When it was last completed; `None` while it is open. Maintained by the database.
    pub completed_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed; maintained by the database.
    pub updated_at: Timestamp,
    /// Counts the changes; maintained by the database. The entity tag of the task is made from it.
    pub version: i64,
    /// The values of `TASK_EXTRA_FIELDS`, by column. Empty without that setting.
    pub extra: Map<String, Value>,
    /// The number of the transaction that made the task what it is. Only known to a write. `None` also for a task that was
    /// written before the database recorded it.
    pub transaction: Option<String>,
}

/// What remains of a task that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deleted {
    /// The number of the transaction that deleted it. `None` if its response was lost.
    pub transaction: Option<String>,
}

/// The id of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId(RowId);

/// The longest text that an id column of a known layout can store.
const TASK_ID_MAX_BYTES: usize = 255;

impl TaskId {
    pub(super) fn new(id: RowId) -> Self {
        Self(id)
    }

    /// The id of another task, in the form of this one.
    pub(super) fn of_other(&self, text: String) -> Self {
        let number = text.parse().ok().filter(|_| matches!(self.0, RowId::Number(_)));
        Self(number.map_or(RowId::Text(text), RowId::Number))
    }
}

impl FromPath for TaskId {
    const NOUN: &'static Noun = &TASK;

    /// Accepts unreserved characters only: PostgreSQL would parse `" 42"` and `+42` as the integer 42, and rejects U+0000.
    fn from_path(segment: &str) -> Option<Self> {
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let is_possible = (1..=TASK_ID_MAX_BYTES).contains(&segment.len()) && segment.bytes().all(is_unreserved);
        is_possible.then(|| Self(RowId::Text(segment.to_owned())))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A page of a user's tasks, in the requested order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// At most as many as the limit.
    pub tasks: Vec<Task>,
    /// How many tasks match the filter; only counted if responses have it.
    pub total: Option<i64>,
    /// The limit of the page.
    pub limit: u32,
    /// Where the next page starts. `None` on the last page.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_ids_are_read_from_a_path() {
        for id in ["42", "0", "f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f", "V1StGXR8_Z5jdHi6B-myT", &"9".repeat(255)] {
            assert_eq!(TaskId::from_path(id), Some(TaskId(RowId::Text(id.to_owned()))));
        }
        for id in ["", " 42", "42 ", "+42", "4\0", "1'--", "ä", "a/b", "%34", &"9".repeat(256)] {
            assert_eq!(TaskId::from_path(id), None, "{id:?}");
        }
    }
}
