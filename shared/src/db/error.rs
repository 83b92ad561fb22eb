//! Failures of the database, classified by what has to be done about them.

use std::error::Error;

use tokio_postgres::error::SqlState;

use super::connector::{ConnectError, is_permanent};

/// Why a statement has no result, for the layers above. The source is the driver's error.
#[derive(Debug, thiserror::Error)]
#[error("the statement `{statement}` failed")]
pub struct DbError {
    kind: DbErrorKind,
    retry_class: RetryClass,
    statement: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

/// What the failure means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DbErrorKind {
    /// The server rejected the statement for its content. The connection is usable.
    Rejected(Rejection),
    /// TA401: the token of the user was revoked. See the function `live_user` of the schema `tasks_api`.
    RevokedToken,
    /// The server did not answer, or cannot execute statements at the moment. `retry_after` in seconds.
    Unavailable { retry_after: u32 },
    /// Connections, a pooler's servers or a quota are used up. `retry_after` in seconds.
    Exhausted { retry_after: u32 },
    /// Only an operator can help: wrong password, no such database, invalid certificate.
    Misconfigured,
    /// The response cannot be decoded.
    Undecodable,
}

/// Why the server rejected a statement, by its SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// 23503
    ForeignKey,
    /// 23505
    Unique,
    /// A value breaks a rule of its column: 23514, 23502 (null), 22001 (too long).
    Rule,
    /// 22P05: a text has a character that the encoding of the database lacks. 22021: it is not valid in its own.
    Encoding,
    /// 22023: a parameter of a function, such as the name of a time zone, is not known.
    Parameter,
    /// A value is not a literal of the column's type. 22P02: `abc` is not an integer. 22003: 99999999999 is not a small
    /// one.
    Literal,
    /// 22007, 22008: a text is not a time, or one that PostgreSQL does not have.
    Time,
    /// A table, column or schema does not exist: 42P01, 42703, 3F000.
    Undefined,
    /// Any other.
    Other,
}

/// What the server names in its rejection of a statement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RejectedBy<'a> {
    /// The constraint or unique index.
    pub(crate) constraint: Option<&'a str>,
    pub(crate) table: Option<&'a str>,
    pub(crate) column: Option<&'a str>,
    pub(crate) data_type: Option<&'a str>,
}

/// What is known about the execution of a statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryClass {
    /// It never reached the server.
    NotExecuted,
    /// It was not executed, and is worth exactly one retry: a pooler had no server for it within its own timeout, or the
    /// server has become a replica.
    RetryOnce,
    /// The server rolled it back in favour of another transaction.
    RolledBack,
    /// It reached the server, and its response was lost.
    MaybeExecuted,
    /// The failure is the result.
    Final,
}

impl RetryClass {
    /// For logs and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotExecuted => "not executed",
            Self::RetryOnce => "once more",
            Self::RolledBack => "rolled back",
            Self::MaybeExecuted => "answer lost",
            Self::Final => "final",
        }
    }
}

/// Why a statement on an open connection has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecuteError {
    #[error("the database refused, or the connection was lost")]
    Driver(#[source] tokio_postgres::Error),
    #[error("the path to the database is dead")]
    DeadPath,
}

impl DbError {
    /// The connection could not be opened, so `statement` was not executed.
    pub(super) fn from_connect(statement: &'static str, error: ConnectError) -> Self {
        let (kind, retry_class) = match &error {
            ConnectError::Driver(driver) | ConnectError::Handshake(driver) => match driver.as_db_error() {
                Some(response) => classify_sign_in(response.code(), response.message()),
                None if is_permanent(driver) => (DbErrorKind::Misconfigured, RetryClass::Final),
                None => (DbErrorKind::Unavailable { retry_after: 1 }, RetryClass::NotExecuted),
            },
            // After waiting that long for a suspended database there is no time left for a retry.
            ConnectError::SignIn | ConnectError::NotReplaced => {
                (DbErrorKind::Unavailable { retry_after: 1 }, RetryClass::Final)
            }
            ConnectError::TlsLibrary(_) => (DbErrorKind::Misconfigured, RetryClass::Final),
            ConnectError::Resolve(_) | ConnectError::Tcp(_) | ConnectError::Tls | ConnectError::Task(_) => {
                (DbErrorKind::Unavailable { retry_after: 1 }, RetryClass::NotExecuted)
            }
        };
        Self { kind, retry_class, statement, source: error.into() }
    }

