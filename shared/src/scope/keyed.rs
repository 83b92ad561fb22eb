//! Writes with a key of the client. Repeated, they give the answer of the first time and change nothing.
//!
//! Only successes are stored. Nothing is stored before the write, so there is no key whose outcome is unknown.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::error::StoreError;
use super::grouped_insert::GroupedInsert;
use super::insert::KeyedInsert;
use super::statement::{KeyedWrite, Read};
use super::user_scope::UserScope;
use crate::db::{DbError, DbErrorKind, Query, Rejection, Row, RowId, SqlParam};
use crate::noun::Noun;

/// What a client calls an operation that it may repeat: 1 to 255 printable ASCII characters, neither the first nor the last
/// a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

const KEY_MAX_BYTES: usize = 255;

impl IdempotencyKey {
    /// `None` if it breaks a rule.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let is_valid = is_printable && (1..=KEY_MAX_BYTES).contains(&text.len()) && text.trim() == text;
        is_valid.then(|| Self(text.to_owned()))
    }

    /// The key of a request to which the client gave none. No client can send it.
    fn of_request(request_id: &str) -> Self {
        Self(format!("{SEPARATOR}{request_id}"))
    }

    /// Whether the client can repeat the request with this key.
    fn is_of_client(&self) -> bool {
        !self.0.starts_with(SEPARATOR)
    }

    /// The key of a part of the request with this key. No client can send it.
    pub(crate) fn of_part(&self, part: impl Display) -> Self {
        Self(format!("{}{SEPARATOR}{part}", self.0))
    }
}

/// Not printable, so that no key of a client has it.
const SEPARATOR: char = '\u{1f}';

/// A write with a key.
#[derive(Debug)]
pub(crate) struct KeyedRequest<'a> {
    noun: &'static Noun,
    operation: &'static str,
    key: &'a IdempotencyKey,
    fingerprint: String,
}

impl<'a> KeyedRequest<'a> {
    /// `input` is everything that the operation depends on, after validation: what is spelled differently and means the same
    /// is equal. What a later release adds to it must not be serialized where it is absent.
    pub(crate) fn new(
        noun: &'static Noun,
        operation: &'static str,
        key: &'a IdempotencyKey,
        input: &impl Serialize,
    ) -> Self {
        Self { noun, operation, key, fingerprint: fingerprint(input) }
    }
}

/// A hash of the input as JSON, without white space and with sorted keys. The same in every release: keys live for weeks.
pub(crate) fn fingerprint(input: &impl Serialize) -> String {
    let mut json = serde_json::to_value(input).expect("maps with text keys, of texts, numbers and booleans");
    json.sort_all_objects();
    format!("{:032x}", xxh3_128(json.to_string().as_bytes()))
}

/// The answer that is stored under a key.
#[derive(Debug)]
pub(crate) struct StoredAnswer {
    /// What the statement called `answer`.
    pub(crate) json: String,
    /// An earlier request did what this one asks for.
    pub(crate) is_replay: bool,
}

/// What became of a keyed statement.
#[derive(Debug)]
pub(crate) enum KeyedOutcome {
    /// It was done, now or earlier.
    Stored(StoredAnswer),
    /// The key prevents it.
    Refused(StoreError),
    /// Nothing was done, because the statement's conditions are not met. The rows are those of its further part.
    NotApplied(Vec<Row>),
}

impl KeyedOutcome {
    /// The answer, or the failure. `not_applied` is the failure if nothing was done.
    pub(crate) fn answer_or(self, not_applied: impl FnOnce(&[Row]) -> StoreError) -> Result<StoredAnswer, StoreError> {
        match self {
            Self::Stored(answer) => Ok(answer),
            Self::Refused(error) => Err(error),
            Self::NotApplied(rows) => Err(not_applied(&rows)),
        }
    }
}

/// Finds what is stored under the key `$3` of the operation `$2`.
static STORED: Read = Read::new(
    "stored answer",
    "\
select fingerprint, request, task_id, answer::text
from tasks_api.idempotency_keys
where user_id = $1
  and operation = $2
  and key = $3
",
);

/// How often a statement is sent that fails because of a key that is not stored any more.
const ATTEMPTS: usize = 3;

