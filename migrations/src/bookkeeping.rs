//! The schema of our own, and the tables in it that record what this program did.
//!
//! Earlier releases had these tables in the schema of `tasks`, where the tools of another back end proposed to drop them.
//! They are moved before the first migration that such a database lacks.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::migration;

/// The table of applied migrations. Its name is the one that sqlx uses, so that its own tools can read it.
pub(crate) const HISTORY_TABLE: &str = "tasks_api._sqlx_migrations";

/// The table that records the changes of an adoption.
pub(crate) const ADOPTION_LOG: &str = "tasks_api.tasks_adoption";

/// Creates the schema. Not with `if not exists`: that would need the privilege to create a schema even when it exists.
pub(crate) const CREATE_SCHEMA: &str = "create schema tasks_api;";

/// Drops the schema, unless something else was put into it or it belongs to another role.
pub(crate) const DROP_SCHEMA: &str = "do $$ begin
    drop schema tasks_api;
exception when dependent_objects_still_exist or insufficient_privilege then null;
end $$;";

/// Creates [`HISTORY_TABLE`] with the columns that sqlx expects.
pub(crate) const CREATE_HISTORY_TABLE: &str = "create table if not exists tasks_api._sqlx_migrations (
    version bigint primary key,
    description text not null,
    installed_on timestamptz not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
);";

/// Moves the tables to where earlier releases look for them, and drops the schema. If another program has a table with
/// the name of the history there, they stay: an earlier release could not work in that database.
pub(crate) const MOVE_BACK: &str = "do $$
declare
    occupant record;
    former_schema text;
begin
    select relkind, relnamespace::regnamespace as schema into occupant
    from pg_class where oid = to_regclass('_sqlx_migrations');
    if occupant.relkind <> 'v' then
        return;
    end if;
    former_schema := coalesce(
        occupant.schema::text,
        (select relnamespace::regnamespace::text from pg_class where oid = 'tasks'::regclass)
    );
    execute format('drop view if exists %s._sqlx_migrations', former_schema);
    execute format('alter table tasks_api._sqlx_migrations set schema %s', former_schema);
    execute format('alter table if exists tasks_api.tasks_adoption set schema %s', former_schema);
    begin
        drop schema tasks_api;
    exception when dependent_objects_still_exist or insufficient_privilege then null;
    end;
end $$;";

/// What a database has of the schema and its tables.
#[derive(Debug, Clone)]
pub(crate) struct Bookkeeping {
    pub(crate) has_schema: bool,
    /// The table of applied migrations, quoted for SQL: [`HISTORY_TABLE`] or that of an earlier release.
    pub(crate) history: Option<String>,
    /// The table that records an adoption, quoted for SQL: [`ADOPTION_LOG`] or that of an earlier release.
    pub(crate) adoption_log: Option<String>,
    /// Whether this role may read these tables.
    pub(crate) is_readable: bool,
    /// What the owner of the database has to grant before this role can create the schema or tables in it.
    pub(crate) missing_grant: Option<String>,
}

#[derive(FromRow)]
struct Privileges {
    role: String,
    database: String,
    has_schema: bool,
    may_create_schema: bool,
    may_create_tables: bool,
}

/// A table with the name of one of ours.
#[derive(FromRow)]
struct Candidate {
    /// With its schema, quoted for SQL.
    table: String,
    is_in_own_schema: bool,
    /// Whether it has the columns of ours, and this role may read it.
    is_readable: bool,
}

