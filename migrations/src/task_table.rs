//! Refuses an empty table `tasks` beside one that seems to have the tasks.

use sqlx::PgConnection;

use crate::error::MigrateError;
use crate::schema::catalog::TasksTable;
use crate::schema::difference::Difference;
use crate::schema::other_tables::{self, TasksState};

/// The value of `TASK_TABLE` that asks for a table `tasks` whatever other tables there are.
const TASKS: &str = "tasks";

/// Succeeds when a table `tasks` without rows is what the owner wants. `tasks` is the one that exists.
///
/// # Errors
/// [`MigrateError::TasksElsewhere`] and [`MigrateError::TaskTable`].
pub(crate) async fn require(
    database: &mut PgConnection,
    tasks: Option<&TasksTable>,
    task_table: Option<&str>,
) -> Result<(), MigrateError> {
    let differences = differences(database, tasks, task_table).await?;
    if differences.is_empty() { Ok(()) } else { Err(MigrateError::TasksElsewhere { differences }) }
}

/// The tables that seem to have tasks, if `tasks` has none and `TASK_TABLE` does not say that this is right.
///
/// # Errors
/// [`MigrateError::TaskTable`].
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: Option<&TasksTable>,
    task_table: Option<&str>,
) -> Result<Vec<Difference>, MigrateError> {
    match task_table.map(str::trim).filter(|name| !name.is_empty()) {
        Some(TASKS) => return Ok(Vec::new()),
        Some(name) => return Err(MigrateError::TaskTable { name: quoted(name) }),
        None => {}
    }
    let state = match tasks {
        None => TasksState::Missing,
        Some(_) if !is_empty(database).await? => return Ok(Vec::new()),
        Some(tasks) if tasks.bookkeeping.history.is_some() => TasksState::Migrated,
        Some(_) => TasksState::Empty,
    };
    Ok(other_tables::differences(database, state).await?)
}

/// A table that this role may not read counts as one with rows.
async fn is_empty(database: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let can_be_read: bool = sqlx::query_scalar("select has_table_privilege(to_regclass('tasks'), 'select')")
        .fetch_one(&mut *database)
        .await?;
    if !can_be_read {
        return Ok(false);
    }
    sqlx::query_scalar("select not exists (select from tasks)").fetch_one(database).await
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    let is_plain =
        name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_.".contains(letter));
    if is_plain || name.contains('"') { name.to_owned() } else { format!("\"{name}\"") }
}
