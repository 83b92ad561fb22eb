//! Columns beside `completed` that also tell whether a task is completed. The functions read and write `completed` only.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::schema::catalog::{Column, TasksTable};
use crate::schema::expected_schema::COLUMNS;
use crate::schema::synonyms::{is_completion_time, is_status, means_finished, rank};
use crate::sql::string_literal;

/// A note for each such column that differs from `completed` in rows.
pub(crate) async fn notes(database: &mut PgConnection, tasks: &TasksTable) -> Result<Vec<String>, sqlx::Error> {
    let mut notes = Vec::new();
    if tasks.column("completed").is_none_or(|column| column.type_name != "bool") {
        return Ok(notes);
    }
    for column in &tasks.columns {
        let Some(condition) = completed_condition(database, column).await? else { continue };
        let sql = format!("select count(*) from tasks where (completed is true) <> ({condition})");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *database).await?;
        if count > 0 {
            let name = &column.name;
            notes.push(format!("in {count} tasks completed and {name} differ; the functions use completed"));
        }
    }
    Ok(notes)
}

/// The condition under which a column means that the task is completed. `None` when it tells nothing about that.
async fn completed_condition(database: &mut PgConnection, column: &Column) -> Result<Option<String>, sqlx::Error> {
    let name = &column.name;
    if COLUMNS.iter().any(|expected| expected.name == *name) {
        return Ok(None);
    }
    if name == "completed_at" {
        // The functions show it. Tasks that were completed before the trigger was there have none.
        return Ok(Some("completed is true or completed_at is not null".to_owned()));
    }
    if is_completion_time(column) {
        return Ok(Some(format!("{name} is not null")));
    }
    if is_status(column) {
        let words = words(database, name).await?;
        let finished: Vec<String> =
            words.iter().filter(|(word, _)| means_finished(word)).map(|(word, _)| string_literal(word)).collect();
        // Without such a word the column may tell something else.
        return Ok(
            (!finished.is_empty()).then(|| format!("coalesce({name}::text in ({}), false)", finished.join(", ")))
        );
    }
    Ok(rank("completed", name, &column.type_name).map(|_| match &*column.type_name {
        "bool" => format!("{name} is true"),
        _ => format!("coalesce({name}, 0) <> 0"),
    }))
}

/// The values of a column as text, with the number of their rows. The most frequent come first.
pub(crate) async fn words(database: &mut PgConnection, column: &str) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let sql =
        format!("select {column}::text, count(*) from tasks where {column} is not null group by 1 order by 2 desc, 1");
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(database).await
}
