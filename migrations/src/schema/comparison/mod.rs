//! Finds what the database lacks of what the functions need, and the changes that add it.

use sqlx::PgConnection;

use crate::schema::catalog::{TasksTable, UserTable};
use crate::schema::difference::Difference;
use crate::schema::soft_delete;

mod checks;
mod columns;
mod fences;
mod foreign_keys;
mod indexes;
mod other_names;
mod trigger;
mod type_changes;

/// All differences, in an order in which they can be resolved: checks and indexes need the columns before them. `users`
/// is the table that `user_id` references, `None` for no foreign key.
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
    users: Option<&UserTable>,
) -> Result<Vec<Difference>, sqlx::Error> {
    if !tasks.is_ordinary_table {
        return Ok(vec![Difference::manual(
            "tasks is not a plain table",
            "the functions need a table: give the view or the partitioned table another name",
        )]);
    }
    let mut differences = Vec::new();
    if !tasks.can_be_altered {
        differences.push(Difference::manual(
            "this role may not alter the table tasks, or not create anything in the schema",
            "put the URL of the role that owns the table into DATABASE_URL_UNPOOLED",
        ));
    }
    differences.extend(columns::differences(database, tasks).await?);
    differences.extend(soft_delete::differences(database, tasks).await?);
    differences.extend(trigger::differences(tasks));
    differences.extend(checks::differences(database, tasks).await?);
    if let Some(users) = users {
        differences.extend(foreign_keys::differences(database, tasks, users).await?);
    }
    differences.extend(indexes::differences(tasks));
    differences.extend(fences::differences(database).await?);
    Ok(differences)
}
