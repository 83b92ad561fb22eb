//! What the owner of a database may want to know although the functions work with it.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::MigrateError;
use crate::schema::catalog::{TasksTable, UserTable, type_family};
use crate::schema::completion;
use crate::schema::field_columns;
use crate::schema::orphans;
use crate::schema::soft_delete;
use crate::schema::time_zones;
use crate::user_table;

/// Columns that the functions need and in which a table of another back end may have nulls, and how the functions read
/// those tasks.
const NULLABLE_COLUMNS: [(&str, &str); 3] = [
    ("completed", "are read as pending"),
    ("created_at", "are read as made when they last changed, or in 1970"),
    ("updated_at", "are read as last changed when they were made, or in 1970"),
];

/// The notes about the table `tasks`, each a sentence. `users` is the table that `user_id` references.
pub(crate) async fn notes(
    database: &mut PgConnection,
    tasks: &TasksTable,
    users: Option<&UserTable>,
) -> Result<Vec<String>, MigrateError> {
    let mut notes = time_zones::notes(database, tasks).await?;
    notes.extend(soft_delete::notes(database, tasks).await?);
    notes.extend(completion::notes(database, tasks).await?);
    notes.extend(field_columns::notes(tasks));
    if tasks.foreign_keys.is_empty()
        && users.is_none()
        && let Some(users) = default_user_table(database, tasks).await
    {
        let count = orphans::count(database, &users).await?;
        notes
            .push(format!("there is no foreign key, and {count} tasks are of users that {} does not have", users.name));
    }
    if let Some(users) = users {
        notes.extend(other_users(database, users).await?);
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

/// A note when the tasks belong to users of an earlier sign-in, and none of them is a user of Better Auth.
async fn other_users(database: &mut PgConnection, users: &UserTable) -> Result<Option<String>, MigrateError> {
    let Ok(Some(sign_in)) = user_table::choose(database, None).await else { return Ok(None) };
    if sign_in.name == users.name {
        return Ok(None);
    }
    let UserTable { name, key, .. } = &sign_in;
    let sql = format!(
        "select exists (select from tasks)
            and not exists (
                select
                from tasks
                join {name} as users
                    on users.{key}::text = tasks.user_id::text
            )"
    );
    let is_other: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await?;
    Ok(is_other.then(|| {
        format!(
            "the tasks are of users of {}, and none of them is in {name}: whoever signs in there does not see these tasks",
            users.name
        )
    }))
}

/// The table of users that is used without a setting. `None` when there is none, or when its keys are of another type.
async fn default_user_table(database: &mut PgConnection, tasks: &TasksTable) -> Option<UserTable> {
    let users = user_table::choose(database, None).await.ok().flatten()?;
    let user_id = tasks.column("user_id")?;
    (type_family(&user_id.type_name) == type_family(&users.key_type)).then_some(users)
}
