//! Applies and reverts single migrations.

use sqlx::migrate::{self, Migrate};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::bookkeeping::{Bookkeeping, DROP_SCHEMA, HISTORY_TABLE, MOVE_BACK};
use crate::error::MigrateError;
use crate::lock_budget::{LockBudget, RETRY_DELAY, is_lock_conflict};
use crate::schema::catalog::TasksTable;
use crate::schema::field_columns;
use crate::sql::{BRIEF_LOCK_TIMEOUT, brief_transaction};

/// The migration that creates the table `tasks`, so that its revert drops the tasks.
const CREATES_TASKS: i64 = 1;

/// The migrations that add columns for what users enter, so that their reverts drop that.
const ADDS_FIELDS: i64 = 22;
const ADDS_EXTRA_MEMBERS: i64 = 27;

/// The migration before which the history was in the schema of `tasks`. Its revert moves the history back.
const MOVES_BOOKKEEPING: i64 = 13;

/// Applies a migration, and tries again while another session holds a lock that it needs.
pub(crate) async fn apply(
    database: &mut PgConnection,
    file: &migrate::Migration,
    budget: &LockBudget,
) -> Result<(), MigrateError> {
    loop {
        set_lock_timeout(database, file, budget).await?;
        if file.no_tx {
            drop_invalid_index(database, file).await?;
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
/// Also [`MigrateError::DataLoss`] when tasks, or what users have entered in them, would be deleted and `discard_data` is
/// not set.
pub(crate) async fn revert(
    database: &mut PgConnection,
    history: &str,
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
    let dropped_columns = match file.version {
        ADDS_FIELDS => Some("dropping the columns of tags, category and recurrence"),
        ADDS_EXTRA_MEMBERS => Some("dropping the column of the members of TASK_EXTRA_FIELDS"),
        _ => None,
    };
    if let Some(change) = dropped_columns.filter(|_| !discard_data) {
        let is_dropped = |name: &str| (name == "extra") == (file.version == ADDS_EXTRA_MEMBERS);
        let count = field_columns::count_rows_with_data(database, is_dropped).await?;
        if count > 0 {
            return Err(MigrateError::DataLoss { count, change: change.to_owned() });
        }
    }
    loop {
        set_lock_timeout(database, file, budget).await?;
        let reverted = if file.no_tx {
            database.revert(history, file).await.map(drop)
        } else {
            let truncate = (drops_tasks && discard_data).then_some("truncate tasks");
            let move_back = (file.version == MOVES_BOOKKEEPING).then_some(MOVE_BACK);
            revert_between(database, truncate, history, file, move_back).await
        };
        match reverted.map_err(|error| MigrateError::from_migration(file, error)) {
            Ok(()) => return Ok(()),
            Err(MigrateError::LockTimeout(_)) if budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reverts a migration in one transaction with a statement before it and one after it.
async fn revert_between(
    database: &mut PgConnection,
    before: Option<&'static str>,
    history: &str,
    file: &migrate::Migration,
    after: Option<&'static str>,
) -> Result<(), migrate::MigrateError> {
    let mut transaction = database.begin().await?;
    if let Some(before) = before {
        transaction.execute(before).await?;
    }
    transaction.revert(history, file).await?;
    if let Some(after) = after {
        transaction.execute(after).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Moves the tables of an earlier release into the schema of our own and creates what is missing there, and tries again
/// while another session holds a lock that this needs.
pub(crate) async fn prepare_bookkeeping(
    database: &mut PgConnection,
    bookkeeping: &Bookkeeping,
    budget: &LockBudget,
) -> Result<(), MigrateError> {
    let Some(statements) = bookkeeping.preparation() else { return Ok(()) };
    loop {
        let prepared = database.execute(AssertSqlSafe(brief_transaction(&statements))).await;
        if prepared.is_err() {
            // The message has begun a transaction. The error that counts is the first one.
            let _ = database.execute("rollback").await;
        }
        match prepared {
            Ok(_) => return Ok(()),
            Err(error) if is_lock_conflict(&error) && budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(source) => {
                let change = "move the tables of this program into the schema tasks_api".to_owned();
                return Err(if is_lock_conflict(&source) {
                    MigrateError::ChangeLockTimeout { change }
                } else {
                    MigrateError::ChangeFailed { change, source }
                });
            }
        }
    }
}

/// Drops the history, which has become empty, and the schema of our own.
pub(crate) async fn drop_history(database: &mut PgConnection, history: &str) -> Result<(), MigrateError> {
    database.execute(AssertSqlSafe(brief_transaction(&format!("drop table {history};")))).await?;
    if history == HISTORY_TABLE {
        database.execute(DROP_SCHEMA).await?;
    }
    Ok(())
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

/// Drops the invalid index that an interrupted run of this migration left behind. `create index … if not exists` would take
/// it for the index.
async fn drop_invalid_index(database: &mut PgConnection, file: &migrate::Migration) -> Result<(), MigrateError> {
    let Some(tasks) = TasksTable::read(database).await? else { return Ok(()) };
    let is_created = |name: &str| file.sql.as_str().split_whitespace().any(|word| word == name);
    for index in tasks.indexes.iter().filter(|index| !index.valid && is_created(&index.name)) {
        let sql = format!("drop index concurrently if exists {}", index.name);
        database.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}
