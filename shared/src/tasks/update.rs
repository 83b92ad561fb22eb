//! Changing the fields of a task.

use super::answer::answer;
use super::change::{changed_or_current, unchanged};
use super::change_row::{ChangeRow, change_columns, changes};
use super::columns::{task_columns, written_columns};
use super::due_date::DueDateInput;
use super::fingerprint::OfTask;
use super::input::TaskChange;
use super::model::{TASK, Task, TaskId};
use super::precondition::{Precondition, is_as_expected};
use super::repository::UserTasks;
use crate::db::SqlParam;
use crate::input::InvalidInput;
use crate::output::{Written, to_json};
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, Versions, Write, keyed_sql};

/// The source of the row of [`change_columns`].
macro_rules! from_row {
    ($row:literal) => {
        concat!("from jsonb_to_recordset(", $row, "::jsonb) as change (", change_columns!(), ")\n")
    };
}

/// `$4` is the row, `$5` the due date and `$6` its other spelling.
static UPDATE: Write = Write::new(
    "update",
    concat!(
        "\
update tasks
",
        changes!("$5", "$6"),
        from_row!("$4"),
        "\
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning ",
        written_columns!(),
    ),
);

/// [`UPDATE`] with a precondition. `$7` and `$8` are those of [`is_as_expected`], which does not apply to a task that an
/// earlier attempt of this request has changed.
static CONDITIONAL_UPDATE: Write = Write::new(
    "conditional update",
    concat!(
        "\
with changed as (
    update tasks
",
        changes!("$5", "$6"),
        from_row!("$4"),
        "\
    where user_id = $1
      and id = $3
      and (last_request = new_request
           or ",
        is_as_expected!("$7", "$8"),
        ")
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning *
)
",
        changed_or_current!(),
    ),
);

/// [`CONDITIONAL_UPDATE`] with a key of the client, and possibly without a precondition.
static KEYED_UPDATE: KeyedWrite = KeyedWrite::new(
    "keyed update",
    concat!(
        keyed_sql!(
            "update",
            "\
changed as (
    update tasks
",
            changes!("$8", "$9"),
            from_row!("$7"),
            "\
    where user_id = $1
      and id = $6
      and ",
            is_as_expected!("$10", "$11"),
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
    /// The statement of [`UserTasks::update`] without a precondition.
    pub const UPDATE: StartStatement = UPDATE.at_start();

    /// Changes the given fields and returns the task. With a key that was used before, returns what the task was then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::PreconditionFailed`] if the task does not have one of `versions` or was not
    /// last changed when the client expects; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; failures of the
    /// database.
    pub async fn update(
        &self,
        id: &TaskId,
        change: &TaskChange,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Task>, StoreError> {
        let precondition = Precondition { versions, updated_at: change.expected_updated_at };
        let fields = change.field_texts();
        let Some(key) = key else {
            self.check_invalid_values(id, change, &precondition).await?;
            let is_changed = |task: &Task| change.is_applied_to(task);
            let statements = [&UPDATE, &CONDITIONAL_UPDATE];
            let params = params(id, change, Some(self.scope.request_id()));
            let task = self.change(statements, params, &precondition, &fields, is_changed).await?;
            return Ok(Written::new(task));
        };
        let request = KeyedRequest::new(&TASK, "update", key, &OfTask(id, change));
        let attempt = async || {
            self.check_invalid_values(id, change, &precondition).await?;
            self.change_keyed(&KEYED_UPDATE, &request, params(id, change, None), &precondition, &fields).await
        };
        self.write_once(&request, attempt).await
    }

    /// Fails if a value that breaks a rule is not what is stored.
    async fn check_invalid_values(
        &self,
        id: &TaskId,
        change: &TaskChange,
        precondition: &Precondition<'_>,
    ) -> Result<(), StoreError> {
        if change.invalid_values.is_empty() {
            return Ok(());
        }
        let stored = self.get(id).await?;
        let failures = change.failures(&stored);
        if failures.is_empty() {
            return Ok(());
        }
        // A value that was stored when the client read the task is no mistake of the client.
        let is_current = precondition.is_met_by(&stored);
        let invalid = StoreError::InvalidInput(InvalidInput(failures));
        Err(if is_current { invalid } else { StoreError::PreconditionFailed(&TASK) })
    }
}

/// The id, the row, and the due date in both spellings. `request` is that of a [`ChangeRow`].
fn params<'a>(id: &TaskId, change: &TaskChange, request: Option<&str>) -> Vec<SqlParam<'a>> {
    let row = to_json(&[ChangeRow::new(change, request)]);
    let time = |input: Option<DueDateInput>| input.map_or(SqlParam::NULL, |input| input.due_date.param());
    vec![
        SqlParam::from_display(id),
        SqlParam::from_display(row),
        time(change.due_date.and_then(|due_date| due_date.value)),
        time(change.due_date.and_then(|due_date| due_date.otherwise)),
    ]
}
