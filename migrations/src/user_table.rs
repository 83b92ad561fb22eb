//! Finds the table of users that `tasks.user_id` references.

use sqlx::{FromRow, PgConnection};

use crate::MigrateError;
use crate::catalogue::Tasks;

/// The value of `AUTH_USER_TABLE` for no foreign key.
pub(crate) const NONE: &str = "none";

/// The table whose rows are the users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserTable {
    /// With its schema, quoted as SQL needs it: `public."user"`.
    pub(crate) name: String,
    /// The column that names a user, quoted.
    pub(crate) key: String,
    /// Its type, as `pg_type` names it.
    pub(crate) key_type: String,
}

/// Finds the table that the setting names, or the one that sign-in is known to use; `None` for no foreign key.
pub(crate) async fn choose(
    database: &mut PgConnection,
    auth_user_table: Option<&str>,
) -> Result<Option<UserTable>, MigrateError> {
    match auth_user_table.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) if name.eq_ignore_ascii_case(NONE) => Ok(None),
        Some(name) => {
            let found = find(database, name).await?;
            found.map(Some).ok_or_else(|| MigrateError::UnknownUserTable { name: name.to_owned() })
        }
        // Better Auth's own default first: a database may have an older `users` beside it.
        None => match find(database, "\"user\"").await? {
            Some(table) => Ok(Some(table)),
            None => find(database, "users").await?.map(Some).ok_or(MigrateError::NoUserTable),
        },
    }
}

/// [`choose`] for a `tasks` that exists: what its foreign key references decides.
pub(crate) async fn choose_for(
    database: &mut PgConnection,
    tasks: &Tasks,
    auth_user_table: Option<&str>,
) -> Result<Option<UserTable>, MigrateError> {
    let Some(existing) = tasks.foreign_keys.first() else {
        return choose(database, auth_user_table).await;
    };
    let users =
        UserTable { name: existing.table.clone(), key: existing.column.clone(), key_type: existing.key_type.clone() };
    if auth_user_table.is_none_or(|name| name.trim().is_empty()) {
        return Ok(Some(users));
    }
    match choose(database, auth_user_table).await? {
        Some(chosen) if chosen.name != users.name => Err(MigrateError::OtherUserTable {
            foreign_key: existing.name.clone(),
            references: users.name,
            setting: chosen.name,
        }),
        chosen => Ok(chosen.map(|_| users)),
    }
}

#[derive(FromRow)]
struct Found {
    name: String,
    is_table: bool,
    key_type: Option<String>,
    key_is_unique: bool,
}

/// The table with this name; `None` when there is none.
async fn find(database: &mut PgConnection, name: &str) -> Result<Option<UserTable>, MigrateError> {
    let found: Option<Found> = sqlx::query_as(
        "select
            format('%I.%I', schema.nspname, relation.relname) as name,
            relation.relkind in ('r', 'p') as is_table,
            typname::text as key_type,
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
            ) as key_is_unique
        from pg_class as relation
        join pg_namespace as schema
            on schema.oid = relation.relnamespace
        left join pg_attribute as id
            on id.attrelid = relation.oid
            and id.attname = 'id'
            and not id.attisdropped
        left join pg_type
            on pg_type.oid = id.atttypid
        where relation.oid = to_regclass($1)",
    )
    .bind(name)
    .fetch_optional(database)
    .await
    .or_else(|error| if is_no_name(&error) { Ok(None) } else { Err(error) })?;

    let reason = match found {
        None => return Ok(None),
        Some(Found { name, is_table: true, key_type: Some(key_type), key_is_unique: true }) => {
            return Ok(Some(UserTable { name, key: "id".to_owned(), key_type }));
        }
        Some(found) if !found.is_table => (found.name, "it is not a table"),
        Some(found) if found.key_type.is_none() => (found.name, "it has no column id"),
        Some(found) => (found.name, "its column id is neither its primary key nor unique"),
    };
    let (table, reason) = reason;
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
