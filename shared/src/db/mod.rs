//! The one connection of this process, and the only place that knows the driver.
//!
//! A function instance serves one request at a time, is frozen between requests for seconds or hours, and is started
//! by the hundred. So there is one connection and no pool: opened when it is needed, looked at before it is used again
//! (`connection`), taken out while in use and put back after a clean end, and replaced without the caller noticing when
//! it was lost (`repeat`). A request that is cancelled or fails half-way cannot leave a half-read connection to the
//! next one.

mod connection;
mod dial;
mod error;
mod repeat;
mod text;
mod url;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio_postgres::Row;

use connection::Connection;
use dial::Dialer;
pub(crate) use error::{DbError, DbErrorKind};
use repeat::Tries;
pub(crate) use text::Text;
pub use url::DatabaseUrl;

/// A statement, of which a second execution changes nothing: its answer may get lost, and it is sent again.
#[derive(Debug)]
pub(crate) struct Statement {
    /// For the log.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// A statement with its parameters. Each is sent as text and takes the type that the statement gives it:
/// so one SQL serves integer, uuid and text ids, and timestamps with and without a zone.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) statement: &'static Statement,
    pub(crate) parameters: Vec<Text<'a>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    pub(crate) rows: R,
    /// Whether an earlier execution of the same statement may have happened, whose answer was lost.
    pub(crate) is_repeat: bool,
}

/// The database, reached through at most one connection.
pub(crate) struct Database {
    url: DatabaseUrl,
    /// Reads the certificate store, the dearest part of a connect, so it is made once and not before it is needed.
    dialer: OnceCell<Dialer>,
    idle: Mutex<Option<Connection>>,
}

impl Database {
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, dialer: OnceCell::new(), idle: Mutex::new(None) }
    }

    /// Sends one statement: one round trip on an open connection.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<Answer<Vec<Row>>, DbError> {
        let Answer { rows: [rows], is_repeat } = self.query_together([query]).await?;
        Ok(Answer { rows, is_repeat })
    }

    /// Sends statements together, still in one round trip. Each is a transaction of its own.
    pub(crate) async fn query_together<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<Answer<[Vec<Row>; N]>, DbError> {
        let mut tries = Tries::default();
        loop {
            let error = match self.try_once(&queries).await {
                Ok(rows) => return Ok(Answer { rows, is_repeat: tries.uncertain }),
                Err(error) => error,
            };
            let Some(pause) = tries.after(&error) else { return Err(error) };
            tracing::info!(cause = crate::log::cause(&error), "the database is asked again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_once<const N: usize>(&self, queries: &[Query<'_>; N]) -> Result<[Vec<Row>; N], DbError> {
        let name = queries.first().map_or("nothing", |query| query.statement.name);
        let mut connection = match self.take_idle().await {
            Some(connection) => connection,
            None => self.connect(name).await?,
        };
        let sent = connection.sent();
        let answer = connection
            .execute(queries)
            .await
            .map_err(|error| DbError::from_execute(name, error, connection.sent() == sent, connection.is_closed()));
        if answer.as_ref().map_or_else(DbError::keeps_connection, |_| true) {
            *self.idle() = Some(connection);
        }
        answer
    }

    /// The idle connection, if there is one that is still good.
    async fn take_idle(&self) -> Option<Connection> {
        let connection = self.idle().take()?;
        connection.is_good().await.then_some(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Option<Connection>> {
        // Nothing in here can panic half-way through a change: the lock only guards a move.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `statement` is the name of the one that waits for the connection.
    async fn connect(&self, statement: &'static str) -> Result<Connection, DbError> {
        let dialer = self.dialer.get_or_try_init(|| async { Dialer::new(self.url.config()) }).await;
        let dialer = dialer.map_err(|error| DbError::without_tls(statement, error))?;
        let dialed = dialer.dial().await;
        dialed.map(Connection::new).map_err(|error| DbError::from_dial(statement, error))
    }
}