    /// `nothing_sent` and `is_closed` describe the connection since the statement was passed to it.
    pub(super) fn from_execute(
        statement: &'static str,
        error: ExecuteError,
        nothing_sent: bool,
        is_closed: bool,
    ) -> Self {
        let lost = if nothing_sent { RetryClass::NotExecuted } else { RetryClass::MaybeExecuted };
        let (kind, retry_class) = match &error {
            ExecuteError::DeadPath => (DbErrorKind::Unavailable { retry_after: 1 }, lost),
            ExecuteError::Driver(driver) => match driver.as_db_error() {
                Some(response) => classify(response.code(), response.message()),
                None if is_closed || driver.is_closed() => (DbErrorKind::Unavailable { retry_after: 1 }, lost),
                None => (DbErrorKind::Undecodable, RetryClass::Final),
            },
        };
        Self { kind, retry_class, statement, source: error.into() }
    }

    /// A column of the result cannot be decoded.
    pub(super) fn from_decode(statement: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: DbErrorKind::Undecodable, retry_class: RetryClass::Final, statement, source: error.into() }
    }

    pub(crate) fn kind(&self) -> DbErrorKind {
        self.kind
    }

    /// Whether the role of the functions lacks a privilege: 42501.
    pub(crate) fn is_missing_privilege(&self) -> bool {
        let Some(ExecuteError::Driver(driver)) = self.source.downcast_ref() else { return false };
        driver.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    }

    /// Whether the statement was cancelled, as when it waits too long for a lock: 55P03, 57014.
    pub(crate) fn is_cancelled(&self) -> bool {
        let Some(ExecuteError::Driver(driver)) = self.source.downcast_ref() else { return false };
        driver.code().is_some_and(|code| [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code))
    }

    /// What the server named. Empty unless the error is a [`DbErrorKind::Rejected`].
    pub(crate) fn rejected_by(&self) -> RejectedBy<'_> {
        let Some(ExecuteError::Driver(driver)) = self.source.downcast_ref() else { return RejectedBy::default() };
        driver.as_db_error().map_or_else(RejectedBy::default, |response| RejectedBy {
            constraint: response.constraint(),
            table: response.table(),
            column: response.column(),
            data_type: response.datatype(),
        })
    }

    /// The SQLSTATE and the message of the server, if it is the server that refused.
    #[cfg(feature = "proof")]
    pub(crate) fn server_message(&self) -> Option<(&str, &str)> {
        self.response().map(|response| (response.code().code(), response.message()))
    }

    /// Whether the message of the server contains this text.
    pub(crate) fn names(&self, text: &str) -> bool {
        self.response().is_some_and(|response| response.message().contains(text))
    }

    fn response(&self) -> Option<&tokio_postgres::error::DbError> {
        let mut sources = std::iter::successors(self.source(), |&error| error.source());
        sources.find_map(|error| error.downcast_ref::<tokio_postgres::Error>()?.as_db_error())
    }

    pub(super) fn retry_class(&self) -> RetryClass {
        self.retry_class
    }

    /// Whether the connection can execute the next statement.
    pub(super) fn keeps_connection(&self) -> bool {
        match self.kind {
            DbErrorKind::Rejected(_) | DbErrorKind::RevokedToken => true,
            // A statement that was rolled back or cancelled leaves the connection usable.
            DbErrorKind::Unavailable { .. } => matches!(self.retry_class, RetryClass::RolledBack | RetryClass::Final),
            DbErrorKind::Exhausted { .. } | DbErrorKind::Misconfigured | DbErrorKind::Undecodable => false,
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(kind: DbErrorKind, retry_class: RetryClass) -> Self {
        Self { kind, retry_class, statement: "test", source: "test".into() }
    }
}

/// The messages of an error's sources, outermost first. The server's DETAIL, which quotes rows and keys, is left out.
pub(crate) fn cause_chain(error: &dyn Error) -> Option<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let response = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error);
        if let Some(response) = response {
            let constraint = response.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
            causes.push(format!("{} {}{constraint}", response.code().code(), response.message()));
            break;
        }
        causes.push(error.to_string());
        next = error.source();
    }
    (!causes.is_empty()).then(|| causes.join(": "))
}

