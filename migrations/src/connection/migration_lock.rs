//! The lock that lets only one program migrate a database at a time.

use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::{Executor, PgConnection};

use crate::error::MigrateError;
use crate::lock_budget::LockBudget;

/// Not more than this, because it is the time for which a finished program keeps the next one waiting.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Waits until no other program migrates this database. The lock is released when the session ends.
///
/// It is the advisory lock of sqlx, which older releases acquire too. The wait is split into short attempts: a statement
/// that waits holds a snapshot, and the program that has the lock cannot finish an index before that snapshot is gone.
///
/// # Errors
/// [`MigrateError::MigrationLockTimeout`] when the budget is used up.
pub(crate) async fn acquire_migration_lock(
    database: &mut PgConnection,
    budget: &mut LockBudget,
) -> Result<(), MigrateError> {
    // A role may have a statement timeout for requests; building an index may take longer.
    database.execute("set statement_timeout = 0; set lock_timeout = '100ms'").await?;
    loop {
        match database.lock().await.map_err(MigrateError::from_migration_lock) {
            Ok(()) => {
                budget.reset();
                return Ok(());
            }
            Err(MigrateError::MigrationLockTimeout) if budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) => return Err(error),
        }
    }
}
