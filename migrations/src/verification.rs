//! Whether a database is what the functions need.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::catalogue::Tasks;
use crate::difference::{self, Difference, family};
use crate::{MigrateError, Options, time_zone, user_table};

/// What was found. Without differences the functions can work with the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// What the functions would miss.
    pub differences: Vec<Difference>,
    /// What an owner may want to know, each a sentence. No failures.
    pub notes: Vec<String>,
}

pub(crate) async fn verify(database: &mut PgConnection, options: &Options) -> Result<Verification, MigrateError> {
    let setting = options.auth_user_table.as_deref();
    let Some(tasks) = Tasks::read(database).await? else {
        let difference = Difference::by_hand("there is no table tasks", "migrate up makes it");
        return Ok(Verification { differences: vec![difference], notes: Vec::new() });
    };
    let users = user_table::choose_for(database, &tasks, setting).await?;
    let mut differences = difference::differences(database, &tasks, users.as_ref()).await?;
    // A restore can load rows past a foreign key that then counts as validated.
    if let Some(users) = users.as_ref().filter(|_| difference::has_validated_foreign_key(&tasks)) {
        differences.extend(difference::orphaned(database, users).await?);
    }

    let mut notes = time_zone::notes(database, &tasks).await?;
    if tasks.foreign_keys.is_empty()
        && users.is_none()
        && let Some(users) = known_users(database, &tasks).await
    {
        let count = difference::orphans(database, &users).await?;
        notes
            .push(format!("there is no foreign key, and {count} tasks are of users that {} does not have", users.name));
    }
    for (column, reading) in [
        ("completed", "are read as pending"),
        ("created_at", "are read as made when they last changed, or in 1970"),
        ("updated_at", "are read as last changed when they were made, or in 1970"),
    ] {
        if tasks.column(column).is_none_or(|column| column.not_null) {
            continue;
        }
        let sql = format!("select count(*) from tasks where {column} is null");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *database).await?;
        if count > 0 {
            notes.push(format!("{count} tasks have no {column}, and {reading}"));
        }
    }
    Ok(Verification { differences, notes })
}

/// The table of users that would be found without a setting, if its keys can be compared.
async fn known_users(database: &mut PgConnection, tasks: &Tasks) -> Option<user_table::UserTable> {
    let users = user_table::choose(database, None).await.ok().flatten()?;
    let user_id = tasks.column("user_id")?;
    (family(&user_id.type_name) == family(&users.key_type)).then_some(users)
}
