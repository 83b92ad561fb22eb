//! The table of users where this API signs them up and in: `AUTH_MODE` contains `password`.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::options::Options;
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::user_table::{NO_USER_TABLE, OWN_USER_TABLE};

/// The index on `lower(email)`. The migration that made the tables of sign-in drops it by this name when it is reverted.
const EMAIL_INDEX: &str = "tasks_api_users_email";

/// Creates the table of users of a database that has none.
const CREATE_USERS: &str = "create table users (
    id uuid primary key default gen_random_uuid(),
    email varchar(255) unique not null,
    password_hash varchar(255) not null,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);";

/// The columns for which sign-up has a value, besides those of the id, the address and the hash.
const SUPPLIED_COLUMNS: [&str; 6] = ["created_at", "updated_at", "is_active", "name", "full_name", "username"];

/// The shortest column that can have a hash of bcrypt.
const HASH_LENGTH: i32 = 60;

/// Who has the passwords of the users.
#[derive(Debug)]
pub(crate) enum OwnUsers {
    /// A table with hashes.
    Table(OwnUserTable),
    /// Better Auth, in this table.
    BetterAuth(String),
    /// It could be any of these tables.
    Ambiguous(Vec<String>),
    /// No table.
    Missing,
}

/// A table of users with their hashes.
#[derive(Debug, FromRow)]
pub(crate) struct OwnUserTable {
    /// With its schema, quoted for SQL.
    pub(crate) name: String,
    /// The schema, quoted for SQL.
    schema: String,
    /// Without a default and not null, and unknown to sign-up.
    blocking_columns: Vec<String>,
    /// The length of the column of the hash, if it has one.
    hash_length: Option<i32>,
    /// Whether there is a valid index on `lower(email)`.
    has_email_index: bool,
    /// Whether an attempt to create the index was interrupted.
    has_invalid_index: bool,
}

/// The change of [`OwnUsers::changes`] for the table that [`creation`] makes.
pub(crate) fn change_of_new_table() -> Change {
    create_index("users", true)
}

/// Does not block who writes.
fn create_index(table: &str, is_unique: bool) -> Change {
    let unique = if is_unique { "unique " } else { "" };
    Change::standalone(
        format!("add the {unique}index {EMAIL_INDEX} on lower(email) of {table}"),
        format!("create {unique}index concurrently {EMAIL_INDEX} on {table} (lower(email));"),
    )
}

/// The change that creates the table of users, if `AUTH_USER_TABLE` asks for it and there is none.
pub(crate) async fn creation(database: &mut PgConnection, options: &Options) -> Result<Option<Change>, sqlx::Error> {
    if options.auth_user_table.as_deref().map(str::trim) != Some(OWN_USER_TABLE) {
        return Ok(None);
    }
    let exists: bool = sqlx::query_scalar("select to_regclass('users') is not null").fetch_one(database).await?;
    Ok((!exists).then(|| Change::in_transaction("create the table users", CREATE_USERS)))
}

impl OwnUsers {
    /// The table that `AUTH_USER_TABLE` names, else the one that is found.
    pub(crate) async fn read(database: &mut PgConnection, options: &Options) -> Result<Self, sqlx::Error> {
        let setting = options.auth_user_table.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let names = match setting {
            Some(OWN_USER_TABLE) => vec!["users"],
            Some(name) if !name.eq_ignore_ascii_case(NO_USER_TABLE) => vec![name],
            _ => vec!["users", "\"user\""],
        };
        let is_chosen = names.len() == 1;
        let tables = tables(database, &names).await?;
        let better_auth = better_auth_table(database).await?;
        Ok(match (tables.len(), better_auth) {
            (0, Some(table)) => Self::BetterAuth(table),
            (0, None) => Self::Missing,
            (1, None) => tables.into_iter().next().map_or(Self::Missing, Self::Table),
            (1, Some(_)) if is_chosen => tables.into_iter().next().map_or(Self::Missing, Self::Table),
            (_, better_auth) => {
                Self::Ambiguous(tables.into_iter().map(|table| table.name).chain(better_auth).collect())
            }
        })
    }

    /// What `up` changes.
    pub(crate) async fn changes(&self, database: &mut PgConnection) -> Result<Vec<Change>, sqlx::Error> {
        let Self::Table(table) = self else { return Ok(Vec::new()) };
        if table.has_email_index {
            return Ok(Vec::new());
        }
        let OwnUserTable { name, schema, .. } = table;
        let drop = Change::standalone(
            format!("drop the invalid index {EMAIL_INDEX}"),
            format!("drop index concurrently if exists {schema}.{EMAIL_INDEX};"),
        );
        let create = create_index(name, table.twins(database).await? == 0);
        Ok(table.has_invalid_index.then_some(drop).into_iter().chain([create]).collect())
    }

