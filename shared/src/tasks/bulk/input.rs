//! The body of a bulk request.

use serde_json::{Map, Value, json};

use crate::config::ApiConfig;
use crate::input::{FromJson, FromPath, InvalidInput, ObjectReader, whole_number};
use crate::scope::{OperationFailure, ShortForm, StoreError};
use crate::tasks::fingerprint::OfTask;
use crate::tasks::input::{Completion, NewTask, TaskChange};
use crate::tasks::model::{TASK, TaskId};

/// The most operations of a request.
const OPERATIONS_MAX: usize = 100;

/// The body of a bulk request: operations, or the short form.
#[derive(Debug)]
pub struct Bulk {
    /// At most [`OPERATIONS_MAX`]. Those that cannot be done are among them, so that all failures are reported together.
    pub(super) operations: Vec<Result<Operation, OperationFailure>>,
    /// Whether nothing is done if one of them fails.
    pub(super) is_atomic: bool,
    /// `{"task_ids": […], "completed"?, "priority"?, "delete"?: true}`. `None` for a list of operations.
    pub(super) short_form: Option<ShortForm>,
    /// What the fingerprint is made from.
    pub(super) input: Value,
}

/// One operation.
#[derive(Debug)]
pub(super) enum Operation {
    Create(NewTask),
    OnTask {
        id: TaskId,
        /// The version that the client has read. `None` accepts any.
        version: Option<i64>,
        write: TaskWrite,
    },
}

/// What is done to a stored task.
#[derive(Debug, Clone)]
pub(super) enum TaskWrite {
    Change(Box<TaskChange>),
    Complete(Completion),
    Delete,
}

impl FromJson for Bulk {
    const BODY_MAX_KIB: usize = 1024;
    const LISTS_OF_OBJECTS: &'static [&'static str] = &["operations"];

    fn from_json(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Self {
        let is_atomic = object.boolean("atomic").unwrap_or(true);
        let (operations, short_form) = match (list(object, "operations"), list(object, "task_ids")) {
            (Some(operations), _) => (read_operations(operations, config), None),
            (None, Some(ids)) => {
                let is_delete = object.boolean("delete") == Some(true);
                let short_form = if is_delete { ShortForm::Delete } else { ShortForm::Change };
                (read_short_form(ids, short_form, object, config), Some(short_form))
            }
            (None, None) => {
                object.fail_object("operations or task_ids must be given");
                (Vec::new(), None)
            }
        };
        let inputs: Vec<Value> = operations.iter().map(|(_, input)| input.clone()).collect();
        Self {
            operations: operations.into_iter().map(|(operation, _)| operation).collect(),
            is_atomic: is_atomic && short_form.is_none(),
            short_form,
            input: json!({"operations": inputs, "atomic": is_atomic, "short_form": short_form.is_some()}),
        }
    }
}

/// An operation, and what the fingerprint is made from.
type ReadOperation = (Result<Operation, OperationFailure>, Value);

fn read_operations(operations: &[Value], config: &ApiConfig) -> Vec<ReadOperation> {
    let read = |(index, value): (usize, &Value)| {
        let operation = operation(value, &format!("/operations/{index}"), config);
        let input = operation.as_ref().map_or_else(|_| value.clone(), Operation::input);
        (operation, input)
    };
    operations.iter().enumerate().map(read).collect()
}

/// A task that does not exist does not fail the others.
fn read_short_form(
    ids: &[Value],
    short_form: ShortForm,
    object: &mut ObjectReader<'_>,
    config: &ApiConfig,
) -> Vec<ReadOperation> {
    let write = match short_form {
        ShortForm::Change => change_of_short_form(object, config),
        ShortForm::Delete => Some(TaskWrite::Delete),
    };
    let Some(write) = write else { return Vec::new() };
    let read = |(index, id): (usize, &Value)| {
        let task_id = task_id(id).ok_or_else(|| match id {
            Value::Number(_) | Value::String(_) => not_found(),
            _ => OperationFailure::invalid(format!("/task_ids/{index}"), "an id must be a number or a text"),
        });
        let operation = task_id.map(|id| Operation::OnTask { id, version: None, write: write.clone() });
        let input = operation.as_ref().map_or_else(|_| id.clone(), Operation::input);
        (operation, input)
    };
    ids.iter().enumerate().map(read).collect()
}

