//! What the driver, the server and what is between report, sorted by what is to be done about it.

use std::error::Error;

use tokio_postgres::error::SqlState;

use super::connection::ExecuteError;
use super::dial::DialError;
use crate::tls::says;

/// Why there are no rows. The source is what the driver said.
#[derive(Debug, thiserror::Error)]
#[error("the statement `{statement}` failed")]
pub(crate) struct DbError {
    pub(crate) kind: DbErrorKind,
    pub(super) fate: Fate,
    statement: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

/// What the caller is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DbErrorKind {
    /// The server refused the statement for what it says. The connection is fine.
    Refused(SqlState),
    /// Nobody answered, or only that they cannot now; another try in so many seconds may succeed.
    Unavailable { retry_after: u32 },
    /// There is no room: connections, a pooler's servers or what the project may use are taken. Likewise.
    Exhausted { retry_after: u32 },
    /// Nothing will change until a human changes it: wrong password, no such database, bad certificate.
    Misconfigured,
    /// An answer that this program cannot read.
    Unreadable,
}

/// What is known of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never reached the server.
    NotExecuted,
    /// It never reached a server that could execute it, and is worth exactly one more try: a pooler had no server for
    /// it within its own time limit, or the server has become a replica.
    OnceMore,
    /// The server took it back, for the sake of another transaction.
    RolledBack,
    /// It reached the server, and the answer did not come.
    Unknown,
    /// The answer is the answer.
    Final,
}

impl Fate {
    /// Why a statement is sent again, for metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotExecuted => "not executed",
            Self::OnceMore => "once more",
            Self::RolledBack => "rolled back",
            Self::Unknown => "answer lost",
            Self::Final => "final",
        }
    }
}

impl DbError {
    /// The connection could not be made, so nothing was executed.
    pub(super) fn from_dial(statement: &'static str, error: DialError) -> Self {
        let (kind, fate) = match &error {
            DialError::Driver(driver) | DialError::Handshake(driver) => match driver.as_db_error() {
                Some(answer) => refused_at_sign_in(answer.code(), answer.message()),
                None if is_verdict(driver) => (DbErrorKind::Misconfigured, Fate::Final),
                None => (DbErrorKind::Unavailable { retry_after: 1 }, Fate::NotExecuted),
            },
            // Whoever waits that long for a sleeping database has no time left for another try.
            DialError::SignIn => (DbErrorKind::Unavailable { retry_after: 1 }, Fate::Final),
            DialError::TlsLibrary(_) => (DbErrorKind::Misconfigured, Fate::Final),
            DialError::Resolve(_) | DialError::Tcp(_) | DialError::Tls | DialError::Task(_) => {
                (DbErrorKind::Unavailable { retry_after: 1 }, Fate::NotExecuted)
            }
        };
        Self { kind, fate, statement, source: error.into() }
    }

    /// `nothing_sent` and `is_closed` are about the connection since the statement was handed to it.
    pub(super) fn from_execute(
        statement: &'static str,
        error: ExecuteError,
        nothing_sent: bool,
        is_closed: bool,
    ) -> Self {
        let lost = if nothing_sent { Fate::NotExecuted } else { Fate::Unknown };
        let (kind, fate) = match &error {
            ExecuteError::DeadPath => (DbErrorKind::Unavailable { retry_after: 1 }, lost),
            ExecuteError::Driver(driver) => match driver.as_db_error() {
                Some(answer) => refused(answer.code(), answer.message()),
                None if is_closed || driver.is_closed() => (DbErrorKind::Unavailable { retry_after: 1 }, lost),
                None => (DbErrorKind::Unreadable, Fate::Final),
            },
        };
        Self { kind, fate, statement, source: error.into() }
    }

