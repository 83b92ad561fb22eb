//! Every way in which a request can fail, and the problem document (RFC 9457) that says so.

use std::error::Error;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// One thing that is wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The body's member or the query's parameter, in snake case: `due_date`. Empty for the body as a whole.
    pub field: &'static str,
    /// A clause without a full stop, which names the field: `title must not be empty`.
    pub detail: String,
}

/// What helps against a failure of the server's side. For the log and the metrics, not for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: a database that wakes up, restarts or is out of reach for a moment. Worth a look when it stays.
    Wait,
    /// More room: connections, a pooler's servers, a quota; or fewer instances at once.
    Scale,
    /// A human's hand on the settings or the schema: a password, a certificate, a missing migration.
    Fix,
}

impl Remedy {
    /// `wait`, `scale`, `fix`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Scale => "scale",
            Self::Fix => "fix",
        }
    }
}

/// What went wrong, told apart as far as a client would act differently.
///
/// `Display` is the sentence for the client. The source is for the log and never leaves the function.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body is not JSON.
    #[error("The request body is not valid JSON")]
    MalformedBody(#[source] Option<serde_json::Error>),
    /// 400: a header that is not as its standard has it.
    #[error("The header {0} is malformed: entity tags are quoted, as in {0}: \"7\"")]
    MalformedHeader(&'static str),
    /// 401: no token, or one that does not hold. No hint which, by intention.
    #[error("Not authenticated")]
    Unauthenticated(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// 403: the path or the body names another user than the token.
    #[error("You may only access your own tasks")]
    ForeignUser,
    /// 404: no such task, another user's, or an id that cannot be one. The three must not differ.
    #[error("Task not found")]
    TaskNotFound,
    /// 404: no operation has this path.
    #[error("There is nothing at this path")]
    RouteNotFound,
    /// 405: the path exists, with these methods.
    #[error("This path does not support the request's method, only {0}")]
    MethodNotAllowed(String),
    /// 409: the change collides with a row that exists.
    #[error("The request conflicts with the stored data")]
    Conflict(#[source] Box<dyn Error + Send + Sync>),
    /// 412: the task is not as the client has seen it.
    #[error("The task has changed since you read it")]
    PreconditionFailed,
    /// 413: more than 64 KiB.
    #[error("The request body is larger than 64 KiB")]
    BodyTooLarge,
    /// 415: a content type that is not JSON.
    #[error("The request body must be application/json")]
    UnsupportedMediaType,
    /// 422: the input breaks a rule; all failures at once.
    #[error("{}", sentence(.0))]
    Invalid(Vec<Failure>),
    /// 422: the database refused a value that our own rules had let through.
    #[error("The task breaks a rule of the database")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// 428: the deployment takes no change of which the client does not say what it has seen.
    #[error("The header If-Match is required: send the ETag of the task that you read")]
    PreconditionRequired,
    /// 503: the database did not answer in time; `retry_after` in seconds.
    #[error("The database is not available at the moment")]
    DatabaseUnavailable {
        /// Seconds after which another try makes sense.
        retry_after: u32,
        /// What whoever runs the functions can do about it.
        remedy: Remedy,
        /// What the driver said; none when the time was up.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// 503: the tokens cannot be verified, because keys or sessions cannot be read.
    #[error("The sign-in service is not available at the moment")]
    SignInUnavailable(#[source] Box<dyn Error + Send + Sync>),
    /// 500: the database or the settings need a human: wrong password, no such database, bad certificate.
    #[error("The server is misconfigured")]
    Misconfigured(#[source] Box<dyn Error + Send + Sync>),
    /// 500: anything that should not have happened.
    #[error("Something went wrong on the server")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// `title must not be empty; priority must be low, medium or high`
fn sentence(failures: &[Failure]) -> String {
    let clauses: Vec<&str> = failures.iter().map(|failure| failure.detail.as_str()).collect();
    clauses.join("; ")
}

impl ApiError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind().0
    }

    /// The machine-readable name, part of the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind().1
    }

    /// 422 for JSON that is an array, a number or the like.
    pub(crate) fn not_an_object() -> Self {
        Self::Invalid(vec![Failure { field: "", detail: "the request body must be a JSON object".to_owned() }])
    }

    /// Seconds after which another try makes sense, where it does.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::DatabaseUnavailable { retry_after, .. } => Some(*retry_after),
            Self::SignInUnavailable(_) => Some(1),
            _ => None,
        }
    }

    /// What helps, where the failure is not the caller's.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::DatabaseUnavailable { remedy, .. } => Some(*remedy),
            Self::SignInUnavailable(_) => Some(Remedy::Wait),
            Self::Misconfigured(_) | Self::Internal(_) => Some(Remedy::Fix),
            _ => None,
        }
    }

    fn kind(&self) -> (u16, &'static str) {
        match self {
            Self::MalformedBody(_) | Self::MalformedHeader(_) => (400, "malformed_request"),
            Self::Unauthenticated(_) => (401, "unauthenticated"),
            Self::ForeignUser => (403, "foreign_user"),
            Self::TaskNotFound => (404, "task_not_found"),
            Self::RouteNotFound => (404, "route_not_found"),
            Self::MethodNotAllowed(_) => (405, "method_not_allowed"),
            Self::Conflict(_) => (409, "conflict"),
            Self::PreconditionFailed => (412, "precondition_failed"),
            Self::BodyTooLarge => (413, "body_too_large"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::Invalid(_) | Self::Refused(_) => (422, "validation_failed"),
            Self::PreconditionRequired => (428, "precondition_required"),
            Self::DatabaseUnavailable { .. } => (503, "database_unavailable"),
            Self::SignInUnavailable(_) => (503, "sign_in_unavailable"),
            Self::Misconfigured(_) => (500, "misconfigured"),
            Self::Internal(_) => (500, "internal_error"),
        }
    }
}

/// The standard phrase of a status that [`ApiError`] uses (RFC 9110).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        428 => "Precondition Required",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// An [`ApiError`] as the body of an answer.
pub(crate) struct Problem<'a> {
    pub(crate) error: &'a ApiError,
    pub(crate) request_id: &'a str,
}

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, code) = self.error.kind();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format!("/docs/errors#{}", code.replace('_', "-")))?;
        map.serialize_entry("title", title(status))?;
        map.serialize_entry("status", &status)?;
        map.serialize_entry("detail", &self.error.to_string())?;
        map.serialize_entry("code", code)?;
        map.serialize_entry("request_id", self.request_id)?;
        if let ApiError::Invalid(failures) = self.error {
            map.serialize_entry("errors", failures)?;
        }
        map.end()
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let pointer = if self.field.is_empty() { String::new() } else { format!("/{}", self.field) };
        map.serialize_entry("pointer", &pointer)?;
        map.serialize_entry("detail", &self.detail)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_is_one_string_that_names_every_failure() {
        let error = ApiError::Invalid(vec![
            Failure { field: "title", detail: "title must not be empty".into() },
            Failure { field: "priority", detail: "priority must be low, medium or high".into() },
        ]);
        let problem = serde_json::to_value(Problem { error: &error, request_id: "r-1" }).expect("a map of strings");
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
    fn the_cause_of_a_server_error_stays_out_of_the_document() {
        let error = ApiError::Internal("relation \"tasks\" does not exist".into());
        let problem = serde_json::to_string(&Problem { error: &error, request_id: "r-1" }).expect("a map of strings");
        assert!(!problem.contains("relation"), "{problem}");
    }
}
