//! Finds what the database lacks of what the functions need, and the changes that add it.

use sqlx::PgConnection;

use crate::schema::catalog::{TasksTable, UserTable};
use crate::schema::difference::Difference;
use crate::schema::priority_spelling;
use crate::schema::required_columns;
use crate::schema::soft_delete;

mod checks;
mod columns;
mod fences;
mod field_columns;
mod foreign_keys;
mod functions;
mod indexes;
mod other_names;
mod sign_in;
mod sync_tables;
mod triggers;
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
            "the functions need a table that is not a view, not partitioned, and neither inherits from another table nor \
             is inherited: give this one another name",
        )]);
    }
    let mut differences = Vec::new();
    if !tasks.can_be_altered {
        differences.push(Difference::manual(
            "this role may not alter the table tasks, or not create anything in the schema",
            "put the URL of the role that owns the table into DATABASE_URL_UNPOOLED",
        ));
    }
    differences.extend(tasks.rules.iter().map(|rule| {
        Difference::manual(
            format!("tasks has the rule {rule}, and PostgreSQL rewrites no statements like those of the functions"),
            format!("make it a trigger, then: drop rule {rule} on tasks"),
        )
    }));
    differences.extend(fences::schema_difference(tasks));
    differences.extend(columns::differences(database, tasks).await?);
    differences.extend(field_columns::differences(tasks));
    differences.extend(required_columns::differences(database, tasks).await?);
    differences.extend(functions::difference(tasks));
    differences.extend(soft_delete::differences(database, tasks).await?);
    differences.extend(priority_spelling::difference(database, tasks).await?);
    differences.extend(sync_tables::tables_of_triggers(tasks));
    differences.extend(triggers::differences(tasks));
    differences.extend(checks::differences(database, tasks).await?);
    if let Some(users) = users {
        differences.extend(foreign_keys::differences(database, tasks, users).await?);
    }
    differences.extend(sync_tables::idempotency_keys(tasks));
    differences.extend(sync_tables::tags(tasks));
    differences.extend(sign_in::difference(tasks));
    differences.extend(indexes::differences(tasks));
    differences.extend(fences::differences(tasks));
    Ok(differences)
}
