//! The functions in the schema of our own that statements call.

use crate::schema::catalog::TasksTable;
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::functions::{ExpectedFunction, expected_functions};

/// One difference for all of them.
pub(super) fn difference(tasks: &TasksTable) -> Option<Difference> {
    let missing: Vec<_> = expected_functions().filter(|expected| !expected.is_among(&tasks.functions)).collect();
    if missing.is_empty() {
        return None;
    }
    let names = if missing.len() == expected_functions().count() {
        "all".to_owned()
    } else {
        let mut names: Vec<&str> = missing.iter().map(|function| function.name).collect();
        names.dedup();
        names.join(", ")
    };
    let lines = |line: fn(&ExpectedFunction) -> String| missing.iter().map(line).collect::<Vec<_>>().join("\n");
    let add = Change::in_transaction("add functions to tasks_api", lines(ExpectedFunction::create))
        .with_undo(lines(ExpectedFunction::drop));
    Some(Difference::automatic(format!("functions in tasks_api are missing, or are other ones: {names}"), [add]))
}
