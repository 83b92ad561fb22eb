//! Failures of operations on a user's rows, before they are mapped to HTTP.

use crate::db::{DbError, DbErrorKind, Rejection, RowId};
use crate::input::InvalidInput;
use crate::noun::Noun;

/// Why an operation on a user's rows failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row, or it belongs to another user.
    #[error("no such {}", .0.name)]
    NotFound(&'static Noun),
    /// The row does not have one of the expected versions.
    #[error("the {} has changed", .0.name)]
    PreconditionFailed(&'static Noun),
    /// The row does not recur.
    #[error("the {} does not recur", .0.name)]
    NotRecurring(&'static Noun),
    /// The cursor has a value that the database cannot read.
    #[error("the database cannot read the cursor")]
    InvalidCursor(#[source] DbError),
    /// The input breaks rules, and is not what is stored already.
    #[error("{0}")]
    InvalidInput(InvalidInput),
    /// The input breaks rules of the database, which are listed as far as they are known.
    #[error("the {} breaks a rule of the database", .0.name)]
    BrokenRule(&'static Noun, InvalidInput, #[source] DbError),
    /// Another row has the values of a unique index, whose columns are listed.
    #[error("another row has the same values")]
    Conflict(InvalidInput, #[source] DbError),
    /// The id that the database assigned is in use: its sequence is behind the largest id.
    #[error("the database assigned the id of another {}: its sequence is behind", .0.name)]
    IdInUse(&'static Noun, #[source] DbError),
    /// Rows of another table refer to the row.
    #[error("another table refers to the {}", .0.name)]
    Referenced(&'static Noun, #[source] DbError),
    /// The key was used for another input. The row that it made or changed, if there is one.
    #[error("the key was used for another input")]
    KeyReused(Option<RowId>),
    /// Another request with the same key has not ended.
    #[error("another request with the same key has not ended")]
    KeyInProgress(#[source] DbError),
    /// The answer that is stored under the key cannot be read.
    #[error("the stored answer cannot be read")]
    UnreadableAnswer,
    /// The user of the token does not exist any more.
    #[error("the user does not exist")]
    UnknownUser(#[source] DbError),
    /// No client can have got this sync token.
    #[error("malformed sync token")]
    InvalidSyncToken,
    /// What has changed since the client got its sync token is not known any more.
    #[error("the sync token has expired")]
    SyncTokenExpired,
    /// The database failed, or rejected the statement.
    #[error("the database failed")]
    Database(&'static Noun, #[source] DbError),
}

impl StoreError {
    /// The failure of a statement about one row.
    pub(crate) fn about_row(noun: &'static Noun, error: DbError) -> Self {
        match error.kind() {
            // An id that the column's type cannot represent is the id of no row.
            DbErrorKind::Rejected(Rejection::Literal) => Self::NotFound(noun),
            DbErrorKind::Rejected(Rejection::ForeignKey) => Self::Referenced(noun, error),
            // `on delete set null`, of a column that takes no null.
            DbErrorKind::Rejected(Rejection::Rule)
                if error.rejected_by().table.is_some_and(|table| table != noun.table) =>
            {
                Self::Referenced(noun, error)
            }
            _ => Self::Database(noun, error),
        }
    }

    /// The failure of a statement about the rows of a user.
    pub(crate) fn about_user(noun: &'static Noun, error: DbError) -> Self {
        match error.kind() {
            // The user was deleted, or the column's type cannot represent the user's id.
            DbErrorKind::Rejected(Rejection::ForeignKey | Rejection::Literal) => Self::UnknownUser(error),
            _ => Self::Database(noun, error),
        }
    }
}
