//! Storing a new task.

use super::answer::{answer, microseconds};
use super::columns::{task_columns, written_columns};
use super::due_date::DueDate;
use super::input::NewTask;
use super::model::{TASK, Task};
use super::repository::{UserTasks, fields};
use crate::db::{DbError, SqlParam, cause_chain};
use crate::output::Written;
use crate::scope::{
    IdempotencyKey, Insert, KeyedInsert, KeyedRequest, StartStatement, StoreError, StoredAnswer, keyed_sql,
};

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

/// [`CREATE`] with a key of the client. The parameters of the columns start at `$6`.
static KEYED_CREATE: KeyedInsert = KeyedInsert::new(
    "keyed create",
    keyed_sql!(
        "create",
        "\
changed as (
insert into tasks (user_id, title, description, completed, priority, due_date, due_date_marker)
select $1, $6, $7, $8, $9, $10, case when $11::boolean <> (pg_typeof((null::tasks).due_date) = 'timestamp'::regtype) then $12::timestamp end
where not exists (select from prior)
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning id::text as task_id, ",
        answer!(),
        " as answer
)"
    ),
);

/// How often a create is tried while the database assigns ids that are in use.
const ID_ATTEMPTS: usize = 10;

impl UserTasks<'_> {
    /// The statement of [`UserTasks::create`] if all fields are given.
    pub const CREATE: StartStatement = CREATE.at_start();

    /// Stores a new task and returns it. With a key that was used before, returns the task that was stored then.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; failures of the database.
    pub async fn create(&self, new: &NewTask, key: Option<&IdempotencyKey>) -> Result<Written<Task>, StoreError> {
        let Some(key) = key else {
            let request = SqlParam::from_display(format_args!("request:{}", self.scope.request_id()));
            let columns: Vec<_> = columns(new).into_iter().chain([Some(vec![request])]).collect();
            let created = with_free_id(async || self.insert(new, columns.clone()).await).await;
            return created.map(Written::new);
        };
        let request = KeyedRequest::new(&TASK, "create", key, new);
        self.write_once(&request, async || with_free_id(async || self.insert_keyed(new, &request).await).await).await
    }

    async fn insert(&self, new: &NewTask, columns: Vec<Option<Vec<SqlParam<'_>>>>) -> Result<Task, StoreError> {
        match self.scope.insert(&CREATE, columns).await {
            Ok(result) => self.written_task(result.rows.first()),
            Err(error) => Err(self.create_error(new, error).await),
        }
    }

    async fn insert_keyed(&self, new: &NewTask, request: &KeyedRequest<'_>) -> Result<StoredAnswer, StoreError> {
        match self.scope.insert_keyed(&KEYED_CREATE, request, columns(new)).await {
            Ok(outcome) => outcome.answer_or(|_| StoreError::NotFound(&TASK)),
            Err(error) => Err(self.create_error(new, error).await),
        }
    }

    async fn create_error(&self, new: &NewTask, error: DbError) -> StoreError {
        let fields = fields(Some(&new.title), new.description.as_deref(), new.priority);
        self.scope.explain(&TASK, &fields, error).await
    }
}

/// The columns of a new task that a client can give.
fn columns(new: &NewTask) -> Vec<Option<Vec<SqlParam<'_>>>> {
    let due_date = new.due_date.map(|due_date| {
        let [due_date, is_floating, marker] = DueDate::params(Some(due_date));
        (vec![due_date], vec![is_floating, marker])
    });
    let (due_date, marker) = due_date.unzip();
    vec![
        Some(vec![SqlParam::from_str(&new.title)]),
        new.description.as_deref().map(|description| vec![SqlParam::from_str(description)]),
        new.completed.map(|completed| vec![SqlParam::from_display(completed)]),
        new.priority.map(|priority| vec![SqlParam::from_str(priority)]),
        due_date,
        marker,
    ]
}

/// Repeats a create while the database assigns an id that is in use.
async fn with_free_id<T>(create: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..ID_ATTEMPTS {
        match create().await {
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
    create().await
}