/// PgBouncer had no server for a statement within its own timeout.
const QUERY_WAIT_TIMEOUT: &str = "query_wait_timeout";
/// PgBouncer has no server for a statement, and quotes the error of its last sign-in to one.
const SERVER_LOGIN_FAILING: &str = "server login has been failing";
const EXHAUSTED: DbErrorKind = DbErrorKind::Exhausted { retry_after: 2 };

/// Classifies an error response to a statement.
fn classify(state: &SqlState, message: &str) -> (DbErrorKind, RetryClass) {
    let unavailable = |retry_after| DbErrorKind::Unavailable { retry_after };
    if message.contains(QUERY_WAIT_TIMEOUT) {
        return (EXHAUSTED, RetryClass::RetryOnce);
    }
    if message.contains(SERVER_LOGIN_FAILING) {
        return classify_sign_in(state, message);
    }
    match state.code() {
        "40001" | "40P01" => (unavailable(1), RetryClass::RolledBack),
        "55P03" | "57014" => (unavailable(1), RetryClass::Final),
        // The server has become a replica: the next connection reaches the new primary.
        "25006" => (unavailable(1), RetryClass::RetryOnce),
        "53300" => (EXHAUSTED, RetryClass::NotExecuted),
        "TA401" => (DbErrorKind::RevokedToken, RetryClass::Final),
        code if code.starts_with("57P0") || code.starts_with("08") => (unavailable(1), RetryClass::MaybeExecuted),
        code if code.starts_with("28") || code == "3D000" || code == "42501" => {
            (DbErrorKind::Misconfigured, RetryClass::Final)
        }
        _ => (DbErrorKind::Rejected(rejection(state.code())), RetryClass::Final),
    }
}

/// Permanent errors of Neon's proxy, which has the same SQLSTATE for all of its errors.
const PERMANENT: [&str; 6] = [
    "password authentication failed",
    "Endpoint ID is not specified",
    "endpoint cannot be found",
    "endpoint is disabled",
    "is not allowed",
    "unsupported startup parameter",
];
/// The project has used up its quota.
const QUOTA: &str = "Check your quotas";

/// Messages of the server, of Neon's proxy, and of PgBouncer, which has no SQLSTATE for it.
const TOO_MANY_CONNECTIONS: [&str; 5] = [
    "too many connections",
    "Too many connections",
    "remaining connection slots",
    "no more connections allowed",
    "client connections exceeded",
];

/// Classifies an error response to the sign-in. No statement was executed.
fn classify_sign_in(state: &SqlState, message: &str) -> (DbErrorKind, RetryClass) {
    if PERMANENT.iter().any(|text| message.contains(text)) {
        return (DbErrorKind::Misconfigured, RetryClass::Final);
    }
    if message.contains(QUOTA) || message.contains("quota") {
        return (DbErrorKind::Exhausted { retry_after: 60 }, RetryClass::Final);
    }
    if message.contains(QUERY_WAIT_TIMEOUT) {
        return (EXHAUSTED, RetryClass::RetryOnce);
    }
    if TOO_MANY_CONNECTIONS.iter().any(|text| message.contains(text)) || *state == SqlState::TOO_MANY_CONNECTIONS {
        return (EXHAUSTED, RetryClass::NotExecuted);
    }
    match state.code() {
        code if code.starts_with("28") || code == "3D000" || code == "42501" => {
            (DbErrorKind::Misconfigured, RetryClass::Final)
        }
        _ => (DbErrorKind::Unavailable { retry_after: 1 }, RetryClass::NotExecuted),
    }
}

