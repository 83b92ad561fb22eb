//! What became of each operation.

use serde::Deserialize;
use serde_json::Value;

use super::input::ShortForm;
use crate::input::{Failure, InvalidInput};
use crate::scope::StoreError;
use crate::tasks::model::{TASK, Task};

/// What a bulk request has done.
#[derive(Debug)]
pub struct BulkOutcome {
    /// In the order of the request.
    pub operations: Vec<Result<OperationOutcome, OperationFailure>>,
    /// How many tasks were created, changed or deleted.
    pub tasks_written: usize,
    /// Whether nothing was done if one of them failed.
    pub is_atomic: bool,
    /// The short form of the request, if it had that.
    pub short_form: Option<ShortForm>,
    /// The number of the transaction. `None` if nothing was written.
    pub transaction: Option<String>,
}

/// What an operation has done. Operations on the same task have the outcome of all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationOutcome {
    /// The task was created.
    Created(Task),
    /// The task was changed, or was as it should be already.
    Changed(Task),
    /// The task was deleted.
    Deleted,
}

/// Why an operation was not done.
#[derive(Debug)]
pub enum OperationFailure {
    /// Members of the operation break rules. The pointers lead from the body to them.
    Invalid(InvalidInput),
    /// The operation lacks a version, which the deployment requires.
    VersionRequired,
    /// The task or the database refuses it. The pointers lead from the operation to its members.
    Refused(StoreError),
    /// An earlier operation on the same task failed: its index.
    With(usize),
    /// Another operation failed, and they are atomic.
    NotDone,
}

impl BulkOutcome {
    pub(super) fn new(operations: usize, is_atomic: bool, short_form: Option<ShortForm>) -> Self {
        let operations = (0..operations).map(|_| Err(OperationFailure::NotDone)).collect();
        Self { operations, tasks_written: 0, is_atomic, short_form, transaction: None }
    }

    pub(super) fn set(&mut self, index: usize, outcome: Result<OperationOutcome, OperationFailure>) {
        if let Some(operation) = self.operations.get_mut(index) {
            *operation = outcome;
        }
    }

    /// Of operations on the same task.
    pub(super) fn set_all(&mut self, indexes: &[usize], outcome: Result<OperationOutcome, OperationFailure>) {
        let Some((first, others)) = indexes.split_first() else { return };
        for index in others {
            let same = outcome.as_ref().map(Clone::clone).map_err(|_| OperationFailure::With(*first));
            self.set(*index, same);
        }
        self.set(*first, outcome);
    }

    /// The last transaction, if there is more than one.
    pub(super) fn note_transaction(&mut self, transaction: Option<String>) {
        let number = |transaction: &Option<String>| transaction.as_ref().and_then(|number| number.parse::<u64>().ok());
        if number(&transaction) > number(&self.transaction) {
            self.transaction = transaction;
        }
    }
}

impl OperationFailure {
    pub(super) fn invalid(pointer: String, detail: impl Into<String>) -> Self {
        Self::Invalid(InvalidInput(vec![Failure { pointer, detail: detail.into() }]))
    }

    pub(super) fn not_found() -> Self {
        Self::Refused(StoreError::NotFound(&TASK))
    }

    pub(super) fn precondition_failed() -> Self {
        Self::Refused(StoreError::PreconditionFailed(&TASK))
    }
}

/// What the statement answers about one write.
#[derive(Debug, Deserialize)]
pub(super) struct WriteAnswer {
    /// `not_found`, `precondition_failed`, or the columns that are not what is stored, separated by spaces.
    pub(super) problem: Option<String>,
    /// The task, or what remains of a deleted one.
    pub(super) task: Option<Value>,
}
