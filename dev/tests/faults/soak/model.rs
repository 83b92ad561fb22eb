//! What the table may contain, as far as the responses tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::journal::WorkerJournal;

/// The columns of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) completed: bool,
    pub(super) version: i64,
    pub(super) tags: Vec<String>,
}

/// The possible states of a task. `None`: it is deleted. There is more than one only between a request without a key whose
/// outcome is unknown and the next response about the task.
pub(super) type States = Vec<Option<State>>;

/// A change of one task.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Rename(String),
    Toggle,
    Complete(bool),
    AddTag(&'static str),
    RemoveTag(&'static str),
    Delete,
}

/// A change of a tag, on every task that has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum TagChange {
    Rename(&'static str, &'static str),
    Delete(&'static str),
}

impl State {
    /// A task after its creation.
    pub(super) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), completed: false, version: 1, tags: Vec::new() }
    }

    pub(super) fn from_task(task: &Value) -> Self {
        Self {
            title: task["title"].as_str().unwrap().to_owned(),
            completed: task["completed"].as_bool().unwrap(),
            version: task["version"].as_i64().unwrap(),
            tags: task["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// This state with the version that it has if `before` was changed to it. A change that changes nothing has no version.
    pub(super) fn counted_after(self, before: &Self) -> Self {
        let is_same = (&self.title, self.completed, &self.tags) == (&before.title, before.completed, &before.tags);
        Self { version: if is_same { before.version } else { before.version + 1 }, ..self }
    }
}

impl TagChange {
    /// The tag that it renames or deletes.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Rename(tag, _) | Self::Delete(tag) => tag,
        }
    }

    /// The state of a task after the change.
    pub(super) fn apply(self, state: &State) -> State {
        let mut tags: Vec<String> = Vec::new();
        for tag in &state.tags {
            let tag = match self {
                Self::Rename(from, to) if from == tag => to,
                Self::Delete(deleted) if deleted == tag => continue,
                _ => tag,
            };
            // Two that become one are where the first of them was.
            if !tags.iter().any(|earlier| earlier == tag) {
                tags.push(tag.to_owned());
            }
        }
        State { tags, ..state.clone() }.counted_after(state)
    }
}

impl Change {
    /// The state after the change. `None` if it deletes the task.
    pub(super) fn apply(&self, state: &State) -> Option<State> {
        let changed = match self {
            Self::Rename(title) => State { title: title.clone(), ..state.clone() },
            Self::Toggle => State { completed: !state.completed, ..state.clone() },
            Self::Complete(completed) => State { completed: *completed, ..state.clone() },
            Self::AddTag(tag) => {
                let mut tags = state.tags.clone();
                if !tags.iter().any(|earlier| earlier == tag) {
                    tags.push((*tag).to_owned());
                }
                State { tags, ..state.clone() }
            }
            Self::RemoveTag(tag) => return Some(TagChange::Delete(tag).apply(state)),
            Self::Delete => return None,
        };
        Some(changed.counted_after(state))
    }

    /// Method, path below the task, and body of the request.
    pub(super) fn request_parts(&self) -> (&'static str, String, Option<Value>) {
        match self {
            Self::Rename(title) => ("PUT", String::new(), Some(json!({"title": title}))),
            Self::Toggle => ("PATCH", "/toggle".to_owned(), None),
            Self::Complete(completed) => ("PATCH", "/complete".to_owned(), Some(json!({"completed": completed}))),
            Self::AddTag(tag) => ("POST", "/tags".to_owned(), Some(json!({"tags": [tag]}))),
            Self::RemoveTag(tag) => ("DELETE", format!("/tags/{tag}"), None),
            Self::Delete => ("DELETE", String::new(), None),
        }
    }

    /// The operation of a bulk request.
    pub(super) fn to_operation(&self, id: i64) -> Value {
        match self {
            Self::Rename(title) => json!({"op": "update", "id": id, "title": title}),
            Self::Toggle => json!({"op": "complete", "id": id}),
            Self::Complete(completed) => json!({"op": "complete", "id": id, "completed": completed}),
            Self::AddTag(_) | Self::RemoveTag(_) => unreachable!("a bulk request sets all tags of a task"),
            Self::Delete => json!({"op": "delete", "id": id}),
        }
    }
}

/// The tasks of one user.
pub(super) struct Model {
    tasks: BTreeMap<i64, States>,
    /// Titles of tasks that may exist.
    maybe_created: Vec<String>,
    journal: WorkerJournal,
}

impl Model {
    pub(super) fn new(journal: WorkerJournal) -> Self {
        Self { tasks: BTreeMap::new(), maybe_created: Vec::new(), journal }
    }

    /// How many tasks are known. There can be more.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The id of a known task.
    pub(super) fn nth(&self, number: usize) -> Option<i64> {
        self.tasks.keys().nth(number).copied()
    }

    /// The tasks whose state is known.
    pub(super) fn certain(&self) -> BTreeMap<i64, State> {
        let certain = |(id, states): (&i64, &States)| match states.as_slice() {
            [Some(state)] => Some((*id, state.clone())),
            _ => None,
        };
        self.tasks.iter().filter_map(certain).collect()
    }

    /// The ids of the known tasks.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.tasks.keys().copied().collect()
    }

    /// The possible states of a known task.
    pub(super) fn states(&self, id: i64) -> States {
        self.tasks[&id].clone()
    }

    /// Adds a task that a response has shown.
    pub(super) fn add(&mut self, id: i64, state: State) {
        assert!(self.tasks.insert(id, vec![Some(state)]).is_none(), "{id} was there\n{}", self.journal.about_task(id));
    }

    /// Notes that a task with this title may exist.
    pub(super) fn add_maybe(&mut self, title: String) {
        self.maybe_created.push(title);
    }

    /// Sets the possible states of a task. A task that is certainly deleted is forgotten.
    pub(super) fn set(&mut self, id: i64, states: States) {
        if states.iter().all(Option::is_none) {
            self.tasks.remove(&id);
        } else {
            self.tasks.insert(id, states);
        }
    }

    /// Asserts that a response shows what it may, and notes it.
    pub(super) fn observe(&mut self, id: i64, possible: &States, shown: Option<State>) {
        let history = || self.journal.about_task(id);
        assert!(possible.contains(&shown), "{id} is {shown:?}, expected {possible:?}\n{}", history());
        self.set(id, vec![shown]);
    }

    /// Asserts that the rows are possible and that none exists twice, and adds those that were uncertain.
    pub(super) fn compare(&mut self, rows: &BTreeMap<i64, State>) {
        for (id, states) in &self.tasks {
            let row = rows.get(id).cloned();
            assert!(states.contains(&row), "{id} is {row:?}, expected {states:?}\n{}", self.journal.about_task(*id));
        }
        for (id, state) in rows {
            if self.tasks.contains_key(id) {
                continue;
            }
            let Some(index) = self.maybe_created.iter().position(|title| *title == state.title) else {
                unreachable!("{id}, {state:?}, is unexpected\n{}", self.journal.about_title(&state.title));
            };
            assert_eq!(*state, State::new(&state.title), "{}", self.journal.about_title(&state.title));
            self.maybe_created.remove(index);
            self.tasks.insert(*id, vec![Some(state.clone())]);
        }
    }
}
