//! What the database says of the table `tasks` that the search path finds.

use sqlx::{FromRow, PgConnection};

use crate::MigrateError;
use crate::wanted::changes;

/// The table `tasks`, whoever made it.
pub(crate) struct Tasks {
    pub(crate) is_plain_table: bool,
    /// Whether this role may alter the table, and make what goes beside it.
    pub(crate) may_be_altered: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) checks: Vec<Check>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) trigger: Option<Trigger>,
    /// The definition of [`changes::FUNCTION`], as far as it is ours to say.
    pub(crate) function: Option<Function>,
    /// Whether there is a table of what adoption did, and one of the steps taken.
    pub(crate) has_adoption: bool,
    pub(crate) has_record: bool,
}

#[derive(FromRow)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `pg_type` names it, without length.
    pub(crate) type_name: String,
    pub(crate) not_null: bool,
    /// Whether an insert may leave it out.
    pub(crate) is_filled: bool,
    /// The expression that fills it, as PostgreSQL prints it.
    pub(crate) default: Option<String>,
}

#[derive(FromRow)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) validated: bool,
}

/// A foreign key of `user_id` alone.
#[derive(FromRow)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) definition: String,
    pub(crate) validated: bool,
    pub(crate) cascades: bool,
    /// Whether it follows when the user's key changes.
    pub(crate) follows: bool,
    /// The table with its schema, quoted.
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) key_type: String,
}

#[derive(FromRow)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    pub(crate) valid: bool,
    pub(crate) definition: String,
}

impl Index {
    /// The definition from the columns on; `None` of an index that is no B-tree.
    pub(crate) fn on(&self) -> Option<&str> {
        self.definition.split_once(" USING btree ").map(|(_, on)| on)
    }
}

#[derive(FromRow)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) kind: i16,
}

#[derive(FromRow)]
pub(crate) struct Function {
    pub(crate) source: String,
    pub(crate) settings: Vec<String>,
}

impl Tasks {
    /// Reads the catalogue. `None` when there is no `tasks`.
    pub(crate) async fn read(database: &mut PgConnection) -> Result<Option<Self>, MigrateError> {
        let found: Option<(bool, bool, bool, bool)> = sqlx::query_as(
            "select
                relkind = 'r',
                pg_has_role(relowner, 'usage') and has_schema_privilege(current_schema(), 'create'),
                to_regclass('tasks_adoption') is not null,
                to_regclass('_sqlx_migrations') is not null
            from pg_class
            where oid = to_regclass('tasks')",
        )
        .fetch_optional(&mut *database)
        .await?;
        let Some((is_plain_table, may_be_altered, has_adoption, has_record)) = found else {
            return Ok(None);
        };
        let columns = sqlx::query_as(
            "select
                quote_ident(attname) as name,
                typname::text as type_name,
                attnotnull as not_null,
                atthasdef or attidentity <> '' or attgenerated <> '' as is_filled,
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
        .fetch_all(&mut *database)
        .await?;
        let checks = sqlx::query_as(
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
        .fetch_all(&mut *database)
        .await?;
        let foreign_keys = sqlx::query_as(
            "select
                quote_ident(conname) as name,
                pg_get_constraintdef(pg_constraint.oid) as definition,
                convalidated as validated,
                confdeltype = 'c' as cascades,
                confupdtype = 'c' as follows,
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
        .fetch_all(&mut *database)
        .await?;
        let indexes = sqlx::query_as(
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
        .fetch_all(&mut *database)
        .await?;
        let trigger = sqlx::query_as(
            "select
                tgname::text as name,
                tgenabled in ('O', 'A') as enabled,
                tgtype as kind
            from pg_trigger
            join pg_proc
                on pg_proc.oid = tgfoid
            where tgrelid = to_regclass('tasks')
                and proname = $1
                and not tgisinternal",
        )
        .bind(changes::FUNCTION)
        .fetch_optional(&mut *database)
        .await?;
        let function = sqlx::query_as(
            "select
                prosrc as source,
                coalesce(proconfig, '{}') as settings
            from pg_proc
            where oid = to_regproc($1)",
        )
        .bind(changes::FUNCTION)
        .fetch_optional(&mut *database)
        .await?;
        Ok(Some(Self {
            is_plain_table,
            may_be_altered,
            columns,
            checks,
            foreign_keys,
            indexes,
            trigger,
            function,
            has_adoption,
            has_record,
        }))
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }
}
