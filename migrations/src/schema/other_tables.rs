//! Tables beside `tasks` that seem to have the tasks of another back end.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::schema::difference::{Choice, Difference};
use crate::schema::synonyms::{ends_as_task_table, is_task_table, rank};

/// A table, a partitioned table or a foreign table.
#[derive(FromRow)]
struct Table {
    oid: i64,
    name: String,
    /// As SQL names it: with its schema unless the search path finds it.
    quoted: String,
    /// The name without schema, quoted for SQL.
    quoted_name: String,
    is_in_search_path: bool,
    can_be_read: bool,
    has_row_security: bool,
    /// Other roles with privileges on the table, quoted for SQL, each with its privileges.
    grants: Vec<String>,
}

#[derive(FromRow)]
struct Column {
    /// Quoted for SQL.
    name: String,
    type_name: String,
}

/// What is known about the table `tasks`, which has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TasksState {
    /// There is no such table.
    Missing,
    /// Another program made it.
    Empty,
    /// The migrations made it, or it was adopted.
    Migrated,
}

/// The schema in which the migrations create `tasks`, quoted for SQL.
const CURRENT_SCHEMA: &str = "select quote_ident(current_schema())";

/// One difference for each table that seems to have tasks. Of tables outside of the search path, only those that certainly
/// look like tasks.
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: TasksState,
) -> Result<Vec<Difference>, sqlx::Error> {
    let schema: Option<String> = sqlx::query_scalar(CURRENT_SCHEMA).fetch_one(&mut *database).await?;
    let schema = schema.unwrap_or_else(|| "public".to_owned());
    let mut differences = Vec::new();
    for table in tables(database).await? {
        let is_usual_name = is_task_table(&table.name);
        let may_have_tasks = is_usual_name || (table.is_in_search_path && ends_as_task_table(&table.name));
        if !may_have_tasks {
            continue;
        }
        let columns = columns(database, table.oid).await?;
        let has =
            |expected: &str| columns.iter().any(|column| rank(expected, &column.name, &column.type_name).is_some());
        let looks_like_tasks = has("title") && has("user_id");
        let count = count(database, &table).await?;
        if looks_like_tasks || (is_usual_name && table.is_in_search_path && count != Some(0)) {
            differences.push(difference(&table, &columns, count, &schema, tasks));
        }
    }
    Ok(differences)
}

fn difference(table: &Table, columns: &[Column], count: Option<i64>, schema: &str, tasks: TasksState) -> Difference {
    let rows = count.map_or("rows that this role may not read".to_owned(), |count| format!("{count} rows"));
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let empty = if tasks == TasksState::Missing { "" } else { "tasks has no rows, and " };
    let description = format!("{empty}the table {} has {rows} and the columns {}", table.quoted, names.join(", "));
    let something_else =
        Choice::words_if("if it is something else", "set TASK_TABLE=tasks, which asks for a new table");
    if tasks == TasksState::Migrated {
        let advice = "revert the migrations with `make migrate-down` until nothing is left; `make migrate` then says how to \
                      rename the table";
        return Difference::choice(description, [Choice::words_if("if it has the tasks", advice), something_else]);
    }
    let drop = if tasks == TasksState::Empty { "drop table tasks; " } else { "" };
    let rename = format!("{drop}{}", rename(table, schema));
    let choices = [
        Choice::sql_if("if it has the tasks", &rename),
        Choice::sql_if(
            format!("if it has the tasks, and the old back end continues to use it as {}", table.quoted),
            format!("{rename} {}", create_view(table, schema)),
        ),
        something_else,
    ];
    Difference::choice(description, choices)
}

/// Gives the table the name and the schema in which the functions find it.
fn rename(table: &Table, schema: &str) -> String {
    let Table { quoted, quoted_name, .. } = table;
    let mut statements = Vec::new();
    if !table.is_in_search_path {
        statements.push(format!("alter table {quoted} set schema {schema};"));
    }
    if table.name != "tasks" {
        let moved = if table.is_in_search_path { quoted.clone() } else { format!("{schema}.{quoted_name}") };
        statements.push(format!("alter table {moved} rename to tasks;"));
    }
    statements.join(" ")
}

/// A view under the old name. PostgreSQL applies inserts, updates and deletes to the table, whose defaults and triggers
/// hold. The view keeps the names of its columns when columns of the table are renamed later.
fn create_view(table: &Table, schema: &str) -> String {
    let options = if table.has_row_security { " with (security_invoker = true)" } else { "" };
    let tasks = if table.is_in_search_path { "tasks".to_owned() } else { format!("{schema}.tasks") };
    let view = format!("create view {}{options} as select * from {tasks};", table.quoted);
    let grants = table.grants.iter().map(|grant| {
        let (privileges, role) = grant.split_once('|').unwrap_or_default();
        format!(" grant {privileges} on {} to {role};", table.quoted)
    });
    view + &grants.collect::<String>()
}

async fn tables(database: &mut PgConnection) -> Result<Vec<Table>, sqlx::Error> {
    sqlx::query_as(
        "select
            pg_class.oid::int8 as oid,
            relname::text as name,
            pg_class.oid::regclass::text as quoted,
            quote_ident(relname) as quoted_name,
            nspname = any (current_schemas(false)) as is_in_search_path,
            has_table_privilege(pg_class.oid, 'select') and has_schema_privilege(relnamespace, 'usage') as can_be_read,
            relrowsecurity as has_row_security,
            array(
                select string_agg(lower(privilege_type), ', ') || '|' ||
                    case grantee when 0 then 'public' else grantee::regrole::text end
                from aclexplode(relacl)
                where grantee <> relowner
                    and privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                group by grantee
            ) as grants
        from pg_class
        join pg_namespace
            on pg_namespace.oid = relnamespace
        where relkind in ('r', 'p', 'f')
            and not relispartition
            and nspname not in ('information_schema', 'tasks_api')
            and nspname !~ '^pg_'
            and pg_class.oid is distinct from to_regclass('tasks')
        order by nspname, relname",
    )
    .fetch_all(database)
    .await
}

async fn columns(database: &mut PgConnection, oid: i64) -> Result<Vec<Column>, sqlx::Error> {
    sqlx::query_as(
        "select
            quote_ident(attname) as name,
            typname::text as type_name
        from pg_attribute
        join pg_type
            on pg_type.oid = atttypid
        where attrelid = $1::int8::oid
            and attnum > 0
            and not attisdropped
        order by attnum",
    )
    .bind(oid)
    .fetch_all(database)
    .await
}

/// `None` when this role may not read the table.
async fn count(database: &mut PgConnection, table: &Table) -> Result<Option<i64>, sqlx::Error> {
    if !table.can_be_read {
        return Ok(None);
    }
    let sql = format!("select count(*) from {}", table.quoted);
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await.map(Some)
}
