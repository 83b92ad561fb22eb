//! The changes that a table needs in order to be adopted.

use sqlx::PgConnection;

use crate::adoption::log::CREATE_LOG;
use crate::bookkeeping::{CREATE_HISTORY_TABLE, HISTORY_TABLE};
use crate::error::MigrateError;
use crate::history;
use crate::migration;
use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::comparison;
use crate::schema::difference::Difference;
use crate::user_table;

/// The changes in their order. The first creates the log, the last records the migrations that the adoption stands for.
///
/// # Errors
/// [`MigrateError::CannotAdopt`] with everything that the owner of the database has to decide first.
pub(crate) async fn required_changes(
    database: &mut PgConnection,
    tasks: &TasksTable,
    auth_user_table: Option<&str>,
) -> Result<Vec<Change>, MigrateError> {
    let users = user_table::choose_for(database, tasks, auth_user_table).await?;
    let differences = comparison::differences(database, tasks, users.as_ref()).await?;
    let (manual, automatic): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|difference| difference.changes().is_none());
    if !manual.is_empty() {
        let already_begun = tasks.bookkeeping.adoption_log.is_some();
        return Err(MigrateError::CannotAdopt { differences: manual, already_begun });
    }
    history::require_privileges(&tasks.bookkeeping)?;
    let mut changes: Vec<Change> = automatic.iter().filter_map(Difference::changes).flatten().cloned().collect();
    // The first change creates the schema, if that is missing; all others are recorded in the log.
    let position = usize::from(!tasks.bookkeeping.has_schema);
    changes.splice(position..position, prepare_log(tasks));
    changes.push(record_migrations(tasks));
    Ok(changes)
}

fn prepare_log(tasks: &TasksTable) -> Option<Change> {
    if tasks.bookkeeping.adoption_log.is_none() {
        return Some(Change::in_transaction("create the table that records how to undo the adoption", CREATE_LOG));
    }
    let move_log = tasks.bookkeeping.move_adoption_log()?;
    Some(Change::in_transaction("move the table that records how to undo the adoption", move_log))
}

/// Records all migrations as applied: the adopted table does not need them any more.
fn record_migrations(tasks: &TasksTable) -> Change {
    let latest = migration::latest_version();
    let records = migration::up_files().map(history::insert_statement);
    let sql = [CREATE_HISTORY_TABLE.to_owned()].into_iter().chain(records).collect::<Vec<_>>().join("\n");
    let undo = if tasks.bookkeeping.history.is_some() {
        format!("delete from {HISTORY_TABLE} where version <= {latest};")
    } else {
        format!("drop table {HISTORY_TABLE};")
    };
    Change::in_transaction(format!("record the migrations up to {latest:04}"), sql)
        .with_undo(undo)
        .with_adopted_through(latest)
}
