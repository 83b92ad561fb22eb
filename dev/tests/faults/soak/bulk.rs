//! Bulk requests whose outcome is known beforehand.

use std::collections::BTreeMap;

use dev::testing::client::TestResponse;
use serde_json::{Value, json};

use super::model::{Change, Model, State, States};

/// How the operations are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Atomic,
    /// Each on its own.
    Each,
    /// One change for a list of ids, none of them twice.
    Short,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Create(String),
    Change { id: i64, version: Option<i64>, change: Change },
}

/// What becomes of an operation: the task, or `None` if it is deleted, or the status of the problem.
type Outcome = Result<Option<State>, u16>;

/// A bulk request, and what it does.
#[derive(Debug)]
pub(super) struct Bulk {
    form: Form,
    operations: Vec<Operation>,
    outcomes: Vec<Outcome>,
    /// The states of each task from that before the request to that after it.
    states: BTreeMap<i64, States>,
}

impl Bulk {
    /// `tasks` are those that the operations may find. All of them are known.
    pub(super) fn new(form: Form, operations: Vec<Operation>, tasks: &BTreeMap<i64, State>) -> Self {
        let mut bulk = Self { form, operations, outcomes: Vec::new(), states: BTreeMap::new() };
        for operation in &bulk.operations {
            let outcome = match operation {
                Operation::Create(title) => Ok(Some(State::new(title))),
                Operation::Change { id, version, change } => {
                    let states = bulk.states.entry(*id).or_insert_with(|| vec![tasks.get(id).cloned()]);
                    // Atomic operations expect the version before the request.
                    let read = if form == Form::Atomic { states.first() } else { states.last() };
                    let read = read.cloned().flatten();
                    match states.last().cloned().flatten() {
                        None => Err(404),
                        Some(_) if version.is_some_and(|version| read.is_some_and(|read| read.version != version)) => {
                            Err(412)
                        }
                        Some(state) => {
                            states.push(change.apply(&state));
                            Ok(change.apply(&state))
                        }
                    }
                }
            };
            bulk.outcomes.push(outcome);
        }
        if form == Form::Atomic {
            bulk.merge();
        }
        bulk
    }

    /// Atomic operations on the same task are one change, and all of them have its outcome. If one fails, none is done.
    fn merge(&mut self) {
        let is_refused = self.is_refused();
        for states in self.states.values_mut() {
            let before = states.first().cloned().flatten();
            let after = states.last().cloned().flatten();
            let after = match (&before, after) {
                (Some(before), Some(after)) => Some(after.counted_after(before)),
                (_, after) => after,
            };
            *states = if is_refused { vec![before] } else { vec![before, after] };
        }
        for (operation, outcome) in self.operations.iter().zip(&mut self.outcomes) {
            if let Operation::Change { id, .. } = operation
                && outcome.is_ok()
            {
                *outcome = Ok(self.states[id].last().cloned().flatten());
            }
        }
    }

    /// Whether nothing is done because an operation fails.
    pub(super) fn is_refused(&self) -> bool {
        self.form == Form::Atomic && self.outcomes.iter().any(Result::is_err)
    }

    /// Whether the request has one statement, which does everything or nothing.
    pub(super) fn is_one_statement(&self) -> bool {
        self.form != Form::Each
    }

    /// Whether a repeat with the same key has the same answer for as long as the key lives.
    pub(super) fn is_kept(&self) -> bool {
        self.outcomes.iter().all(Result::is_ok)
    }

    pub(super) fn body(&self) -> Value {
        if self.form == Form::Short {
            return self.short_body();
        }
        let to_json = |operation: &Operation| match operation {
            Operation::Create(title) => json!({"op": "create", "title": title}),
            Operation::Change { id, version, change } => {
                let mut operation = change.to_operation(*id);
                if let Some(version) = version {
                    operation["version"] = json!(version);
                }
                operation
            }
        };
        let operations: Vec<Value> = self.operations.iter().map(to_json).collect();
        json!({"atomic": self.form == Form::Atomic, "operations": operations})
    }

    fn short_body(&self) -> Value {
        let id = |operation: &Operation| match operation {
            Operation::Create(_) => unreachable!("the short form creates nothing"),
            Operation::Change { id, .. } => *id,
        };
        let ids: Vec<i64> = self.operations.iter().map(id).collect();
        match self.operations.first() {
            Some(Operation::Change { change: Change::Complete(completed), .. }) => {
                json!({"task_ids": ids, "completed": completed})
            }
            _ => json!({"task_ids": ids, "delete": true}),
        }
    }

    /// Asserts that the response is the expected one, and updates the model.
    pub(super) fn observe(&self, response: &TestResponse, model: &mut Model) {
        if self.is_refused() {
            assert_eq!((response.status, &response["code"]), (422, &json!("bulk_refused")), "{self:?}: {response:?}");
            return;
        }
        assert_eq!(response.status, 200, "{self:?}: {response:?}");
        let results = response["results"].as_array().expect("results");
        assert_eq!(results.len(), self.operations.len(), "{response:?}");
        if self.form == Form::Short {
            let done = self.outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(response["count"], json!(done), "{self:?}: {response:?}");
        }
        for ((operation, outcome), result) in self.operations.iter().zip(&self.outcomes).zip(results) {
            let is_create = matches!(operation, Operation::Create(_));
            let (status, state) = match outcome {
                Ok(Some(state)) => (if is_create { 201 } else { 200 }, Some(state)),
                Ok(None) => (204, None),
                Err(status) => (*status, None),
            };
            let found = result.get("task").map(State::from_task);
            assert_eq!((&result["status"], found.as_ref()), (&json!(status), state), "{self:?}: {response:?}");
            if let (true, Some(task)) = (is_create, result.get("task")) {
                model.add(task["id"].as_i64().unwrap(), State::from_task(task));
            }
        }
        for (id, states) in &self.states {
            model.set(*id, states.last().cloned().into_iter().collect());
        }
    }

    /// Updates the model if it is unknown how much was done.
    pub(super) fn note_unknown(&self, model: &mut Model) {
        if self.is_refused() {
            return;
        }
        for operation in &self.operations {
            if let Operation::Create(title) = operation {
                model.add_maybe(title.clone());
            }
        }
        for (id, states) in &self.states {
            model.set(*id, states.clone());
        }
    }

    /// Asserts that the rows show everything or nothing of the request.
    pub(super) fn assert_all_or_nothing(&self, rows: &BTreeMap<i64, State>) {
        let created = self.operations.iter().filter_map(|operation| match operation {
            Operation::Create(title) => Some(rows.values().any(|row| row.title == *title)),
            Operation::Change { .. } => None,
        });
        let changed = self.states.iter().filter(|(_, states)| states.first() != states.last());
        let changed = changed.map(|(id, states)| states.last() == Some(&rows.get(id).cloned()));
        let done: Vec<bool> = created.chain(changed).collect();
        assert!(done.windows(2).all(|pair| pair[0] == pair[1]), "{done:?} of {self:?}\n{rows:?}");
    }
}
