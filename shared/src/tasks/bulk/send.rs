//! Sends the writes and reads what became of them.

use std::cell::{Cell, RefCell};

use serde::Deserialize;
use serde_json::Value;

use super::input::Bulk;
use super::merge::{Change, Write, WriteKind, merge, separate};
use super::statement::{BULK, Parameters};
use crate::db::{DbError, DbErrorKind, Rejection};
use crate::output::Written;
use crate::scope::{
    BulkOutcome, IdempotencyKey, KeyedOutcome, KeyedRequest, OperationFailure, OperationOutcome, StartStatement,
    StoreError, StoredAnswer,
};
use crate::tasks::answer;
use crate::tasks::create::{id_in_use, unassignable_id, with_free_id};
use crate::tasks::field_texts::{FieldTexts, unknown_time_zone};
use crate::tasks::model::{TASK, Task};
use crate::tasks::repository::UserTasks;

/// What the statement answers about one write.
#[derive(Debug, Deserialize)]
struct WriteAnswer {
    /// `not_found`, `precondition_failed`, or the columns that are not what is stored, separated by spaces.
    problem: Option<String>,
    /// The task, or what remains of a deleted one.
    task: Option<Value>,
}

/// How the writes of a request are done.
#[derive(Clone, Copy)]
struct Request<'a> {
    input: &'a Value,
    is_atomic: bool,
    /// Whether anything is done. Otherwise it is only found out what would fail.
    may_apply: bool,
    /// Whether the key is stored even if nothing is written: an earlier part of the request has written something.
    always_stores: bool,
}

/// What became of each write, in their order, and whether an earlier request did them.
struct Done {
    results: Vec<WriteResult>,
    is_replay: bool,
}

/// What a statement has done.
enum Sent {
    Done(Done),
    /// Nothing. The writes are done in parts, each with a key of its own.
    InParts,
    /// Nothing, because the database refuses a row: that of the write with this index, if it tells.
    Refused(StoreError, Option<usize>),
}

/// What became of a write.
enum WriteResult {
    Answer(WriteAnswer),
    Failed(StoreError),
}

impl Done {
    /// Of this many writes, the one with this index was refused, and so none was done.
    fn refused(writes: usize, refused: usize, error: StoreError) -> Self {
        let not_done = || WriteResult::Answer(WriteAnswer { problem: None, task: None });
        let mut results: Vec<WriteResult> = std::iter::repeat_with(not_done).take(writes).collect();
        if let Some(result) = results.get_mut(refused) {
            *result = WriteResult::Failed(error);
        }
        Self { results, is_replay: false }
    }
}

