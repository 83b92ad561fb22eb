//! The columns of a task, as every statement returns them.

use super::due_date::DueDate;
use super::extra;
use super::model::{Task, TaskId};
use crate::db::{DbError, Row};
use crate::time::Timestamp;

/// The columns that [`task`] decodes, in this order.
///
/// `$row` is the query that has the row. One says whether due dates have a zone: behind a pooler that prepares statements again, the driver's description of a
/// result can be out of date. A function `as_…` returns null for a column that an earlier back end had, if its type does not
/// fit.
macro_rules! task_columns {
    () => {
        task_columns!("tasks")
    };
    ($row:literal) => {
        concat!(
            "id, title, description, coalesce(completed, false), priority, due_date, \
             pg_typeof(due_date) = 'timestamptz'::regtype, due_date_marker, created_at, updated_at, version, \
             tasks_api.as_tags(tags), tasks_api.as_label(category), tasks_api.as_instant(completed_at), \
             tasks_api.as_label(recurrence), tasks_api.as_instant(next_occurrence), tasks_api.as_label(time_zone), \
             recurrence_of::text, ",
            $crate::scope::extra_column!($row)
        )
    };
}

/// The indexes of some of [`task_columns`].
pub(super) const DUE_DATE: usize = 5;
pub(super) const CREATED_AT: usize = 8;
pub(super) const UPDATED_AT: usize = 9;

/// [`task_columns`], and the transaction that made the task what it is, for [`written_task`].
macro_rules! written_columns {
    () => {
        written_columns!("tasks")
    };
    ($row:literal) => {
        concat!(task_columns!($row), ", changed_in::text")
    };
}

/// Nulls in the place of [`task_columns`].
macro_rules! no_task_columns {
    () => {
        "null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null"
    };
}

/// How many [`task_columns`] there are.
pub(super) const TASK_COLUMNS: usize = 19;

pub(super) use {no_task_columns, task_columns, written_columns};

/// Decodes [`task_columns`].
pub(super) fn task(row: &Row, user_id: &str) -> Result<Task, DbError> {
    let due_date: Option<Timestamp> = row.get(DUE_DATE)?;
    let (has_zone, marker): (bool, Option<Timestamp>) = (row.get(6)?, row.get(7)?);
    let (created_at, updated_at) = known_times(row.get(CREATED_AT)?, row.get(UPDATED_AT)?);
    let id = TaskId::new(row.get(0)?);
    let due_date = due_date.map(|due_date| DueDate::from_columns(due_date, has_zone, marker));
    let next_occurrence: Option<Timestamp> = row.get(15)?;
    let recurrence_of: Option<String> = row.get(17)?;
    Ok(Task {
        recurrence_of: recurrence_of.map(|text| id.of_other(text)),
        id,
        user_id: user_id.to_owned(),
        title: row.get(1)?,
        description: row.get(2)?,
        completed: row.get(3)?,
        priority: row.get(4)?,
        due_date,
        created_at,
        updated_at,
        version: row.get(10)?,
        tags: row.get::<Option<Vec<String>>>(11)?.unwrap_or_default(),
        category: row.get(12)?,
        completed_at: row.get(13)?,
        recurrence: row.get(14)?,
        next_occurrence: next_occurrence.zip(due_date).map(|(time, due_date)| due_date.of_next_occurrence(time)),
        time_zone: row.get(16)?,
        extra: row.get::<Option<&str>>(18)?.map(extra::from_json).unwrap_or_default(),
        transaction: None,
    })
}

/// `created_at` and `updated_at`. If an earlier back end stored only one of the two, it stands for both.
pub(super) fn known_times(created_at: Option<Timestamp>, updated_at: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let known = |time: Option<Timestamp>, other| time.or(other).unwrap_or(Timestamp::EPOCH);
    (known(created_at, updated_at), known(updated_at, created_at))
}

/// Decodes [`written_columns`].
pub(super) fn written_task(row: &Row, user_id: &str) -> Result<Task, DbError> {
    Ok(Task { transaction: row.get(TASK_COLUMNS)?, ..task(row, user_id)? })
}
