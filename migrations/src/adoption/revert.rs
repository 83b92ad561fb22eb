//! Undoes the changes of an adoption.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::adoption::log::{AdoptionLog, LogEntry};
use crate::adoption::messages::send;
use crate::error::MigrateError;
use crate::lock_budget::{LockBudget, RETRY_DELAY, is_lock_conflict};
use crate::migration::{self, Migration};
use crate::report::Report;
use crate::sql::{brief_transaction, string_literal};

/// Undoes the recorded changes, the newest first. It is safe to call this again after a failure.
///
/// # Errors
/// Also [`MigrateError::DataLoss`] when tasks hold data in an added column and `discard_data` is not set. Then nothing is
/// undone.
pub(crate) async fn revert(
    database: &mut PgConnection,
    log: AdoptionLog,
    discard_data: bool,
    budget: &mut LockBudget,
) -> Result<Report, MigrateError> {
    if !discard_data {
        refuse_data_loss(database, &log).await?;
    }
    let migrations = migration::up_files().rev().map(Migration::from);
    let migrations = migrations
        .filter(|migration| log.adopted_through.is_some_and(|through| migration.version <= through))
        .collect();
    let mut changes = Vec::new();
    for entry in &log.entries {
        for message in undo_messages(&log, entry, discard_data) {
            send_with_retries(database, &entry.change, &message, budget).await?;
        }
        changes.push(entry.change.clone());
    }
    let drop_log = brief_transaction(&log.drop_statements());
    send_with_retries(database, "create the table that records how to undo the adoption", &drop_log, budget).await?;
    Ok(Report { migrations, changes })
}

async fn refuse_data_loss(database: &mut PgConnection, log: &AdoptionLog) -> Result<(), MigrateError> {
    for LogEntry { change, data_condition, .. } in &log.entries {
        let Some(condition) = data_condition else { continue };
        let sql = format!("select count(*) from tasks where {condition}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *database).await?;
        if count > 0 {
            return Err(MigrateError::DataLoss { count, change: format!("undoing \"{change}\"") });
        }
    }
    Ok(())
}

/// The undo and the deletion of its record, each element to be sent as one message.
fn undo_messages(log: &AdoptionLog, entry: &LogEntry, discard_data: bool) -> Vec<String> {
    let delete = log.delete_statement(entry);
    if entry.undo_is_standalone {
        return vec![entry.undo.clone(), delete];
    }
    let guard = entry.data_condition.as_ref().filter(|_| !discard_data).map(|condition| data_loss_guard(condition));
    vec![brief_transaction(&format!("{}{}\n{delete}", guard.unwrap_or_default(), entry.undo))]
}

/// Statements that fail if a row satisfies the condition: since the rows were counted, data may have been stored.
fn data_loss_guard(condition: &str) -> String {
    format!(
        "lock table tasks in access exclusive mode;
do $$ begin
    if exists (select from tasks where {condition}) then
        raise exception 'tasks with {} were stored meanwhile', {};
    end if;
end $$;\n",
        "%",
        string_literal(condition)
    )
}

/// Sends a message, and tries again while another session holds a lock that it needs. `change` is what the message undoes.
async fn send_with_retries(
    database: &mut PgConnection,
    change: &str,
    message: &str,
    budget: &mut LockBudget,
) -> Result<(), MigrateError> {
    loop {
        match send(database, message, budget).await {
            Ok(()) => {
                budget.reset();
                return Ok(());
            }
            Err(error) if is_lock_conflict(&error) && budget.wait_to_retry(RETRY_DELAY).await => {}
            Err(error) if is_lock_conflict(&error) => {
                return Err(MigrateError::ChangeLockTimeout { change: format!("undo: {change}") });
            }
            Err(source) => return Err(MigrateError::ChangeFailed { change: format!("undo: {change}"), source }),
        }
    }
}
