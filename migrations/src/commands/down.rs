//! `down`: reverts the newest migration, or an adoption.

use sqlx::{Connection, PgConnection};

use crate::adoption::{self, AdoptionLog};
use crate::bookkeeping::Bookkeeping;
use crate::connection::{acquire_migration_lock, connect};
use crate::error::MigrateError;
use crate::history;
use crate::lock_budget::{DEFAULT_LOCK_TIMEOUT, LockBudget};
use crate::migration;
use crate::report::Report;
use crate::runner;
use crate::schema::catalog::TasksTable;

/// Reverts the newest migration. An adoption is reverted as a whole: what it added is dropped, and what the other back end
/// created stays.
///
/// # Errors
/// As [`up`](crate::up). Also when tasks, or values in their columns, would be lost, and when the newest migration belongs
/// to a newer release, which alone can revert it.
pub async fn down(database_url: &str) -> Result<Report, MigrateError> {
    revert_newest(database_url, false).await
}

/// [`down`], even when users lose data.
///
/// # Errors
/// As [`down`], except for the loss of data.
pub async fn down_discarding_data(database_url: &str) -> Result<Report, MigrateError> {
    revert_newest(database_url, true).await
}

async fn revert_newest(database_url: &str, discard_data: bool) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = run(&mut database, discard_data, &mut LockBudget::new(DEFAULT_LOCK_TIMEOUT)).await;
    // The work is done; the end of the session also releases the migration lock.
    let _ = database.close().await;
    report
}

async fn run(database: &mut PgConnection, discard_data: bool, budget: &mut LockBudget) -> Result<Report, MigrateError> {
    acquire_migration_lock(database, budget).await?;
    let bookkeeping = Bookkeeping::read(database).await?;
    let applied = history::applied(database, &bookkeeping).await?;
    history::verify_checksums(&applied)?;
    let newest = applied.last_key_value().map(|(&version, _)| version);

    // An adoption that was interrupted stands for no migrations, and is the newest thing that was done.
    if let Some(log) = AdoptionLog::read(database, &bookkeeping).await?
        && newest.is_none_or(|newest| log.adopted_through.is_none_or(|through| newest <= through))
    {
        return adoption::revert(database, log, discard_data, budget).await;
    }
    let (Some(history), Some(version)) = (&bookkeeping.history, newest) else {
        return Ok(Report::default());
    };
    if TasksTable::read(database).await?.is_none() {
        return Err(MigrateError::MissingTasks);
    }
    let file = migration::down_file(version).ok_or(MigrateError::UnknownMigration { version })?;
    runner::revert(database, history, file, discard_data, budget).await?;
    if applied.len() == 1 {
        runner::drop_history(database, history).await?;
    }
    Ok(Report { migrations: vec![file.into()], changes: Vec::new() })
}
