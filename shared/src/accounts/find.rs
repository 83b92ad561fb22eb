//! What the statements that find an account return.

use super::error::AccountError;
use super::model::Account;
use super::statements::found;
use crate::db::{DbError, Row};

/// An attempt to use a password.
pub(super) enum Attempt {
    /// There were too many. The next one is possible after this many seconds.
    Refused { wait: u32 },
    /// `None`: there is no such account.
    Allowed(Option<Found>),
}

/// An account, with what verifies its password.
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) hash: Option<String>,
    /// How often the tokens of the user were revoked.
    pub(super) version: i32,
    /// Whether the reset code that was sent belongs to the account.
    pub(super) has_code: bool,
}

impl Attempt {
    pub(super) fn from_rows(rows: &[Row]) -> Result<Self, AccountError> {
        let row = rows.first().ok_or(AccountError::UnknownUser(None))?;
        if !row.get::<bool>(found::IS_ALLOWED)? {
            return Ok(Self::Refused { wait: wait(row, found::WAIT)? });
        }
        let Some(account) = Account::from_row(row, found::ACCOUNT)? else { return Ok(Self::Allowed(None)) };
        Ok(Self::Allowed(Some(Found {
            account,
            hash: row.get(found::HASH)?,
            version: row.get(found::VERSION)?,
            has_code: row.get(found::HAS_CODE)?,
        })))
    }
}

/// The seconds until the next attempt.
pub(super) fn wait(row: &Row, column: usize) -> Result<u32, DbError> {
    Ok(u32::try_from(row.get::<i32>(column)?).unwrap_or(1))
}
