//! A statement can write a row once. Atomic operations on the same task become one write, and the task gets one version;
//! others are written one after the other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::input::{Operation, TaskWrite, not_found};
use crate::input::InvalidInput;
use crate::scope::{OperationFailure, StoreError};
use crate::tasks::field_texts::FieldTexts;
use crate::tasks::input::{Completion, NewTask, TaskChange};
use crate::tasks::model::{TASK, TaskId};
use crate::tasks::spellings::Spellings;
use crate::time::Timestamp;

static NO_CHANGE: TaskChange = TaskChange::NONE;

/// A write of one task.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) kind: WriteKind,
    /// The operations that it does, as indexes in the request.
    pub(super) operations: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum WriteKind {
    Create(NewTask),
    OnTask { id: TaskId, expected: Expected, change: Change },
}

/// What the client has read. It is compared with the task as it was before the request.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) version: Option<i64>,
    pub(super) updated_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) enum Change {
    Set(Box<TaskChange>),
    Delete,
}

/// The writes, and the operations that fail before anything is sent.
pub(super) type Merged<W> = (W, Vec<(usize, OperationFailure)>);

/// Merges operations on the same task, in their order.
pub(super) fn merge(operations: Vec<Result<Operation, OperationFailure>>) -> Merged<Vec<Write>> {
    let (mut writes, mut failures) = (Vec::<Write>::new(), Vec::new());
    let mut by_id = HashMap::<String, usize>::new();
    for (index, operation) in operations.into_iter().enumerate() {
        let merged = operation.and_then(|operation| {
            let write = Write::of(index, operation);
            match write.id().map(|id| by_id.entry(id)) {
                Some(Entry::Occupied(earlier)) => {
                    writes.get_mut(*earlier.get()).map_or(Ok(()), |earlier| earlier.add(write))
                }
                Some(Entry::Vacant(entry)) => {
                    entry.insert(writes.len());
                    writes.push(write);
                    Ok(())
                }
                None => {
                    writes.push(write);
                    Ok(())
                }
            }
        });
        if let Err(failure) = merged {
            failures.push((index, failure));
        }
    }
    (writes, failures)
}

/// Rounds of writes that are done one after the other: in each, a task is written once.
pub(super) fn separate(operations: Vec<Result<Operation, OperationFailure>>) -> Merged<Vec<Vec<Write>>> {
    let (mut rounds, mut failures) = (Vec::<Vec<Write>>::new(), Vec::new());
    let mut writes_of = HashMap::<String, usize>::new();
    for (index, operation) in operations.into_iter().enumerate() {
        let write = match operation {
            Ok(operation) => Write::of(index, operation),
            Err(failure) => {
                failures.push((index, failure));
                continue;
            }
        };
        let round = write.id().map_or(0, |id| {
            let writes = writes_of.entry(id).or_default();
            *writes += 1;
            *writes - 1
        });
        match rounds.get_mut(round) {
            Some(writes) => writes.push(write),
            None => rounds.push(vec![write]),
        }
    }
    (rounds, failures)
}

impl Write {
    fn of(index: usize, operation: Operation) -> Self {
        let kind = match operation {
            Operation::Create(new) => WriteKind::Create(new),
            Operation::OnTask { id, version, write } => {
                let (expected, change) = Change::of(version, write);
                WriteKind::OnTask { id, expected, change }
            }
        };
        Self { kind, operations: vec![index] }
    }

    /// The id of the task, if it has one already.
    pub(super) fn id(&self) -> Option<String> {
        match &self.kind {
            WriteKind::Create(new) => new.id.clone(),
            WriteKind::OnTask { id, .. } => Some(id.to_string()),
        }
    }

    /// Whether it creates a task with an id that the client has chosen.
    pub(super) fn has_chosen_id(&self) -> bool {
        matches!(&self.kind, WriteKind::Create(new) if new.id.is_some())
    }

