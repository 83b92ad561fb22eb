//! The SQL of single tasks, each statement beside the method that sends it; `list` has that of lists.
//!
//! Ids and times are parameters in text format and take the type of their column, so the same statements serve integer,
//! uuid and text ids.

use super::input::{Completion, NewTask, TaskChange};
use super::model::{TASK, Task, TaskId};
use crate::db::{DbError, QueryResult, Row, SqlParam};
use crate::scope::{Read, StoreError, UserScope, Versions, Write};
use crate::time::Timestamp;

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

// Every statement returns the columns that `UserTasks::task` decodes, in this order. A statement with a precondition
// returns `applied` after them: if it is false, the precondition failed and the row is the current one. Without a row there
// is no such task.

/// If the user has stored a task with this key before, the statement returns that task.
static CREATE: Write = Write::new(
    "create",
    "\
insert into tasks (user_id, title, description, completed, priority, due_date, idempotency_key)
select $1, $3, $4, $5, $6, $7, $8
where not exists (select from tasks_api.task_fences where attempt = $2)
on conflict (user_id, idempotency_key) do update
set idempotency_key = excluded.idempotency_key
returning id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version
",
);

static GET: Read = Read::new(
    "get",
    "\
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version
from tasks
where user_id = $1
  and id = $2
",
);

/// `$5`, `$8` and `$10` say whether a column changes, so that null can be its new value. `$12` is the other spelling of
/// the due date, which counts if `$11` is stored already.
static UPDATE: Write = Write::new(
    "update",
    "\
update tasks
set title = coalesce($4, title),
    description = case when $5::boolean then $6 else description end,
    completed = coalesce($7, completed),
    priority = case when $8::boolean then $9 else priority end,
    due_date = case
        when not $10::boolean then due_date
        when $11 is distinct from due_date then $11
        else $12
    end
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version
",
);

/// [`UPDATE`] with a precondition. `$13` are the expected versions, null for any. `$14` is the expected `updated_at`, null
/// for any; clients in JavaScript send it with milliseconds only.
static CONDITIONAL_UPDATE: Write = Write::new(
    "conditional update",
    "\
with changed as (
    update tasks
    set title = coalesce($4, title),
        description = case when $5::boolean then $6 else description end,
        completed = coalesce($7, completed),
        priority = case when $8::boolean then $9 else priority end,
        due_date = case
            when not $10::boolean then due_date
            when $11 is distinct from due_date then $11
            else $12
        end
    where user_id = $1
      and id = $3
      and ($13::bigint[] is null or version = any ($13::bigint[]))
      and (coalesce(updated_at, created_at) = $14
           or date_trunc('milliseconds', coalesce(updated_at, created_at)) = $14) is not false
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning *
)
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version, true
from changed
union all
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version, false
from tasks
where user_id = $1
  and id = $3
  and not exists (select from changed)
",
);

/// Sets `completed` to `$4`. If that is null, toggles it, unless the request `$5` has already done so.
static COMPLETE: Write = Write::new(
    "complete",
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
returning id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version
",
);

/// [`COMPLETE`] with a precondition, `$6` and `$7`, as in [`CONDITIONAL_UPDATE`]. An earlier attempt of this
/// request may have toggled the task and so changed its version: the precondition does not apply to such a task.
static CONDITIONAL_COMPLETE: Write = Write::new(
    "conditional complete",
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
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version, true
from changed
union all
select id, title, description, coalesce(completed, false), priority, due_date, created_at, updated_at, version, false
from tasks
where user_id = $1
  and id = $3
  and not exists (select from changed)
",
);

static DELETE: Write = Write::new(
    "delete",
    "\
delete from tasks
where user_id = $1
  and id = $3
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning true
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
    returning id
)
select true
from changed
union all
select false
from tasks
where user_id = $1
  and id = $3
  and not exists (select from changed)
",
);