    /// What `verify` finds missing.
    pub(crate) async fn difference(&self, database: &mut PgConnection) -> Result<Option<Difference>, sqlx::Error> {
        let changes = self.changes(database).await?;
        let Self::Table(OwnUserTable { name, .. }) = self else { return Ok(None) };
        let description = format!("the index {EMAIL_INDEX} on lower(email) of {name} is missing");
        Ok((!changes.is_empty()).then(|| Difference::automatic(description, changes)))
    }

    /// What the owner of the database may want to know, each a sentence.
    pub(crate) async fn notes(&self, database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let table = match self {
            Self::Table(table) => table,
            Self::BetterAuth(table) => {
                return Ok(vec![format!(
                    "sign-up and sign-in at this API are off, because Better Auth has the passwords, in {table}: remove \
                     password from AUTH_MODE"
                )]);
            }
            Self::Ambiguous(tables) => {
                return Ok(vec![format!(
                    "passwords can be in {}: set AUTH_USER_TABLE to the table of users, or the functions do not start",
                    tables.join(" or ")
                )]);
            }
            Self::Missing => {
                return Ok(vec![
                    "sign-up and sign-in at this API are off, because there is no table of users with the columns email \
                     and password_hash, hashed_password or password: AUTH_USER_TABLE=own makes one in a new database"
                        .to_owned(),
                ]);
            }
        };
        let OwnUserTable { name, blocking_columns, .. } = table;
        let mut notes = Vec::new();
        if !blocking_columns.is_empty() {
            let columns = blocking_columns.join(", ");
            notes.push(format!(
                "nobody can sign up at this API, because {columns} of {name} must not be null and has no default; sign-in \
                 works"
            ));
        }
        if let Some(length) = table.hash_length.filter(|length| *length < HASH_LENGTH) {
            notes.push(format!(
                "nobody can sign up at this API, because the column of the hash in {name} has {length} characters and a \
                 hash {HASH_LENGTH}; sign-in works"
            ));
        }
        let twins = table.twins(database).await?;
        if twins > 0 {
            notes.push(format!(
                "{twins} e-mail addresses are in {name} more than once, in upper and lower case: their users sign in with \
                 the exact address"
            ));
        }
        Ok(notes)
    }
}

impl OwnUserTable {
    /// How many addresses differ from another one in their case only.
    async fn twins(&self, database: &mut PgConnection) -> Result<i64, sqlx::Error> {
        let sql = format!(
            "select count(*) from (select from {} group by lower(email) having count(*) > 1) as twins",
            self.name
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
    }
}

/// Those of the tables that have an address and a hash.
async fn tables(database: &mut PgConnection, names: &[&str]) -> Result<Vec<OwnUserTable>, sqlx::Error> {
    sqlx::query_as(
        "select
            format('%I.%I', nspname, relname) as name,
            quote_ident(nspname) as schema,
            array(
                select quote_ident(attname)
                from pg_attribute
                where attrelid = relation.oid
                    and attnum > 0
                    and not attisdropped
                    and attnotnull
                    and not atthasdef
                    and attidentity = ''
                    and attname <> all (array['id', 'email', hash.name] || $2)
                order by attnum
            ) as blocking_columns,
            hash.length as hash_length,
            exists (
                select
                from pg_index
                where indrelid = relation.oid
                    and indisvalid
                    and indpred is null
                    and indnkeyatts = 1
                    and pg_get_indexdef(indexrelid, 1, false) in ('lower((email)::text)', 'lower(email)')
            ) as has_email_index,
            exists (
                select
                from pg_index
                join pg_class
                    on pg_class.oid = indexrelid
                where indrelid = relation.oid
                    and relname = $3
                    and not indisvalid
            ) as has_invalid_index
        from pg_class as relation
        join pg_namespace
            on pg_namespace.oid = relnamespace
        cross join lateral (
            select attname::text as name, nullif(atttypmod, -1) - 4 as length
            from pg_attribute
            where attrelid = relation.oid
                and not attisdropped
                and attname in ('password_hash', 'hashed_password', 'password')
            order by array_position(array['password_hash', 'hashed_password', 'password'], attname::text)
            limit 1
        ) as hash
        where relation.oid in (select to_regclass(listed) from unnest($1) as listed)
            and relkind in ('r', 'p')
            and exists (
                select
                from pg_attribute
                where attrelid = relation.oid
                    and attname = 'email'
                    and not attisdropped
            )
        order by relname desc",
    )
    .bind(names)
    .bind(SUPPLIED_COLUMNS)
    .bind(EMAIL_INDEX)
    .fetch_all(database)
    .await
}

/// The table in which Better Auth keeps passwords.
async fn better_auth_table(database: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select format('%I.%I', nspname, relname)
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where relname in ('account', 'accounts')
            and relkind in ('r', 'p')
            and pg_table_is_visible(pg_class.oid)
            and (
                select bool_or(attname in ('providerId', 'provider_id')) and bool_or(attname = 'password')
                from pg_attribute
                where attrelid = pg_class.oid
                    and not attisdropped
            )
        limit 1",
    )
    .fetch_optional(database)
    .await
}
