//! `new-epoch`: after a restore, makes every client fetch all of its tasks again.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgTransaction};

use crate::connection::{acquire_migration_lock, connect};
use crate::error::MigrateError;
use crate::lock_budget::{DEFAULT_LOCK_TIMEOUT, LockBudget, RETRY_DELAY, is_lock_conflict};
use crate::schema::catalog::TasksTable;
use crate::schema::sync_tables::Epoch;
use crate::schema::transaction_numbers::CHANGED_IN_IS_AHEAD;
use crate::sql::BRIEF_LOCK_TIMEOUT;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEpoch {
    /// The epoch that tokens name from now on.
    pub epoch: String,
    /// The number of tasks whose transaction number came from another server, and was removed.
    pub cleared_tasks: u64,
    /// The number of records of deleted tasks that only tokens of the former epoch needed, and that were removed.
    pub deleted_tombstones: u64,
}

/// A trigger that another program may have made.
#[derive(sqlx::FromRow)]
struct EnabledTrigger {
    /// Quoted for SQL.
    name: String,
    /// What `alter table` calls its state: `enable`, `enable always`.
    enable: String,
}

/// Renews the epoch, so that every token that a client has is refused and the client fetches all tasks again. A restored
/// database needs it: its server gives transaction numbers again, or has lost changes that clients have seen.
///
/// If tasks bear numbers that this server has not given yet, removes them. Writes of tasks wait meanwhile, and no trigger
/// fires. What a user sees of a task stays as it is.
///
/// # Errors
/// When the URL is invalid or the database cannot be reached; when it lacks the migrations; when a lock is not free within
/// a minute.
pub async fn new_epoch(database_url: &str) -> Result<NewEpoch, MigrateError> {
    let mut database = connect(database_url).await?;
    let renewed = run(&mut database, &mut LockBudget::new(DEFAULT_LOCK_TIMEOUT)).await;
    // The work is done; the end of the session also releases the migration lock.
    let _ = database.close().await;
    renewed
}

async fn run(database: &mut PgConnection, budget: &mut LockBudget) -> Result<NewEpoch, MigrateError> {
    acquire_migration_lock(database, budget).await?;
    let tasks = TasksTable::read(database).await?.ok_or(MigrateError::NoEpoch)?;
    let is_complete = tasks.column("changed_in").is_some() && tasks.sync_tables.tombstones.is_some();
    if !is_complete || tasks.sync_tables.epoch == Epoch::Missing {
        return Err(MigrateError::NoEpoch);
    }
    loop {
        match renew(database).await {
            Ok(renewed) => return Ok(renewed),
            Err(error) if is_lock_conflict(&error) && budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) if is_lock_conflict(&error) => {
                return Err(MigrateError::ChangeLockTimeout { change: "renew the epoch".to_owned() });
            }
            Err(source) => return Err(MigrateError::ChangeFailed { change: "renew the epoch".to_owned(), source }),
        }
    }
}

/// In one transaction, which is rolled back when it fails.
async fn renew(database: &mut PgConnection) -> Result<NewEpoch, sqlx::Error> {
    let mut transaction = database.begin().await?;
    transaction.execute(AssertSqlSafe(format!("set local lock_timeout = '{BRIEF_LOCK_TIMEOUT}'"))).await?;
    let sql = format!("select exists (select from tasks where {CHANGED_IN_IS_AHEAD})");
    let are_ahead: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
    let cleared_tasks = if are_ahead { clear_tasks(&mut transaction).await? } else { 0 };
    // Of transactions that have ended. A token of the new epoch is younger than they are.
    let deleted = transaction.execute("delete from tasks_api.task_tombstones").await?;
    let epoch = sqlx::query_scalar(
        "insert into tasks_api.sync_epoch
        default values
        on conflict (only_row) do update
        set epoch = excluded.epoch
        returning epoch::text",
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(NewEpoch { epoch, cleared_tasks, deleted_tombstones: deleted.rows_affected() })
}

/// Removes the numbers that are ahead, without the triggers: ours would keep them, and one of another program might take
/// this for a change of the task. The lock keeps out writers, whose triggers have to fire.
async fn clear_tasks(transaction: &mut PgTransaction<'_>) -> Result<u64, sqlx::Error> {
    transaction.execute("lock table tasks in share row exclusive mode").await?;
    let triggers: Vec<EnabledTrigger> = sqlx::query_as(
        "select
            quote_ident(tgname) as name,
            case tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'enable' end as enable
        from pg_trigger
        where tgrelid = 'tasks'::regclass
            and not tgisinternal
            and tgenabled <> 'D'
        order by tgname",
    )
    .fetch_all(&mut **transaction)
    .await?;
    for EnabledTrigger { name, .. } in &triggers {
        transaction.execute(AssertSqlSafe(format!("alter table tasks disable trigger {name}"))).await?;
    }
    let sql = format!("update tasks set changed_in = null where {CHANGED_IN_IS_AHEAD}");
    let cleared = transaction.execute(AssertSqlSafe(sql)).await?;
    for EnabledTrigger { name, enable } in &triggers {
        transaction.execute(AssertSqlSafe(format!("alter table tasks {enable} trigger {name}"))).await?;
    }
    Ok(cleared.rows_affected())
}