impl UserTasks<'_> {
    /// Stores a new task and returns it.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; failures of the database.
    pub async fn create(&self, new: &NewTask) -> Result<Task, StoreError> {
        let params = vec![
            SqlParam::from_str(&new.title),
            new.description.as_deref().map_or(SqlParam::NULL, SqlParam::from_str),
            SqlParam::from_display(new.completed),
            new.priority.map_or(SqlParam::NULL, SqlParam::from_str),
            new.due_date.map_or(SqlParam::NULL, SqlParam::from_display),
            SqlParam::from_display(format_args!("request:{}", self.scope.request_id())),
        ];
        let result = self.scope.write(&CREATE, params).await.map_err(|error| StoreError::about_user(&TASK, error))?;
        self.first_task(&result.rows)
    }

    /// The task with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; failures of the database.
    pub async fn get(&self, id: &TaskId) -> Result<Task, StoreError> {
        let rows = self.scope.read(&GET, [SqlParam::from_display(id)]).await.map_err(map_task_error)?;
        self.first_task(&rows)
    }

    /// Changes the given fields and returns the task.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::PreconditionFailed`] if the task does not have one of `versions` or was not
    /// last changed when the client expects; failures of the database.
    pub async fn update(&self, id: &TaskId, change: &TaskChange, versions: &Versions) -> Result<Task, StoreError> {
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
            change.due_date.and_then(|due_date| due_date.value).map_or(SqlParam::NULL, SqlParam::from_display),
            change.due_date.and_then(|due_date| due_date.otherwise).map_or(SqlParam::NULL, SqlParam::from_display),
        ];
        let precondition = Precondition { versions, updated_at: change.expected_updated_at };
        match precondition.params() {
            None => self.changed_task(self.scope.write(&UPDATE, params).await),
            Some(precondition) => {
                params.extend(precondition);
                let result = self.scope.write(&CONDITIONAL_UPDATE, params).await;
                self.conditionally_changed_task(result, |task| change.is_applied_to(task))
            }
        }
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
        let mut params = vec![
            SqlParam::from_display(id),
            completion.completed.map_or(SqlParam::NULL, SqlParam::from_display),
            SqlParam::from_str(self.scope.request_id()),
        ];
        let precondition = Precondition { versions, updated_at: completion.expected_updated_at };
        match precondition.params() {
            None => self.changed_task(self.scope.write(&COMPLETE, params).await),
            Some(precondition) => {
                params.extend(precondition);
                let result = self.scope.write(&CONDITIONAL_COMPLETE, params).await;
                self.conditionally_changed_task(result, |task| completion.completed == Some(task.completed))
            }
        }
    }

    /// Deletes the task permanently.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn delete(&self, id: &TaskId, versions: &Versions) -> Result<(), StoreError> {
        let id = SqlParam::from_display(id);
        let result = match versions.as_slice() {
            None => self.scope.write(&DELETE, vec![id]).await,
            Some(versions) => self.scope.write(&CONDITIONAL_DELETE, vec![id, version_array(versions)]).await,
        };
        let result = result.map_err(map_task_error)?;
        match result.rows.first() {
            Some(row) if is_applied(row)? => Ok(()),
            Some(_) => Err(StoreError::PreconditionFailed(&TASK)),
            // An earlier attempt has deleted the task, and its response was lost.
            None if result.maybe_executed => Ok(()),
            None => Err(StoreError::NotFound(&TASK)),
        }
    }

    fn changed_task(&self, result: Result<QueryResult<Vec<Row>>, DbError>) -> Result<Task, StoreError> {
        self.first_task(&result.map_err(map_task_error)?.rows)
    }

    /// `is_changed` tells whether a task is as the change makes it.
    fn conditionally_changed_task(
        &self,
        result: Result<QueryResult<Vec<Row>>, DbError>,
        is_changed: impl Fn(&Task) -> bool,
    ) -> Result<Task, StoreError> {
        let result = result.map_err(map_task_error)?;
        let row = result.rows.first().ok_or(StoreError::NotFound(&TASK))?;
        let task = self.task(row)?;
        // An earlier attempt whose response was lost may have changed the task, and with it the version.
        if is_applied(row)? || (result.maybe_executed && is_changed(&task)) {
            Ok(task)
        } else {
            Err(StoreError::PreconditionFailed(&TASK))
        }
    }

    fn first_task(&self, rows: &[Row]) -> Result<Task, StoreError> {
        rows.first().map_or(Err(StoreError::NotFound(&TASK)), |row| self.task(row))
    }

    /// Decodes a task. If an earlier back end stored only one of the two times, it stands for both.
    pub(super) fn task(&self, row: &Row) -> Result<Task, StoreError> {
        let decode = || -> Result<Task, DbError> {
            let created_at: Option<Timestamp> = row.get(6)?;
            let updated_at: Option<Timestamp> = row.get(7)?;
            Ok(Task {
                id: TaskId::new(row.get(0)?),
                user_id: self.scope.user_id().to_owned(),
                title: row.get(1)?,
                description: row.get(2)?,
                completed: row.get(3)?,
                priority: row.get(4)?,
                due_date: row.get(5)?,
                created_at: created_at.or(updated_at).unwrap_or(Timestamp::EPOCH),
                updated_at: updated_at.or(created_at).unwrap_or(Timestamp::EPOCH),
                version: row.get(8)?,
            })
        };
        decode().map_err(map_task_error)
    }
}

/// What the client expects of the task before the change.
struct Precondition<'a> {
    versions: &'a Versions,
    updated_at: Option<Timestamp>,
}

impl Precondition<'_> {
    /// The expected versions and the expected `updated_at`; `None` if the client expects neither.
    fn params(&self) -> Option<[SqlParam<'static>; 2]> {
        let versions = self.versions.as_slice();
        let is_present = versions.is_some() || self.updated_at.is_some();
        let versions = versions.map_or(SqlParam::NULL, version_array);
        is_present.then(|| [versions, self.updated_at.map_or(SqlParam::NULL, SqlParam::from_display)])
    }
}

/// An array literal of versions.
fn version_array(versions: &[i64]) -> SqlParam<'static> {
    SqlParam::from_texts(versions.iter().map(i64::to_string))
}

/// The last column of a statement with a precondition, and the only one of a delete.
fn is_applied(row: &Row) -> Result<bool, StoreError> {
    row.last().map_err(map_task_error)
}

fn map_task_error(error: DbError) -> StoreError {
    StoreError::about_row(&TASK, error)
}