    /// Whether the connection can serve the next statement.
    pub(super) fn keeps_connection(&self) -> bool {
        match self.kind {
            DbErrorKind::Refused(_) => true,
            // A statement that was taken back or cancelled: the server is there, and ready for the next one.
            DbErrorKind::Unavailable { .. } => matches!(self.fate, Fate::RolledBack | Fate::Final),
            DbErrorKind::Exhausted { .. } | DbErrorKind::Misconfigured | DbErrorKind::Unreadable => false,
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(kind: DbErrorKind, fate: Fate) -> Self {
        Self { kind, fate, statement: "test", source: "test".into() }
    }
}

/// A pooler has had no server for a statement within its own time limit.
const POOLER_IS_FULL: &str = "query_wait_timeout";
/// A pooler has no server to give the statement to, and quotes what it was told when it last signed in to one.
const WITHOUT_SERVER: &str = "server login has been failing";
const FULL: DbErrorKind = DbErrorKind::Exhausted { retry_after: 2 };

/// An answer to a statement.
fn refused(state: &SqlState, message: &str) -> (DbErrorKind, Fate) {
    let wait = |retry_after| DbErrorKind::Unavailable { retry_after };
    if message.contains(POOLER_IS_FULL) {
        return (FULL, Fate::OnceMore);
    }
    if message.contains(WITHOUT_SERVER) {
        return refused_at_sign_in(state, message);
    }
    match state.code() {
        "40001" | "40P01" => (wait(1), Fate::RolledBack),
        "55P03" | "57014" => (wait(1), Fate::Final),
        // A server that has just become a replica: the next connection finds the one that has taken over.
        "25006" => (wait(1), Fate::OnceMore),
        "53300" => (FULL, Fate::NotExecuted),
        code if code.starts_with("57P0") || code.starts_with("08") => (wait(1), Fate::Unknown),
        code if code.starts_with("28") || code == "3D000" || code == "42501" => {
            (DbErrorKind::Misconfigured, Fate::Final)
        }
        _ => (DbErrorKind::Refused(state.clone()), Fate::Final),
    }
}

/// What Neon's proxy says, under one state for everything, before it has passed a connection on.
const PERMANENT: [&str; 6] = [
    "password authentication failed",
    "Endpoint ID is not specified",
    "endpoint cannot be found",
    "endpoint is disabled",
    "is not allowed",
    "unsupported startup parameter",
];
/// Longer than a moment: the project has used up what it may.
const QUOTA: &str = "Check your quotas";

/// Of the server, of Neon's proxy, and of PgBouncer, which has no state of its own for it.
const NO_ROOM: [&str; 5] = [
    "too many connections",
    "Too many connections",
    "remaining connection slots",
    "no more connections allowed",
    "client connections exceeded",
];

/// An answer to the sign-in: nothing was executed, whatever it says.
fn refused_at_sign_in(state: &SqlState, message: &str) -> (DbErrorKind, Fate) {
    if PERMANENT.iter().any(|text| message.contains(text)) {
        return (DbErrorKind::Misconfigured, Fate::Final);
    }
    if message.contains(QUOTA) || message.contains("quota") {
        return (DbErrorKind::Exhausted { retry_after: 60 }, Fate::Final);
    }
    if message.contains(POOLER_IS_FULL) {
        return (FULL, Fate::OnceMore);
    }
    if NO_ROOM.iter().any(|text| message.contains(text)) || *state == SqlState::TOO_MANY_CONNECTIONS {
        return (FULL, Fate::NotExecuted);
    }
    match state.code() {
        code if code.starts_with("28") || code == "3D000" || code == "42501" => {
            (DbErrorKind::Misconfigured, Fate::Final)
        }
        _ => (DbErrorKind::Unavailable { retry_after: 1 }, Fate::NotExecuted),
    }
}

/// A certificate that does not hold, a channel that cannot be bound, a way to sign in that is not accepted: verdicts,
/// unlike a handshake that was cut off.
pub(super) fn is_verdict(error: &tokio_postgres::Error) -> bool {
    let verdicts = ["certificate verify failed", "channel binding", "authentication method", "does not support TLS"];
    verdicts.iter().any(|verdict| says(error, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: u32) -> DbErrorKind {
        DbErrorKind::Unavailable { retry_after }
    }

    #[test]
    fn each_answer_to_a_statement_has_its_consequence() {
        for (code, message, kind, fate) in [
            ("08P01", "query_wait_timeout", FULL, Fate::OnceMore),
            ("53300", "sorry, too many clients already", FULL, Fate::NotExecuted),
            (
                "08P01",
                "server login has been failing, cached error: the database system is starting up (server_login_retry)",
                wait(1),
                Fate::NotExecuted,
            ),
            ("40001", "could not serialize access", wait(1), Fate::RolledBack),
            ("40P01", "deadlock detected", wait(1), Fate::RolledBack),
            ("55P03", "canceling statement due to lock timeout", wait(1), Fate::Final),
            ("57014", "canceling statement due to statement timeout", wait(1), Fate::Final),
            ("57P01", "terminating connection due to administrator command", wait(1), Fate::Unknown),
            ("08006", "connection failure", wait(1), Fate::Unknown),
            ("25006", "cannot execute INSERT in a read-only transaction", wait(1), Fate::OnceMore),
            ("28P01", "password authentication failed", DbErrorKind::Misconfigured, Fate::Final),
            ("3D000", "database does not exist", DbErrorKind::Misconfigured, Fate::Final),
            ("42501", "permission denied for table tasks", DbErrorKind::Misconfigured, Fate::Final),
            ("42P01", "relation does not exist", DbErrorKind::Refused(SqlState::UNDEFINED_TABLE), Fate::Final),
        ] {
            assert_eq!(refused(&SqlState::from_code(code), message), (kind, fate), "{code} {message}");
        }
    }

    #[test]
    fn neons_texts_are_told_apart_though_they_share_a_state() {
        let human = (DbErrorKind::Misconfigured, Fate::Final);
        for (code, message, expected) in [
            ("XX000", "password authentication failed for user 'ann'", human.clone()),
            ("XX000", "Endpoint ID is not specified. Either upgrade the client library", human.clone()),
            ("XX000", "The requested endpoint could not be found: endpoint cannot be found", human.clone()),
            ("XX000", "The endpoint is disabled. Enable it using the API and retry.", human.clone()),
            ("XX000", "This IP address 1.2.3.4 is not allowed to connect to this endpoint.", human.clone()),
            ("XX000", "unsupported startup parameter in options: statement_timeout", human.clone()),
            (
                "XX000",
                "Your project has exceeded the limit. Check your quotas",
                (DbErrorKind::Exhausted { retry_after: 60 }, Fate::Final),
            ),
            ("XX000", "Couldn't connect to compute node", (wait(1), Fate::NotExecuted)),
            ("XX000", "Failed to acquire permit to connect to the database.", (wait(1), Fate::NotExecuted)),
            ("XX000", "Too many connections attempts", (FULL, Fate::NotExecuted)),
            ("XX000", "Control plane request failed", (wait(1), Fate::NotExecuted)),
            ("XX000", "something new", (wait(1), Fate::NotExecuted)),
            ("53300", "remaining connection slots are reserved", (FULL, Fate::NotExecuted)),
            ("08P01", "no more connections allowed (max_client_conn)", (FULL, Fate::NotExecuted)),
            ("08P01", "client connections exceeded (max_user_client_connections)", (FULL, Fate::NotExecuted)),
            ("57P03", "the database system is starting up", (wait(1), Fate::NotExecuted)),
            ("08P01", "query_wait_timeout", (FULL, Fate::OnceMore)),
            ("28P01", "password authentication failed for user \"ann\"", human.clone()),
            ("3D000", "database \"todo\" does not exist", human),
        ] {
            assert_eq!(refused_at_sign_in(&SqlState::from_code(code), message), expected, "{code} {message}");
        }
    }
}
