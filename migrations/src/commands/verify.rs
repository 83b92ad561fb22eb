//! `verify`: whether a database has what the functions need.

use sqlx::{Connection, PgConnection};

use crate::connection::connect_read_only;
use crate::error::MigrateError;
use crate::notes;
use crate::options::Options;
use crate::schema::catalog::TasksTable;
use crate::schema::comparison;
use crate::schema::difference::Difference;
use crate::schema::orphans;
use crate::task_table;
use crate::user_table;

/// What was found. Without differences the functions can work with the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// What the functions need and the database lacks.
    pub differences: Vec<Difference>,
    /// What the owner of the database may want to know, each a sentence. The functions work all the same.
    pub notes: Vec<String>,
}

/// Compares the database with what the functions need. Changes nothing.
///
/// # Errors
/// When the URL is invalid, the database cannot be reached, or there is no table of users.
pub async fn verify(database_url: &str, options: &Options) -> Result<Verification, MigrateError> {
    let mut database = connect_read_only(database_url).await?;
    let verification = run(&mut database, options).await;
    let _ = database.close().await;
    verification
}

async fn run(database: &mut PgConnection, options: &Options) -> Result<Verification, MigrateError> {
    let tasks = TasksTable::read(database).await?;
    let elsewhere = task_table::differences(database, tasks.as_ref(), options.task_table.as_deref()).await?;
    let Some(tasks) = tasks else {
        let missing = Difference::manual("there is no table tasks", "migrate up makes it");
        return Ok(Verification { differences: [missing].into_iter().chain(elsewhere).collect(), notes: Vec::new() });
    };
    let users = user_table::choose_for(database, &tasks, options.auth_user_table.as_deref()).await?;
    let mut differences = comparison::differences(database, &tasks, users.as_ref()).await?;
    // A restore can load rows without checking a foreign key that is marked as validated.
    if let Some(users) = users.as_ref().filter(|_| tasks.has_validated_foreign_key()) {
        differences.extend(orphans::difference(database, users).await?);
    }
    differences.extend(elsewhere);
    Ok(Verification { differences, notes: notes::notes(database, &tasks, users.as_ref()).await? })
}
