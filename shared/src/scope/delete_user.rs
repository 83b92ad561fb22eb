//! Deleting a user with all rows, whether or not foreign keys would.

use super::statement::Write;
use super::user_scope::FENCE;
use crate::auth::VerifiedUser;
use crate::db::{Database, DbError, Query, SqlParam};

/// Deletes the rows of the user `$1` in every table that a user can write to.
static DELETE_ROWS: Write = Write::new(
    "delete account",
    "\
with deleted_tasks as (
    delete from tasks
    where user_id = $1
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning id
),
deleted_tags as (
    delete from tasks_api.task_tags
    where user_id = $1
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning name
)
select count(*)
from deleted_tasks
",
);

/// Deletes the rows of a user and, in the same statement, the user. `deletion` has the parts of a `with` that delete the user:
/// they name no table of [`USER_TABLES`](super::allowed), and their parameters are `$1`, the id, and `$3`.
pub(crate) async fn delete_user<'a>(
    database: &Database,
    user: &'a VerifiedUser,
    deletion: &str,
    param: SqlParam<'a>,
) -> Result<(), DbError> {
    let rows = DELETE_ROWS.sql().strip_prefix("with").unwrap_or_default();
    let sql = format!("with {deletion},{rows}");
    let query = |attempt| {
        Query::new(DELETE_ROWS.name(), sql.clone(), vec![SqlParam::from_str(user.id()), attempt, param.clone()])
    };
    database.write(&FENCE, query).await.map(drop)
}
