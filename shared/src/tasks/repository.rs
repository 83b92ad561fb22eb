//! The SQL of single tasks, each statement beside the method that sends it; `list` has that of lists.
//!
//! Ids and times are parameters in text format and take the type of their column, so the same statements serve integer,
//! uuid and text ids.

use super::columns::{task, task_columns, written_columns, written_task};
use super::due_date::DueDate;
use super::input::{Completion, NewTask, TaskChange};
use super::model::{Deleted, TASK, Task, TaskId};
use super::precondition::{Precondition, version_array};
use crate::db::{DbError, DbErrorKind, QueryResult, Rejection, Row, SqlParam, cause_chain};
use crate::input::InvalidInput;
use crate::scope::{Insert, Read, StartStatement, StoreError, UserScope, Versions, Write};

/// The tasks of one verified user.
pub struct UserTasks<'a> {
    pub(super) scope: &'a UserScope,
}

impl UserScope {
    /// The user's tasks.
    #[must_use]
    pub fn tasks(&self) -> UserTasks<'_> {
        UserTasks { scope: self }
    }
}

// A statement with a precondition returns `applied` after the columns of the task: if it is false, the precondition failed
// and the row is the current one. Without a row there is no such task.

/// If the user has stored a task with this key before, the statement returns that task. `$8` says whether the due date is
/// floating; `$9` is its marker if the column has the other kind.
static CREATE: Insert = Insert::new(
    "create",
    concat!(
        "\
insert into tasks (user_id, title, description, completed, priority, due_date, due_date_marker, idempotency_key)
select $1, $3, $4, $5, $6, $7, case when $8::boolean <> (pg_typeof((null::tasks).due_date) = 'timestamp'::regtype) then $9::timestamp end, $10
where not exists (select from tasks_api.task_fences where attempt = $2)
on conflict (user_id, idempotency_key) do update
set idempotency_key = excluded.idempotency_key
returning ",
        written_columns!(),
    ),
);

static GET: Read = Read::new(
    "get",
    concat!(
        "select ",
        task_columns!(),
        "
from tasks
where user_id = $1
  and id = $2
"
    ),
);

/// What an update sets. `$5`, `$8` and `$10` say whether a column changes, so that null can be its new value. A priority that
/// differs in case only keeps its spelling, because the program that has stored it may know no other. `$11` to `$13` are a
/// due date as in [`CREATE`]. `$14` to `$16` are its other spelling, which counts if `$11` is stored already.
macro_rules! changes {
    () => {
        "\
set title = coalesce($4, title),
    description = case when $5::boolean then $6 else description end,
    completed = coalesce($7, completed),
    priority = case
        when not $8::boolean or lower($9::text) = lower(priority) then priority
        else $9
    end,
    due_date = case
        when not $10::boolean then due_date
        when $11 is distinct from due_date then $11
        else $14
    end,
    due_date_marker = case
        when not $10::boolean then due_date_marker
        when $11 is distinct from due_date
        then case when $12::boolean <> (pg_typeof(due_date) = 'timestamp'::regtype) then $13::timestamp end
        else case when $15::boolean <> (pg_typeof(due_date) = 'timestamp'::regtype) then $16::timestamp end
    end
"
    };
}

static UPDATE: Write = Write::new(
    "update",
    concat!(
        "\
update tasks
",
        changes!(),
        "\
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning ",
        written_columns!(),
    ),
);

/// [`UPDATE`] with a precondition. `$17` are the expected versions, null for any. `$18` is the expected `updated_at`, null
/// for any; clients in JavaScript send it with milliseconds only.
static CONDITIONAL_UPDATE: Write = Write::new(
    "conditional update",
    concat!(
        "\
with changed as (
    update tasks
",
        changes!(),
        "\
    where user_id = $1
      and id = $3
      and ($17::bigint[] is null or version = any ($17::bigint[]))
      and (coalesce(updated_at, created_at) = $18
           or date_trunc('milliseconds', coalesce(updated_at, created_at)) = $18) is not false
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

/// [`COMPLETE`] with a precondition, `$6` and `$7`, as in [`CONDITIONAL_UPDATE`]. An earlier attempt of this
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
           or (($6::bigint[] is null or version = any ($6::bigint[]))
               and (coalesce(updated_at, created_at) = $7
                    or date_trunc('milliseconds', coalesce(updated_at, created_at)) = $7) is not false))
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

static DELETE: Write = Write::new(
    "delete",
    "\
delete from tasks
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning pg_current_xact_id()::text, true
",
);

/// `$4` are the expected versions.
static CONDITIONAL_DELETE: Write = Write::new(
    "conditional delete",
    "\
with changed as (
    delete from tasks
    where user_id = $1
      and id = $3
      and version = any ($4::bigint[])
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning pg_current_xact_id()::text as transaction
)
select transaction, true
from changed
union all
select null, false
from tasks
where user_id = $1
  and id = $3
  and not exists (select from changed)
",
);

