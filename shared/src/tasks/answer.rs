//! A written task as JSON, in the database: the answer to a write that a client may repeat.
//!
//! It does not depend on the types of the columns, which another program can change before the repetition.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::columns::known_times;
use super::due_date::DueDate;
use super::model::{Deleted, Task, TaskId};
use crate::db::RowId;
use crate::time::Timestamp;

/// The expression that [`task`] reads, of a query whose rows are those of `tasks`.
///
/// Times are [`microseconds`](crate::db::microseconds).
macro_rules! answer {
    () => {
        concat!(
            "jsonb_build_object('id', id, 'title', title, 'description', description, ",
            "'completed', coalesce(completed, false), 'priority', priority, ",
            "'due_date', ",
            $crate::db::microseconds!("due_date"),
            ", 'due_date_has_zone', pg_typeof(due_date) = 'timestamptz'::regtype, ",
            "'due_date_marker', ",
            $crate::db::microseconds!("due_date_marker"),
            ", 'created_at', ",
            $crate::db::microseconds!("created_at"),
            ", 'updated_at', ",
            $crate::db::microseconds!("updated_at"),
            ", 'version', version, 'transaction', changed_in::text, ",
            "'tags', tasks_api.as_tags(tags), 'category', tasks_api.as_label(category), 'completed_at', ",
            $crate::db::microseconds!("tasks_api.as_instant(completed_at)"),
            ", 'recurrence', tasks_api.as_label(recurrence), 'next_occurrence', ",
            $crate::db::microseconds!("tasks_api.as_instant(next_occurrence)"),
            ", 'time_zone', tasks_api.as_label(time_zone), ",
            $crate::scope::last_members!()
        )
    };
}

pub(super) use answer;

/// The members of [`answer`]. An answer that an earlier release has stored lacks some of the optional ones.
#[derive(Debug, Deserialize)]
struct Answer {
    id: RowId,
    title: String,
    description: Option<String>,
    completed: bool,
    priority: Option<String>,
    due_date: Option<i64>,
    due_date_has_zone: bool,
    due_date_marker: Option<i64>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    version: i64,
    transaction: Option<String>,
    tags: Option<Vec<String>>,
    category: Option<String>,
    completed_at: Option<i64>,
    recurrence: Option<String>,
    next_occurrence: Option<i64>,
    time_zone: Option<String>,
    recurrence_of: Option<String>,
    /// Only with `TASK_EXTRA_FIELDS`.
    extra: Option<Map<String, Value>>,
}

/// Reads the answer to a delete, which has the member `transaction` alone.
pub(super) fn deleted(json: &str) -> Option<Deleted> {
    serde_json::from_str(json).ok()
}

/// Reads [`answer`]. `None` if it is another JSON value.
pub(super) fn task(json: &str, user_id: &str) -> Option<Task> {
    let answer: Answer = serde_json::from_str(json).ok()?;
    let time = |microseconds: Option<i64>| microseconds.map(Timestamp::from_microseconds);
    let (created_at, updated_at) = known_times(time(answer.created_at), time(answer.updated_at));
    let marker = time(answer.due_date_marker);
    let due_date =
        time(answer.due_date).map(|due_date| DueDate::from_columns(due_date, answer.due_date_has_zone, marker));
    let next_occurrence = time(answer.next_occurrence).zip(due_date);
    let id = TaskId::new(answer.id);
    Some(Task {
        recurrence_of: answer.recurrence_of.map(|text| id.of_other(text)),
        id,
        user_id: user_id.to_owned(),
        title: answer.title,
        description: answer.description,
        completed: answer.completed,
        priority: answer.priority,
        due_date,
        created_at,
        updated_at,
        tags: answer.tags.unwrap_or_default(),
        category: answer.category,
        completed_at: time(answer.completed_at),
        recurrence: answer.recurrence,
        next_occurrence: next_occurrence.map(|(time, due_date)| due_date.of_next_occurrence(time)),
        time_zone: answer.time_zone,
        version: answer.version,
        transaction: answer.transaction,
        extra: answer.extra.unwrap_or_default(),
    })
}
