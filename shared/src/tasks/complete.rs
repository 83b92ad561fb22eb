//! Setting or toggling whether a task is completed.

use super::answer::answer;
use super::change::{changed_or_current, unchanged};
use super::columns::{task_columns, written_columns};
use super::fingerprint::OfTask;
use super::input::Completion;
use super::model::{TASK, Task, TaskId};
use super::precondition::{Precondition, is_as_expected};
use super::repository::UserTasks;
use crate::db::SqlParam;
use crate::output::Written;
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, Versions, Write, keyed_sql};

/// Sets `completed` to `$4`. If that is null, toggles it, unless the request `$5` has already done so.
static COMPLETE: Write = Write::new(
    "complete",
    concat!(
        "\
update tasks
set completed = case
        when $4::boolean is not null then $4::boolean
        when last_request = $5 then completed
        else not coalesce(completed, false)
    end,
    last_request = case when $4::boolean is null then $5 else last_request end
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning ",
        written_columns!(),
    ),
);

/// [`COMPLETE`] with a precondition, `$6` and `$7`, as in the conditional update. An earlier attempt of this
/// request may have toggled the task and so changed its version: the precondition does not apply to such a task.
static CONDITIONAL_COMPLETE: Write = Write::new(
    "conditional complete",
    concat!(
        "\
with changed as (
    update tasks
    set completed = case
            when $4::boolean is not null then $4::boolean
            when last_request = $5 then completed
            else not coalesce(completed, false)
        end,
        last_request = case when $4::boolean is null then $5 else last_request end
    where user_id = $1
      and id = $3
      and (last_request = $5
           or ",
        is_as_expected!("$6", "$7"),
        ")
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning *
)
",
        changed_or_current!(),
    ),
);

/// Sets `completed` to `$7`, or toggles it if that is null, with a key of the client. The key tells whether the request has
/// already done so.
static KEYED_COMPLETE: KeyedWrite = KeyedWrite::new(
    "keyed complete",
    concat!(
        keyed_sql!(
            "complete",
            "\
changed as (
    update tasks
    set completed = coalesce($7::boolean, not coalesce(completed, false))
    where user_id = $1
      and id = $6
      and ",
            is_as_expected!("$8", "$9"),
            "
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id::text as task_id, ",
            answer!(),
            " as answer
)"
        ),
        unchanged!(),
    ),
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::complete`] without a precondition.
    pub const COMPLETE: StartStatement = COMPLETE.at_start();

    /// Sets or toggles whether the task is completed and returns it. With a key that was used before, returns what the task
    /// was then.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn complete(
        &self,
        id: &TaskId,
        completion: &Completion,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        let mut params =
            vec![SqlParam::from_display(id), completion.completed.map_or(SqlParam::NULL, SqlParam::from_display)];
        let precondition = Precondition { versions, updated_at: completion.expected_updated_at };
        let Some(key) = key else {
            params.push(SqlParam::from_str(self.scope.request_id()));
            let is_changed = |task: &Task| completion.completed == Some(task.completed);
            let statements = [&COMPLETE, &CONDITIONAL_COMPLETE];
            return self.change(statements, params, &precondition, &[], is_changed).await.map(Written::new);
        };
        let request = KeyedRequest::new(&TASK, "complete", key, &OfTask(id, completion));
        let attempt = async || self.change_keyed(&KEYED_COMPLETE, &request, params.clone(), &precondition, &[]).await;
        self.write_once(&request, attempt).await
    }
}
