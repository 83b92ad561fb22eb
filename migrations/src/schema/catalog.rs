//! The table `tasks` as PostgreSQL's catalog describes it.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::bookkeeping::Bookkeeping;
use crate::schema::functions::{self, Function};
use crate::schema::sign_in::SignIn;
use crate::schema::sync_tables::SyncTables;
use crate::schema::triggers::Triggers;

/// The table `tasks` that the search path finds, no matter which program created it.
pub(crate) struct TasksTable {
    /// Whether it is an ordinary table: not a view, not partitioned, not foreign, and without inheritance.
    pub(crate) is_ordinary_table: bool,
    /// Whether this role may alter the table and create objects in the schema.
    pub(crate) can_be_altered: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) checks: Vec<Check>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) indexes: Vec<Index>,
    /// The names in its schema that a new index cannot have, of those that begin with `idx_tasks_`.
    pub(crate) taken_names: Vec<String>,
    pub(crate) triggers: Triggers,
    pub(crate) functions: Vec<Function>,
    /// The names of its rewrite rules, quoted for SQL.
    pub(crate) rules: Vec<String>,
    pub(crate) fences: FencesTable,
    pub(crate) sync_tables: SyncTables,
    pub(crate) sign_in: SignIn,
    pub(crate) origin: Origin,
    pub(crate) bookkeeping: Bookkeeping,
}

/// Which program created the table `tasks`.
pub(crate) enum Origin {
    Migrations,
    OtherBackEnd {
        /// What an adoption has done so far, each in the imperative: `add the column due_date`.
        changes: Vec<String>,
    },
}

/// The table `task_fences`.
pub(crate) enum FencesTable {
    /// In the schema of our own.
    Present,
    /// Where an earlier release made it.
    OfEarlierRelease {
        /// Quoted for SQL.
        schema: String,
    },
    Missing,
}

#[derive(FromRow)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `pg_type` names it, without length.
    pub(crate) type_name: String,
    /// As SQL declares it, with its length: `character varying(36)`.
    pub(crate) declared_type: String,
    pub(crate) not_null: bool,
    /// Whether an insert may omit the column: it has a default, is an identity column or is generated.
    pub(crate) filled_by_database: bool,
    /// Whether no statement may write the column.
    pub(crate) is_generated: bool,
    /// The default or the generation expression, as PostgreSQL prints it.
    pub(crate) default: Option<String>,
}

#[derive(FromRow)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) validated: bool,
}

/// A foreign key of the column `user_id` alone.
#[derive(FromRow)]
pub(crate) struct ForeignKey {
    /// Quoted for SQL.
    pub(crate) name: String,
    pub(crate) definition: String,
    pub(crate) validated: bool,
    /// `on delete cascade`.
    pub(crate) cascades_deletes: bool,
    /// `on update cascade`.
    pub(crate) cascades_updates: bool,
    /// The referenced table with its schema, quoted for SQL.
    pub(crate) table: String,
    /// The referenced column, quoted for SQL.
    pub(crate) column: String,
    /// The type of the referenced column, as `pg_type` names it.
    pub(crate) key_type: String,
}

#[derive(FromRow)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// `false` after `create index concurrently` was interrupted.
    pub(crate) valid: bool,
    /// The whole statement that creates it.
    pub(crate) definition: String,
}

impl Index {
    /// The definition from the columns on. `None` when the index is not a B-tree.
    pub(crate) fn btree_definition(&self) -> Option<&str> {
        self.definition.split_once(" USING btree ").map(|(_, definition)| definition)
    }
}

/// A table whose rows are users, as far as a foreign key needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserTable {
    /// With its schema, quoted for SQL: `public."user"`.
    pub(crate) name: String,
    /// The column that identifies a user, quoted for SQL.
    pub(crate) key: String,
    /// The type of that column, as `pg_type` names it.
    pub(crate) key_type: String,
}

