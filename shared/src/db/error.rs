//! What the driver and the server report, sorted by what is to be done about it.

use std::error::Error;

use tokio_postgres::error::SqlState;

/// Why there are no rows. The source is what the driver said.
#[derive(Debug, thiserror::Error)]
#[error("the statement `{statement}` failed")]
pub(crate) struct DbError {
    pub(crate) kind: DbErrorKind,
    pub(super) statement: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DbErrorKind {
    /// The server refused the statement for what it says. The connection is fine.
    Refused(SqlState),
    /// Nobody answered, or only that they cannot now; another try in so many seconds may succeed.
    Unavailable { retry_after: u32 },
    /// Nothing will change until a human changes it: wrong password, no such database, bad certificate.
    Misconfigured,
    /// An answer that this program cannot read.
    Unreadable,
}

impl DbError {
    /// `lost` tells whether the connection had ended, or had never begun.
    pub(super) fn from_driver(statement: &'static str, error: tokio_postgres::Error, lost: bool) -> Self {
        let kind = match error.as_db_error() {
            Some(answer) => kind_of(answer.code(), answer.message()),
            None if certificate_was_refused(&error) => DbErrorKind::Misconfigured,
            None if lost || error.is_closed() => DbErrorKind::Unavailable { retry_after: 1 },
            None => DbErrorKind::Unreadable,
        };
        Self { kind, statement, source: error.into() }
    }

    /// The certificate store of this machine cannot be read.
    pub(super) fn without_tls(statement: &'static str, error: native_tls::Error) -> Self {
        Self { kind: DbErrorKind::Misconfigured, statement, source: error.into() }
    }

    /// Whether the connection can serve the next statement.
    pub(super) fn keeps_connection(&self) -> bool {
        matches!(self.kind, DbErrorKind::Refused(_))
    }
}

fn kind_of(state: &SqlState, message: &str) -> DbErrorKind {
    // Poolers and Neon's proxy say so under states of their own.
    let full = ["query_wait_timeout", "too many connections", "remaining connection slots"];
    if full.iter().any(|text| message.contains(text)) || *state == SqlState::TOO_MANY_CONNECTIONS {
        return DbErrorKind::Unavailable { retry_after: 2 };
    }
    match state.code() {
        "40001" | "40P01" | "55P03" | "57014" | "25006" => DbErrorKind::Unavailable { retry_after: 1 },
        code if code.starts_with("57P0") || code.starts_with("08") => DbErrorKind::Unavailable { retry_after: 1 },
        code if code.starts_with("28") || code == "3D000" || code == "42501" => DbErrorKind::Misconfigured,
        _ => DbErrorKind::Refused(state.clone()),
    }
}

/// A handshake that ended with a verdict, unlike one that was cut off.
fn certificate_was_refused(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<native_tls::Error>() {
            return error.to_string().contains("certificate verify failed");
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_consequence() {
        let wait = |retry_after| DbErrorKind::Unavailable { retry_after };
        for (code, message, kind) in [
            ("53300", "sorry, too many clients already", wait(2)),
            ("08P01", "query_wait_timeout", wait(2)),
            ("XX000", "Too many connections attempts: too many connections", wait(2)),
            ("40001", "could not serialize access", wait(1)),
            ("40P01", "deadlock detected", wait(1)),
            ("57014", "canceling statement due to statement timeout", wait(1)),
            ("57P01", "terminating connection due to administrator command", wait(1)),
            ("08006", "connection failure", wait(1)),
            ("25006", "cannot execute INSERT in a read-only transaction", wait(1)),
            ("28P01", "password authentication failed", DbErrorKind::Misconfigured),
            ("3D000", "database does not exist", DbErrorKind::Misconfigured),
            ("42501", "permission denied for table tasks", DbErrorKind::Misconfigured),
            ("42P01", "relation does not exist", DbErrorKind::Refused(SqlState::UNDEFINED_TABLE)),
            ("22P02", "invalid input syntax", DbErrorKind::Refused(SqlState::INVALID_TEXT_REPRESENTATION)),
        ] {
            assert_eq!(kind_of(&SqlState::from_code(code), message), kind, "{code} {message}");
        }
    }
}
