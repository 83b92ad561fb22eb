//! Applies and reverts single migrations.

use std::time::Duration;

use sqlx::migrate::{self, Migrate};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::error::MigrateError;
use crate::history::HISTORY_TABLE;
use crate::lock_budget::{LockBudget, RETRY_DELAY};
use crate::schema::catalog::TasksTable;
use crate::schema::expected_schema::INDEXES;
use crate::sql::BRIEF_LOCK_TIMEOUT;

/// The migration that creates the table `tasks`, so that its revert drops the tasks.
const CREATES_TASKS: i64 = 1;

/// Applies a migration, and tries again while another session holds a lock that it needs.
pub(crate) async fn apply(
    database: &mut PgConnection,
    file: &migrate::Migration,
    budget: &LockBudget,
) -> Result<(), MigrateError> {
    loop {
        set_lock_timeout(database, file, budget).await?;
        if file.no_tx {
            drop_invalid_indexes(database).await?;
        }
        match database.apply(HISTORY_TABLE, file).await.map_err(|error| MigrateError::from_migration(file, error)) {
            Ok(_) => return Ok(()),
            Err(MigrateError::LockTimeout(_)) if budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reverts a migration, and tries again while another session holds a lock that it needs.
///
/// # Errors
/// Also [`MigrateError::DataLoss`] when tasks would be deleted and `discard_data` is not set.
pub(crate) async fn revert(
    database: &mut PgConnection,
    file: &migrate::Migration,
    discard_data: bool,
    budget: &LockBudget,
) -> Result<(), MigrateError> {
    let drops_tasks = file.version == CREATES_TASKS;
    if drops_tasks && !discard_data {
        let count: i64 = sqlx::query_scalar("select count(*) from tasks").fetch_one(&mut *database).await?;
        if count > 0 {
            return Err(MigrateError::DataLoss { count, change: "dropping the table tasks".to_owned() });
        }
    }
    loop {
        set_lock_timeout(database, file, budget).await?;
        let reverted = if drops_tasks && discard_data {
            truncate_and_revert(database, file).await
        } else {
            database.revert(HISTORY_TABLE, file).await
        };
        match reverted.map_err(|error| MigrateError::from_migration(file, error)) {
            Ok(_) => return Ok(()),
            Err(MigrateError::LockTimeout(_)) if budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) => return Err(error),
        }
    }
}

/// The file refuses to drop a table that has rows.
async fn truncate_and_revert(
    database: &mut PgConnection,
    file: &migrate::Migration,
) -> Result<Duration, migrate::MigrateError> {
    let mut transaction = database.begin().await?;
    transaction.execute("truncate tasks").await?;
    let elapsed = transaction.revert(HISTORY_TABLE, file).await?;
    transaction.commit().await?;
    Ok(elapsed)
}

/// Later statements, requests included, queue behind a migration that waits for a lock, so it gives up soon. One that
/// runs outside of a transaction creates an index concurrently, which blocks no writer.
async fn set_lock_timeout(
    database: &mut PgConnection,
    file: &migrate::Migration,
    budget: &LockBudget,
) -> Result<(), MigrateError> {
    let timeout = if file.no_tx { budget.lock_timeout() } else { BRIEF_LOCK_TIMEOUT.to_owned() };
    database.execute(AssertSqlSafe(format!("set lock_timeout = '{timeout}'"))).await?;
    Ok(())
}

/// Drops the invalid indexes that an interrupted migration left behind. `create index … if not exists` would take one for
/// the index.
async fn drop_invalid_indexes(database: &mut PgConnection) -> Result<(), MigrateError> {
    let Some(tasks) = TasksTable::read(database).await? else { return Ok(()) };
    for index in tasks.indexes.iter().filter(|index| !index.valid) {
        if INDEXES.iter().any(|expected| expected.name == index.name) {
            let sql = format!("drop index concurrently if exists {}", index.name);
            database.execute(AssertSqlSafe(sql)).await?;
        }
    }
    Ok(())
}
