//! Columns of `tasks` that other back ends call otherwise. An empty column beside such a one would hide what is stored.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::schema::catalog::{Column, TasksTable};
use crate::schema::completion::words;
use crate::schema::difference::{Choice, Difference};
use crate::schema::expected_schema::{COLUMNS, ExpectedColumn};
use crate::schema::synonyms::{is_completion_time, is_status, means_finished, rank};
use crate::sql::string_literal;

/// How many words of a column are listed.
const WORDS_MAX: usize = 12;

/// For each missing column the existing ones that may be it, the likeliest first. None may be two of them.
pub(super) fn candidates(tasks: &TasksTable) -> BTreeMap<&'static str, Vec<&Column>> {
    let mut unknown: Vec<&Column> =
        tasks.columns.iter().filter(|column| COLUMNS.iter().all(|expected| expected.name != column.name)).collect();
    let mut candidates = BTreeMap::new();
    for expected in COLUMNS.iter().filter(|expected| tasks.column(expected.name).is_none()) {
        let mut ranked: Vec<(usize, &Column)> = unknown
            .iter()
            .filter_map(|column| Some((rank(expected.name, &column.name, &column.type_name)?, *column)))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        // Another spelling of the same name leaves no doubt.
        if ranked.first().is_some_and(|(rank, _)| *rank == 0) {
            ranked.truncate(1);
        }
        let found: Vec<&Column> = ranked.into_iter().map(|(_, column)| column).collect();
        if let Some(first) = found.first() {
            unknown.retain(|column| column.name != first.name);
            candidates.insert(expected.name, found);
        }
    }
    candidates
}

/// `None` when there are no candidates.
pub(super) fn missing_with_candidates(expected: &ExpectedColumn, candidates: &[&Column]) -> Option<Difference> {
    if candidates.is_empty() {
        return None;
    }
    let name = expected.name;
    let names: Vec<String> =
        candidates.iter().map(|column| format!("{} ({})", column.name, column.type_name)).collect();
    let renames = candidates.iter().map(|Column { name: candidate, .. }| {
        Choice::sql_if(
            format!("if {candidate} is the same"),
            format!("alter table tasks rename column {candidate} to {name};"),
        )
    });
    let add = add_column(expected).map(|add| Choice::sql_if("if it is something else", add));
    Some(Difference::choice(
        format!("the column {name} is missing, and may have another name: {}", names.join(", ")),
        renames.chain(add).collect::<Vec<_>>(),
    ))
}

/// The difference of `completed`, if other columns tell whether a task is completed.
pub(super) async fn missing_with_status(
    database: &mut PgConnection,
    expected: &ExpectedColumn,
    tasks: &TasksTable,
) -> Result<Option<Difference>, sqlx::Error> {
    let (true, Some(add)) = (expected.name == "completed", add_column(expected)) else { return Ok(None) };
    if let Some(Column { name, .. }) = tasks.columns.iter().find(|column| is_completion_time(column)) {
        let fill = fill_completed(&format!("{name} is not null"));
        return Ok(Some(Difference::choice(
            format!("the column completed is missing, and {name} may tell whether a task is completed"),
            [
                Choice::sql_if(
                    "if it tells that, and the old back end writes completed too from then on",
                    add.clone() + &fill,
                ),
                Choice::sql_if("if it is something else", add),
            ],
        )));
    }
    let Some(column) = tasks.columns.iter().find(|column| is_status(column)) else { return Ok(None) };
    let name = &column.name;
    let words = words(database, name).await?;
    let listed: Vec<String> =
        words.iter().take(WORDS_MAX).map(|(word, count)| format!("{word} ({count} rows)")).collect();
    let listed = if listed.is_empty() { "no values yet".to_owned() } else { listed.join(", ") };
    let finished: Vec<String> =
        words.iter().filter(|(word, _)| means_finished(word)).map(|(word, _)| string_literal(word)).collect();
    let mut choices = Vec::new();
    if !finished.is_empty() {
        let list = finished.join(", ");
        choices.push(Choice::sql_if(
            format!("if {list} means completed, and the old back end writes completed too from then on"),
            format!("{add}{}", fill_completed(&format!("coalesce({name}::text in ({list}), false)"))),
        ));
    }
    choices.push(Choice::sql_if("if no word means completed", add));
    Ok(Some(Difference::choice(
        format!("the column completed is missing, and {name} may tell whether a task is completed: {listed}"),
        choices,
    )))
}

/// Fills the column that was just added. Unlike an update, this fires no trigger, so that `updated_at` stays.
fn fill_completed(condition: &str) -> String {
    format!(" alter table tasks alter column completed type boolean using {condition};")
}

fn add_column(ExpectedColumn { name, definition, .. }: &ExpectedColumn) -> Option<String> {
    definition.map(|definition| format!("alter table tasks add column {name} {definition};"))
}
