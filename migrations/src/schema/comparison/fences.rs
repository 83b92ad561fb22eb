//! The table beside `tasks` in which the functions record the writes that they gave up.

use sqlx::PgConnection;

use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::CREATE_TASK_FENCES;

pub(super) async fn differences(database: &mut PgConnection) -> Result<Option<Difference>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regclass('task_fences') is not null").fetch_one(database).await?;
    Ok((!exists).then(|| {
        Difference::automatic(
            "the table task_fences is missing",
            [Change::in_transaction("add the table task_fences", CREATE_TASK_FENCES)
                .with_undo("drop table task_fences;")],
        )
    }))
}