impl Bookkeeping {
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let privileges: Privileges = sqlx::query_as(
            "select
                quote_ident(current_user) as role,
                quote_ident(current_database()) as database,
                schema.oid is not null as has_schema,
                has_database_privilege(current_database(), 'create') as may_create_schema,
                coalesce(has_schema_privilege(schema.oid, 'create') and has_schema_privilege(schema.oid, 'usage'), false)
                    as may_create_tables
            from (values ('tasks_api')) as expected (name)
            left join pg_namespace as schema
                on nspname = name",
        )
        .fetch_one(&mut *database)
        .await?;
        let history = history(database).await?;
        let adoption_log = candidates(database, "tasks_adoption", "undo_alone").await?.into_iter().next();
        Ok(Self {
            has_schema: privileges.has_schema,
            is_readable: history.iter().chain(&adoption_log).all(|table| table.is_readable),
            history: history.map(|found| found.table),
            adoption_log: adoption_log.map(|found| found.table),
            missing_grant: privileges.missing_grant(),
        })
    }

    /// The statements that create the schema and the history, or move the tables of an earlier release into the schema.
    /// `None` when everything is in its place.
    pub(crate) fn preparation(&self) -> Option<String> {
        let create_schema = (!self.has_schema).then(|| CREATE_SCHEMA.to_owned());
        let history = match self.history.as_deref() {
            None => Some(CREATE_HISTORY_TABLE.to_owned()),
            Some(HISTORY_TABLE) => None,
            Some(former) => Some(move_history(former)),
        };
        let statements: Vec<String> =
            [create_schema, self.move_adoption_log(), history].into_iter().flatten().collect();
        (!statements.is_empty()).then(|| statements.join("\n"))
    }

    /// The statement that moves the log of an earlier release into the schema.
    pub(crate) fn move_adoption_log(&self) -> Option<String> {
        let former = self.adoption_log.as_deref().filter(|&log| log != ADOPTION_LOG)?;
        Some(format!("alter table {former} set schema tasks_api;"))
    }
}

impl Privileges {
    fn missing_grant(&self) -> Option<String> {
        let Self { role, database, .. } = self;
        if self.has_schema {
            return (!self.may_create_tables).then(|| format!("grant usage, create on schema tasks_api to {role}"));
        }
        (!self.may_create_schema).then(|| format!("grant create on database {database} to {role}"))
    }
}

/// Moves a history, and leaves a view in its place: the `migrate` of the release that made it continues to work, also
/// after a deployment that is rolled back.
fn move_history(former: &str) -> String {
    format!(
        "alter table {former} set schema tasks_api;
create view {former} as
    select version, description, installed_on, success, checksum, execution_time
    from tasks_api._sqlx_migrations;
comment on view {former} is
    'For releases that do not know the schema tasks_api. Drop it when none of them runs any more.';"
    )
}

/// The table of applied migrations. One that another program made with sqlx has none of our checksums.
async fn history(database: &mut PgConnection) -> Result<Option<Candidate>, sqlx::Error> {
    let checksums: Vec<Vec<u8>> = migration::up_files().map(|file| file.checksum.to_vec()).collect();
    for candidate in candidates(database, "_sqlx_migrations", "checksum").await? {
        if candidate.is_in_own_schema {
            return Ok(Some(candidate));
        }
        if !candidate.is_readable {
            continue;
        }
        let sql = format!("select exists (select from {} where checksum = any ($1))", candidate.table);
        let is_ours = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&checksums).fetch_one(&mut *database).await?;
        if is_ours {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The tables of this name that have the column: in the schema of our own, then where earlier releases created them.
async fn candidates(database: &mut PgConnection, name: &str, column: &str) -> Result<Vec<Candidate>, sqlx::Error> {
    sqlx::query_as(
        "select
            format('%I.%I', nspname, relname) as table,
            nspname = 'tasks_api' as is_in_own_schema,
            has_schema_privilege(pg_namespace.oid, 'usage') and has_table_privilege(pg_class.oid, 'select')
                as is_readable
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        join pg_attribute
            on attrelid = pg_class.oid
            and attname = $2
            and not attisdropped
        where relname = $1
            and relkind = 'r'
            and (
                nspname = 'tasks_api'
                or nspname = any (current_schemas(false))
                or pg_class.relnamespace = (select tasks.relnamespace from pg_class as tasks
                                            where tasks.oid = to_regclass('tasks'))
            )
        order by
            nspname = 'tasks_api' desc,
            array_position(current_schemas(false), nspname)",
    )
    .bind(name)
    .bind(column)
    .fetch_all(database)
    .await
}
