//! Foreign keys of other tables that refer to tasks and do not delete their rows with them.

use sqlx::{AssertSqlSafe, Connection, Executor, FromRow, PgConnection};

use crate::connection::connect;
use crate::error::MigrateError;
use crate::schema::catalog::UserTable;

/// A foreign key of one column.
#[derive(FromRow)]
struct Reference {
    /// The table, quoted for SQL.
    table: String,
    /// Quoted for SQL.
    column: String,
}

/// A note for each such foreign key.
pub(super) async fn notes(
    owner: &mut PgConnection,
    owner_url: &str,
    users: Option<&UserTable>,
) -> Result<Vec<String>, MigrateError> {
    let references: Vec<Reference> = sqlx::query_as(
        "select conrelid::regclass::text as table, quote_ident(attname) as column
        from pg_constraint
        join pg_attribute
            on attrelid = conrelid
            and attnum = conkey[1]
        where confrelid = to_regclass('tasks')
            and contype = 'f'
            and confdeltype in ('a', 'r')
        order by 1, 2",
    )
    .fetch_all(&mut *owner)
    .await?;
    let mut notes = Vec::new();
    for reference in references {
        let Reference { table, column } = &reference;
        let users = match users {
            Some(users) => format!(", and {}", deleting_a_user(owner, owner_url, &reference, users).await?),
            None => String::new(),
        };
        notes.push(format!(
            "{table}.{column} refers to tasks without on delete cascade: deleting a task to which a row refers is answered \
             with 409{users}"
        ));
    }
    Ok(notes)
}

/// Whether a user can be deleted who has such a task, as a clause. It is tried and rolled back.
async fn deleting_a_user(
    owner: &mut PgConnection,
    owner_url: &str,
    Reference { table, column }: &Reference,
    UserTable { name, key, .. }: &UserTable,
) -> Result<String, MigrateError> {
    let find = format!(
        "select user_id::text
        from tasks
        where exists (select from {table} as referring where referring.{column} = tasks.id)
        limit 1"
    );
    let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(find)).fetch_optional(&mut *owner).await?;
    let Some(user) = found else { return Ok("no row refers to a task yet".to_owned()) };
    let mut database = connect(owner_url).await?;
    database.execute("begin; set local lock_timeout = '2s'; set constraints all immediate").await?;
    let delete = format!("delete from {name} where {key}::text = $1");
    let deleted = sqlx::query(AssertSqlSafe(delete)).bind(user).execute(&mut database).await;
    database.execute("rollback").await?;
    let _ = database.close().await;
    Ok(match deleted {
        Ok(_) => "deleting a user who has such a task works".to_owned(),
        Err(sqlx::Error::Database(error)) => {
            format!("deleting a user who has such a task fails: {}", error.message())
        }
        Err(error) => return Err(error.into()),
    })
}
