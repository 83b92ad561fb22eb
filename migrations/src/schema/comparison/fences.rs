//! The schema of our own, and the table in it in which the functions record the writes that they gave up.

use crate::bookkeeping::CREATE_SCHEMA;
use crate::schema::catalog::{FencesTable, TasksTable};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::{create_task_fences, move_task_fences};

/// Without a record of its undo: the record is kept in this schema.
pub(super) fn schema_difference(tasks: &TasksTable) -> Option<Difference> {
    (!tasks.bookkeeping.has_schema).then(|| {
        Difference::automatic(
            "the schema tasks_api is missing",
            [Change::in_transaction("create the schema tasks_api", CREATE_SCHEMA)],
        )
    })
}

pub(super) fn differences(tasks: &TasksTable) -> Option<Difference> {
    let change = match &tasks.fences {
        FencesTable::Present => return None,
        FencesTable::Missing => Change::in_transaction("add the table tasks_api.task_fences", create_task_fences())
            .with_undo("drop table tasks_api.task_fences;"),
        FencesTable::OfEarlierRelease { schema } => {
            Change::in_transaction("move the table task_fences into the schema tasks_api", move_task_fences(schema))
                .with_undo(format!("alter table tasks_api.task_fences set schema {schema};"))
        }
    };
    Some(Difference::automatic("the table tasks_api.task_fences is missing", [change]))
}
