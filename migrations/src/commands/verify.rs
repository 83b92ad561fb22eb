//! `verify`: whether a database has what the functions need.

use sqlx::{Connection, PgConnection};

use crate::connection::connect_read_only;
use crate::error::MigrateError;
use crate::notes;
use crate::options::{Functions, Options};
use crate::own_users::OwnUsers;
use crate::proof;
use crate::schema::catalog::TasksTable;
use crate::schema::comparison;
use crate::schema::difference::Difference;
use crate::schema::extra_fields;
use crate::schema::orphans;
use crate::schema::priority_check;
use crate::schema::transaction_numbers;
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

/// [`verify_functions`] for functions that use the same URL and have no other settings.
///
/// # Errors
/// As [`verify_functions`].
pub async fn verify(database_url: &str, options: &Options) -> Result<Verification, MigrateError> {
    verify_functions(database_url, &Functions::with_database(database_url), options).await
}

/// Compares the database with what the functions need. If it has all of that, tries what the functions do, as an existing
/// user and in a transaction that is rolled back, and compares what they show with what the tables hold.
///
/// Changes nothing, except that sequences skip the numbers of the tasks that were rolled back.
///
/// # Errors
/// When the URL is invalid, the database cannot be reached, or there is no table of users.
pub async fn verify_functions(
    database_url: &str,
    functions: &Functions,
    options: &Options,
) -> Result<Verification, MigrateError> {
    let mut database = connect_read_only(database_url).await?;
    let verification = run(&mut database, database_url, functions, options).await;
    let _ = database.close().await;
    verification
}

async fn run(
    database: &mut PgConnection,
    database_url: &str,
    functions: &Functions,
    options: &Options,
) -> Result<Verification, MigrateError> {
    let tasks = TasksTable::read(database).await?;
    let elsewhere = task_table::differences(database, tasks.as_ref(), options.task_table.as_deref()).await?;
    let Some(tasks) = tasks else {
        let missing = Difference::manual("there is no table tasks", "migrate up makes it");
        return Ok(Verification { differences: [missing].into_iter().chain(elsewhere).collect(), notes: Vec::new() });
    };
    let users = user_table::choose_for(database, &tasks, options.auth_user_table.as_deref()).await?;
    let mut differences = comparison::differences(database, &tasks, users.as_ref()).await?;
    let priority_check = priority_check::changes(database, options.task_priorities.as_deref()).await?;
    if !priority_check.is_empty() {
        let description = "the check on priority does not accept every word of TASK_PRIORITIES";
        differences.push(Difference::automatic(description, priority_check));
    }
    let extra = options.task_extra_fields.as_deref();
    differences.extend(extra_fields::differences(&tasks, extra));
    let mut notes = notes::notes(database, &tasks, users.as_ref()).await?;
    notes.extend(extra_fields::notes(Some(&tasks), extra));
    if options.has_own_users() {
        let own_users = OwnUsers::read(database, options).await?;
        differences.extend(own_users.difference(database).await?);
        notes.extend(own_users.notes(database).await?);
    }
    if differences.is_empty() {
        differences.extend(transaction_numbers::difference(database).await?);
        let proof = proof::prove(database, database_url, functions, &tasks, users.as_ref()).await?;
        differences.extend(proof.differences);
        notes.extend(proof.notes);
    } else {
        notes.push("what the functions do was not tried, because of what they would miss".to_owned());
    }
    // A restore can load rows without checking a foreign key that is marked as validated.
    if let Some(users) = users.as_ref().filter(|_| tasks.has_validated_foreign_key()) {
        differences.extend(orphans::difference(database, users).await?);
    }
    differences.extend(elsewhere);
    Ok(Verification { differences, notes })
}
