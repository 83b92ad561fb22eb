//! The codes of problem documents: what each means and what a client does about it. Status, sentence and members come from
//! the error itself.

use shared::{
    ApiError, Failure, FromPath as _, InvalidInput, OperatorAction, RefusedOperation, RowId, TagName, TaskId,
    problem_document,
};

/// A code, by an error that has it.
pub(crate) struct Entry {
    pub(crate) error: ApiError,
    /// Texts in backticks are code, here and in `action`.
    pub(crate) meaning: &'static str,
    pub(crate) action: &'static str,
}

/// The id of the request in examples.
const REQUEST_ID: &str = "6f0f6c2e-8a0e-4a4e-9a3e-2f3b1c0d9e8f";

impl Entry {
    /// The problem document of the error, over several lines.
    pub(crate) fn example(&self) -> String {
        problem_document(&self.error, REQUEST_ID)
    }
}

/// An entry for each code, in the order of their statuses.
pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = client_errors();
    entries.extend(account_errors());
    entries.extend(server_errors());
    entries.sort_by_key(|entry| entry.error.status());
    entries
}

fn entry(error: ApiError, meaning: &'static str, action: &'static str) -> Entry {
    Entry { error, meaning, action }
}

fn client_errors() -> Vec<Entry> {
    let no_reason = || "not known".into();
    let title = || Failure { pointer: "/title".to_owned(), detail: "title must not be empty".to_owned() };
    vec![
        entry(
            ApiError::MalformedHeader("If-Match", "entity tags are quoted, as in If-Match: \"7\""),
            "The body is not JSON, or a header does not have the syntax of its standard. `detail` says which.",
            "Correct the program: the same request is refused again.",
        ),
        entry(
            ApiError::InvalidCursor(None),
            "The cursor is not one that a response contained, or another parameter differs from the list to which it \
             belongs. A change of the accepted priorities can also make a cursor invalid.",
            "Read the list from its start, without `cursor`. Send nothing beside a cursor but `limit`.",
        ),
        entry(
            ApiError::InvalidSyncToken,
            "`since` is not a token that a response of `GET /api/tasks/changes` contained.",
            "Start again without `since`, and replace the stored tasks by those of the response.",
        ),
        entry(
            ApiError::Unauthenticated(None),
            "The token is missing, invalid, expired or revoked, or its user no longer exists. The response does not say \
             which; the log of the server does.",
            "Get a new token and send the request once more. If that is refused too, let the user sign in again.",
        ),
        entry(
            ApiError::ForeignUser,
            "The path or the body names another user than the token.",
            "Send the id of the signed-in user, or use the paths without it.",
        ),
        entry(
            ApiError::NotFound(TaskId::NOUN),
            "There is no task with this id, or it belongs to another user. The response is the same for both.",
            "Remove the task from what is shown: it was deleted, or was never the user's.",
        ),
        entry(
            ApiError::NotFound(TagName::NOUN),
            "No task of the user has this tag, and it was not made on its own.",
            "Read the tags again. The name in the path is percent-encoded.",
        ),
        entry(
            ApiError::RouteNotFound("/api/task".to_owned()),
            "No operation has this path. Or it is one of sign-up and sign-in, and the users of this API sign in elsewhere.",
            "Compare the path with the list of operations. Base URL and path often repeat `/api`, or both lack it.",
        ),
        entry(
            ApiError::MethodNotAllowed("GET, POST".to_owned()),
            "The path exists, with other methods.",
            "Use one of the methods in the header `Allow`.",
        ),
        entry(
            ApiError::Conflict("The task is still used by comments".to_owned(), no_reason()),
            "The change conflicts with stored rows: another table refers to the task, an id or a name is taken, or the \
             database has a unique index of its own. `detail` says which.",
            "Show `detail` to the user. The same request is refused until the other rows change.",
        ),
        entry(
            ApiError::IdempotencyInProgress(None),
            "An earlier request with the same `Idempotency-Key` has not ended, or it is not known how it ended.",
            "Send the same request with the same key again, after the seconds of `Retry-After`.",
        ),
        entry(
            ApiError::NotRecurring(TaskId::NOUN),
            "The task does not recur, has no further occurrence, or is completed.",
            "Read the task again. Offer the operation only for tasks with a `recurrence_rule` that are not completed.",
        ),
        entry(
            ApiError::SyncTokenExpired,
            "What has changed since the token was made is not known any more: it is older than 30 days, or the database \
             was restored.",
            "Start again without `since`, and replace the stored tasks by those of the response.",
        ),
        entry(
            ApiError::PreconditionFailed(TaskId::NOUN),
            "The task has changed since the client read it, according to `If-Match` or `expected_updated_at`. Nothing was \
             changed.",
            "Read the task again, let the user decide or merge both changes, and send the result with the new `ETag`.",
        ),
        entry(
            ApiError::BodyTooLarge(64),
            "The body is larger than `detail` says.",
            "Send less. A bulk request can be sent in parts.",
        ),
        entry(
            ApiError::UnsupportedMediaType,
            "The header `Content-Type` is not that of JSON.",
            "Send `Content-Type: application/json`.",
        ),
        entry(
            ApiError::InvalidInput(InvalidInput(vec![title()])),
            "The input breaks rules. `errors` lists all of them, each with a pointer to the member or parameter.",
            "Show each `detail` beside the field to which its `pointer` points.",
        ),
        entry(
            ApiError::IdempotencyKeyReused(Some(RowId::Number(42))),
            "The `Idempotency-Key` was used before, for a request with another path or body. `id` is the task that the \
             earlier request made or changed.",
            "Make a new key for each intent of the user, and keep it only for repetitions of the same request.",
        ),
        entry(
            ApiError::BulkRefused(vec![RefusedOperation::new(
                "/operations/1".to_owned(),
                ApiError::NotFound(TaskId::NOUN),
            )]),
            "Operations of an atomic bulk request cannot be done, so nothing was done. `errors` lists them, with the \
             status and the code that each would have as a request of its own.",
            "Correct or leave out these operations, or send `\"atomic\": false`, which does the others.",
        ),
        entry(
            ApiError::PreconditionRequired,
            "This deployment accepts no change without the version of the task that the client has read.",
            "Send its `ETag` as `If-Match`; in a bulk request, the `version` of each operation.",
        ),
    ]
}

