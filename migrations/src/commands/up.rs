//! `up`: applies migrations, or adopts a table.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::adoption;
use crate::bookkeeping::Bookkeeping;
use crate::connection::{acquire_migration_lock, connect};
use crate::error::MigrateError;
use crate::history;
use crate::lock_budget::{DEFAULT_LOCK_TIMEOUT, LockBudget};
use crate::migration;
use crate::options::Options;
use crate::own_users::{self, OwnUsers};
use crate::report::Report;
use crate::runner;
use crate::schema::catalog::TasksTable;
use crate::schema::priority_check;
use crate::task_table;
use crate::user_table::{self, SESSION_SETTING};

/// Applies every migration that the database lacks, or adopts the table `tasks` that another back end created.
///
/// It is safe to call this from several places at once: all but one wait. When a migration fails, it is rolled back and
/// the ones before it stay. Requests that use the tasks meanwhile wait for at most 1.2 s, the lock timeout.
///
/// # Errors
/// When the URL is invalid or the database cannot be reached; when there is no table of users, a table `tasks` that cannot
/// be adopted, or another table that seems to have the tasks (nothing is changed then); when the role may not create the
/// schema of our own; when a file was edited after it was applied; when a lock is not free
/// within a minute; when a migration fails.
pub async fn up(database_url: &str, options: &Options) -> Result<Report, MigrateError> {
    up_with_lock_timeout(database_url, options, DEFAULT_LOCK_TIMEOUT).await
}

/// [`up`] with another limit than a minute for the time that one operation may wait for locks.
///
/// # Errors
/// As [`up`].
pub async fn up_with_lock_timeout(
    database_url: &str,
    options: &Options,
    lock_timeout: Duration,
) -> Result<Report, MigrateError> {
    let mut database = connect(database_url).await?;
    let report = run(&mut database, options, &mut LockBudget::new(lock_timeout)).await;
    // The work is done; the end of the session also releases the migration lock.
    let _ = database.close().await;
    report
}

async fn run(database: &mut PgConnection, options: &Options, budget: &mut LockBudget) -> Result<Report, MigrateError> {
    let mut report = migrate(database, options, budget).await?;
    let mut changes = priority_check::changes(database, options.task_priorities.as_deref()).await?;
    if options.has_own_users() {
        changes.extend(OwnUsers::read(database, options).await?.changes(database).await?);
    }
    report.changes.extend(adoption::make_changes(database, changes, budget).await?);
    Ok(report)
}

async fn migrate(
    database: &mut PgConnection,
    options: &Options,
    budget: &mut LockBudget,
) -> Result<Report, MigrateError> {
    acquire_migration_lock(database, budget).await?;
    let bookkeeping = Bookkeeping::read(database).await?;
    let applied = history::applied(database, &bookkeeping).await?;
    history::verify_checksums(&applied)?;

    let tasks = TasksTable::read(database).await?;
    let mut made = Vec::new();
    if applied.is_empty() {
        let auth_user_table = options.auth_user_table.as_deref();
        task_table::require(database, tasks.as_ref(), options.task_table.as_deref()).await?;
        if tasks.is_some() {
            return adoption::adopt(database, auth_user_table, budget).await;
        }
        if let Some(creation) = own_users::creation(database, options).await? {
            history::require_privileges(&bookkeeping)?;
            made = adoption::make_changes(database, vec![creation], budget).await?;
        }
        // Chosen here and not in the first migration: a refusal must leave nothing behind, not even the history table.
        let users = user_table::choose(database, auth_user_table).await?;
        let name = user_table::session_setting_value(users);
        sqlx::query("select set_config($1, $2, false)")
            .bind(SESSION_SETTING)
            .bind(name)
            .execute(&mut *database)
            .await?;
    } else if tasks.is_none() {
        return Err(MigrateError::MissingTasks);
    }

    let mut report = Report { migrations: Vec::new(), changes: made };
    let pending: Vec<_> = migration::up_files().filter(|file| !applied.contains_key(&file.version)).collect();
    if pending.is_empty() {
        return Ok(report);
    }
    history::require_privileges(&bookkeeping)?;
    runner::prepare_bookkeeping(database, &bookkeeping, budget).await?;
    for file in pending {
        runner::apply(database, file, budget).await?;
        budget.reset();
        report.migrations.push(file.into());
    }
    Ok(report)
}
