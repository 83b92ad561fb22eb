//! The indexes of `tasks`.

use crate::schema::catalog::{Index, TasksTable};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::{ExpectedIndex, INDEXES, LONGEST_INDEXED_TITLE, TITLE_INDEX};

pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    INDEXES
        .iter()
        .filter(|expected| !refuses_long_titles(expected, tasks))
        .filter_map(|expected| match tasks.index(expected.name) {
            Some(index) => compare(expected, index),
            None => missing(expected, tasks),
        })
        .collect()
}

/// Whether an entry of the index could exceed PostgreSQL's limit, so that the other back end could no longer write a long
/// title. The functions sort by title without the index too.
fn refuses_long_titles(expected: &ExpectedIndex, tasks: &TasksTable) -> bool {
    let has_title = expected.name == TITLE_INDEX;
    has_title
        && tasks
            .column("title")
            .is_some_and(|title| title.max_length.is_none_or(|length| length > LONGEST_INDEXED_TITLE))
}

fn missing(expected: &ExpectedIndex, tasks: &TasksTable) -> Option<Difference> {
    let mut candidates = tasks.indexes.iter().filter(|index| expected.any_direction_and_name && index.valid);
    let has_substitute = candidates.any(|index| satisfies(index, expected));
    (!has_substitute)
        .then(|| Difference::automatic(format!("the index {} is missing", expected.name), [create_index(expected)]))
}

fn compare(expected: &ExpectedIndex, index: &Index) -> Option<Difference> {
    let name = expected.name;
    if !index.valid {
        let description = format!("the index {name} is invalid: its making was interrupted");
        return Some(Difference::automatic(description, [drop_index(expected), create_index(expected)]));
    }
    (!satisfies(index, expected)).then(|| {
        let definition = &index.definition;
        let restore = format!("{};", definition.replace(" INDEX ", " INDEX CONCURRENTLY "));
        Difference::automatic(
            format!("the index {name} is another one: {definition}"),
            [drop_index(expected).with_undo(restore), create_index(expected)],
        )
    })
}

fn satisfies(index: &Index, expected: &ExpectedIndex) -> bool {
    index.btree_definition().is_some_and(|definition| expected.is_satisfied_by(index.unique, definition))
}

fn create_index(ExpectedIndex { name, unique, definition, .. }: &ExpectedIndex) -> Change {
    let unique = if *unique { "unique " } else { "" };
    Change::standalone(
        format!("add the index {name}"),
        format!("create {unique}index concurrently {name} on tasks {definition};"),
    )
    .with_undo(format!("drop index concurrently if exists {name};"))
}

fn drop_index(ExpectedIndex { name, .. }: &ExpectedIndex) -> Change {
    Change::standalone(format!("drop the index {name}"), format!("drop index concurrently if exists {name};"))
}
