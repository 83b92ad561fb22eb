//! The one connection of this process, and the only place that knows the driver.
//!
//! A function instance serves one request at a time, so one connection is all it can use, and a pool would only hide
//! its state. It is opened by the first statement, taken out while in use and put back after a clean end: a request
//! that is cancelled or fails half-way cannot leave a half-read connection to the next one.

mod error;
mod text;
mod url;

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use postgres_native_tls::MakeTlsConnector;
use tokio::sync::OnceCell;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

pub(crate) use error::{DbError, DbErrorKind};
pub(crate) use text::Text;
pub use url::DatabaseUrl;

/// A statement and what may be done with it.
#[derive(Debug)]
pub(crate) struct Statement {
    /// For the log.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    /// Whether a second execution changes nothing, so that it may be sent again when its answer was lost.
    pub(crate) repeatable: bool,
}

/// A statement with its parameters. Each is sent as text and takes the type that the statement gives it:
/// so one SQL serves integer, uuid and text ids, and timestamps with and without a zone.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) statement: &'static Statement,
    pub(crate) parameters: Vec<Text<'a>>,
}

/// The database, reached through at most one connection.
pub(crate) struct Database {
    url: DatabaseUrl,
    /// Reads the certificate store, the dearest part of a connect, so it is made once and not before it is needed.
    tls: OnceCell<MakeTlsConnector>,
    idle: Mutex<Option<Client>>,
}

impl Database {
    pub(crate) fn new(url: DatabaseUrl) -> Self {
        Self { url, tls: OnceCell::new(), idle: Mutex::new(None) }
    }

    /// Sends one statement: one round trip on an open connection.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<Vec<Row>, DbError> {
        let [rows] = self.query_together([query]).await?;
        Ok(rows)
    }

    /// Sends statements together, still in one round trip. Each is a transaction of its own.
    pub(crate) async fn query_together<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<[Vec<Row>; N], DbError> {
        let name = queries.first().map_or("nothing", |query| query.statement.name);
        let reused = self.take_idle();
        let may_repeat = reused.is_some() && queries.iter().all(|query| query.statement.repeatable);
        let mut client = match reused {
            Some(client) => client,
            None => self.connect(name).await?,
        };
        let mut answer = execute(&client, &queries).await;
        // The connection had been lost while it was idle: nothing is known of the statement.
        if may_repeat && answer.is_err() && client.is_closed() {
            client = self.connect(name).await?;
            answer = execute(&client, &queries).await;
        }
        let answer = answer.map_err(|error| DbError::from_driver(name, error, client.is_closed()));
        if answer.as_ref().map_or_else(DbError::keeps_connection, |_| true) {
            *self.idle() = Some(client);
        }
        answer
    }

    /// The idle connection, if it is there and known to be open.
    fn take_idle(&self) -> Option<Client> {
        self.idle().take().filter(|client| !client.is_closed())
    }

    fn idle(&self) -> MutexGuard<'_, Option<Client>> {
        // Nothing in here can panic half-way through a change: the lock only guards a move.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `statement` is the name of the one that waits for the connection.
    async fn connect(&self, statement: &'static str) -> Result<Client, DbError> {
        let tls = self.tls.get_or_try_init(|| async { native_tls::TlsConnector::new().map(MakeTlsConnector::new) });
        let tls = tls.await.map_err(|error| DbError::without_tls(statement, error))?;
        let connected = self.url.config().connect(tls.clone()).await;
        let (client, connection) = connected.map_err(|error| DbError::from_driver(statement, error, true))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::info!(%error, "the database closed the connection");
            }
        });
        Ok(client)
    }
}

async fn execute<const N: usize>(
    client: &Client,
    queries: &[Query<'_>; N],
) -> Result<[Vec<Row>; N], tokio_postgres::Error> {
    let sent = queries.iter().map(|query| execute_one(client, query));
    let rows: Vec<Vec<Row>> = try_join_all(sent).await?;
    let mut rows = rows.into_iter();
    Ok(std::array::from_fn(|_| rows.next().unwrap_or_default()))
}

async fn execute_one(client: &Client, query: &Query<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        query.parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
    client.query_typed(query.statement.sql, &parameters).await
}
