//! The connection between two requests, and during one.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::sleep;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::Query;
use super::wire::{Probe, Unread};
use crate::clock::Moment;

/// A signed-in connection and its socket.
pub(super) struct Connection {
    client: Client,
    probe: Probe,
    opened: Moment,
    used: Moment,
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
    pub(super) fn new((client, probe): (Client, Probe)) -> Self {
        Self { client, probe, opened: Moment::now(), used: Moment::now() }
    }

    /// Whether the connection may be used again, as far as can be known without asking the server.
    ///
    /// After a thaw the driver has not yet read what arrived in the meantime: it must get the chance first.
    pub(super) async fn is_good(&self) -> bool {
        if self.used.age() > IDLE_LIMIT || self.opened.age() > AGE_LIMIT {
            return false;
        }
        for _ in 0..LOOKS {
            tokio::task::yield_now().await;
            if self.client.is_closed() {
                return false;
            }
            match self.probe.unread() {
                Unread::Nothing => return true,
                Unread::Something => {}
                Unread::End => return false,
            }
        }
        false
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
