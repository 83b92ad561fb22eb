//! Storing a new task.

use super::answer::answer;
use super::columns::{task_columns, written_columns};
use super::due_date::DueDate;
use super::extra::ExtraInput;
use super::field_texts::unknown_time_zone;
use super::input::NewTask;
use super::model::{TASK, Task};
use super::repository::UserTasks;
use crate::db::{DbError, DbErrorKind, Rejection, SqlParam, cause_chain};
use crate::input::{Failure, InvalidInput};
use crate::output::{Written, to_json};
use crate::scope::{
    IdempotencyKey, Insert, KeyedInsert, KeyedRequest, Read, StartStatement, StoreError, StoredAnswer, keyed_sql,
};

/// If the user has stored a task with this key before, the statement returns that task. `$8` says whether the due date is
/// floating; `$9` is its marker if the column has the other kind. `$id` are a further column and its value.
macro_rules! create {
    ($name:literal, $id_column:literal, $id_value:literal) => {
        Insert::new(
            $name,
            concat!(
                "\
insert into tasks (user_id, title, description, completed, priority, due_date, due_date_marker, due_is_date, tags, category, recurrence, time_zone, extra_input, idempotency_key",
                $id_column,
                ")
select $1, $3, $4, $5, $6, $7, case when $8::boolean <> (pg_typeof((null::tasks).due_date) = 'timestamp'::regtype) then $9::timestamp end, tasks_api.flag_for($10::boolean, (null::tasks).due_is_date), tasks_api.tags_for($11::text[], (null::tasks).tags), tasks_api.label_for($12::text, (null::tasks).category), tasks_api.label_for($13::text, (null::tasks).recurrence), tasks_api.zone_for($14::text, (null::tasks).time_zone), $15::jsonb, $16",
                $id_value,
                "
where not exists (select from tasks_api.task_fences where attempt = $2)
on conflict (user_id, idempotency_key) do update
set idempotency_key = excluded.idempotency_key
returning ",
                written_columns!(),
            ),
        )
    };
}

/// [`create`] with a key of the client. The parameters of the columns start at `$6`.
macro_rules! keyed_create {
    ($name:literal, $id_column:literal, $id_value:literal) => {
        KeyedInsert::new(
            $name,
            keyed_sql!(
                "create",
                concat!(
                    "\
changed as (
insert into tasks (user_id, title, description, completed, priority, due_date, due_date_marker, due_is_date, tags, category, recurrence, time_zone, extra_input",
                    $id_column,
                    ")
select $1, $6, $7, $8, $9, $10, case when $11::boolean <> (pg_typeof((null::tasks).due_date) = 'timestamp'::regtype) then $12::timestamp end, tasks_api.flag_for($13::boolean, (null::tasks).due_is_date), tasks_api.tags_for($14::text[], (null::tasks).tags), tasks_api.label_for($15::text, (null::tasks).category), tasks_api.label_for($16::text, (null::tasks).recurrence), tasks_api.zone_for($17::text, (null::tasks).time_zone), $18::jsonb",
                    $id_value,
                    "
where not exists (select from prior)
  and not exists (select from tasks_api.task_fences where attempt = $2)
returning id::text as task_id, ",
                    answer!(),
                    " as answer
)"
                )
            ),
        )
    };
}

static CREATE: Insert = create!("create", "", "");
static CREATE_WITH_ID: Insert = create!("create with id", ", id", ", $17");
static KEYED_CREATE: KeyedInsert = keyed_create!("keyed create", "", "");
static KEYED_CREATE_WITH_ID: KeyedInsert = keyed_create!("keyed create with id", ", id", ", $19");

/// Fails as each statement about the user does, if it does.
static USER: Read = Read::new("user", "select from tasks where user_id = $1 limit 0");

/// How often a create is tried while the database assigns ids that are in use.
const ID_ATTEMPTS: usize = 10;

