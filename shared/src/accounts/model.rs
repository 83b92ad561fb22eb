//! Accounts and what sign-in returns.

use crate::db::{DbError, Row, RowId};
use crate::time::Timestamp;

/// An account, without its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(super) id: RowId,
    pub(super) email: String,
    /// `name`, `full_name` and `username`.
    pub(super) names: [Option<String>; 3],
    pub(super) is_active: bool,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
}

/// An account with a new token.
#[derive(Debug)]
pub struct SignedIn {
    pub(super) account: Account,
    pub(super) token: String,
}

/// What an operation without further content says.
#[derive(Debug)]
pub struct Done {
    pub(super) message: &'static str,
    /// The token that replaces that of the request.
    pub(super) token: Option<String>,
}

impl Account {
    /// Decodes the columns of an account, which begin at the index `first`. `None` if they are null.
    pub(super) fn from_row(row: &Row, first: usize) -> Result<Option<Self>, DbError> {
        let Some(id) = row.get(first)? else { return Ok(None) };
        Ok(Some(Self {
            id,
            email: row.get::<Option<String>>(first + 1)?.unwrap_or_default(),
            names: [row.get(first + 2)?, row.get(first + 3)?, row.get(first + 4)?],
            is_active: row.get(first + 5)?,
            created_at: row.get(first + 6)?,
            updated_at: row.get(first + 7)?,
        }))
    }
}
