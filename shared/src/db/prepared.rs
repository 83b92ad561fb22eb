//! The prepared statements of a connection.
//!
//! PostgreSQL parses and plans an unnamed statement at each execution. A statement that looks up a row by its key takes
//! longer to plan than to execute, and a page of an index about as long, so they are prepared. No request waits for that: a statement is prepared when the process
//! starts, or after it was first executed on a connection. Until the preparation is complete it is executed unnamed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Statement};

/// Whether this process prepares statements.
#[derive(Debug, Default)]
pub(super) struct Preparing {
    is_off: AtomicBool,
}

impl Preparing {
    /// No statement is prepared.
    #[cfg(feature = "proof")]
    pub(super) fn off() -> Self {
        Self { is_off: AtomicBool::new(true) }
    }

    fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    /// Stops preparing, for the life of the process, if the error is that of a pooler that does not track prepared
    /// statements.
    fn note(&self, error: &Error) {
        let is_untracked = error.code().is_some_and(is_about_name);
        if is_untracked && !self.is_off.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the connection pooler does not track prepared statements: no statement is prepared any more, which makes \
                 requests slower"
            );
        }
    }
}

/// The prepared statements of one connection.
#[derive(Debug)]
pub(super) struct PreparedStatements {
    preparing: Arc<Preparing>,
    statements: Vec<PreparedStatement>,
}

#[derive(Debug)]
struct PreparedStatement {
    sql: Box<str>,
    /// `None` during the preparation, and after it has failed.
    statement: Arc<Mutex<Option<Statement>>>,
    /// Receives the response.
    preparation: AbortHandle,
}

impl Drop for PreparedStatement {
    fn drop(&mut self) {
        self.preparation.abort();
    }
}

/// An insert has a text for each set of columns. A process uses few of them; this bounds the memory of the server.
const MAX_STATEMENTS: usize = 32;

impl PreparedStatements {
    pub(super) fn new(preparing: Arc<Preparing>) -> Self {
        Self { preparing, statements: Vec::new() }
    }

    /// Starts to prepare a statement, unless that was started before. It is sent at once, before what is sent next.
    pub(super) fn prepare(&mut self, client: &Arc<Client>, sql: &str) {
        let is_possible = !self.preparing.is_off() && self.statements.len() < MAX_STATEMENTS;
        if is_possible && self.find(sql).is_none() {
            self.statements.push(PreparedStatement::start(client, &self.preparing, sql.into()));
        }
    }

    /// The prepared statement with this text, if there is one.
    pub(super) fn get(&self, sql: &str) -> Option<Statement> {
        if self.preparing.is_off() { None } else { lock(&self.find(sql)?.statement).clone() }
    }

    /// Whether a prepared statement failed because it was prepared. Then it was not executed, and can be sent unnamed. On
    /// this connection it is not prepared again.
    ///
    /// Besides a pooler that does not track prepared statements, the reason is a column whose type has changed since. Its
    /// parameter still has the former type, which may not have the value. Any client can send such a value, so then the
    /// statement stays.
    pub(super) fn reject(&self, sql: &str, error: &Error) -> bool {
        self.preparing.note(error);
        let Some(code) = error.code() else { return false };
        let is_useless = is_about_name(code) || is_about_types(code);
        if is_useless && let Some(statement) = self.find(sql) {
            lock(&statement.statement).take();
        }
        is_useless || is_about_value(code)
    }

    fn find(&self, sql: &str) -> Option<&PreparedStatement> {
        self.statements.iter().find(|statement| *statement.sql == *sql)
    }
}

impl PreparedStatement {
    fn start(client: &Arc<Client>, preparing: &Arc<Preparing>, sql: Box<str>) -> Self {
        let statement = Arc::new(Mutex::new(None));
        let mut preparation = {
            let (client, preparing) = (Arc::clone(client), Arc::clone(preparing));
            let (sql, statement) = (sql.clone(), Arc::clone(&statement));
            Box::pin(async move {
                match client.prepare(&sql).await {
                    Ok(prepared) => *lock(&statement) = Some(prepared),
                    // The statement will fail unnamed as well, and that is reported.
                    Err(error) => preparing.note(&error),
                }
            })
        };
        // The first poll sends it. The task is not polled before this one yields, and polls it once more.
        let sent = preparation.as_mut().now_or_never();
        let preparation = async move {
            if sent.is_none() {
                preparation.await;
            }
        };
        Self { sql, statement, preparation: tokio::spawn(preparation).abort_handle() }
    }
}

/// 26000, 42P05: the server does not know the name, or knows it already.
fn is_about_name(code: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(code)
}

/// 0A000: the result has other types than when the statement was prepared. Class 42: so has a parameter.
fn is_about_types(code: &SqlState) -> bool {
    *code == SqlState::FEATURE_NOT_SUPPORTED || code.code().starts_with("42")
}

/// 22003: a number is too large for the type of its parameter.
fn is_about_value(code: &SqlState) -> bool {
    *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