    /// The texts that it stores.
    pub(super) fn field_texts(&self) -> FieldTexts<'_> {
        match &self.kind {
            WriteKind::Create(new) => new.field_texts(),
            WriteKind::OnTask { change: Change::Set(change), .. } => change.field_texts(),
            WriteKind::OnTask { change: Change::Delete, .. } => NO_CHANGE.field_texts(),
        }
    }

    /// The failure that the statement calls `problem`.
    pub(super) fn failure(&self, problem: &str) -> OperationFailure {
        match (problem, &self.kind) {
            ("not_found", _) => not_found(),
            (columns, WriteKind::OnTask { change: Change::Set(change), .. }) if columns != "precondition_failed" => {
                let is_failing = |column: &str| columns.split(' ').any(|failing| failing == column);
                let values = change.invalid_values().filter(|value| is_failing(value.field()));
                OperationFailure::Invalid(InvalidInput(values.map(|value| value.failure.clone()).collect()))
            }
            _ => precondition_failed(),
        }
    }

    /// Adds a later write of the same task.
    fn add(&mut self, later: Self) -> Result<(), OperationFailure> {
        let WriteKind::OnTask { expected: later_expected, change: later_change, .. } = later.kind else {
            let index = later.operations.first().copied().unwrap_or_default();
            let pointer = format!("/operations/{index}/id");
            return Err(OperationFailure::invalid(pointer, "id is that of a task of an earlier operation"));
        };
        match &mut self.kind {
            WriteKind::Create(new) => change_new(new, later_expected, later_change)?,
            WriteKind::OnTask { change: Change::Delete, .. } => return Err(not_found()),
            WriteKind::OnTask { expected, change, .. } => {
                let both = expected.and(later_expected)?;
                change.add(later_change)?;
                *expected = both;
            }
        }
        self.operations.extend(later.operations);
        Ok(())
    }
}

/// Changes a task before it is created.
fn change_new(new: &mut NewTask, expected: Expected, change: Change) -> Result<(), OperationFailure> {
    if expected != Expected::default() {
        return Err(precondition_failed());
    }
    let mut whole = Change::Set(Box::new(TaskChange { completed: new.completed, ..TaskChange::NONE }));
    whole.add(change)?;
    // A task that is not to be created at all.
    let Change::Set(change) = whole else { return Err(not_found()) };
    new.completed = if change.toggles_completed { Some(true) } else { change.completed };
    new.title = change.title.unwrap_or(std::mem::take(&mut new.title));
    new.description = change.description.unwrap_or(new.description.take());
    new.priority = change.priority.unwrap_or(new.priority);
    new.due_date = change.due_date.map_or(new.due_date, |change| change.value.or(change.otherwise));
    if let Some(Spellings { value, otherwise }) = change.tags {
        new.tags = [value, otherwise].into_iter().find(|tags| !tags.is_empty());
    }
    new.category = change.category.unwrap_or(new.category.take());
    new.recurrence = change.recurrence.map_or(new.recurrence.take(), |rule| rule.value.or(rule.otherwise));
    new.time_zone = change.time_zone.map_or(new.time_zone.take(), |zone| zone.value.or(zone.otherwise));
    new.extra.change(change.extra);
    Ok(())
}

fn precondition_failed() -> OperationFailure {
    OperationFailure::Refused(StoreError::PreconditionFailed(&TASK))
}

impl Expected {
    /// Both.
    fn and(self, other: Self) -> Result<Self, OperationFailure> {
        fn both<T: PartialEq>(one: Option<T>, other: Option<T>) -> Result<Option<T>, OperationFailure> {
            match (one, other) {
                (Some(one), Some(other)) if one != other => Err(precondition_failed()),
                (one, other) => Ok(one.or(other)),
            }
        }
        Ok(Self { version: both(self.version, other.version)?, updated_at: both(self.updated_at, other.updated_at)? })
    }
}

impl Change {
    fn of(version: Option<i64>, write: TaskWrite) -> (Expected, Self) {
        let expected = |updated_at| Expected { version, updated_at };
        match write {
            TaskWrite::Change(change) => (expected(change.expected_updated_at), Self::Set(change)),
            TaskWrite::Complete(Completion { completed, expected_updated_at }) => {
                let change = TaskChange { completed, toggles_completed: completed.is_none(), ..TaskChange::NONE };
                (expected(expected_updated_at), Self::Set(Box::new(change)))
            }
            TaskWrite::Delete => (expected(None), Self::Delete),
        }
    }