impl UserScope {
    /// The key of the client, or one of this request alone.
    pub(crate) fn key_or_own<'a>(&self, key: Option<&'a IdempotencyKey>) -> Cow<'a, IdempotencyKey> {
        key.map_or_else(|| Cow::Owned(IdempotencyKey::of_request(self.request_id())), Cow::Borrowed)
    }

    /// Calls `attempt`, which sends a keyed statement, and returns its answer.
    ///
    /// If it fails, another request with the same key may have succeeded meanwhile, and be the reason: it has deleted the
    /// task, or changed its version. So the key is looked up before a failure is returned, with a snapshot of its own.
    pub(crate) async fn once(
        &self,
        request: &KeyedRequest<'_>,
        attempt: impl AsyncFn() -> Result<StoredAnswer, StoreError>,
    ) -> Result<StoredAnswer, StoreError> {
        let mut attempts = 1;
        let outcome = loop {
            let failure = match attempt().await {
                Err(failure) if is_of_this_statement(&failure) => failure,
                outcome => break outcome,
            };
            match self.stored_answer(request).await? {
                Some(outcome) => break outcome.answer_or(|_| failure),
                None if is_key_taken(&failure) && attempts < ATTEMPTS => attempts += 1,
                None => break Err(failure),
            }
        };
        match outcome {
            // No other request has this key.
            Err(StoreError::KeyInProgress(error)) if !request.key.is_of_client() => {
                Err(StoreError::Database(request.noun, error))
            }
            outcome => outcome,
        }
    }

    /// Executes a keyed write: one round trip. `params` are `$6` and following.
    pub(crate) async fn write_keyed<'a>(
        &'a self,
        statement: &'static KeyedWrite,
        request: &'a KeyedRequest<'a>,
        params: Vec<SqlParam<'a>>,
    ) -> Result<KeyedOutcome, DbError> {
        self.send_keyed(statement.name(), statement.sql().into(), request, params).await
    }

    /// Executes a keyed insert: one round trip. `columns` are as for [`UserScope::insert`].
    pub(crate) async fn insert_keyed<'a>(
        &'a self,
        statement: &'static KeyedInsert,
        request: &'a KeyedRequest<'a>,
        columns: Vec<Option<Vec<SqlParam<'a>>>>,
    ) -> Result<KeyedOutcome, DbError> {
        let statement = statement.as_insert();
        let sql = statement.sql_without(|column| columns.get(column).is_some_and(Option::is_none));
        self.send_keyed(statement.name(), sql, request, columns.into_iter().flatten().flatten()).await
    }

    /// Executes a keyed write with an insert for each of these groups: one round trip. `params` are `$6` and following.
    pub(crate) async fn insert_groups_keyed<'a>(
        &'a self,
        statement: &'static GroupedInsert,
        request: &'a KeyedRequest<'a>,
        groups: &[Vec<bool>],
        params: Vec<SqlParam<'a>>,
    ) -> Result<KeyedOutcome, DbError> {
        self.send_keyed(statement.name(), statement.sql_with(groups), request, params).await
    }

    /// `params` are `$6` and following.
    async fn send_keyed<'a>(
        &'a self,
        name: &'static str,
        sql: Cow<'static, str>,
        request: &'a KeyedRequest<'a>,
        params: impl IntoIterator<Item = SqlParam<'a>>,
    ) -> Result<KeyedOutcome, DbError> {
        let of_key = [&request.key.0, &request.fingerprint, self.request_id()].map(SqlParam::from_str);
        let params: Vec<SqlParam<'a>> = of_key.into_iter().chain(params).collect();
        let may_wait = request.key.is_of_client();
        let query = |params| Query { may_wait, ..Query::prepared(name, sql.clone(), params) };
        self.outcome(request, self.send_write(query, &params).await.map(|result| result.rows))
    }

    async fn stored_answer(&self, request: &KeyedRequest<'_>) -> Result<Option<KeyedOutcome>, StoreError> {
        let params = [request.operation, &request.key.0].map(SqlParam::from_str);
        let rows = self.read(&STORED, params).await.map_err(|error| StoreError::Database(request.noun, error))?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.outcome(request, Ok(rows)).map(Some).map_err(|error| StoreError::Database(request.noun, error))
    }

    /// What the result of a keyed statement means. Its failures that the key does not explain are left to the caller.
    fn outcome(&self, request: &KeyedRequest<'_>, result: Result<Vec<Row>, DbError>) -> Result<KeyedOutcome, DbError> {
        let rows = match result {
            Ok(rows) => rows,
            Err(error) if error.is_cancelled() || is_about_keys(&error, Rejection::Unique) => {
                return Ok(KeyedOutcome::Refused(StoreError::KeyInProgress(error)));
            }
            Err(error) if is_about_keys(&error, Rejection::ForeignKey) => {
                return Ok(KeyedOutcome::Refused(StoreError::UnknownUser(error)));
            }
            Err(error) => return Err(error),
        };
        let Some(row) = rows.first() else { return Ok(KeyedOutcome::NotApplied(rows)) };
        let Some(fingerprint) = row.get::<Option<&str>>(0)? else { return Ok(KeyedOutcome::NotApplied(rows)) };
        let json: String = row.get(3)?;
        if fingerprint != request.fingerprint {
            let has_row = row.get::<Option<&str>>(2)?.is_some();
            return Ok(KeyedOutcome::Refused(StoreError::KeyReused(id_of(&json).filter(|_| has_row))));
        }
        let is_replay = row.get::<&str>(1)? != self.request_id();
        Ok(KeyedOutcome::Stored(StoredAnswer { json, is_replay }))
    }
}

/// The member `id` of an answer, whose JSON type is that of the column.
fn id_of(answer: &str) -> Option<RowId> {
    #[derive(Deserialize)]
    struct Identified {
        id: RowId,
    }
    serde_json::from_str(answer).ok().map(|Identified { id }| id)
}

/// Whether the failure can be the consequence of another request with the same key.
fn is_of_this_statement(failure: &StoreError) -> bool {
    match failure {
        StoreError::KeyReused(_) | StoreError::UnreadableAnswer => false,
        StoreError::Database(_, error) => matches!(error.kind(), DbErrorKind::Rejected(_)),
        _ => true,
    }
}

/// Whether another request had stored the same key.
fn is_key_taken(failure: &StoreError) -> bool {
    matches!(failure, StoreError::KeyInProgress(error) if is_about_keys(error, Rejection::Unique))
}

/// Whether the table of the keys is what rejected the statement.
fn is_about_keys(error: &DbError, rejection: Rejection) -> bool {
    error.kind() == DbErrorKind::Rejected(rejection) && error.rejected_by().table == Some("idempotency_keys")
}
