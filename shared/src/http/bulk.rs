//! The response to a bulk request.

use std::sync::Arc;

use super::error::{ApiError, RefusedOperation};
use super::problem::Problem;
use super::response::{self, Response};
use crate::config::JsonFormat;
use crate::input::{Failure, InvalidInput};
use crate::noun::Noun;
use crate::output::{EntityTag, Representation, Written, to_json};
use crate::scope::{BulkOutcome, OperationFailure, OperationOutcome, ShortForm, StoreError};

/// 200 with what became of each operation.
///
/// # Errors
/// [`ApiError::BulkRefused`] if nothing was done because the operations are atomic and one of them failed.
pub fn respond<T>(written: Written<BulkOutcome<T>>) -> Result<Response, ApiError>
where
    T: Representation + Clone + 'static,
{
    let Written { value: outcome, is_replay } = written;
    let BulkOutcome { noun, operations, rows_written, is_atomic, short_form, transaction } = outcome;
    let list = if short_form.is_some() { format!("{}_ids", noun.name) } else { "operations".to_owned() };
    let mut results: Vec<OperationResult<T>> = Vec::with_capacity(operations.len());
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
    let written = Written { value: BulkBody { noun, results, rows_written, short_form, transaction }, is_replay };
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
        StoreError::InvalidInput(input) => StoreError::InvalidInput(prefixed(input)),
        error => error,
    }
}

/// What became of one operation.
#[derive(Clone)]
enum OperationResult<T> {
    Done(OperationOutcome<T>),
    Refused(Arc<ApiError>),
    NotDone,
}

impl<T: Representation> OperationResult<T> {
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

    /// `{"status":200,"task":{…}}`
    fn to_json(&self, noun: &Noun, format: JsonFormat) -> String {
        let member = match self {
            Self::Done(OperationOutcome::Created(row) | OperationOutcome::Changed(row)) => {
                format!(r#","{}":{}"#, noun.name, row.to_json(format))
            }
            Self::Refused(error) => {
                format!(r#","problem":{}"#, to_json(&Problem { error, request_id: None, has_message: false }))
            }
            Self::Done(OperationOutcome::Deleted) | Self::NotDone => String::new(),
        };
        format!(r#"{{"status":{}{member}}}"#, self.status())
    }
}

/// The body of the response.
struct BulkBody<T> {
    noun: &'static Noun,
    results: Vec<OperationResult<T>>,
    rows_written: usize,
    short_form: Option<ShortForm>,
    transaction: Option<String>,
}

impl<T> BulkBody<T> {
    /// `3 tasks changed`
    fn message(&self, form: ShortForm) -> String {
        let (count, name) = (self.rows_written, self.noun.name);
        let plural = if count == 1 { "" } else { "s" };
        let done = match form {
            ShortForm::Change => "changed",
            ShortForm::Delete => "deleted",
        };
        format!("{count} {name}{plural} {done}")
    }
}

impl<T: Representation> Representation for BulkBody<T> {
    fn to_json(&self, format: JsonFormat) -> String {
        let count = self.short_form.map_or_else(String::new, |form| {
            format!(r#""count":{},"message":{},"#, self.rows_written, to_json(&self.message(form)))
        });
        let results: Vec<String> = self.results.iter().map(|result| result.to_json(self.noun, format)).collect();
        format!(r#"{{{count}"results":[{}],"txid":{}}}"#, results.join(","), to_json(&self.transaction))
    }

    fn entity_tag(&self) -> EntityTag {
        EntityTag::None
    }

    fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}