    /// What a later operation on the same task adds.
    fn add(&mut self, later: Self) -> Result<(), OperationFailure> {
        match (&mut *self, later) {
            (_, Self::Delete) => *self = Self::Delete,
            (Self::Delete, _) => return Err(not_found()),
            (Self::Set(change), Self::Set(later)) => {
                // A value that breaks a rule can be what is stored before the request only.
                let failures: Vec<_> = later.invalid_values().map(|value| value.failure.clone()).collect();
                if !failures.is_empty() {
                    return Err(OperationFailure::Invalid(InvalidInput(failures)));
                }
                match (later.toggles_completed, later.completed, change.completed) {
                    (true, _, Some(completed)) => change.completed = Some(!completed),
                    (true, _, None) => change.toggles_completed = !change.toggles_completed,
                    (false, Some(completed), _) => {
                        (change.completed, change.toggles_completed) = (Some(completed), false);
                    }
                    (false, None, _) => {}
                }
                let later = *later;
                change.title = later.title.or(change.title.take());
                change.description = later.description.or(change.description.take());
                change.priority = later.priority.or(change.priority);
                change.due_date = later.due_date.or(change.due_date);
                change.tags = later.tags.or(change.tags.take());
                change.category = later.category.or(change.category.take());
                change.recurrence = later.recurrence.or(change.recurrence.take());
                change.time_zone = later.time_zone.or(change.time_zone.take());
                change.extra.add(later.extra);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::ApiConfig;
    use crate::input::{FromJson, ObjectReader};
    use crate::tasks::bulk::input::Bulk;

    fn operations(operations: &Value) -> Vec<Result<Operation, OperationFailure>> {
        let body = json!({"operations": operations});
        let mut reader = ObjectReader::new(body.as_object().expect("an object"), "");
        let bulk = Bulk::from_json(&mut reader, &ApiConfig::default());
        reader.finish(bulk).expect("operations").operations
    }

    /// The title and the completion that a write sets, whether it toggles that, and its operations.
    type Summary = (Option<String>, Option<bool>, bool, Vec<usize>);

    /// The writes, and the operations that fail.
    fn merged(value: &Value) -> (Vec<Summary>, Vec<usize>) {
        let (writes, failures) = merge(operations(value));
        let write = |write: Write| match write.kind {
            WriteKind::OnTask { change: Change::Set(change), .. } => {
                (change.title, change.completed, change.toggles_completed, write.operations)
            }
            _ => (None, None, false, write.operations),
        };
        (writes.into_iter().map(write).collect(), failures.into_iter().map(|(index, _)| index).collect())
    }

    #[test]
    fn operations_on_a_task_become_one_write() {
        let toggle = json!({"op": "complete", "id": 1});
        let complete = json!({"op": "complete", "id": "1", "completed": true});
        let rename = json!({"op": "update", "id": 1, "title": "t"});
        let title = Some("t".to_owned());
        for (list, write) in [
            (json!([toggle, toggle]), (None, None, false, vec![0, 1])),
            (json!([toggle, toggle, toggle]), (None, None, true, vec![0, 1, 2])),
            (json!([complete, toggle, rename]), (title.clone(), Some(false), false, vec![0, 1, 2])),
            (json!([toggle, complete]), (None, Some(true), false, vec![0, 1])),
            (json!([toggle, rename, toggle, toggle]), (title, None, true, vec![0, 1, 2, 3])),
        ] {
            assert_eq!(merged(&list), (vec![write], vec![]), "{list}");
        }
    }

    #[test]
    fn nothing_can_follow_a_delete() {
        let delete = json!({"op": "delete", "id": 1});
        let list = json!([delete, {"op": "complete", "id": 1}, delete, {"op": "create", "title": "t"}]);
        assert_eq!(merged(&list).1, [1, 2]);
        let versions = json!([{"op": "complete", "id": 1, "version": 1}, {"op": "delete", "id": 1, "version": 2}]);
        assert_eq!(merged(&versions), (vec![(None, None, true, vec![0])], vec![1]));
    }

    #[test]
    fn each_round_has_a_task_once() {
        let on = |id: u8| json!({"op": "complete", "id": id});
        let list = json!([on(1), on(2), on(1), {"op": "create", "title": "t"}, on(1), {"op": "rename"}]);
        let (rounds, failures) = separate(operations(&list));
        let indexes = |round: &Vec<Write>| round.iter().flat_map(|write| write.operations.clone()).collect();
        assert_eq!(rounds.iter().map(indexes).collect::<Vec<Vec<usize>>>(), [vec![0, 1, 3], vec![2], vec![4]]);
        assert_eq!(failures.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [5]);
    }
}
