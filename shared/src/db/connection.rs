//! The connection between two requests, and during one.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::Query;
use super::dial::{Dialed, Phases};
use super::tally::Reason;
use super::wire::{Probe, Unread};
use crate::clock::Moment;

/// A signed-in connection and its socket.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    probe: Probe,
    /// Moves the bytes, until the client is dropped or the connection ends.
    mover: JoinHandle<()>,
    phases: Phases,
    opened: Moment,
    used: Moment,
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fitness {
    Good,
    Unfit(Reason),
}

/// Neon suspends a database after 300 s without a request, and NAT gateways forget a connection after 350 s.
const IDLE_LIMIT: Duration = Duration::from_secs(240);
/// Poolers and deployments end connections at some time; better between requests than during one.
const AGE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often the driver gets the chance to read what has arrived.
const LOOKS: u32 = 8;
/// How long a statement may be under way before its path is looked at.
const WATCH_AFTER: Duration = Duration::from_millis(200);
/// How often it is looked at then.
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long the end of a connection is waited for: the server is told, and need not answer.
const GOODBYE_LIMIT: Duration = Duration::from_millis(200);
/// How often in a row the data must be unheard: one lost packet is sent again and heard.
const UNHEARD_LOOKS: u32 = 3;

/// Why a statement has no rows.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecuteError {
    #[error("the database refused, or the connection was lost")]
    Driver(#[source] tokio_postgres::Error),
    #[error("the path to the database is dead")]
    DeadPath,
}

impl Connection {
    pub(super) fn new(dialed: Dialed) -> Self {
        let Dialed { client, probe, mover, phases } = dialed;
        Self { client, probe, mover, phases, opened: Moment::now(), used: Moment::now() }
    }

    /// Whether the connection may be used again, as far as can be known without asking the server.
    ///
    /// After a thaw the driver has not yet read what arrived in the meantime: it must get the chance first.
    pub(super) async fn fitness(&self) -> Fitness {
        if self.used.age() > IDLE_LIMIT {
            return Fitness::Unfit(Reason::Idle);
        }
        if self.opened.age() > AGE_LIMIT {
            return Fitness::Unfit(Reason::Aged);
        }
        for _ in 0..LOOKS {
            tokio::task::yield_now().await;
            if self.client.is_closed() {
                break;
            }
            match self.probe.unread() {
                Unread::Nothing => return Fitness::Good,
                Unread::Something => {}
                Unread::End => break,
            }
        }
        Fitness::Unfit(Reason::Closed)
    }

    /// How long it took to make it.
    pub(super) fn phases(&self) -> Phases {
        self.phases
    }

    /// Tells the server that nothing will follow.
    pub(super) async fn close(self) {
        drop(self.client);
        timeout(GOODBYE_LIMIT, self.mover).await.ok();
    }

    /// Sends the statements together. If the path to the server dies, it does not wait for the time limits.
    pub(super) async fn execute<const N: usize>(
        &mut self,
        queries: &[Query<'_>; N],
    ) -> Result<[Vec<Row>; N], ExecuteError> {
        let sent = queries.iter().map(|query| execute_one(&self.client, query));
        let rows = tokio::select! {
            rows = try_join_all(sent) => rows.map_err(ExecuteError::Driver)?,
            () = dead_path(&self.probe) => return Err(ExecuteError::DeadPath),
        };
        self.used = Moment::now();
        let mut rows = rows.into_iter();
        Ok(std::array::from_fn(|_| rows.next().unwrap_or_default()))
    }

    /// Bytes that have left this process on this connection.
    pub(super) fn sent(&self) -> u64 {
        self.probe.sent()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

async fn execute_one(client: &Client, query: &Query<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        query.parameters.iter().map(|text| (text as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
    client.query_typed(query.statement.sql, &parameters).await
}

/// Returns when what was sent is not heard any more.
async fn dead_path(probe: &Probe) {
    sleep(WATCH_AFTER).await;
    let mut unheard = 0;
    while unheard < UNHEARD_LOOKS {
        unheard = if probe.is_unheard() { unheard + 1 } else { 0 };
        sleep(WATCH_EVERY).await;
    }
}