impl Operation {
    /// What the fingerprint is made from.
    fn input(&self) -> Value {
        match self {
            Self::Create(new) => json!({"create": new}),
            Self::OnTask { id, version, write } => match write {
                TaskWrite::Change(change) => json!({"update": OfTask(id, &**change), "version": version}),
                TaskWrite::Complete(completion) => json!({"complete": OfTask(id, completion), "version": version}),
                TaskWrite::Delete => json!({"delete": OfTask(id, &()), "version": version}),
            },
        }
    }
}

/// The change of all tasks. `None` if it is not valid, which is recorded.
fn change_of_short_form(object: &mut ObjectReader<'_>, config: &ApiConfig) -> Option<TaskWrite> {
    const MEMBERS: [&str; 8] =
        ["completed", "status", "priority", "tags", "tag_ids", "category", "recurrence_rule", "time_zone"];
    let own = config.json.extra.iter().map(|field| &*field.member);
    let names = MEMBERS.into_iter().chain(own.clone());
    let members: Map<String, Value> =
        names.filter_map(|name| Some((name.to_owned(), object.member(name)?.clone()))).collect();
    // Null clears a member of the front end, and is nothing to do for all tasks otherwise.
    if members.values().all(Value::is_null) && !own.clone().any(|name| members.contains_key(name)) {
        object.fail_object(
            "at least one of completed, status, priority, tags, category, recurrence_rule, time_zone and delete must be given",
        );
        return None;
    }
    let mut reader = ObjectReader::new(&members, "");
    let change = TaskChange::from_json(&mut reader, config);
    // No form sends back one value for several tasks, so none that breaks a rule is accepted.
    change.invalid_values().for_each(|value| reader.push_failure(value.failure.clone()));
    match reader.finish(change) {
        Ok(change) => Some(TaskWrite::Change(Box::new(change))),
        Err(InvalidInput(failures)) => {
            failures.into_iter().for_each(|failure| object.push_failure(failure));
            None
        }
    }
}

fn operation(value: &Value, pointer: &str, config: &ApiConfig) -> Result<Operation, OperationFailure> {
    let object = value
        .as_object()
        .ok_or_else(|| OperationFailure::invalid(pointer.to_owned(), "an operation must be a JSON object"))?;
    let mut reader = ObjectReader::new(object, pointer);
    let write = match object.get("op").and_then(Value::as_str) {
        Some("create") => {
            let new = NewTask::from_json(&mut reader, config);
            return reader.finish(Operation::Create(new)).map_err(OperationFailure::Invalid);
        }
        Some("update") => TaskWrite::Change(Box::new(TaskChange::from_json(&mut reader, config))),
        Some("complete") => TaskWrite::Complete(Completion::from_json(&mut reader, config)),
        Some("delete") => TaskWrite::Delete,
        _ => {
            let detail = "op must be create, update, complete or delete";
            return Err(OperationFailure::invalid(format!("{pointer}/op"), detail));
        }
    };
    on_task(reader, write, config)
}

fn on_task(mut reader: ObjectReader<'_>, write: TaskWrite, config: &ApiConfig) -> Result<Operation, OperationFailure> {
    let version = reader
        .non_null("version")
        .and_then(|version| whole_number(version).or_else(|| reader.fail("version", "version must be a whole number")));
    let id = reader.member("id").filter(|id| id.is_number() || id.is_string());
    if id.is_none() {
        reader.fail::<()>("id", "id is required");
    }
    reader.finish(()).map_err(OperationFailure::Invalid)?;
    let id = id.and_then(task_id).ok_or_else(not_found)?;
    if config.require_if_match && version.is_none() {
        return Err(OperationFailure::VersionRequired);
    }
    Ok(Operation::OnTask { id, version, write })
}

pub(super) fn not_found() -> OperationFailure {
    OperationFailure::Refused(StoreError::NotFound(&TASK))
}

/// As a path would have it. `None` if nothing can have this id.
fn task_id(value: &Value) -> Option<TaskId> {
    match value {
        Value::String(text) => TaskId::from_path(text),
        Value::Number(number) => TaskId::from_path(&number.to_string()),
        _ => None,
    }
}

/// One to [`OPERATIONS_MAX`] elements.
fn list<'a>(object: &mut ObjectReader<'a>, name: &str) -> Option<&'a [Value]> {
    let value = object.non_null(name)?;
    let elements = value.as_array().filter(|elements| (1..=OPERATIONS_MAX).contains(&elements.len()));
    elements.map(Vec::as_slice).or_else(|| object.fail(name, format!("{name} must be a list of 1 to {OPERATIONS_MAX}")))
}
