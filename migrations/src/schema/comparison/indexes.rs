//! The indexes of `tasks`.

use crate::schema::catalog::{Index, TasksTable};
use crate::schema::change::Change;
use crate::schema::difference::Difference;
use crate::schema::expected_schema::{ExpectedIndex, INDEXES};

pub(super) fn differences(tasks: &TasksTable) -> Vec<Difference> {
    INDEXES.iter().filter_map(|expected| difference(expected, tasks)).collect()
}

/// An index counts by its definition, whatever its name. No other index is changed: where one has the name of ours, ours
/// gets another name.
fn difference(expected: &ExpectedIndex, tasks: &TasksTable) -> Option<Difference> {
    let satisfies = |index: &&Index| {
        index.btree_definition().is_some_and(|definition| expected.is_satisfied_by(index.unique, definition))
    };
    let mut candidates = tasks.indexes.iter().filter(satisfies);
    if candidates.clone().any(|index| index.valid) {
        return None;
    }
    if let Some(invalid) = candidates.find(|index| expected.names.contains(&&*index.name)) {
        let name = &invalid.name;
        let drop =
            Change::standalone(format!("drop the index {name}"), format!("drop index concurrently if exists {name};"));
        let description = format!("the index {name} is invalid: its making was interrupted");
        return Some(Difference::automatic(description, [drop, create(expected, name)]));
    }
    let is_free = |name: &&&str| !tasks.taken_names.iter().any(|taken| taken == **name);
    let [first, second] = expected.names;
    Some(match expected.names.iter().find(is_free) {
        Some(&name) => Difference::automatic(format!("the index {name} is missing"), [create(expected, name)]),
        None => Difference::manual(
            format!("an index on {} is missing, and {first} and {second} are the names of others", expected.definition),
            format!("give one of them another name: alter index {second} rename to …"),
        ),
    })
}

fn create(ExpectedIndex { names, unique, definition }: &ExpectedIndex, name: &str) -> Change {
    let unique = if *unique { "unique " } else { "" };
    let comment = if name == names[0] { String::new() } else { format!("-- {} is another index.\n", names[0]) };
    Change::standalone(
        format!("add the index {name}"),
        format!("{comment}create {unique}index concurrently {name} on tasks {definition};"),
    )
    .with_undo(format!("drop index concurrently if exists {name};"))
}