fn account_errors() -> Vec<Entry> {
    vec![
        entry(
            ApiError::InvalidCredentials,
            "There is no such user, the password is wrong, or the user is not active. The response does not say which.",
            "Let the user try again. Say no more than this sentence does.",
        ),
        entry(
            ApiError::WrongPassword,
            "The password that confirms a change or a deletion is not that of the account. The token stays valid.",
            "Let the user enter the password again.",
        ),
        entry(
            ApiError::SignUpOff("the table of users needs a value for tenant_id".to_owned()),
            "Nobody can sign up, for the reason in `detail`.",
            "Make accounts where they are usually made. The operator can change the table.",
        ),
        entry(ApiError::EmailInUse, "There is an account with this e-mail address.", "Offer to sign in instead."),
        entry(
            ApiError::TooManyAttempts(60),
            "Too many attempts to use a password, for this account or from this address.",
            "Wait for the seconds of `Retry-After`. Attempts before that do not count and are not tried.",
        ),
    ]
}

fn server_errors() -> Vec<Entry> {
    let no_reason = || "not known".into();
    vec![
        entry(
            ApiError::DatabaseUnavailable { retry_after: 1, action: OperatorAction::Wait, source: no_reason() },
            "The database does not answer at the moment: it resumes, restarts, or has no connection left. A write may have \
             been done or not.",
            "Send the same request again after the seconds of `Retry-After`, a write with the same `Idempotency-Key`.",
        ),
        entry(
            ApiError::AuthUnavailable(no_reason()),
            "The token cannot be verified, because public keys or sessions cannot be read at the moment. Nothing was done.",
            "Send the same request again after the seconds of `Retry-After`. The user stays signed in.",
        ),
        entry(
            ApiError::Misconfigured(no_reason()),
            "Settings or the schema of the database have to be corrected. The log of the server names the setting, the \
             table or the grant.",
            "Give the `request_id` to the operator, who finds the cause in the log by it. A repetition does not help.",
        ),
        entry(
            ApiError::Internal(no_reason()),
            "Something happened that should not. The log of the server has the cause.",
            "Give the `request_id` to the operator, who finds the cause in the log by it.",
        ),
    ]
}
