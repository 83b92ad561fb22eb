//! `verify`: whether a database has what the functions need.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::connection::connect_read_only;
use crate::error::MigrateError;
use crate::options::Options;
use crate::schema::catalog::{TasksTable, UserTable, type_family};
use crate::schema::comparison;
use crate::schema::difference::Difference;
use crate::schema::orphans;
use crate::schema::time_zones;
use crate::user_table;

/// What was found. Without differences the functions can work with the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// What the functions need and the database lacks.
    pub differences: Vec<Difference>,
    /// What the owner of the database may want to know, each a sentence. The functions work all the same.
    pub notes: Vec<String>,
}

/// Columns that the functions need and in which a table of another back end may have nulls, and how the functions read
/// those tasks.
const NULLABLE_COLUMNS: [(&str, &str); 3] = [
    ("completed", "are read as pending"),
    ("created_at", "are read as made when they last changed, or in 1970"),
    ("updated_at", "are read as last changed when they were made, or in 1970"),
];

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
    let Some(tasks) = TasksTable::read(database).await? else {
        let difference = Difference::manual("there is no table tasks", "migrate up makes it");
        return Ok(Verification { differences: vec![difference], notes: Vec::new() });
    };
    let users = user_table::choose_for(database, &tasks, options.auth_user_table.as_deref()).await?;
    let mut differences = comparison::differences(database, &tasks, users.as_ref()).await?;
    // A restore can load rows without checking a foreign key that is marked as validated.
    if let Some(users) = users.as_ref().filter(|_| tasks.has_validated_foreign_key()) {
        differences.extend(orphans::difference(database, users).await?);
    }
    Ok(Verification { differences, notes: notes(database, &tasks, users.as_ref()).await? })
}

async fn notes(
    database: &mut PgConnection,
    tasks: &TasksTable,
    users: Option<&UserTable>,
) -> Result<Vec<String>, MigrateError> {
    let mut notes = time_zones::notes(database, tasks).await?;
    if tasks.foreign_keys.is_empty()
        && users.is_none()
        && let Some(users) = default_user_table(database, tasks).await
    {
        let count = orphans::count(database, &users).await?;
        notes
            .push(format!("there is no foreign key, and {count} tasks are of users that {} does not have", users.name));
    }
    for (column, reading) in NULLABLE_COLUMNS {
        if tasks.column(column).is_none_or(|column| column.not_null) {
            continue;
        }
        let sql = format!("select count(*) from tasks where {column} is null");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *database).await?;
        if count > 0 {
            notes.push(format!("{count} tasks have no {column}, and {reading}"));
        }
    }
    Ok(notes)
}

/// The table of users that is used without a setting. `None` when there is none, or when its keys are of another type.
async fn default_user_table(database: &mut PgConnection, tasks: &TasksTable) -> Option<UserTable> {
    let users = user_table::choose(database, None).await.ok().flatten()?;
    let user_id = tasks.column("user_id")?;
    (type_family(&user_id.type_name) == type_family(&users.key_type)).then_some(users)
}
