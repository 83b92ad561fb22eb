//! Problem documents (RFC 9457).

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::error::{ApiError, RefusedOperation};
use crate::input::Failure;

/// An [`ApiError`] as a response body.
pub(super) struct Problem<'a> {
    pub(super) error: &'a ApiError,
    /// `None` in a body that has the documents of several operations.
    pub(super) request_id: Option<&'a str>,
    /// Whether the sentence is also the member `message`, where front ends of accounts look for it.
    pub(super) has_message: bool,
}

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, code) = (self.error.status(), self.error.code());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format!("/docs/errors#{}", code.replace('_', "-")))?;
        map.serialize_entry("title", title(status))?;
        map.serialize_entry("status", &status)?;
        let detail = self.error.to_string();
        map.serialize_entry("detail", &detail)?;
        if self.has_message {
            map.serialize_entry("message", &detail)?;
        }
        map.serialize_entry("code", code)?;
        if let Some(request_id) = self.request_id {
            map.serialize_entry("request_id", request_id)?;
        }
        if let ApiError::InvalidInput(input) | ApiError::DatabaseRule(input, _) = self.error {
            map.serialize_entry("errors", &input.0)?;
        }
        if let ApiError::BulkRefused(refused) = self.error {
            let errors: Vec<_> = refused.iter().flat_map(operation_errors).collect();
            map.serialize_entry("errors", &errors)?;
        }
        if let ApiError::IdempotencyKeyReused(Some(id)) = self.error {
            map.serialize_entry("id", id)?;
        }
        map.end()
    }
}

/// The document of an error as it is sent, with this id of a request, over several lines.
#[must_use]
pub fn problem_document(error: &ApiError, request_id: &str) -> String {
    let problem = Problem { error, request_id: Some(request_id), has_message: false };
    serde_json::to_string_pretty(&problem).expect("maps with text keys, of texts and numbers")
}

/// A member of `errors` about an operation of several.
#[derive(Debug, Serialize)]
struct OperationError {
    pointer: String,
    detail: String,
    status: u16,
    code: &'static str,
}

/// Each rule that an operation breaks, or the one reason why it is refused.
fn operation_errors(refused: &RefusedOperation) -> Vec<OperationError> {
    let (status, code) = (refused.error.status(), refused.error.code());
    let error = |Failure { pointer, detail }: Failure| OperationError { pointer, detail, status, code };
    match &*refused.error {
        ApiError::InvalidInput(input) | ApiError::DatabaseRule(input, _) => {
            input.0.iter().cloned().map(error).collect()
        }
        reason => vec![error(Failure { pointer: refused.pointer.clone(), detail: reason.to_string() })],
    }
}

/// The reason phrase of a status of [`ApiError`] (RFC 9110).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InvalidInput;

    #[test]
    fn detail_names_every_failure() {
        let failure = |pointer: &str, detail: &str| Failure { pointer: pointer.into(), detail: detail.into() };
        let error = ApiError::InvalidInput(InvalidInput(vec![
            failure("/title", "title must not be empty"),
            failure("/priority", "priority must be low, medium or high"),
        ]));
        let problem = serde_json::to_value(Problem { error: &error, request_id: Some("r-1"), has_message: false })
            .expect("a map of strings");
        assert_eq!(
            problem,
            serde_json::json!({
                "type": "/docs/errors#validation-failed", "title": "Unprocessable Content", "status": 422,
                "detail": "title must not be empty; priority must be low, medium or high",
                "code": "validation_failed", "request_id": "r-1",
                "errors": [
                    {"pointer": "/title", "detail": "title must not be empty"},
                    {"pointer": "/priority", "detail": "priority must be low, medium or high"}
                ]
            })
        );
    }

    #[test]
    fn the_cause_of_a_server_error_is_not_sent() {
        let error = ApiError::Internal("relation \"tasks\" does not exist".into());
        let problem = serde_json::to_string(&Problem { error: &error, request_id: Some("r-1"), has_message: false })
            .expect("a map of strings");
        assert!(!problem.contains("relation"), "{problem}");
    }
}