/// How often a create is tried while the database assigns ids that are in use.
const ID_ATTEMPTS: usize = 10;

impl UserTasks<'_> {
    /// The statement of [`UserTasks::create`] if all fields are given.
    pub const CREATE: StartStatement = CREATE.at_start();
    /// The statement of [`UserTasks::get`].
    pub const GET: StartStatement = GET.at_start();
    /// The statement of [`UserTasks::update`] without a precondition.
    pub const UPDATE: StartStatement = UPDATE.at_start();
    /// The statement of [`UserTasks::complete`] without a precondition.
    pub const COMPLETE: StartStatement = COMPLETE.at_start();
    /// The statement of [`UserTasks::delete`] without a precondition.
    pub const DELETE: StartStatement = DELETE.at_start();

    /// Stores a new task and returns it.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; failures of the database.
    pub async fn create(&self, new: &NewTask) -> Result<Task, StoreError> {
        let due_date = new.due_date.map(|due_date| {
            let [due_date, is_floating, marker] = DueDate::params(Some(due_date));
            (vec![due_date], vec![is_floating, marker])
        });
        let (due_date, marker) = due_date.unzip();
        let columns = vec![
            Some(vec![SqlParam::from_str(&new.title)]),
            new.description.as_deref().map(|description| vec![SqlParam::from_str(description)]),
            new.completed.map(|completed| vec![SqlParam::from_display(completed)]),
            new.priority.map(|priority| vec![SqlParam::from_str(priority)]),
            due_date,
            marker,
            Some(vec![SqlParam::from_display(format_args!("request:{}", self.scope.request_id()))]),
        ];
        for _ in 1..ID_ATTEMPTS {
            match self.insert(new, columns.clone()).await {
                // The attempt has used up the number.
                Err(StoreError::IdInUse(_, error)) => {
                    tracing::warn!(
                        cause = cause_chain(&error),
                        "the sequence of tasks.id is behind: `migrate verify` has the fix"
                    );
                }
                outcome => return outcome,
            }
        }
        self.insert(new, columns).await
    }

    async fn insert(&self, new: &NewTask, columns: Vec<Option<Vec<SqlParam<'_>>>>) -> Result<Task, StoreError> {
        match self.scope.insert(&CREATE, columns).await {
            Ok(result) => self.written_task(result.rows.first()),
            Err(error) => {
                let fields = fields(Some(&new.title), new.description.as_deref(), new.priority);
                Err(self.scope.explain(&TASK, &fields, error).await)
            }
        }
    }

    /// The task with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; failures of the database.
    pub async fn get(&self, id: &TaskId) -> Result<Task, StoreError> {
        let rows = self.scope.read(&GET, [SqlParam::from_display(id)]).await.map_err(map_task_error)?;
        self.task(rows.first().ok_or(StoreError::NotFound(&TASK))?)
    }

    /// Changes the given fields and returns the task.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::PreconditionFailed`] if the task does not have one of `versions` or was not
    /// last changed when the client expects; failures of the database.
    pub async fn update(&self, id: &TaskId, change: &TaskChange, versions: &Versions) -> Result<Task, StoreError> {
        let precondition = Precondition { versions, updated_at: change.expected_updated_at };
        if !change.invalid_values.is_empty() {
            let stored = self.get(id).await?;
            let failures = change.failures(&stored);
            if !failures.is_empty() {
                // A value that was stored when the client read the task is no mistake of the client.
                let is_current = precondition.is_met_by(&stored);
                let invalid = StoreError::InvalidInput(InvalidInput(failures));
                return Err(if is_current { invalid } else { StoreError::PreconditionFailed(&TASK) });
            }
        }
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
        let fields = fields(change.title.as_deref(), description.and_then(Option::as_deref), change.priority.flatten());
        let is_changed = |task: &Task| change.is_applied_to(task);
        self.change([&UPDATE, &CONDITIONAL_UPDATE], params, &precondition, &fields, is_changed).await
    }

    /// Sets or toggles whether the task is completed and returns it.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn complete(
        &self,
        id: &TaskId,
        completion: &Completion,
        versions: &Versions,
    ) -> Result<Task, StoreError> {
        let params = vec![
            SqlParam::from_display(id),
            completion.completed.map_or(SqlParam::NULL, SqlParam::from_display),
            SqlParam::from_str(self.scope.request_id()),
        ];
        let precondition = Precondition { versions, updated_at: completion.expected_updated_at };
        let is_changed = |task: &Task| completion.completed == Some(task.completed);
        self.change([&COMPLETE, &CONDITIONAL_COMPLETE], params, &precondition, &[], is_changed).await
    }

    /// Deletes the task permanently.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn delete(&self, id: &TaskId, versions: &Versions) -> Result<Deleted, StoreError> {
        let id = SqlParam::from_display(id);
        let result = match versions.as_slice() {
            None => self.scope.write(&DELETE, vec![id]).await,
            Some(versions) => self.scope.write(&CONDITIONAL_DELETE, vec![id, version_array(versions)]).await,
        };
        let result = result.map_err(map_task_error)?;
        match result.rows.first() {
            Some(row) if is_applied(row)? => Ok(Deleted { transaction: row.get(0).map_err(map_task_error)? }),
            Some(_) => Err(StoreError::PreconditionFailed(&TASK)),
            // An earlier attempt has deleted the task, and its response was lost.
            None if result.maybe_executed => Ok(Deleted { transaction: None }),
            None => Err(StoreError::NotFound(&TASK)),
        }
    }

    /// Changes a task with the first statement, or with the second one if there is a precondition. `fields` are the columns
    /// that it changes, and `is_changed` tells whether a task is as the change makes it.
    async fn change<'a>(
        &'a self,
        [statement, conditional]: [&'static Write; 2],
        mut params: Vec<SqlParam<'a>>,
        precondition: &Precondition<'_>,
        fields: &[(&str, Option<&str>)],
        is_changed: impl Fn(&Task) -> bool,
    ) -> Result<Task, StoreError> {
        let result = match precondition.params() {
            None => self.scope.write(statement, params).await.map(|result| self.written_task(result.rows.first())),
            Some(expected) => {
                params.extend(expected);
                let result = self.scope.write(conditional, params).await;
                result.map(|result| self.conditionally_changed_task(&result, is_changed))
            }
        };
        match result {
            Ok(task) => task,
            Err(error) => Err(self.change_error(fields, error).await),
        }
    }

    /// `is_changed` tells whether a task is as the change makes it.
    fn conditionally_changed_task(
        &self,
        result: &QueryResult<Vec<Row>>,
        is_changed: impl Fn(&Task) -> bool,
    ) -> Result<Task, StoreError> {
        let row = result.rows.first().ok_or(StoreError::NotFound(&TASK))?;
        let task = self.written_task(Some(row))?;
        // An earlier attempt whose response was lost may have changed the task, and with it the version.
        if is_applied(row)? || (result.maybe_executed && is_changed(&task)) {
            Ok(task)
        } else {
            Err(StoreError::PreconditionFailed(&TASK))
        }
    }

    /// The failure of a change. `fields` are as in [`UserScope::explain`].
    async fn change_error(&self, fields: &[(&str, Option<&str>)], error: DbError) -> StoreError {
        match error.kind() {
            DbErrorKind::Rejected(
                Rejection::Rule | Rejection::Encoding | Rejection::Unique | Rejection::ForeignKey,
            ) => self.scope.explain(&TASK, fields, error).await,
            _ => map_task_error(error),
        }
    }

    fn written_task(&self, row: Option<&Row>) -> Result<Task, StoreError> {
        let row = row.ok_or(StoreError::NotFound(&TASK))?;
        written_task(row, self.scope.user_id()).map_err(map_task_error)
    }

    pub(super) fn task(&self, row: &Row) -> Result<Task, StoreError> {
        task(row, self.scope.user_id()).map_err(map_task_error)
    }
}

/// The columns that requests can change, with the texts that a statement stores.
fn fields<'a>(
    title: Option<&'a str>,
    description: Option<&'a str>,
    priority: Option<&'a str>,
) -> [(&'static str, Option<&'a str>); 5] {
    [("title", title), ("description", description), ("completed", None), ("priority", priority), ("due_date", None)]
}

/// The last column of a statement with a precondition, and of a delete.
fn is_applied(row: &Row) -> Result<bool, StoreError> {
    row.last().map_err(map_task_error)
}

fn map_task_error(error: DbError) -> StoreError {
    StoreError::about_row(&TASK, error)
}
