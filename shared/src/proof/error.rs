//! Why something that was tried failed.

use std::error::Error;

use crate::db::{DbError, cause_chain};
use crate::scope::StoreError;

/// Why a proof or one of its operations failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofError {
    /// What was tried, as a noun phrase: `creating a task`.
    pub operation: &'static str,
    /// The SQLSTATE, if the server refused.
    pub sqlstate: Option<String>,
    /// The reason, without values of rows.
    pub message: String,
}

impl ProofError {
    pub(super) fn unusable_user() -> Self {
        let message = "no token can have the id of this user".to_owned();
        Self { operation: "signing in", sqlstate: None, message }
    }

    pub(super) fn from_store(operation: &'static str, error: &StoreError) -> Self {
        Self::from_error(operation, error)
    }

    pub(super) fn from_db(operation: &'static str, error: &DbError) -> Self {
        match error.server_message() {
            Some((sqlstate, message)) => {
                Self { operation, sqlstate: Some(sqlstate.to_owned()), message: message.to_owned() }
            }
            None => {
                let message = cause_chain(error).unwrap_or_else(|| error.to_string());
                Self { operation, sqlstate: None, message }
            }
        }
    }

    pub(super) fn from_error(operation: &'static str, error: &(dyn Error + 'static)) -> Self {
        let mut sources = std::iter::successors(Some(error), |&error| error.source());
        match sources.find_map(|error| error.downcast_ref::<DbError>()) {
            Some(error) => Self::from_db(operation, error),
            None => Self { operation, sqlstate: None, message: error.to_string() },
        }
    }
}
