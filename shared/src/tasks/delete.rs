//! Deleting a task.

use super::answer;
use super::change::{not_changed, unchanged};
use super::fingerprint::OfTask;
use super::model::{Deleted, TASK, TaskId};
use super::precondition::version_array;
use super::repository::{UserTasks, is_applied, map_task_error};
use crate::db::SqlParam;
use crate::output::Written;
use crate::scope::{
    IdempotencyKey, KeyedRequest, KeyedWrite, StartStatement, StoreError, StoredAnswer, Versions, Write, keyed_sql,
};

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

/// [`CONDITIONAL_DELETE`] with a key of the client. `$7` are the expected versions, null for any.
static KEYED_DELETE: KeyedWrite = KeyedWrite::new(
    "keyed delete",
    concat!(
        keyed_sql!(
            "delete",
            "\
changed as (
    delete from tasks
    where user_id = $1
      and id = $6
      and ($7::bigint[] is null or version = any ($7::bigint[]))
      and not exists (select from prior)
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning null as task_id, jsonb_build_object('transaction', pg_current_xact_id()::text) as answer
)"
        ),
        unchanged!(),
    ),
);

impl UserTasks<'_> {
    /// The statement of [`UserTasks::delete`] without a precondition.
    pub const DELETE: StartStatement = DELETE.at_start();

    /// Deletes the task permanently.
    ///
    /// # Errors
    /// As [`UserTasks::update`].
    pub async fn delete(
        &self,
        id: &TaskId,
        versions: &Versions,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<Deleted>, StoreError> {
        let Some(key) = key else { return self.delete_unkeyed(id, versions).await.map(Written::new) };
        let request = KeyedRequest::new(&TASK, "delete", key, &OfTask(id, &()));
        let attempt = async || self.delete_keyed(id, versions, &request).await;
        let StoredAnswer { json, is_replay } = self.scope.once(&request, attempt).await?;
        let value = answer::deleted(&json).ok_or(StoreError::UnreadableAnswer)?;
        Ok(Written { value, is_replay })
    }

    async fn delete_unkeyed(&self, id: &TaskId, versions: &Versions) -> Result<Deleted, StoreError> {
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

    async fn delete_keyed(
        &self,
        id: &TaskId,
        versions: &Versions,
        request: &KeyedRequest<'_>,
    ) -> Result<StoredAnswer, StoreError> {
        let versions = versions.as_slice();
        let params = vec![SqlParam::from_display(id), versions.map_or(SqlParam::NULL, version_array)];
        let outcome = self.scope.write_keyed(&KEYED_DELETE, request, params).await.map_err(map_task_error)?;
        outcome.answer_or(|rows| not_changed(versions.is_some() && !rows.is_empty()))
    }
}
