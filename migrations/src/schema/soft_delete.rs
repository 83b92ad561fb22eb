//! Rows that another back end marks as deleted. The functions do not know such a mark: they show these rows.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::schema::catalog::{Column, TasksTable};
use crate::schema::difference::{Choice, Difference};
use crate::schema::synonyms::{deleted_condition, hidden_condition};

/// A difference for each mark that rows have.
pub(crate) async fn differences(
    database: &mut PgConnection,
    tasks: &TasksTable,
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut differences = Vec::new();
    for column in &tasks.columns {
        let Some(condition) = deleted_condition(column) else { continue };
        let count = count(database, &condition).await?;
        if count > 0 {
            differences.push(difference(database, column, &condition, count).await?);
        }
    }
    Ok(differences)
}

/// A note for each mark that no row has, and for columns that may hide rows.
pub(crate) async fn notes(database: &mut PgConnection, tasks: &TasksTable) -> Result<Vec<String>, sqlx::Error> {
    let mut notes = Vec::new();
    for column in &tasks.columns {
        let name = &column.name;
        if let Some(condition) = deleted_condition(column) {
            if count(database, &condition).await? == 0 {
                notes.push(format!(
                    "no task is marked as deleted by {name}; the functions delete rows, and they would show one that another \
                     program marks"
                ));
            }
        } else if let Some(condition) = hidden_condition(column) {
            let count = count(database, &condition).await?;
            if count > 0 {
                notes.push(format!("{count} tasks have {name} set, and are shown like all others"));
            }
        }
    }
    Ok(notes)
}

/// A foreign key that refers to tasks.
#[derive(FromRow)]
struct Reference {
    /// Quoted for SQL.
    table_name: String,
    /// Without an action: a task to which a row refers cannot be deleted.
    blocks_deletes: bool,
}

async fn difference(
    database: &mut PgConnection,
    Column { name, type_name, .. }: &Column,
    condition: &str,
    count: i64,
) -> Result<Difference, sqlx::Error> {
    let references: Vec<Reference> = sqlx::query_as(
        "select conrelid::regclass::text as table_name, confdeltype in ('a', 'r') as blocks_deletes
        from pg_constraint
        where confrelid = to_regclass('tasks')
            and contype = 'f'
        order by 1",
    )
    .fetch_all(&mut *database)
    .await?;
    let warning = warning(&references);
    let archive = free_name(database).await?;
    let unset = match &**type_name {
        "bool" => "false",
        "int2" | "int4" | "int8" => "0",
        _ => "null",
    };
    let choices = [
        Choice::sql_if(
            format!("to keep them in a table of their own{warning}"),
            format!(
                "create table {archive} as table tasks with no data; with deleted as (delete from tasks where {condition} \
                 returning *) insert into {archive} select * from deleted;"
            ),
        ),
        Choice::sql_if(format!("to delete them{warning}"), format!("delete from tasks where {condition};")),
        Choice::sql_if("to show them again", format!("update tasks set {name} = {unset} where {condition};")),
    ];
    Ok(Difference::choice(
        format!("{count} tasks are marked as deleted by {name}, which the functions do not know: they would be shown"),
        choices,
    ))
}

/// What happens to rows that refer to tasks when these are deleted.
fn warning(references: &[Reference]) -> String {
    let tables = |blocks_deletes: bool| {
        let with = references.iter().filter(|reference| reference.blocks_deletes == blocks_deletes);
        let names: Vec<&str> = with.map(|reference| &*reference.table_name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let blocking = tables(true).map(|names| format!("; delete the rows of {names} that refer to them first"));
    let following =
        tables(false).map(|names| format!("; rows of {names} that refer to them are deleted or changed with them"));
    blocking.into_iter().chain(following).collect()
}

/// A name for the table of deleted tasks that no table has.
async fn free_name(database: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(
        "select name
        from generate_series(1, 1000) as number
        cross join lateral (select 'tasks_deleted' || case number when 1 then '' else '_' || number end) as names (name)
        where to_regclass(name) is null
        order by number
        limit 1",
    )
    .fetch_one(database)
    .await
}

async fn count(database: &mut PgConnection, condition: &str) -> Result<i64, sqlx::Error> {
    let sql = format!("select count(*) from tasks where {condition}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(database).await
}
