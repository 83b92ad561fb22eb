//! A task: what is stored, what may be sent, what may be asked for.

/// The sentence for a time that is none, of a field or a parameter of this name.
macro_rules! time_rule {
    ($name:literal) => {
        concat!($name, " must be a date or a time such as 2026-11-21 or 2026-11-21T17:30:00Z")
    };
}

mod fields;
mod input;
mod query;
mod timestamp;

pub use fields::Fields;
pub(crate) use fields::MAX_TITLE;
pub use input::{Completion, FromJson, NewTask, TaskChange};
pub use query::ListQuery;
pub(crate) use query::{Filter, Order, Sort};
pub use timestamp::Timestamp;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::TaskShape;

/// A stored task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Made by the database.
    pub id: TaskId,
    /// The owner, as the token names it.
    pub user_id: String,
    /// 1 to 255 code points.
    pub title: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether it is done.
    pub completed: bool,
    /// `low`, `medium` or `high`; what an older back end stored is passed on as it is.
    pub priority: Option<String>,
    /// When it should be done.
    pub due_date: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed; the database keeps it.
    pub updated_at: Timestamp,
    /// Counts the changes; the database keeps it. It is the entity tag and not in the JSON.
    pub version: i64,
}

/// The id of a task. The type of the column decides which: an integer is a JSON number, uuid and text are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskId {
    /// From an integer column.
    Number(i64),
    /// From a uuid or text column, or from a path: unread text.
    Text(String),
}

/// The longest text that an id column of any known layout holds.
const TASK_ID_MAX_BYTES: usize = 255;

impl TaskId {
    /// Reads an id from a path. None when no column of any type could hold it.
    ///
    /// Only unreserved characters: PostgreSQL would read `" 42"` and `+42` as the integer 42, and refuses U+0000.
    pub(crate) fn from_path(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let possible = (1..=TASK_ID_MAX_BYTES).contains(&text.len()) && text.bytes().all(unreserved);
        possible.then(|| Self::Text(text.to_owned()))
    }
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// Some of a user's tasks, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// At most as many as the limit.
    pub tasks: Vec<Task>,
    /// How many the filter matches in all; only counted where answers show it.
    pub total: Option<i64>,
}

/// A [`Task`] as JSON, in the case that the settings ask for. All members are always present.
pub(crate) struct TaskJson<'a>(pub(crate) &'a Task, pub(crate) TaskShape);

impl Serialize for TaskJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(task, shape) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &task.id)?;
        map.serialize_entry("user_id", &task.user_id)?;
        map.serialize_entry("title", &task.title)?;
        map.serialize_entry("description", &task.description)?;
        map.serialize_entry("completed", &task.completed)?;
        map.serialize_entry("priority", &task.priority)?;
        map.serialize_entry("due_date", &task.due_date)?;
        map.serialize_entry("created_at", &task.created_at)?;
        map.serialize_entry("updated_at", &task.updated_at)?;
        if shape.camel_case_too {
            map.serialize_entry("userId", &task.user_id)?;
            map.serialize_entry("dueDate", &task.due_date)?;
            map.serialize_entry("createdAt", &task.created_at)?;
            map.serialize_entry("updatedAt", &task.updated_at)?;
        }
        map.end()
    }
}

/// A [`TaskPage`] as JSON: a bare array, or an object with the counts.
pub(crate) struct TaskPageJson<'a>(pub(crate) &'a TaskPage, pub(crate) TaskShape);

impl Serialize for TaskPageJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(page, shape) = *self;
        let tasks = Tasks(&page.tasks, shape);
        if !shape.list_object {
            return tasks.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("tasks", &tasks)?;
        map.serialize_entry("total", &page.total)?;
        map.serialize_entry("count", &page.tasks.len())?;
        map.end()
    }
}

struct Tasks<'a>(&'a [Task], TaskShape);

impl Serialize for Tasks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|task| TaskJson(task, self.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_holds_an_id_only_if_a_column_could() {
        for id in ["42", "0", "f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f", "V1StGXR8_Z5jdHi6B-myT", &"9".repeat(255)] {
            assert_eq!(TaskId::from_path(id), Some(TaskId::Text(id.to_owned())));
        }
        for id in ["", " 42", "42 ", "+42", "4\0", "1'--", "ä", "a/b", "%34", &"9".repeat(256)] {
            assert_eq!(TaskId::from_path(id), None, "{id:?}");
        }
    }

    #[test]
    fn a_task_is_written_as_in_the_contract() {
        let at = |text| Timestamp::parse(text).expect("an RFC 3339 time");
        let task = Task {
            id: TaskId::Number(42),
            user_id: "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI".into(),
            title: "Buy milk".into(),
            description: None,
            completed: false,
            priority: None,
            due_date: Some(at("2026-12-01")),
            created_at: at("2026-11-21T02:51:49.233112Z"),
            updated_at: at("2026-11-21T02:51:49.233112Z"),
            version: 7,
        };
        let both = TaskShape { list_object: true, camel_case_too: true };
        let page = TaskPage { tasks: vec![task], total: Some(7) };
        assert_eq!(
            serde_json::to_value(TaskPageJson(&page, both)).expect("a map of strings"),
            serde_json::json!({"total": 7, "count": 1, "tasks": [{
                "id": 42, "user_id": "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", "title": "Buy milk", "description": null,
                "completed": false, "priority": null, "due_date": "2026-12-01T00:00:00.000000Z",
                "created_at": "2026-11-21T02:51:49.233112Z", "updated_at": "2026-11-21T02:51:49.233112Z",
                "userId": "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", "dueDate": "2026-12-01T00:00:00.000000Z",
                "createdAt": "2026-11-21T02:51:49.233112Z", "updatedAt": "2026-11-21T02:51:49.233112Z"
            }]})
        );
    }
}
