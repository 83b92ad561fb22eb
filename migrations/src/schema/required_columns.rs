//! Columns that take no null, have a default, and are of a type that the functions cannot use, such as a `category` that is
//! an enum. The functions write them as null, so a trigger stores the default instead.

use sqlx::PgConnection;

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::field_columns::FIELD_COLUMNS;

const FUNCTION: &str = "tasks_api.tasks_store_default";

/// The function is called before the triggers that read the row.
const TRIGGER: &str = "zx_tasks_store_default_of_";

/// A difference for each of these columns without the trigger.
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Vec<Difference>, sqlx::Error> {
    let required: Vec<&str> = FIELD_COLUMNS
        .iter()
        .filter(|expected| {
            tasks.column(expected.name).is_some_and(|column| {
                expected.is_left_alone(column, tasks)
                    && expected.written_by_statements
                    && column.not_null
                    && column.default.is_some()
            })
        })
        .map(|expected| expected.name)
        .collect();
    if required.is_empty() {
        return Ok(Vec::new());
    }
    let existing: Vec<String> = sqlx::query_scalar(
        "select tgname::text
        from pg_trigger
        where tgrelid = to_regclass('tasks')
            and tgenabled in ('O', 'A')
            and starts_with(tgname, $1)",
    )
    .bind(TRIGGER)
    .fetch_all(database)
    .await?;
    let missing = required.into_iter().filter(|name| !existing.contains(&format!("{TRIGGER}{name}")));
    Ok(missing.map(difference).collect())
}

fn difference(column: &str) -> Difference {
    let add = Change::in_transaction(format!("add the trigger that stores the default of {column}"), create(column))
        .with_undo(format!(
            "drop trigger if exists {TRIGGER}{column} on tasks;\ndrop function if exists {FUNCTION}() cascade;"
        ));
    let description = format!("the column {column} takes no null, and is of a type that the functions cannot use");
    Difference::automatic(description, [add])
}

/// The function is the same for all columns.
fn create(column: &str) -> String {
    format!(
        "create or replace function {FUNCTION}() returns trigger
language plpgsql
as $default$
declare
    stored jsonb;
begin
    execute (
        select pg_catalog.format('select pg_catalog.to_jsonb(%s)', pg_catalog.pg_get_expr(adbin, adrelid))
        from pg_catalog.pg_attrdef
        join pg_catalog.pg_attribute
            on attrelid operator(pg_catalog.=) adrelid
            and attnum operator(pg_catalog.=) adnum
        where adrelid operator(pg_catalog.=) tg_relid
            and attname operator(pg_catalog.=) tg_argv[0]::pg_catalog.name
    )
    into stored;
    return pg_catalog.jsonb_populate_record(new, pg_catalog.jsonb_build_object(tg_argv[0], stored));
end
$default$;
drop trigger if exists {TRIGGER}{column} on tasks;
create trigger {TRIGGER}{column}
before insert on tasks
for each row
when (new.{column} is null)
execute function {FUNCTION}('{column}');"
    )
}
