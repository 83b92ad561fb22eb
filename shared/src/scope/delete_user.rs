//! Deleting a user with all rows, whether or not foreign keys would.

use super::statement::Write;
use super::user_scope::FENCE;
use crate::auth::VerifiedUser;
use crate::db::{Database, DbError, Query, SqlParam};

/// Deletes the rows of the user `$1` in every table that a user can write to. The records of deleted tasks stay until they
/// expire: they have ids and no content.
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
),
deleted_answers as (
    delete from tasks_api.idempotency_keys
    where user_id = $1
      and not exists (select from tasks_api.task_fences where attempt = $2)
    returning key
)
select count(*)
from deleted_tasks
",
);

/// Deletes the rows of a user and, in the same statement, the user. `deletion` has the parts of a `with` that delete the user:
/// they name no table of [`USER_TABLES`](super::allowed). `params` are `$3` and following: `$1` has the type of the column of
/// tasks, which need not be that of the table of users.
pub(crate) async fn delete_user<'a>(
    database: &Database,
    user: &'a VerifiedUser,
    deletion: &str,
    params: &[SqlParam<'a>],
) -> Result<(), DbError> {
    let rows = DELETE_ROWS.sql().strip_prefix("with").unwrap_or_default();
    let sql = format!("with {deletion},{rows}");
    let query = |attempt| {
        let params = [SqlParam::from_str(user.id()), attempt].into_iter().chain(params.iter().cloned());
        Query::new(DELETE_ROWS.name(), sql.clone(), params.collect())
    };
    database.write(&FENCE, query).await.map(drop)
}