fn rejection(code: &str) -> Rejection {
    match code {
        "23503" => Rejection::ForeignKey,
        "23505" => Rejection::Unique,
        "23514" | "23502" | "22001" => Rejection::Rule,
        "22P05" | "22021" => Rejection::Encoding,
        "22023" => Rejection::Parameter,
        "22P02" | "22003" => Rejection::Literal,
        "22007" | "22008" => Rejection::Time,
        "42P01" | "42703" | "3F000" => Rejection::Undefined,
        _ => Rejection::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(retry_after: u32) -> DbErrorKind {
        DbErrorKind::Unavailable { retry_after }
    }

    #[test]
    fn error_responses_are_classified() {
        for (code, message, kind, class) in [
            ("08P01", "query_wait_timeout", EXHAUSTED, RetryClass::RetryOnce),
            ("53300", "sorry, too many clients already", EXHAUSTED, RetryClass::NotExecuted),
            (
                "08P01",
                "server login has been failing, cached error: the database system is starting up (server_login_retry)",
                unavailable(1),
                RetryClass::NotExecuted,
            ),
            ("40001", "could not serialize access", unavailable(1), RetryClass::RolledBack),
            ("40P01", "deadlock detected", unavailable(1), RetryClass::RolledBack),
            ("55P03", "canceling statement due to lock timeout", unavailable(1), RetryClass::Final),
            ("57014", "canceling statement due to statement timeout", unavailable(1), RetryClass::Final),
            ("57P01", "terminating connection due to administrator command", unavailable(1), RetryClass::MaybeExecuted),
            ("08006", "connection failure", unavailable(1), RetryClass::MaybeExecuted),
            ("25006", "cannot execute INSERT in a read-only transaction", unavailable(1), RetryClass::RetryOnce),
            ("28P01", "password authentication failed", DbErrorKind::Misconfigured, RetryClass::Final),
            ("3D000", "database does not exist", DbErrorKind::Misconfigured, RetryClass::Final),
            ("42501", "permission denied for table tasks", DbErrorKind::Misconfigured, RetryClass::Final),
            ("42P01", "relation does not exist", DbErrorKind::Rejected(Rejection::Undefined), RetryClass::Final),
            ("22P05", "has no equivalent in encoding", DbErrorKind::Rejected(Rejection::Encoding), RetryClass::Final),
        ] {
            assert_eq!(classify(&SqlState::from_code(code), message), (kind, class), "{code} {message}");
        }
    }

    #[test]
    fn neons_errors_are_classified_by_message() {
        let permanent = (DbErrorKind::Misconfigured, RetryClass::Final);
        for (code, message, expected) in [
            ("XX000", "password authentication failed for user 'ann'", permanent),
            ("XX000", "Endpoint ID is not specified. Either upgrade the client library", permanent),
            ("XX000", "The requested endpoint could not be found: endpoint cannot be found", permanent),
            ("XX000", "The endpoint is disabled. Enable it using the API and retry.", permanent),
            ("XX000", "This IP address 1.2.3.4 is not allowed to connect to this endpoint.", permanent),
            ("XX000", "unsupported startup parameter in options: statement_timeout", permanent),
            (
                "XX000",
                "Your project has exceeded the limit. Check your quotas",
                (DbErrorKind::Exhausted { retry_after: 60 }, RetryClass::Final),
            ),
            ("XX000", "Couldn't connect to compute node", (unavailable(1), RetryClass::NotExecuted)),
            (
                "XX000",
                "Failed to acquire permit to connect to the database.",
                (unavailable(1), RetryClass::NotExecuted),
            ),
            ("XX000", "Too many connections attempts", (EXHAUSTED, RetryClass::NotExecuted)),
            ("XX000", "Control plane request failed", (unavailable(1), RetryClass::NotExecuted)),
            ("XX000", "something new", (unavailable(1), RetryClass::NotExecuted)),
            ("53300", "remaining connection slots are reserved", (EXHAUSTED, RetryClass::NotExecuted)),
            ("08P01", "no more connections allowed (max_client_conn)", (EXHAUSTED, RetryClass::NotExecuted)),
            (
                "08P01",
                "client connections exceeded (max_user_client_connections)",
                (EXHAUSTED, RetryClass::NotExecuted),
            ),
            ("57P03", "the database system is starting up", (unavailable(1), RetryClass::NotExecuted)),
            ("08P01", "query_wait_timeout", (EXHAUSTED, RetryClass::RetryOnce)),
            ("28P01", "password authentication failed for user \"ann\"", permanent),
            ("3D000", "database \"todo\" does not exist", permanent),
        ] {
            assert_eq!(classify_sign_in(&SqlState::from_code(code), message), expected, "{code} {message}");
        }
    }
}
