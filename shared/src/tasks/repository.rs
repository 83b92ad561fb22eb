//! The tasks of one user, and reading one. `create`, `change`, `delete` and `list` have the other operations, each with its
//! SQL beside the method that sends it.
//!
//! Ids and times are parameters in text format and take the type of their column, so the same statements serve integer,
//! uuid and text ids.

use super::answer;
use super::columns::{task, task_columns, written_task};
use super::model::{TASK, Task, TaskId};
use crate::db::{DbError, Row, SqlParam};
use crate::output::Written;
use crate::scope::{KeyedRequest, Read, StartStatement, StoreError, StoredAnswer, UserScope};

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

impl UserTasks<'_> {
    /// The statement of [`UserTasks::get`].
    pub const GET: StartStatement = GET.at_start();

    /// The task with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; failures of the database.
    pub async fn get(&self, id: &TaskId) -> Result<Task, StoreError> {
        let rows = self.scope.read(&GET, [SqlParam::from_display(id)]).await.map_err(map_task_error)?;
        self.task(rows.first().ok_or(StoreError::NotFound(&TASK))?)
    }

    pub(super) fn written_task(&self, row: Option<&Row>) -> Result<Task, StoreError> {
        let row = row.ok_or(StoreError::NotFound(&TASK))?;
        written_task(row, self.scope.user_id()).map_err(map_task_error)
    }

    /// Does what `attempt` does with a key. See [`UserScope::once`].
    pub(super) async fn write_once(
        &self,
        request: &KeyedRequest<'_>,
        attempt: impl AsyncFn() -> Result<StoredAnswer, StoreError>,
    ) -> Result<Written<Task>, StoreError> {
        let StoredAnswer { json, is_replay } = self.scope.once(request, attempt).await?;
        let value = answer::task(&json, self.scope.user_id()).ok_or(StoreError::UnreadableAnswer)?;
        Ok(Written { value, is_replay })
    }

    pub(super) fn task(&self, row: &Row) -> Result<Task, StoreError> {
        task(row, self.scope.user_id()).map_err(map_task_error)
    }
}

/// The last column of a statement with a precondition, and of a delete.
pub(super) fn is_applied(row: &Row) -> Result<bool, StoreError> {
    row.last().map_err(map_task_error)
}

pub(super) fn map_task_error(error: DbError) -> StoreError {
    StoreError::about_row(&TASK, error)
}
