//! The one connection of this process, and the only place that knows the driver.
//!
//! A function instance serves one request at a time, is frozen between requests for seconds or hours, and is started
//! by the hundred. So there is one connection and no pool: opened ahead of the first request, looked at before it is used
//! again (`connection`), taken out while in use and put back after a clean end (`slot`), and replaced without the caller
//! noticing when it was lost (`repeat`). A request that is cancelled or fails half-way cannot leave a half-read
//! connection to the next one.

mod connection;
mod dial;
mod error;
mod repeat;
mod slot;
mod tally;
mod text;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use database_url::DatabaseUrl;
use tokio::sync::Mutex;
use tokio_postgres::Row;

use dial::Dialer;
pub(crate) use error::{DbError, DbErrorKind};
use repeat::Tries;
use slot::Slot;
use tally::Tallied;
pub(crate) use tally::{Connect, Reason, Tally};
pub(crate) use text::Text;

/// A statement, of which a second execution changes nothing: its answer may get lost, and it is sent again.
#[derive(Debug)]
pub(crate) struct Statement {
    /// For the log.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// A statement with its parameters. Each is sent as text and takes the type that the statement gives it:
/// so one SQL serves integer, uuid and text ids, and timestamps with and without a zone.
#[derive(Debug, Clone)]
pub(crate) struct Query<'a> {
    pub(crate) statement: &'static Statement,
    pub(crate) parameters: Vec<Text<'a>>,
}

/// Fences off the attempts of a write, the last of which is `$2`, and forgets those that nothing can come of any more.
static FENCE: Statement = Statement {
    name: "fence",
    sql: "with forgotten as (
              delete from task_fences
              where made_at < now() - interval '1 hour'
          )
          insert into task_fences (attempt)
          select $1::text || '/' || number
          from generate_series(0, $2::integer) as number
          on conflict do nothing",
};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    pub(crate) rows: R,
    /// Whether an earlier execution of the same statement may have happened, whose answer was lost.
    pub(crate) is_repeat: bool,
}

/// The database, reached through at most one connection.
pub(crate) struct Database {
    dialer: Arc<Dialer>,
    /// Held by whoever talks to the database, or connects: nobody makes a second connection in the meantime.
    slot: Mutex<Slot>,
    tallied: Tallied,
}

impl Database {
    pub(crate) fn new(url: &DatabaseUrl) -> Self {
        Self { dialer: Arc::new(Dialer::new(url)), slot: Mutex::default(), tallied: Tallied::default() }
    }

    /// Connects before the first request needs it. A failure is left to that request, which tries again; a connection
    /// that is still being made when this is dropped goes on being made.
    pub(crate) async fn warm_up(&self) {
        if let Err(error) = self.slot.lock().await.fill(&self.dialer, &self.tallied).await {
            let error = DbError::from_dial("none", error);
            tracing::warn!(cause = crate::log::cause(&error), "no connection yet: the first request will try again");
        }
    }

    /// Ends the connection in the way of the protocol, so that the server need not find out.
    pub(crate) async fn close(&self) {
        self.slot.lock().await.close().await;
    }

    /// What has happened since this was last asked.
    pub(crate) fn take_tally(&self) -> Tally {
        self.tallied.take()
    }

    /// Sends one statement: one round trip on an open connection.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<Answer<Vec<Row>>, DbError> {
        let Answer { rows: [rows], is_repeat } = self.query_together([query]).await?;
        Ok(Answer { rows, is_repeat })
    }

    /// Sends one statement that writes, whose last parameter, which is added here, is the name of the attempt.
    ///
    /// An attempt whose answer is lost may still be on its way: held up before a pooler, or in a server that is starved.
    /// So the next one comes with a fence, in the same round trip, and what finds its name there does nothing any more.
    /// Else it could land after something that the user does later.
    pub(crate) async fn write(&self, query: Query<'_>) -> Result<Answer<Vec<Row>>, DbError> {
        let name = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.until_answered(async |tries| {
            let mut write = query.clone();
            write.parameters.push(Text::print(format_args!("{name}/{}", tries.failed())));
            if !tries.uncertain {
                let [rows] = self.try_once(query.statement.name, &[write]).await?;
                return Ok(rows);
            }
            let parameters = vec![Text::of(&name), Text::print(tries.failed() - 1)];
            let fence = Query { statement: &FENCE, parameters };
            let [_, rows] = self.try_once(query.statement.name, &[fence, write]).await?;
            Ok(rows)
        })
        .await
    }

    /// Sends statements together, still in one round trip. Each is a transaction of its own.
    pub(crate) async fn query_together<const N: usize>(
        &self,
        queries: [Query<'_>; N],
    ) -> Result<Answer<[Vec<Row>; N]>, DbError> {
        let name = queries.first().map_or("nothing", |query| query.statement.name);
        self.until_answered(async |_| self.try_once(name, &queries).await).await
    }

    /// Tries again for as long as that is right.
    async fn until_answered<R>(&self, once: impl AsyncFn(&Tries) -> Result<R, DbError>) -> Result<Answer<R>, DbError> {
        let _waiting = self.tallied.waiting();
        let mut tries = Tries::default();
        loop {
            let error = match once(&tries).await {
                Ok(rows) => return Ok(Answer { rows, is_repeat: tries.uncertain }),
                Err(error) => error,
            };
            let Some(pause) = tries.after(&error) else { return Err(error) };
            self.tallied.repeated(error.fate.word());
            tracing::info!(cause = crate::log::cause(&error), "the database is asked again");
            tokio::time::sleep(pause).await;
        }
    }

    /// `name` is that of the statement which counts.
    async fn try_once<const N: usize>(
        &self,
        name: &'static str,
        queries: &[Query<'_>; N],
    ) -> Result<[Vec<Row>; N], DbError> {
        let mut slot = self.slot.lock().await;
        let taken = slot.take(&self.dialer, &self.tallied).await;
        let mut connection = taken.map_err(|error| DbError::from_dial(name, error))?;
        let (sent, began) = (connection.sent(), Instant::now());
        let answer = connection
            .execute(queries)
            .await
            .map_err(|error| DbError::from_execute(name, error, connection.sent() == sent, connection.is_closed()));
        self.tallied.executed(name, began.elapsed());
        if answer.as_ref().map_or_else(DbError::keeps_connection, |_| true) {
            slot.put_back(connection);
        } else {
            slot.lost();
        }
        answer
    }
}
