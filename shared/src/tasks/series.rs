//! Recurring tasks: skipping an occurrence, and ending the series.
//!
//! The database computes the dates, as it does when a task is completed.

use super::answer::answer;
use super::fingerprint::OfTask;
use super::model::{TASK, Task, TaskId};
use super::precondition::{is_as_expected, version_array};
use super::repository::{UserTasks, map_task_error};
use crate::db::{Row, SqlParam};
use crate::output::Written;
use crate::scope::{
    IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, StoredAnswer, Versions, keyed_sql,
};

/// When the task is due next. Null if it does not recur, or has no further occurrence.
macro_rules! next_due {
    () => {
        "tasks_api.next_due(
            tasks_api.as_label(recurrence), tasks_api.as_wall_clock(recurrence_start), tasks_api.as_label(time_zone),
            due_date, due_date_marker, tasks_api.as_flag(due_is_date), now()
        )"
    };
}

/// A change of the open task `$6`, if the condition holds. `$7` are the expected versions, and `$8` is null.
macro_rules! change_of_series {
    ($operation:literal, $assignments:expr, $condition:expr) => {
        concat!(
            keyed_sql!(
                $operation,
                concat!(
                    "\
changed as (
    update tasks
    set ",
                    $assignments,
                    "
    where user_id = $1
      and id = $6
      and completed is not true
      and ",
                    $condition,
                    "
      and ",
                    is_as_expected!("$7", "$8"),
                    "
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id::text as task_id, ",
                    answer!(),
                    " as answer
)"
                )
            ),
            "\
union all
select null, null, null, case when ",
            is_as_expected!("$7", "$8"),
            " then 'not recurring' end
from tasks
where user_id = $1
  and id = $6
  and not exists (select from kept)
  and not exists (select from prior)
"
        )
    };
}

static SKIP: KeyedWrite = KeyedWrite::new(
    "skip",
    change_of_series!(
        "skip",
        concat!(
            "due_date = ",
            next_due!(),
            ",
        due_date_marker = tasks_api.marker_for(",
            next_due!(),
            ", due_date, due_date_marker),
        recurrence = tasks_api.label_for(tasks_api.rule_after(tasks_api.as_label(recurrence)), recurrence)"
        ),
        concat!(next_due!(), " is not null")
    ),
);

static STOP: KeyedWrite = KeyedWrite::new(
    "stop recurrence",
    change_of_series!(
        "stop",
        "recurrence = tasks_api.label_for(null::text, recurrence)",
        "tasks_api.as_label(recurrence) is not null"
    ),
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::skip`].
    pub const SKIP: StartStatement = SKIP.at_start();
    /// The statement of [`UserTasks::stop_recurrence`].
    pub const STOP_RECURRENCE: StartStatement = STOP.at_start();

    /// Moves the due date of a recurring task to its next occurrence, and returns the task.
    ///
    /// A request without a key of the client has one of its own, so that it skips one occurrence even if its response is
    /// lost.
    ///
    /// # Errors
    /// As [`UserTasks::complete`]; [`StoreError::NotRecurring`] if the task is completed, does not recur or has no further
    /// occurrence.
    pub async fn skip(
        &self,
        id: &TaskId,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        self.change_series(&SKIP, "skip", id, versions, key).await
    }

    /// Makes a recurring task one that does not recur, and returns it. Requests are done once, as by [`UserTasks::skip`].
    ///
    /// # Errors
    /// As [`UserTasks::skip`].
    pub async fn stop_recurrence(
        &self,
        id: &TaskId,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        self.change_series(&STOP, "stop", id, versions, key).await
    }

    async fn change_series(
        &self,
        statement: &'static KeyedWrite,
        operation: &'static str,
        id: &TaskId,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        let key = self.scope.key_or_own(key);
        let request = KeyedRequest::new(&TASK, operation, &key, &OfTask(id, &()));
        let attempt = async || -> Result<StoredAnswer, StoreError> {
            let versions = versions.as_slice().map_or(SqlParam::NULL, version_array);
            let params = vec![SqlParam::from_display(id), versions, SqlParam::NULL];
            let outcome = self.scope.write_keyed(statement, &request, params).await.map_err(map_task_error)?;
            outcome.answer_or(refusal)
        };
        self.write_once(&request, attempt).await
    }
}

/// Why nothing was changed.
fn refusal(rows: &[Row]) -> StoreError {
    match rows.first().map(Row::last::<Option<&str>>) {
        None => StoreError::NotFound(&TASK),
        Some(Ok(None)) => StoreError::PreconditionFailed(&TASK),
        Some(Ok(Some(_))) => StoreError::NotRecurring(&TASK),
        Some(Err(error)) => StoreError::Database(&TASK, error),
    }
}
