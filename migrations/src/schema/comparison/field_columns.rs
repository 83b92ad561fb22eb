//! The columns of tags, category, completion time and recurrence.

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::{Choice, Difference};
use crate::schema::field_columns::{FIELD_COLUMNS, FieldColumn};

/// A column that exists is used or left alone, whatever it is.
pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    FIELD_COLUMNS.iter().filter_map(|expected| difference(expected, tasks)).collect()
}

fn difference(expected: &FieldColumn, tasks: &TasksTable) -> Option<Difference> {
    let name = expected.name;
    let Some(column) = tasks.column(name) else {
        let definition = expected.definition(tasks);
        let add = Change::in_transaction(
            format!("add the column {name}"),
            format!("alter table tasks add column {name} {definition};"),
        )
        .with_undo(format!("alter table tasks drop column {name};"))
        .with_data_condition(expected.data_condition);
        return Some(Difference::automatic(format!("the column {name} is missing"), [add]));
    };
    if expected.is_refused(column) {
        return Some(Difference::choice(
            format!("the column {name} is generated, and the functions write it"),
            [
                Choice::sql_if(
                    "to keep what it holds now, and to write it from then on",
                    format!("alter table tasks alter column {name} drop expression;"),
                ),
                Choice::sql_if(
                    "to keep it generated",
                    format!("alter table tasks rename column {name} to generated_{name};"),
                ),
            ],
        ));
    }
    expected.is_ambiguous(column).then(|| {
        Difference::choice(
            format!("the column {name} is of type {}, which PostgreSQL confuses with text[]", column.declared_type),
            [Choice::sql_if(
                "with the old back end stopped, because this rewrites the table",
                format!("alter table tasks alter column {name} type text[];"),
            )],
        )
    })
}
