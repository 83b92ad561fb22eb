//! The response to a bulk request.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::error::ApiError;
use super::problem::Problem;
use super::response::{self, Response};
use crate::config::JsonFormat;
use crate::input::{Failure, InvalidInput};
use crate::output::{EntityTag, Representation, Written, to_json};
use crate::scope::StoreError;
use crate::tasks::{BulkOutcome, OperationFailure, OperationOutcome, ShortForm};

/// An operation that cannot be done.
#[derive(Debug, Clone)]
pub struct RefusedOperation {
    /// Points to the operation within the body: `/operations/3`.
    pub(super) pointer: String,
    /// Why it cannot be done.
    pub(super) error: Arc<ApiError>,
}

impl RefusedOperation {
    /// Each rule that it breaks, or the one reason.
    pub(super) fn failures(&self) -> Vec<OperationError> {
        let (status, code) = (self.error.status(), self.error.code());
        let error = |Failure { pointer, detail }: Failure| OperationError { pointer, detail, status, code };
        match &*self.error {
            ApiError::InvalidInput(input) | ApiError::DatabaseRule(input, _) => {
                input.0.iter().cloned().map(error).collect()
            }
            reason => vec![error(Failure { pointer: self.pointer.clone(), detail: reason.to_string() })],
        }
    }
}

/// A member of `errors`.
#[derive(Debug, Serialize)]
pub(super) struct OperationError {
    pointer: String,
    detail: String,
    status: u16,
    code: &'static str,
}

/// 200 with what became of each operation.
///
/// # Errors
/// [`ApiError::BulkRefused`] if nothing was done because the operations are atomic and one of them failed.
pub fn bulk(written: Written<BulkOutcome>) -> Result<Response, ApiError> {
    let Written { value: outcome, is_replay } = written;
    let BulkOutcome { operations, tasks_written, is_atomic, short_form, transaction } = outcome;
    let list = if short_form.is_some() { "task_ids" } else { "operations" };
    let mut results: Vec<OperationResult> = Vec::with_capacity(operations.len());
    let mut refused = Vec::new();
    for (index, operation) in operations.into_iter().enumerate() {
        let pointer = format!("/{list}/{index}");
        let result = match operation {
            Ok(outcome) => OperationResult::Done(outcome),
            Err(OperationFailure::With(first)) => results.get(first).cloned().unwrap_or(OperationResult::NotDone),
            Err(OperationFailure::NotDone) => OperationResult::NotDone,
            Err(OperationFailure::Invalid(input)) => OperationResult::refused(ApiError::InvalidInput(input)),
            Err(OperationFailure::VersionRequired) => OperationResult::refused(ApiError::VersionRequired),
            Err(OperationFailure::Refused(error)) => OperationResult::refused(below(&pointer, error).into()),
        };
        if let OperationResult::Refused(error) = &result {
            refused.push(RefusedOperation { pointer, error: Arc::clone(error) });
        }
        results.push(result);
    }
    if is_atomic && !refused.is_empty() {
        return Err(ApiError::BulkRefused(refused));
    }
    let written = Written { value: BulkBody { results, tasks_written, short_form, transaction }, is_replay };
    Ok(response::ok(written))
}

/// The failure, with pointers that lead from the body to the members of the operation.
fn below(pointer: &str, error: StoreError) -> StoreError {
    let prefixed = |InvalidInput(failures): InvalidInput| {
        let prefixed = |failure: Failure| Failure { pointer: format!("{pointer}{}", failure.pointer), ..failure };
        InvalidInput(failures.into_iter().map(prefixed).collect())
    };
    match error {
        StoreError::BrokenRule(noun, input, error) => StoreError::BrokenRule(noun, prefixed(input), error),
        StoreError::Conflict(input, error) => StoreError::Conflict(prefixed(input), error),
        error => error,
    }
}

/// What became of one operation.
#[derive(Clone)]
enum OperationResult {
    Done(OperationOutcome),
    Refused(Arc<ApiError>),
    NotDone,
}

impl OperationResult {
    fn refused(error: ApiError) -> Self {
        Self::Refused(Arc::new(error))
    }

    fn status(&self) -> u16 {
        match self {
            Self::Done(OperationOutcome::Created(_)) => 201,
            Self::Done(OperationOutcome::Changed(_)) => 200,
            Self::Done(OperationOutcome::Deleted) => 204,
            Self::Refused(error) => error.status(),
            Self::NotDone => 500,
        }
    }
}

/// The body of the response.
struct BulkBody {
    results: Vec<OperationResult>,
    tasks_written: usize,
    short_form: Option<ShortForm>,
    transaction: Option<String>,
}

impl Representation for BulkBody {
    fn to_json(&self, format: JsonFormat) -> String {
        to_json(&BulkJson(self, format))
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::None
    }

    fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}

struct BulkJson<'a>(&'a BulkBody, JsonFormat);

impl Serialize for BulkJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(body, format) = *self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(form) = body.short_form {
            let count = body.tasks_written;
            let tasks = if count == 1 { "task" } else { "tasks" };
            let done = match form {
                ShortForm::Change => "changed",
                ShortForm::Delete => "deleted",
            };
            map.serialize_entry("count", &count)?;
            map.serialize_entry("message", &format!("{count} {tasks} {done}"))?;
        }
        let results: Vec<_> = body.results.iter().map(|result| ResultJson(result, format)).collect();
        map.serialize_entry("results", &results)?;
        map.serialize_entry("txid", &body.transaction)?;
        map.end()
    }
}

struct ResultJson<'a>(&'a OperationResult, JsonFormat);

impl Serialize for ResultJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(result, format) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &result.status())?;
        match result {
            OperationResult::Done(OperationOutcome::Created(task) | OperationOutcome::Changed(task)) => {
                map.serialize_entry("task", &task.in_format(*format))?;
            }
            OperationResult::Refused(error) => {
                map.serialize_entry("problem", &Problem { error, request_id: None })?;
            }
            OperationResult::Done(OperationOutcome::Deleted) | OperationResult::NotDone => {}
        }
        map.end()
    }
}