impl UserTasks<'_> {
    /// The statement of [`UserTasks::create`] if all fields are given.
    pub const CREATE: StartStatement = CREATE.at_start();

    /// Stores a new task and returns it. With a key that was used before, returns the task that was stored then.
    ///
    /// # Errors
    /// [`StoreError::UnknownUser`]; [`StoreError::KeyReused`]; [`StoreError::KeyInProgress`]; [`StoreError::Conflict`] if the
    /// client has chosen an id that is in use; [`StoreError::InvalidInput`] if ids are numbers, which it cannot choose;
    /// failures of the database.
    pub async fn create(&self, new: &NewTask, key: Option<&IdempotencyKey>) -> Result<Written<Task>, StoreError> {
        let Some(key) = key else {
            let request = SqlParam::from_display(format_args!("request:{}", self.scope.request_id()));
            let columns: Vec<_> = columns(new).into_iter().chain([Some(vec![request])]).chain(id_column(new)).collect();
            let created = with_free_id(async || self.insert(new, columns.clone()).await).await;
            return created.map(Written::new);
        };
        let request = KeyedRequest::new(&TASK, "create", key, new);
        let insert = async || match self.insert_keyed(new, &request).await {
            // Of two at once, the other one has stored the task first: now its answer is there.
            Err(StoreError::Conflict(..)) if new.id.is_some() => self.insert_keyed(new, &request).await,
            outcome => outcome,
        };
        self.write_once(&request, async || with_free_id(&insert).await).await
    }

    async fn insert(&self, new: &NewTask, columns: Vec<Option<Vec<SqlParam<'_>>>>) -> Result<Task, StoreError> {
        let statement = if new.id.is_some() { &CREATE_WITH_ID } else { &CREATE };
        match self.scope.insert(statement, columns).await {
            Ok(result) => self.written_task(result.rows.first()),
            Err(error) => Err(self.create_error(new, error).await),
        }
    }

    async fn insert_keyed(&self, new: &NewTask, request: &KeyedRequest<'_>) -> Result<StoredAnswer, StoreError> {
        let statement = if new.id.is_some() { &KEYED_CREATE_WITH_ID } else { &KEYED_CREATE };
        let columns = columns(new).into_iter().chain(id_column(new)).collect();
        match self.scope.insert_keyed(statement, request, columns).await {
            Ok(outcome) => outcome.answer_or(|_| StoreError::NotFound(&TASK)),
            Err(error) => Err(self.create_error(new, error).await),
        }
    }

    async fn create_error(&self, new: &NewTask, error: DbError) -> StoreError {
        if new.id.is_some() && error.kind() == DbErrorKind::Rejected(Rejection::Literal) {
            // It is the user's id that the column's type cannot represent, or the one of the task.
            return match self.scope.read(&USER, []).await {
                Ok(_) => StoreError::InvalidInput(unassignable_id()),
                Err(error) => StoreError::about_user(&TASK, error),
            };
        }
        let error = match unknown_time_zone(&[new.field_texts()], error) {
            Ok((error, _)) => return error,
            Err(error) => error,
        };
        match self.scope.explain(&TASK, &new.field_texts(), error).await {
            StoreError::IdInUse(_, error) if new.id.is_some() => StoreError::Conflict(id_in_use(), error),
            error => error,
        }
    }
}

/// The columns of a new task that a client can give.
fn columns(new: &NewTask) -> Vec<Option<Vec<SqlParam<'_>>>> {
    let due_date = new.due_date.map(|input| {
        let [due_date, is_floating, marker] = DueDate::params(Some(input.due_date));
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
        new.due_date.and_then(|input| input.is_date).map(|is_date| vec![SqlParam::from_display(is_date)]),
        new.tags.as_ref().map(|tags| vec![SqlParam::from_texts(tags)]),
        new.category.as_deref().map(|category| vec![SqlParam::from_str(category)]),
        new.recurrence.as_deref().map(|rule| vec![SqlParam::from_str(rule)]),
        new.time_zone.as_deref().map(|zone| vec![SqlParam::from_str(zone)]),
        ExtraInput::of_new(&new.extra).map(|extra| vec![SqlParam::from_display(to_json(&extra))]),
    ]
}

/// The column of an id that the client has chosen. `None` if it has not.
fn id_column(new: &NewTask) -> Option<Option<Vec<SqlParam<'_>>>> {
    new.id.as_deref().map(|id| Some(vec![SqlParam::from_str(id)]))
}

/// The failure of an id that the client has chosen although ids are numbers.
pub(super) fn unassignable_id() -> InvalidInput {
    id_failure("id is assigned by the server, and must be absent")
}

/// The failure of an id that the client has chosen although a task has it.
pub(super) fn id_in_use() -> InvalidInput {
    id_failure("another task has this id")
}

fn id_failure(detail: &str) -> InvalidInput {
    InvalidInput(vec![Failure { pointer: "/id".to_owned(), detail: detail.to_owned() }])
}

/// Repeats a create while the database assigns an id that is in use.
pub(super) async fn with_free_id<T>(create: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..ID_ATTEMPTS {
        match create().await {
            // The attempt has used up numbers.
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
