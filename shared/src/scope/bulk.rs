//! What several operations in one request have done.

use super::error::StoreError;
use crate::input::{Failure, InvalidInput};
use crate::noun::Noun;

/// What a bulk request has done to rows of type `T`.
#[derive(Debug)]
pub struct BulkOutcome<T> {
    /// What the rows are called.
    pub noun: &'static Noun,
    /// In the order of the request.
    pub operations: Vec<Result<OperationOutcome<T>, OperationFailure>>,
    /// How many rows were created, changed or deleted.
    pub rows_written: usize,
    /// Whether nothing was done if one of the operations failed.
    pub is_atomic: bool,
    /// The short form of the request, if it had that.
    pub short_form: Option<ShortForm>,
    /// The number of the transaction, or of the last one. `None` if nothing was written.
    pub transaction: Option<String>,
}

/// One change for a list of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortForm {
    /// Changes the rows.
    Change,
    /// Deletes the rows.
    Delete,
}

/// What an operation has done. Atomic operations on the same row have the outcome of all of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationOutcome<T> {
    /// The row was created.
    Created(T),
    /// The row was changed, or was as it should be already.
    Changed(T),
    /// The row was deleted.
    Deleted,
}

/// Why an operation was not done.
#[derive(Debug)]
pub enum OperationFailure {
    /// Members of the operation break rules. The pointers lead from the body to them.
    Invalid(InvalidInput),
    /// The operation lacks a version, which the deployment requires.
    VersionRequired,
    /// The row or the database refuses it. The pointers lead from the operation to its members.
    Refused(StoreError),
    /// An earlier operation on the same row failed: its index.
    With(usize),
    /// Another operation failed, and they are atomic.
    NotDone,
}

impl<T: Clone> BulkOutcome<T> {
    /// Of a request of which nothing has been done yet.
    pub(crate) fn new(noun: &'static Noun, operations: usize, is_atomic: bool, short_form: Option<ShortForm>) -> Self {
        let operations = (0..operations).map(|_| Err(OperationFailure::NotDone)).collect();
        Self { noun, operations, rows_written: 0, is_atomic, short_form, transaction: None }
    }

    pub(crate) fn set(&mut self, index: usize, outcome: Result<OperationOutcome<T>, OperationFailure>) {
        if let Some(operation) = self.operations.get_mut(index) {
            *operation = outcome;
        }
    }

    /// Of operations on the same row.
    pub(crate) fn set_all(&mut self, indexes: &[usize], outcome: Result<OperationOutcome<T>, OperationFailure>) {
        let Some((first, others)) = indexes.split_first() else { return };
        for index in others {
            let same = outcome.as_ref().map(Clone::clone).map_err(|_| OperationFailure::With(*first));
            self.set(*index, same);
        }
        self.set(*first, outcome);
    }

    /// Keeps the last transaction.
    pub(crate) fn note_transaction(&mut self, transaction: Option<String>) {
        let number = |transaction: &Option<String>| transaction.as_ref().and_then(|number| number.parse::<u64>().ok());
        if number(&transaction) > number(&self.transaction) {
            self.transaction = transaction;
        }
    }
}

impl OperationFailure {
    pub(crate) fn invalid(pointer: String, detail: impl Into<String>) -> Self {
        Self::Invalid(InvalidInput(vec![Failure { pointer, detail: detail.into() }]))
    }
}
