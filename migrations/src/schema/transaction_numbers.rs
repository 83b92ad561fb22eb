//! Transaction numbers in the tables that the server has not given yet. They come from another server: a dump was restored
//! into this one. A reader of the changes would wait for them.

use sqlx::PgConnection;

use crate::schema::difference::Difference;

/// The condition on rows that are visible to this statement. Whatever is visible was written by a transaction that ended,
/// and its number is below that of the next one.
pub(crate) const CHANGED_IN_IS_AHEAD: &str = "changed_in >= pg_snapshot_xmax(pg_current_snapshot())";

/// The difference for such numbers. `None` when there are none. The columns must exist.
pub(crate) async fn difference(database: &mut PgConnection) -> Result<Option<Difference>, sqlx::Error> {
    let are_ahead: bool = sqlx::query_scalar(
        "select exists (select from tasks where changed_in >= pg_snapshot_xmax(pg_current_snapshot()))
            or exists (
                select
                from tasks_api.task_tombstones
                where deleted_in >= pg_snapshot_xmax(pg_current_snapshot())
            )",
    )
    .fetch_one(database)
    .await?;
    Ok(are_ahead.then(|| {
        Difference::manual(
            "changes bear transaction numbers that this server has not given yet: the database was restored into it",
            "before the functions get requests, run: migrate new-epoch",
        )
    }))
}
