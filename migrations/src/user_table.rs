//! Finds the table of users that `tasks.user_id` references.

use sqlx::PgConnection;

use crate::MigrateError;

/// The value of `AUTH_USER_TABLE` for no foreign key.
const NONE: &str = "none";

/// Finds the table and names it in the session's setting that the first migration reads.
pub(crate) async fn choose(database: &mut PgConnection, auth_user_table: Option<&str>) -> Result<(), MigrateError> {
    let name = match auth_user_table.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) if name.eq_ignore_ascii_case(NONE) => NONE.to_owned(),
        Some(name) => {
            find(database, name).await?.ok_or_else(|| MigrateError::UnknownUserTable { name: name.to_owned() })?
        }
        // Better Auth's own default first: a database may have an older `users` beside it.
        None => match find(database, "\"user\"").await? {
            Some(name) => name,
            None => find(database, "users").await?.ok_or(MigrateError::NoUserTable)?,
        },
    };
    sqlx::query("select set_config('tasks.auth_user_table', $1, false)").bind(name).execute(database).await?;
    Ok(())
}

/// The table's full name, quoted as SQL needs it; `None` when there is no such table.
async fn find(database: &mut PgConnection, name: &str) -> Result<Option<String>, MigrateError> {
    let found: Option<(String, bool, bool, bool)> = sqlx::query_as(
        "select
            format('%I.%I', schema.nspname, relation.relname),
            relation.relkind in ('r', 'p'),
            id.attnum is not null,
            exists (
                select
                from pg_index
                where indrelid = relation.oid
                    and indkey[0] = id.attnum
                    and indnkeyatts = 1
                    and indisunique
                    and indisvalid
                    and indimmediate
                    and indpred is null
            )
        from pg_class as relation
        join pg_namespace as schema
            on schema.oid = relation.relnamespace
        left join pg_attribute as id
            on id.attrelid = relation.oid
            and id.attname = 'id'
            and not id.attisdropped
        where relation.oid = to_regclass($1)",
    )
    .bind(name)
    .fetch_optional(database)
    .await
    .or_else(|error| if is_no_name(&error) { Ok(None) } else { Err(error) })?;

    let Some((table, is_table, has_id, id_is_unique)) = found else {
        return Ok(None);
    };
    let reason = if !is_table {
        "it is not a table"
    } else if !has_id {
        "it has no column id"
    } else if !id_is_unique {
        "its column id is neither its primary key nor unique"
    } else {
        return Ok(Some(table));
    };
    Err(MigrateError::UnfitUserTable { table, reason })
}

/// Whether PostgreSQL could not read the text as a name at all, which it does not count as "no such table".
fn is_no_name(error: &sqlx::Error) -> bool {
    const SYNTAX_ERROR: &str = "42601";
    const INVALID_NAME: &str = "42602";
    const OTHER_DATABASE: &str = "0A000";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| [SYNTAX_ERROR, INVALID_NAME, OTHER_DATABASE].contains(&&*code))
}