impl TasksTable {
    /// Reads the catalog. `None` when there is no `tasks`.
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Option<Self>, sqlx::Error> {
        let found: Option<(bool, bool)> = sqlx::query_as(
            "select
                relkind = 'r' and not exists (select from pg_inherits where pg_class.oid in (inhparent, inhrelid)),
                pg_has_role(relowner, 'usage') and has_schema_privilege(current_schema(), 'create')
            from pg_class
            where oid = to_regclass('tasks')",
        )
        .fetch_optional(&mut *database)
        .await?;
        let Some((is_ordinary_table, can_be_altered)) = found else {
            return Ok(None);
        };
        let bookkeeping = Bookkeeping::read(database).await?;
        Ok(Some(Self {
            is_ordinary_table,
            can_be_altered,
            columns: columns(database).await?,
            checks: checks(database).await?,
            foreign_keys: foreign_keys(database).await?,
            indexes: indexes(database).await?,
            taken_names: taken_names(database).await?,
            triggers: Triggers::read(database).await?,
            functions: functions::read(database).await?,
            rules: rules(database).await?,
            fences: fences(database).await?,
            sync_tables: SyncTables::read(database).await?,
            sign_in: SignIn::read(database).await?,
            origin: origin(database, &bookkeeping).await?,
            bookkeeping,
        }))
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether the database has once checked that every task belongs to a user.
    pub(crate) fn has_validated_foreign_key(&self) -> bool {
        self.foreign_keys.iter().any(|foreign_key| foreign_key.validated)
    }
}

/// Groups the types between which PostgreSQL accepts a foreign key. Both names are equal within a group.
pub(crate) fn type_family(type_name: &str) -> &str {
    match type_name {
        "int2" | "int4" | "int8" => "integer",
        "text" | "varchar" | "bpchar" => "text",
        other => other,
    }
}

async fn columns(database: &mut PgConnection) -> Result<Vec<Column>, sqlx::Error> {
    sqlx::query_as(
        "select
            quote_ident(attname) as name,
            typname::text as type_name,
            format_type(atttypid, atttypmod) as declared_type,
            attnotnull as not_null,
            atthasdef or attidentity <> '' or attgenerated <> '' as filled_by_database,
            attgenerated <> '' as is_generated,
            pg_get_expr(adbin, adrelid) as default
        from pg_attribute
        join pg_type
            on pg_type.oid = atttypid
        left join pg_attrdef
            on adrelid = attrelid
            and adnum = attnum
        where attrelid = to_regclass('tasks')
            and attnum > 0
            and not attisdropped
        order by attnum",
    )
    .fetch_all(database)
    .await
}

async fn checks(database: &mut PgConnection) -> Result<Vec<Check>, sqlx::Error> {
    sqlx::query_as(
        "select
            conname::text as name,
            convalidated as validated,
            array(
                select attname::text
                from pg_attribute
                where attrelid = conrelid
                    and attnum = any (conkey)
            ) as columns
        from pg_constraint
        where conrelid = to_regclass('tasks')
            and contype = 'c'
        order by conname",
    )
    .fetch_all(database)
    .await
}

async fn foreign_keys(database: &mut PgConnection) -> Result<Vec<ForeignKey>, sqlx::Error> {
    sqlx::query_as(
        "select
            quote_ident(conname) as name,
            pg_get_constraintdef(pg_constraint.oid) as definition,
            convalidated as validated,
            confdeltype = 'c' as cascades_deletes,
            confupdtype = 'c' as cascades_updates,
            format('%I.%I', nspname, relname) as table,
            quote_ident(key.attname) as column,
            typname::text as key_type
        from pg_constraint
        join pg_attribute as own
            on own.attrelid = conrelid
            and own.attname = 'user_id'
        join pg_attribute as key
            on key.attrelid = confrelid
            and key.attnum = confkey[1]
        join pg_type
            on pg_type.oid = key.atttypid
        join pg_class
            on pg_class.oid = confrelid
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where conrelid = to_regclass('tasks')
            and contype = 'f'
            and conkey = array[own.attnum]
        order by conname",
    )
    .fetch_all(database)
    .await
}

async fn indexes(database: &mut PgConnection) -> Result<Vec<Index>, sqlx::Error> {
    sqlx::query_as(
        "select
            relname::text as name,
            indisunique as unique,
            indisvalid as valid,
            pg_get_indexdef(indexrelid) as definition
        from pg_index
        join pg_class
            on pg_class.oid = indexrelid
        where indrelid = to_regclass('tasks')
        order by relname",
    )
    .fetch_all(database)
    .await
}

async fn taken_names(database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        r"select relname::text
        from pg_class
        where relnamespace = (select relnamespace from pg_class where oid = to_regclass('tasks'))
            and relname like 'idx\_tasks\_%'
        order by 1",
    )
    .fetch_all(database)
    .await
}

async fn rules(database: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select quote_ident(rulename) from pg_rewrite where ev_class = to_regclass('tasks') order by 1")
        .fetch_all(database)
        .await
}

async fn fences(database: &mut PgConnection) -> Result<FencesTable, sqlx::Error> {
    let schemas: Vec<String> = sqlx::query_scalar(
        "select quote_ident(nspname)
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where relname = 'task_fences'
            and relkind = 'r'
            and (nspname = 'tasks_api' or pg_class.oid = to_regclass('task_fences'))
        order by nspname = 'tasks_api' desc",
    )
    .fetch_all(database)
    .await?;
    Ok(match schemas.into_iter().next() {
        None => FencesTable::Missing,
        Some(schema) if schema == "tasks_api" => FencesTable::Present,
        Some(schema) => FencesTable::OfEarlierRelease { schema },
    })
}

/// A role that may not read the log of an adoption learns of no changes.
async fn origin(database: &mut PgConnection, bookkeeping: &Bookkeeping) -> Result<Origin, sqlx::Error> {
    let Some(log) = &bookkeeping.adoption_log else {
        let is_migrated = match &bookkeeping.history {
            None => false,
            Some(_) if !bookkeeping.is_readable => true,
            Some(history) => {
                let sql = format!("select exists (select from {history})");
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await?
            }
        };
        return Ok(if is_migrated { Origin::Migrations } else { Origin::OtherBackEnd { changes: Vec::new() } });
    };
    let changes = match bookkeeping.is_readable {
        true => sqlx::query_scalar(AssertSqlSafe(format!("select change from {log}"))).fetch_all(database).await?,
        false => Vec::new(),
    };
    Ok(Origin::OtherBackEnd { changes })
}
