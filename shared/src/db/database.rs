//! The database, as the layers above see it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use database_url::DatabaseUrl;
use tokio::sync::Mutex;

use super::connector::Connector;
use super::error::{DbError, cause_chain};
use super::param::SqlParam;
use super::query::{Fence, Query, QueryResult};
use super::retry::RetryState;
use super::row::Row;
use super::slot::Slot;
use super::stats::{DbStats, StatsRecorder};

/// The database, reached through at most one connection.
pub(crate) struct Database {
    connector: Arc<Connector>,
    /// Locked while connecting and during a statement, so that there is never a second connection.
    slot: Mutex<Slot>,
    stats: StatsRecorder,
    /// All statements are in one transaction, which is rolled back. See [`Database::begin`].
    in_transaction: bool,
}

/// Undoes a statement that failed, so that the transaction can go on. It fails outside of a transaction: then the statement
/// after it is not sent.
const SAVEPOINT: &str = "savepoint statement";
const ROLL_BACK_STATEMENT: &str = "rollback to savepoint statement";

impl Database {
    pub(crate) fn new(url: &DatabaseUrl) -> Self {
        Self {
            connector: Arc::new(Connector::new(url)),
            slot: Mutex::default(),
            stats: StatsRecorder::default(),
            in_transaction: false,
        }
    }

    /// Connects and begins a transaction in which all statements are executed. Nothing of them is ever committed: there is
    /// no second connection and no retry, and closing the connection rolls back.
    ///
    /// Constraints that are checked at the end of a transaction are checked after each statement instead.
    ///
    /// # Errors
    /// The database does not answer, or refuses the connection.
    #[cfg(feature = "proof")]
    pub(crate) async fn begin(url: &DatabaseUrl) -> Result<Self, DbError> {
        const BEGIN: &str = "\
begin;
set local lock_timeout = '2s';
set local statement_timeout = '30s';
set constraints all immediate";
        let slot = Mutex::new(Slot::unprepared());
        let database = Self { slot, in_transaction: true, ..Self::new(url) };
        let mut slot = database.slot.lock().await;
        let connection = slot.take(&database.connector, &database.stats).await;
        let connection = connection.map_err(|error| DbError::from_connect("begin", error))?;
        connection.batch(BEGIN).await.map_err(|error| DbError::from_execute("begin", error, false, true))?;
        *slot = Slot::single(connection);
        drop(slot);
        Ok(database)
    }

    /// Connects before the first request needs it, and returns whether there is a connection. `statements` are prepared in
    /// the round trip of the next statement. A failure is not reported: the first request tries again. If this is cancelled,
    /// the connection is still opened.
    pub(crate) async fn warm_up(&self, statements: &[Cow<'_, str>]) -> bool {
        let filled = self.slot.lock().await.fill(&self.connector, &self.stats, statements).await;
        if let Err(error) = filled {
            let error = DbError::from_connect("none", error);
            tracing::warn!(cause = cause_chain(&error), "no connection yet: the first request will try again");
            return false;
        }
        true
    }

    /// Closes the connection with the protocol's Terminate message.
    pub(crate) async fn close(&self) {
        self.slot.lock().await.close().await;
    }

    /// The statistics since the last call.
    pub(crate) fn take_stats(&self) -> DbStats {
        self.stats.take()
    }

    /// Sends one statement: one round trip on an open connection.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<QueryResult<Vec<Row>>, DbError> {
        let QueryResult { rows: [rows], maybe_executed } = self.query_together([query]).await?;
        Ok(QueryResult { rows, maybe_executed })
    }

    /// Sends statements together, in one round trip. Each is a transaction of its own.
    pub(crate) async fn query_together<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<QueryResult<[Vec<Row>; N]>, DbError> {
        let name = queries.first().map_or("nothing", |query| query.name);
        self.with_retries(async |_| self.attempt(name, &queries).await).await
    }

    /// Sends a statement that writes. `query` makes it from the name of the attempt.
    ///
    /// An attempt whose response is lost may still be in progress, held up before a pooler or in an overloaded server, and
    /// could take effect after a later change by the user. So the next attempt is sent together with `fence`, in the same
    /// round trip: an attempt that finds its name there has no effect any more.
    pub(crate) async fn write<'a>(
        &self,
        fence: &'static Fence,
        query: impl Fn(SqlParam<'a>) -> Query<'a>,
    ) -> Result<QueryResult<Vec<Row>>, DbError> {
        let name = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.with_retries(async |state| {
            let failed_attempts = state.failed_attempts();
            let write = query(SqlParam::from_display(format_args!("{name}/{failed_attempts}")));
            let statement = write.name;
            if !state.maybe_executed {
                let [rows] = self.attempt(statement, &[write]).await?;
                return Ok(rows);
            }
            let params = vec![SqlParam::from_str(&name), SqlParam::from_display(failed_attempts - 1)];
            let [_, rows] = self.attempt(statement, &[Query::new(fence.name, fence.sql, params), write]).await?;
            Ok(rows)
        })
        .await
    }

    /// Calls `attempt` until it succeeds or its failure is final.
    async fn with_retries<R>(
        &self,
        attempt: impl AsyncFn(&RetryState) -> Result<R, DbError>,
    ) -> Result<QueryResult<R>, DbError> {
        let _guard = self.stats.waiting();
        let mut state = RetryState::default();
        loop {
            let error = match attempt(&state).await {
                Ok(rows) => return Ok(QueryResult { rows, maybe_executed: state.maybe_executed }),
                Err(error) => error,
            };
            if self.in_transaction {
                return Err(error);
            }
            let Some(delay) = state.next_delay(&error) else { return Err(error) };
            self.stats.retried(error.retry_class().as_str());
            tracing::info!(cause = cause_chain(&error), "the database is asked again");
            tokio::time::sleep(delay).await;
        }
    }

    /// Sends statements once. `name` is the statement that logs and metrics name; the others only accompany it.
    async fn attempt<const N: usize>(
        &self,
        name: &'static str,
        queries: &[Query<'_>; N],
    ) -> Result<[Vec<Row>; N], DbError> {
        let mut slot = self.slot.lock().await;
        let taken = slot.take(&self.connector, &self.stats).await;
        let mut connection = taken.map_err(|error| DbError::from_connect(name, error))?;
        let (bytes_sent, started) = (connection.bytes_sent(), Instant::now());
        let savepoint = if self.in_transaction { connection.batch(SAVEPOINT).await } else { Ok(()) };
        let result = match savepoint {
            Ok(()) => connection.execute(queries, &self.stats).await,
            Err(error) => Err(error),
        };
        let result = result.map_err(|error| {
            let nothing_sent = connection.bytes_sent() == bytes_sent;
            DbError::from_execute(name, error, nothing_sent, connection.is_closed())
        });
        self.stats.executed(name, started.elapsed());
        let is_usable = match &result {
            Ok(_) => true,
            Err(_) if self.in_transaction => connection.batch(ROLL_BACK_STATEMENT).await.is_ok(),
            Err(error) => error.keeps_connection(),
        };
        if is_usable {
            slot.put_back(connection);
        } else {
            slot.discard();
        }
        result
    }
}

/// Whether the database answers.
pub struct Readiness {
    database: Arc<Database>,
}

impl Readiness {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Sends a statement that reads no table.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn check(&self) -> Result<(), DbError> {
        self.database.query(Query::new("ping", "select true", Vec::new())).await.map(drop)
    }
}