impl UserTasks<'_> {
    /// The statement of [`UserTasks::bulk`] if no created task leaves out a field.
    pub const BULK: StartStatement = BULK.at_start();

    /// Does several operations: one statement, and one round trip. Only where operations that are not atomic name the same
    /// task more than once, or the database refuses one of them, there are more.
    ///
    /// A request without a key of the client has one of its own, so that it is done once even if its response is lost.
    ///
    /// # Errors
    /// [`StoreError::BrokenRule`] or [`StoreError::Conflict`] if the operations are atomic and the database does not tell
    /// which of them it refuses; those of a key; failures of the database.
    pub async fn bulk(
        &self,
        bulk: Bulk,
        key: Option<&IdempotencyKey>,
    ) -> Result<Written<BulkOutcome<Task>>, StoreError> {
        let Bulk { operations, is_atomic, short_form, input } = bulk;
        let mut outcome = BulkOutcome::new(&TASK, operations.len(), is_atomic, short_form);
        let (rounds, failures) = if is_atomic || short_form.is_some() {
            let (writes, failures) = merge(operations);
            (vec![writes], failures)
        } else {
            separate(operations)
        };
        let may_apply = !is_atomic || failures.is_empty();
        let mut request = Request { input: &input, is_atomic, may_apply, always_stores: false };
        for (index, failure) in failures {
            outcome.set(index, Err(failure));
        }
        let request_key = self.scope.key_or_own(key);
        let mut is_replay = true;
        for (number, writes) in rounds.iter().filter(|writes| !writes.is_empty()).enumerate() {
            let key_of_round = if number == 0 { request_key.as_ref().clone() } else { request_key.of_part(number) };
            let all: Vec<&Write> = writes.iter().collect();
            let done = self.write(&request, &key_of_round, &all).await?;
            is_replay &= done.is_replay;
            for (write, result) in writes.iter().zip(done.results) {
                self.note(&mut outcome, write, result)?;
            }
            request.always_stores = outcome.rows_written > 0;
        }
        Ok(Written { value: outcome, is_replay: is_replay && key.is_some() })
    }

    /// If the database refuses a row, the others are done without it, unless the request is atomic.
    async fn write(&self, request: &Request<'_>, key: &IdempotencyKey, writes: &[&Write]) -> Result<Done, StoreError> {
        let is_only_write = writes.len() < 2;
        let refused = match with_free_id(async || self.send(request, key, writes, writes).await).await {
            Ok(Sent::Done(done)) => return Ok(done),
            Ok(Sent::InParts) => None,
            Ok(Sent::Refused(error, index)) => Some((error, index)),
            Err(error @ StoreError::IdInUse(..)) if !request.is_atomic => Some((error, is_only_write.then_some(0))),
            Err(error) => return Err(error),
        };
        let request = Request { always_stores: true, ..*request };
        if let Some((error, index)) = refused {
            if request.is_atomic || is_only_write {
                return match index {
                    Some(index) => Ok(Done::refused(writes.len(), index, error)),
                    None => Err(error),
                };
            }
            // The database may accept the row when the client repeats the request. So it is stored that there are parts.
            if let Sent::Done(done) = self.send(&request, key, &[], writes).await? {
                return Ok(done);
            }
        }
        let (one, other) = writes.split_at(writes.len() / 2);
        let (one_key, other_key) = (key.of_part("first"), key.of_part("second"));
        let mut done = Box::pin(self.write(&request, &one_key, one)).await?;
        let other = Box::pin(self.write(&request, &other_key, other)).await?;
        done.results.extend(other.results);
        done.is_replay &= other.is_replay;
        Ok(done)
    }

    /// Sends `sent`, all in one statement: the `writes`, or none of them to store that they are done in parts. What is stored
    /// under the key already is about the `writes`.
    async fn send(
        &self,
        request: &Request<'_>,
        key: &IdempotencyKey,
        sent: &[&Write],
        writes: &[&Write],
    ) -> Result<Sent, StoreError> {
        let keyed = KeyedRequest::new(&TASK, "bulk", key, request.input);
        let parameters = Parameters::new(sent, request.is_atomic, request.may_apply, request.always_stores);
        let (refusals, has_impossible_id, refused) = (RefCell::new(None), Cell::new(false), Cell::new(None));
        let attempt = async || {
            let params = parameters.params.clone();
            match self.scope.insert_groups_keyed(parameters.statement, &keyed, &parameters.groups, params).await {
                Ok(KeyedOutcome::NotApplied(rows)) => {
                    let json = rows.first().map(|row| row.last::<String>()).transpose();
                    *refusals.borrow_mut() = json.map_err(|error| StoreError::Database(&TASK, error))?;
                    Err(StoreError::NotFound(&TASK))
                }
                Ok(outcome) => outcome.answer_or(|_| StoreError::UnreadableAnswer),
                Err(error) if error.kind() == DbErrorKind::Rejected(Rejection::Literal) => {
                    has_impossible_id.set(true);
                    Err(StoreError::about_user(&TASK, error))
                }
                Err(error) => {
                    let (error, index) = self.explain_bulk(sent, error).await;
                    refused.set(index);
                    Err(error)
                }
            }
        };
        let outcome = self.scope.once(&keyed, attempt).await;
        if has_impossible_id.get() {
            // What may be stored under the key has no answer for such a task.
            return self.send_possible(request, key, writes, outcome.err()).await;
        }
        let StoredAnswer { json, is_replay } = match outcome {
            Err(error) => match refusals.take() {
                Some(json) => StoredAnswer { json, is_replay: false },
                None if is_about_a_row(&error) => return Ok(Sent::Refused(error, refused.get())),
                None => return Err(error),
            },
            Ok(answer) => answer,
        };
        let answers: Vec<WriteAnswer> = serde_json::from_str(&json).map_err(|_| StoreError::UnreadableAnswer)?;
        if answers.is_empty() {
            return Ok(Sent::InParts);
        }
        if answers.len() != writes.len() {
            return Err(StoreError::UnreadableAnswer);
        }
        Ok(Sent::Done(Done { results: answers.into_iter().map(WriteResult::Answer).collect(), is_replay }))
    }

    /// Which rule is broken, and by which write.
    async fn explain_bulk(&self, writes: &[&Write], error: DbError) -> (StoreError, Option<usize>) {
        let rows: Vec<FieldTexts<'_>> = writes.iter().map(|write| write.field_texts()).collect();
        let error = match unknown_time_zone(&rows, error) {
            Ok((error, index)) => return (error, Some(index)),
            Err(error) => error,
        };
        let has_chosen_id = writes.iter().any(|write| write.has_chosen_id());
        match self.scope.explain_rows(&TASK, &rows, error).await {
            (StoreError::IdInUse(_, error), _) if has_chosen_id => {
                (StoreError::Conflict(id_in_use(), error), (writes.len() == 1).then_some(0))
            }
            explained => explained,
        }
    }

    /// The type of the ids cannot represent one of them. The statement is sent again without the writes of such tasks, which
    /// do not exist and cannot be created.
    async fn send_possible(
        &self,
        request: &Request<'_>,
        key: &IdempotencyKey,
        writes: &[&Write],
        error: Option<StoreError>,
    ) -> Result<Sent, StoreError> {
        let id_type = self.scope.type_of(TASK.table, "id").await.map_err(|error| StoreError::Database(&TASK, error))?;
        let is_possible = |write: &Write| write.id().is_none_or(|id| can_represent(&id_type, &id));
        let possible: Vec<&Write> = writes.iter().copied().filter(|write| is_possible(write)).collect();
        if possible.len() == writes.len() {
            return Err(error.unwrap_or(StoreError::UnreadableAnswer));
        }
        let request = Request { may_apply: request.may_apply && !request.is_atomic, ..*request };
        let mut done = Done { results: Vec::new(), is_replay: false };
        if !possible.is_empty() {
            match Box::pin(self.send(&request, key, &possible, &possible)).await? {
                Sent::Done(of_possible) => done = of_possible,
                // The index is that among the possible ones.
                Sent::Refused(error, index) => {
                    let refused = index.and_then(|index| possible.get(index));
                    let index =
                        refused.and_then(|refused| writes.iter().position(|write| std::ptr::eq(*write, *refused)));
                    return Ok(Sent::Refused(error, index));
                }
                Sent::InParts => return Ok(Sent::InParts),
            }
        }
        let mut results = done.results.into_iter();
        let impossible = |write: &Write| match write.kind {
            WriteKind::Create(_) => StoreError::InvalidInput(unassignable_id()),
            WriteKind::OnTask { .. } => StoreError::NotFound(&TASK),
        };
        let result = |write: &&Write| {
            if is_possible(write) { results.next() } else { Some(WriteResult::Failed(impossible(write))) }
        };
        let all = writes.iter().map_while(result);
        done.results = all.collect();
        Ok(Sent::Done(done))
    }

    /// Records what became of the operations of a write.
    fn note(&self, outcome: &mut BulkOutcome<Task>, write: &Write, result: WriteResult) -> Result<(), StoreError> {
        let answer = match result {
            WriteResult::Failed(error) => {
                outcome.set_all(&write.operations, Err(OperationFailure::Refused(error)));
                return Ok(());
            }
            WriteResult::Answer(answer) => answer,
        };
        if let Some(problem) = &answer.problem {
            outcome.set_all(&write.operations, Err(write.failure(problem)));
            return Ok(());
        }
        // Nothing was done, because another write fails.
        let Some(task) = answer.task else { return Ok(()) };
        outcome.rows_written += 1;
        if matches!(write.kind, WriteKind::OnTask { change: Change::Delete, .. }) {
            outcome.note_transaction(answer::deleted(&task.to_string()).and_then(|deleted| deleted.transaction));
            outcome.set_all(&write.operations, Ok(OperationOutcome::Deleted));
            return Ok(());
        }
        let task = answer::task(&task.to_string(), self.scope.user_id()).ok_or(StoreError::UnreadableAnswer)?;
        outcome.note_transaction(task.transaction.clone());
        outcome.set_all(&write.operations, Ok(OperationOutcome::Changed(task.clone())));
        if let (WriteKind::Create(_), Some(first)) = (&write.kind, write.operations.first()) {
            outcome.set(*first, Ok(OperationOutcome::Created(task)));
        }
        Ok(())
    }
}

/// Whether the reason for the failure is one of the rows.
fn is_about_a_row(error: &StoreError) -> bool {
    matches!(error, StoreError::BrokenRule(..) | StoreError::Conflict(..) | StoreError::Referenced(..))
}

/// Whether a type of PostgreSQL can represent an id.
fn can_represent(id_type: &str, id: &str) -> bool {
    match id_type {
        "smallint" => id.parse::<i16>().is_ok(),
        "integer" => id.parse::<i32>().is_ok(),
        "bigint" => id.parse::<i64>().is_ok(),
        // PostgreSQL also accepts other places of the hyphens.
        "uuid" => id.bytes().filter(u8::is_ascii_hexdigit).count() == 32 && id.bytes().all(is_of_uuid),
        _ => true,
    }
}

fn is_of_uuid(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}
