//! Chooses the table of users that `tasks.user_id` references.

use sqlx::{FromRow, PgConnection};

use crate::error::MigrateError;
use crate::schema::catalog::{TasksTable, UserTable};

/// The value of `AUTH_USER_TABLE` that means no foreign key.
pub(crate) const NO_USER_TABLE: &str = "none";

/// The value of `AUTH_USER_TABLE` that means a table `users` whose users sign in at this API. It is made in a new database.
pub(crate) const OWN_USER_TABLE: &str = "own";

/// The default of Better Auth comes first: a database may still have an older `users` beside it. Then its plural, Neon's
/// managed Better Auth, and Prisma's models.
const USUAL_NAMES: [&str; 4] = ["\"user\"", "users", "neon_auth.\"user\"", "\"User\""];

/// The setting of the session from which the first migration learns the table: its name, or [`NO_USER_TABLE`].
pub(crate) const SESSION_SETTING: &str = "tasks.auth_user_table";

/// The value of [`SESSION_SETTING`].
pub(crate) fn session_setting_value(users: Option<UserTable>) -> String {
    users.map_or_else(|| NO_USER_TABLE.to_owned(), |users| users.name)
}

/// The table that `AUTH_USER_TABLE` names, else the one of a known sign-in library. `None` means no foreign key.
pub(crate) async fn choose(
    database: &mut PgConnection,
    auth_user_table: Option<&str>,
) -> Result<Option<UserTable>, MigrateError> {
    match auth_user_table.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) if name.eq_ignore_ascii_case(NO_USER_TABLE) => Ok(None),
        Some(name) => {
            let name = if name == OWN_USER_TABLE { "users" } else { name };
            let found = find(database, name).await?;
            found.map(Some).ok_or_else(|| MigrateError::UnknownUserTable { name: name.to_owned() })
        }
        None => {
            for name in USUAL_NAMES {
                if let Some(table) = find(database, name).await? {
                    return Ok(Some(table));
                }
            }
            Err(MigrateError::NoUserTable)
        }
    }
}

/// [`choose`] for a table `tasks` that exists. By default it is the table that its foreign key references. `None` also when
/// there is no column `user_id`.
///
/// # Errors
/// Also [`MigrateError::ConflictingUserTable`] when the setting names another table than the foreign key.
pub(crate) async fn choose_for(
    database: &mut PgConnection,
    tasks: &TasksTable,
    auth_user_table: Option<&str>,
) -> Result<Option<UserTable>, MigrateError> {
    let Some(existing) = tasks.foreign_keys.first() else {
        // Once the column has its name, its foreign key may tell the table.
        if tasks.column("user_id").is_none() {
            return Ok(None);
        }
        return choose(database, auth_user_table).await;
    };
    let users =
        UserTable { name: existing.table.clone(), key: existing.column.clone(), key_type: existing.key_type.clone() };
    if auth_user_table.is_none_or(|name| name.trim().is_empty()) {
        return Ok(Some(users));
    }
    match choose(database, auth_user_table).await? {
        Some(chosen) if chosen.name != users.name => Err(MigrateError::ConflictingUserTable {
            foreign_key: existing.name.clone(),
            references: users.name,
            setting: chosen.name,
        }),
        chosen => Ok(chosen.map(|_| users)),
    }
}

#[derive(FromRow)]
struct Candidate {
    name: String,
    is_table: bool,
    key_type: Option<String>,
    key_is_unique: bool,
}

/// Looks a table up by its name. `None` when there is none.
///
/// # Errors
/// [`MigrateError::UnusableUserTable`] when a foreign key cannot reference it.
async fn find(database: &mut PgConnection, name: &str) -> Result<Option<UserTable>, MigrateError> {
    let found: Option<Candidate> = sqlx::query_as(
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
    .or_else(|error| if is_invalid_name(&error) { Ok(None) } else { Err(error) })?;

    let (table, reason) = match found {
        None => return Ok(None),
        Some(Candidate { name, is_table: true, key_type: Some(key_type), key_is_unique: true }) => {
            return Ok(Some(UserTable { name, key: "id".to_owned(), key_type }));
        }
        Some(found) if !found.is_table => (found.name, "it is not a table"),
        Some(found) if found.key_type.is_none() => (found.name, "it has no column id"),
        Some(found) => (found.name, "its column id is neither its primary key nor unique"),
    };
    Err(MigrateError::UnusableUserTable { table, reason })
}

/// Whether PostgreSQL could not parse the text as the name of a table, for which `to_regclass` fails instead of returning
/// null.
fn is_invalid_name(error: &sqlx::Error) -> bool {
    const SYNTAX_ERROR: &str = "42601";
    const INVALID_NAME: &str = "42602";
    const FEATURE_NOT_SUPPORTED: &str = "0A000";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| [SYNTAX_ERROR, INVALID_NAME, FEATURE_NOT_SUPPORTED].contains(&&*code))
}
