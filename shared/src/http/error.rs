//! Every way in which a request can fail, and how domain errors map to it.

use std::error::Error;
use std::sync::Arc;

use crate::accounts::AccountError;
use crate::auth::AuthError;
use crate::db::{DbError, DbErrorKind, RowId};
use crate::input::{InvalidInput, InvalidQuery};
use crate::noun::Noun;
use crate::scope::StoreError;

type Source = Box<dyn Error + Send + Sync>;

/// What an operator can do about a failure of the server. For logs and metrics, not for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorAction {
    /// Nothing: a database that resumes, restarts or is unreachable for a moment. Worth a look if it persists.
    Wait,
    /// Provide more capacity: connections, a pooler's servers, a quota; or limit the number of instances.
    Scale,
    /// Correct the settings or the schema: a password, a certificate, a missing migration.
    Fix,
}

impl OperatorAction {
    /// `wait`, `scale`, `fix`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Scale => "scale",
            Self::Fix => "fix",
        }
    }
}

/// Why a request failed, distinguished as far as a client would act differently.
///
/// `Display` is the sentence for the client. The source is for the log and is never sent.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body is not JSON.
    #[error("The request body is not valid JSON")]
    MalformedBody(#[source] serde_json::Error),
    /// 400: a header does not have the syntax of its standard.
    #[error("The header {0} is malformed: {1}")]
    MalformedHeader(&'static str, &'static str),
    /// 400: a cursor is not one of ours, or belongs to another list.
    #[error("The cursor is malformed or belongs to a list with other parameters: read the list from its start")]
    InvalidCursor(#[source] Option<Source>),
    /// 400: the sync token is not one that a response contained.
    #[error("The sync token is malformed: start again without one")]
    InvalidSyncToken,
    /// 401: no token or an invalid one. Clients are not told which.
    #[error("Not authenticated")]
    Unauthenticated(#[source] Option<Source>),
    /// 401: signing in failed. Clients are not told why.
    #[error("Invalid email or password")]
    InvalidCredentials,
    /// 403: the path or the body names another user than the token.
    #[error("You may only access your own tasks")]
    ForeignUser,
    /// 403: the password that confirms a change does not hold. Not 401, which would sign the user out.
    #[error("The password is wrong")]
    WrongPassword,
    /// 404: there is no such row, it belongs to another user, or nothing can have this id. Clients are not told which.
    #[error("{} not found", .0.capitalized)]
    NotFound(&'static Noun),
    /// 404: no operation has this path.
    #[error("There is nothing at {0}")]
    RouteNotFound(String),
    /// 404: the users of this deployment belong to Better Auth.
    #[error("Users sign up and sign in at Better Auth here, not at this API")]
    SignInElsewhere,
    /// 404: nobody can sign up, for this reason.
    #[error("Nobody can sign up here: {0}")]
    SignUpOff(String),
    /// 405: the path exists, with these methods.
    #[error("This path does not support the request's method, only {0}")]
    MethodNotAllowed(String),
    /// 409: the change conflicts with stored rows, as the sentence says.
    #[error("{0}")]
    Conflict(String, #[source] Source),
    /// 409: there is an account with this e-mail address.
    #[error("Email already registered")]
    EmailInUse,
    /// 409: another request with the same `Idempotency-Key` has not ended. `None` if this one ended first.
    #[error("A request with this Idempotency-Key is still in progress")]
    IdempotencyInProgress(#[source] Option<Source>),
    /// 409: the row does not recur, or not any more.
    #[error("{} does not recur", .0.capitalized)]
    NotRecurring(&'static Noun),
    /// 410: what has changed since the sync token was made is not known any more.
    #[error("The sync token has expired: start again without one")]
    SyncTokenExpired,
    /// 412: the row has changed since the client read it.
    #[error("The {} has changed since you read it", .0.name)]
    PreconditionFailed(&'static Noun),
    /// 413: the body is larger than this, in KiB.
    #[error("The request body is larger than {0} KiB")]
    BodyTooLarge(usize),
    /// 415: the content type is not JSON.
    #[error("The request body must be application/json")]
    UnsupportedMediaType,
    /// 422: the input breaks rules, all of which are listed.
    #[error("{0}")]
    InvalidInput(InvalidInput),
    /// 422: the input breaks rules of the database that are not ours.
    #[error("{0}")]
    DatabaseRule(InvalidInput, #[source] Source),
    /// 422: the `Idempotency-Key` was used for another request. What that one made or changed, if that is one thing.
    #[error("The Idempotency-Key was used before, for another request")]
    IdempotencyKeyReused(Option<RowId>),
    /// 422: nothing was done, because these operations of an atomic bulk request cannot be done.
    #[error("Nothing was done: {}", sentences(.0))]
    BulkRefused(Vec<RefusedOperation>),
    /// 428: the deployment requires `version` of an operation, as `If-Match` of a request.
    #[error("version is required: send that of the task that you read")]
    VersionRequired,
    /// 428: the deployment requires `If-Match`.
    #[error("The header If-Match is required: send the ETag of the task that you read")]
    PreconditionRequired,
    /// 429: too many attempts to use a password. Seconds after which the next one is possible.
    #[error("Too many attempts: try again later")]
    TooManyAttempts(u32),
    /// 503: the database cannot answer at the moment.
    #[error("The database is not available at the moment")]
    DatabaseUnavailable {
        /// Seconds after which a retry makes sense.
        retry_after: u32,
        /// What an operator can do.
        action: OperatorAction,
        /// The driver's error.
        source: Source,
    },
    /// 503: the deadline of the function passed. For clients the same as a database that does not answer: a request waits
    /// for nothing else.
    #[error("The database is not available at the moment")]
    DeadlineExceeded,
    /// 503: the token cannot be verified, because keys or sessions cannot be read.
    #[error("The sign-in service is not available at the moment")]
    AuthUnavailable(#[source] Source),
    /// 500: the settings or the schema have to be corrected: wrong password, no such database, invalid certificate.
    #[error("The server is misconfigured")]
    Misconfigured(#[source] Source),
    /// 500: anything that should not happen.
    #[error("Something went wrong on the server")]
    Internal(#[source] Source),
}

impl ApiError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_and_code().0
    }

    /// The machine-readable code, part of the contract.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    /// Seconds after which a retry makes sense, if it does.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::DatabaseUnavailable { retry_after, .. } | Self::TooManyAttempts(retry_after) => Some(*retry_after),
            Self::DeadlineExceeded | Self::AuthUnavailable(_) | Self::IdempotencyInProgress(_) => Some(1),
            _ => None,
        }
    }

    /// What an operator can do, if the failure is not the client's.
    pub(crate) fn operator_action(&self) -> Option<OperatorAction> {
        match self {
            Self::DatabaseUnavailable { action, .. } => Some(*action),
            Self::DeadlineExceeded | Self::AuthUnavailable(_) | Self::IdempotencyInProgress(_) => {
                Some(OperatorAction::Wait)
            }
            Self::Misconfigured(_) | Self::Internal(_) => Some(OperatorAction::Fix),
            _ => None,
        }
    }

    fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::MalformedBody(_) | Self::MalformedHeader(..) => (400, "malformed_request"),
            Self::InvalidCursor(_) => (400, "invalid_cursor"),
            Self::InvalidSyncToken => (400, "invalid_sync_token"),
            Self::Unauthenticated(_) => (401, "unauthenticated"),
            Self::InvalidCredentials => (401, "invalid_credentials"),
            Self::ForeignUser => (403, "foreign_user"),
            Self::WrongPassword => (403, "wrong_password"),
            Self::NotFound(noun) => (404, noun.not_found_code),
            Self::RouteNotFound(_) | Self::SignInElsewhere => (404, "route_not_found"),
            Self::SignUpOff(_) => (404, "sign_up_off"),
            Self::MethodNotAllowed(_) => (405, "method_not_allowed"),
            Self::Conflict(..) => (409, "conflict"),
            Self::EmailInUse => (409, "email_in_use"),
            Self::IdempotencyInProgress(_) => (409, "idempotency_in_progress"),
            Self::NotRecurring(_) => (409, "not_recurring"),
            Self::SyncTokenExpired => (410, "sync_token_expired"),
            Self::PreconditionFailed(_) => (412, "precondition_failed"),
            Self::BodyTooLarge(_) => (413, "body_too_large"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type"),
            Self::InvalidInput(_) | Self::DatabaseRule(..) => (422, "validation_failed"),
            Self::IdempotencyKeyReused(_) => (422, "idempotency_key_reused"),
            Self::BulkRefused(_) => (422, "bulk_refused"),
            Self::PreconditionRequired | Self::VersionRequired => (428, "precondition_required"),
            Self::TooManyAttempts(_) => (429, "too_many_attempts"),
            Self::DatabaseUnavailable { .. } | Self::DeadlineExceeded => (503, "database_unavailable"),
            Self::AuthUnavailable(_) => (503, "sign_in_unavailable"),
            Self::Misconfigured(_) => (500, "misconfigured"),
            Self::Internal(_) => (500, "internal_error"),
        }
    }
}

/// An operation of a bulk request that cannot be done.
#[derive(Debug, Clone)]
pub struct RefusedOperation {
    /// Points to the operation within the body: `/operations/3`.
    pub(super) pointer: String,
    /// Why it cannot be done.
    pub(super) error: Arc<ApiError>,
}

impl RefusedOperation {
    /// `pointer` points to the operation within the body: `/operations/3`.
    #[must_use]
    pub fn new(pointer: String, error: ApiError) -> Self {
        Self { pointer, error: Arc::new(error) }
    }
}

/// The sentence of each operation.
fn sentences(refused: &[RefusedOperation]) -> String {
    let sentences: Vec<String> = refused.iter().map(|operation| operation.error.to_string()).collect();
    sentences.join("; ")
}

impl From<InvalidInput> for ApiError {
    fn from(input: InvalidInput) -> Self {
        Self::InvalidInput(input)
    }
}

impl From<InvalidQuery> for ApiError {
    fn from(error: InvalidQuery) -> Self {
        match error {
            InvalidQuery::Cursor => Self::InvalidCursor(None),
            InvalidQuery::Parameters(input) => input.into(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::MissingToken => Self::Unauthenticated(None),
            AuthError::InvalidToken(reason) => Self::Unauthenticated(Some(reason.into())),
            AuthError::NoKeys(source) => Self::AuthUnavailable(source),
            AuthError::NoSessions(_) => Self::Unauthenticated(Some(error.into())),
            AuthError::UnusableTable(_) => Self::Misconfigured(error.into()),
            // Better Auth's tables are not as expected.
            AuthError::Database(error) if matches!(error.kind(), DbErrorKind::Rejected(_)) => {
                Self::Misconfigured(error.into())
            }
            AuthError::Database(error) => error.into(),
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::InvalidCredentials => Self::InvalidCredentials,
            AccountError::WrongPassword => Self::WrongPassword,
            AccountError::EmailInUse => Self::EmailInUse,
            AccountError::Conflict(_) => {
                let sentence = "Another account has this username".to_owned();
                Self::Conflict(sentence, error.into())
            }
            AccountError::TooManyAttempts(seconds) => Self::TooManyAttempts(seconds),
            AccountError::Elsewhere => Self::SignInElsewhere,
            AccountError::SignUpOff(reason) => Self::SignUpOff(reason),
            AccountError::Ambiguous(_) | AccountError::UnusableTable(_) => Self::Misconfigured(error.into()),
            AccountError::UnknownUser(source) => Self::Unauthenticated(source.map(Into::into)),
            AccountError::BrokenRule(error) => {
                let rule = "The account breaks a rule of the database".to_owned();
                Self::DatabaseRule(InvalidInput::of_body(rule), error.into())
            }
            AccountError::Database(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(noun) => Self::NotFound(noun),
            StoreError::PreconditionFailed(noun) => Self::PreconditionFailed(noun),
            StoreError::NotRecurring(noun) => Self::NotRecurring(noun),
            StoreError::InvalidCursor(error) => Self::InvalidCursor(Some(error.into())),
            StoreError::InvalidInput(input) => input.into(),
            StoreError::BrokenRule(noun, InvalidInput(failures), error) if failures.is_empty() => {
                let rule = format!("The {} breaks a rule of the database", noun.name);
                Self::DatabaseRule(InvalidInput::of_body(rule), error.into())
            }
            StoreError::BrokenRule(_, input, error) => Self::DatabaseRule(input, error.into()),
            StoreError::Conflict(InvalidInput(failures), error) if failures.is_empty() => {
                Self::Conflict("The request conflicts with the stored data".to_owned(), error.into())
            }
            StoreError::Conflict(input, error) => {
                Self::Conflict(format!("The request conflicts with the stored data: {input}"), error.into())
            }
            StoreError::IdInUse(_, error) => Self::Misconfigured(error.into()),
            StoreError::Referenced(noun, error) => {
                let table = error.rejected_by().table.unwrap_or("another table").to_owned();
                Self::Conflict(format!("The {} is still used by {table}", noun.name), error.into())
            }
            StoreError::KeyReused(id) => Self::IdempotencyKeyReused(id),
            StoreError::KeyInProgress(error) => Self::IdempotencyInProgress(Some(error.into())),
            StoreError::UnreadableAnswer => Self::Internal(error.into()),
            StoreError::UnknownUser(error) => Self::Unauthenticated(Some(error.into())),
            StoreError::InvalidSyncToken => Self::InvalidSyncToken,
            StoreError::SyncTokenExpired => Self::SyncTokenExpired,
            StoreError::Database(_, error) => error.into(),
        }
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        let (retry_after, action) = match error.kind() {
            DbErrorKind::Unavailable { retry_after } => (retry_after, OperatorAction::Wait),
            DbErrorKind::Exhausted { retry_after } => (retry_after, OperatorAction::Scale),
            DbErrorKind::Misconfigured => return Self::Misconfigured(error.into()),
            DbErrorKind::RevokedToken => return Self::Unauthenticated(Some(error.into())),
            DbErrorKind::Rejected(_) | DbErrorKind::Undecodable => return Self::Internal(error.into()),
        };
        Self::DatabaseUnavailable { retry_after, action, source: error.into() }
    }
}
