//! What all changes of a task have in common.
//!
//! A statement with a precondition returns `applied` after the columns of the task: if it is false, the precondition failed
//! and the row is the current one. Without a row there is no such task.

use super::field_texts::unknown_time_zone;
use super::model::{TASK, Task};
use super::precondition::Precondition;
use super::repository::{UserTasks, is_applied, map_task_error};
use crate::db::{DbError, DbErrorKind, QueryResult, Rejection, Row, SqlParam};
use crate::scope::{FieldText, KeyedRequest, KeyedWrite, StoreError, StoredAnswer, Write};

/// The last part of a keyed change of the task `$6`: a row if the task exists and was not changed.
macro_rules! unchanged {
    () => {
        "\
union all
select null, null, null, null
from tasks
where user_id = $1
  and id = $6
  and not exists (select from kept)
  and not exists (select from prior)
"
    };
}

/// The last part of a change with a precondition: the task of the query `changed`, or else the current one, and whether it was
/// changed.
macro_rules! changed_or_current {
    () => {
        concat!(
            "\
select ",
            written_columns!("changed"),
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
        )
    };
}

pub(super) use {changed_or_current, unchanged};

impl UserTasks<'_> {
    /// Changes a task with the first statement, or with the second one if there is a precondition. `fields` are the columns
    /// that it changes, and `is_changed` tells whether a task is as the change makes it.
    pub(super) async fn change<'a>(
        &'a self,
        [statement, conditional]: [&'static Write; 2],
        mut params: Vec<SqlParam<'a>>,
        precondition: &Precondition<'_>,
        fields: &[FieldText<'_>],
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

    /// The failure of a change. `fields` are as in `UserScope::explain`.
    pub(super) async fn change_error(&self, fields: &[FieldText<'_>], error: DbError) -> StoreError {
        let error = match unknown_time_zone(&[fields], error) {
            Ok((error, _)) => return error,
            Err(error) => error,
        };
        match error.kind() {
            DbErrorKind::Rejected(
                Rejection::Rule | Rejection::Encoding | Rejection::Unique | Rejection::ForeignKey,
            ) => self.scope.explain(&TASK, fields, error).await,
            _ => map_task_error(error),
        }
    }

    /// Changes a task with a key of the client. `fields` are the columns that it changes.
    pub(super) async fn change_keyed<'a>(
        &'a self,
        statement: &'static KeyedWrite,
        request: &'a KeyedRequest<'a>,
        mut params: Vec<SqlParam<'a>>,
        precondition: &Precondition<'_>,
        fields: &[FieldText<'_>],
    ) -> Result<StoredAnswer, StoreError> {
        let expected = precondition.params();
        let is_conditional = expected.is_some();
        params.extend(expected.unwrap_or([SqlParam::NULL, SqlParam::NULL]));
        match self.scope.write_keyed(statement, request, params).await {
            Ok(outcome) => outcome.answer_or(|rows| not_changed(is_conditional && !rows.is_empty())),
            Err(error) => Err(self.change_error(fields, error).await),
        }
    }
}

/// Why a keyed statement has not changed its task.
pub(super) fn not_changed(is_precondition_failed: bool) -> StoreError {
    if is_precondition_failed { StoreError::PreconditionFailed(&TASK) } else { StoreError::NotFound(&TASK) }
}
