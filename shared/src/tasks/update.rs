//! Changing the fields of a task.

use super::answer::answer;
use super::change::unchanged;
use super::columns::{task_columns, written_columns};
use super::due_date::DueDate;
use super::fingerprint::OfTask;
use super::input::TaskChange;
use super::model::{TASK, Task, TaskId};
use super::precondition::{Precondition, is_as_expected};
use super::repository::{UserTasks, fields};
use crate::db::SqlParam;
use crate::input::InvalidInput;
use crate::output::Written;
use crate::scope::{IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, Versions, Write, keyed_sql};

/// What an update sets. `sets_…` say whether a column changes, so that null can be its new value. A priority that differs in
/// case only keeps its spelling, because the program that has stored it may know no other. `due_date`, `is_floating` and
/// `marker` are a due date as in a create. `otherwise…` is its other spelling, which counts if `due_date` is stored already.
macro_rules! changes {
    (
        $title:literal, $sets_description:literal, $description:literal, $completed:literal, $sets_priority:literal, $priority:literal, $sets_due_date:literal, $due_date:literal, $is_floating:literal, $marker:literal, $otherwise:literal, $otherwise_is_floating:literal, $otherwise_marker:literal
    ) => {
        concat!(
            "set title = coalesce(",
            $title,
            ", title),
    description = case when ",
            $sets_description,
            "::boolean then ",
            $description,
            " else description end,
    completed = coalesce(",
            $completed,
            ", completed),
    priority = case
        when not ",
            $sets_priority,
            "::boolean or lower(",
            $priority,
            "::text) = lower(priority) then priority
        else ",
            $priority,
            "
    end,
    due_date = case
        when not ",
            $sets_due_date,
            "::boolean then due_date
        when ",
            $due_date,
            " is distinct from due_date then ",
            $due_date,
            "
        else ",
            $otherwise,
            "
    end,
    due_date_marker = case
        when not ",
            $sets_due_date,
            "::boolean then due_date_marker
        when ",
            $due_date,
            " is distinct from due_date
        then case when ",
            $is_floating,
            "::boolean <> (pg_typeof(due_date) = 'timestamp'::regtype) then ",
            $marker,
            "::timestamp end
        else case when ",
            $otherwise_is_floating,
            "::boolean <> (pg_typeof(due_date) = 'timestamp'::regtype) then ",
            $otherwise_marker,
            "::timestamp end
    end
"
        )
    };
}

pub(super) use changes;

static UPDATE: Write = Write::new(
    "update",
    concat!(
        "\
update tasks
",
        changes!("$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16"),
        "\
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning ",
        written_columns!(),
    ),
);

/// [`UPDATE`] with a precondition. `$17` and `$18` are those of [`is_as_expected`].
static CONDITIONAL_UPDATE: Write = Write::new(
    "conditional update",
    concat!(
        "\
with changed as (
    update tasks
",
        changes!("$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16"),
        "\
    where user_id = $1
      and id = $3
      and ",
        is_as_expected!("$17", "$18"),
        "
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning *
)
select ",
        written_columns!(),
        ", true
from changed
union all
select ",
        written_columns!(),
        ", false
from tasks
where user_id = $1
  and id = $3
  and not exists (select from changed)
"
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
            changes!("$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17", "$18", "$19"),
            "\
    where user_id = $1
      and id = $6
      and ",
            is_as_expected!("$20", "$21"),
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
        let description = change.description.as_ref().and_then(Option::as_deref);
        let fields = fields(change.title.as_deref(), description, change.priority.flatten());
        let Some(key) = key else {
            self.check_invalid_values(id, change, &precondition).await?;
            let is_changed = |task: &Task| change.is_applied_to(task);
            let statements = [&UPDATE, &CONDITIONAL_UPDATE];
            let task = self.change(statements, params(id, change), &precondition, &fields, is_changed).await?;
            return Ok(Written::new(task));
        };
        let request = KeyedRequest::new(&TASK, "update", key, &OfTask(id, change));
        let attempt = async || {
            self.check_invalid_values(id, change, &precondition).await?;
            self.change_keyed(&KEYED_UPDATE, &request, params(id, change), &precondition, &fields).await
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

/// The id, and what [`changes`] needs.
fn params<'a>(id: &TaskId, change: &'a TaskChange) -> Vec<SqlParam<'a>> {
    let description = change.description.as_ref();
    let mut params = vec![
        SqlParam::from_display(id),
        change.title.as_deref().map_or(SqlParam::NULL, SqlParam::from_str),
        SqlParam::from_display(description.is_some()),
        description.and_then(Option::as_deref).map_or(SqlParam::NULL, SqlParam::from_str),
        change.completed.map_or(SqlParam::NULL, SqlParam::from_display),
        SqlParam::from_display(change.priority.is_some()),
        change.priority.flatten().map_or(SqlParam::NULL, SqlParam::from_str),
        SqlParam::from_display(change.due_date.is_some()),
    ];
    params.extend(DueDate::params(change.due_date.and_then(|due_date| due_date.value)));
    params.extend(DueDate::params(change.due_date.and_then(|due_date| due_date.otherwise)));
    params
}
