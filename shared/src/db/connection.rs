//! An open connection: whether it can be used, and statements on it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::connector::Connected;
use super::error::ExecuteError;
use super::prepared::{PreparedStatements, Preparing};
use super::query::Query;
use super::row::Row;
use super::socket::{SocketProbe, Unread};
use super::stats::{ConnectPhases, ConnectReason, StatsRecorder};
use crate::time::FreezeAwareInstant;

/// A signed-in connection and its socket.
#[derive(Debug)]
pub(super) struct Connection {
    client: Arc<Client>,
    prepared: PreparedStatements,
    /// Statements that are prepared in the next round trip.
    to_prepare: Vec<Box<str>>,
    probe: SocketProbe,
    /// Runs the driver until the client is dropped or the connection ends.
    driver_task: JoinHandle<()>,
    phases: ConnectPhases,
    opened: FreezeAwareInstant,
    last_used: FreezeAwareInstant,
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionHealth {
    Healthy,
    Unusable(ConnectReason),
}

/// Neon suspends a database after 300 s without a request, and NAT gateways forget a connection after 350 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(240);
/// Poolers and deployments close old connections at any time. An earlier replacement happens between statements.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// How many times the driver is scheduled to read what has arrived.
const MAX_POLLS: u32 = 8;
/// How long a statement may take before its network path is monitored.
const MONITOR_AFTER: Duration = Duration::from_millis(200);
/// The interval of the checks from then on.
const MONITOR_INTERVAL: Duration = Duration::from_millis(50);
/// How long closing may take. The server is notified and need not answer.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);
/// Consecutive checks with unacknowledged data after which the path counts as dead. A single lost packet is retransmitted
/// and acknowledged before.
const MAX_UNACKED_CHECKS: u32 = 3;

impl Connection {
    pub(super) fn new(connected: Connected, preparing: Arc<Preparing>) -> Self {
        let Connected { client, probe, driver_task, phases } = connected;
        let prepared = PreparedStatements::new(preparing);
        let now = FreezeAwareInstant::now();
        Self {
            client: Arc::new(client),
            prepared,
            to_prepare: Vec::new(),
            probe,
            driver_task,
            phases,
            opened: now,
            last_used: now,
        }
    }

    /// Whether the connection may be used again, as far as that can be known without a round trip.
    ///
    /// After a freeze the driver has not yet read what arrived in the meantime, so it is scheduled first.
    pub(super) async fn health(&self) -> ConnectionHealth {
        if self.last_used.elapsed() > IDLE_TIMEOUT {
            return ConnectionHealth::Unusable(ConnectReason::Idle);
        }
        if self.opened.elapsed() > MAX_AGE {
            return ConnectionHealth::Unusable(ConnectReason::Aged);
        }
        for _ in 0..MAX_POLLS {
            tokio::task::yield_now().await;
            if self.client.is_closed() {
                break;
            }
            match self.probe.unread() {
                Unread::Nothing => return ConnectionHealth::Healthy,
                Unread::Something => {}
                Unread::End => break,
            }
        }
        ConnectionHealth::Unusable(ConnectReason::Closed)
    }

    /// How long opening it took.
    pub(super) fn phases(&self) -> ConnectPhases {
        self.phases
    }

    /// Closes the connection with the protocol's Terminate message.
    pub(super) async fn close(self) {
        drop(self.client);
        drop(self.prepared);
        timeout(CLOSE_TIMEOUT, self.driver_task).await.ok();
    }

    /// Prepares a statement in the round trip of the next one that is executed.
    pub(super) fn prepare_next(&mut self, sql: &str) {
        self.to_prepare.push(sql.into());
    }

    /// Sends the statements together, in one round trip. Fails early if the network path dies.
    pub(super) async fn execute<const N: usize>(
        &mut self,
        queries: &[Query<'_>; N],
        stats: &StatsRecorder,
    ) -> Result<[Vec<Row>; N], ExecuteError> {
        for sql in std::mem::take(&mut self.to_prepare) {
            self.prepared.prepare(&self.client, &sql);
        }
        let may_wait = queries.iter().any(|query| query.may_wait);
        let guard = may_wait.then(|| WaitingGuard { probe: &self.probe, stats });
        let executions = queries.iter().map(|query| self.execute_one(query));
        let rows = tokio::select! {
            rows = try_join_all(executions) => rows.map_err(ExecuteError::Driver),
            () = dead_path(&self.probe) => Err(ExecuteError::DeadPath),
        };
        if let Some(guard) = guard {
            guard.disarm();
        }
        let rows = rows?;
        self.last_used = FreezeAwareInstant::now();
        for query in queries.iter().filter(|query| query.is_prepared) {
            self.prepared.prepare(&self.client, &query.sql);
        }
        let mut rows = rows.into_iter();
        Ok(std::array::from_fn(|_| rows.next().unwrap_or_default()))
    }

    async fn execute_one(&self, query: &Query<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        if query.is_prepared
            && let Some(statement) = self.prepared.get(&query.sql)
        {
            match execute_prepared(&self.client, &statement, query).await {
                Err(error) if self.prepared.reject(&query.sql, &error) => {}
                outcome => return outcome,
            }
        }
        let params: Vec<(&(dyn ToSql + Sync), Type)> =
            query.params.iter().map(|param| (param as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
        Ok(decodable(query, self.client.query_typed(&query.sql, &params).await?))
    }

    /// Sends statements without parameters and results.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), ExecuteError> {
        self.client.batch_execute(sql).await.map_err(ExecuteError::Driver)
    }

    /// Bytes sent on this connection.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.probe.bytes_sent()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Records, when it is dropped, that a request ended while the server executed its statement. Not if the path is dead.
struct WaitingGuard<'a> {
    probe: &'a SocketProbe,
    stats: &'a StatsRecorder,
}

impl WaitingGuard<'_> {
    /// The statement has succeeded or failed.
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        if !self.probe.has_unacked_data() {
            self.stats.waiting_at_end();
        }
    }
}

async fn execute_prepared(
    client: &Client,
    statement: &Statement,
    query: &Query<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let params: Vec<&(dyn ToSql + Sync)> = query.params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
    Ok(decodable(query, client.query(statement, &params).await?))
}

fn decodable(query: &Query<'_>, rows: Vec<tokio_postgres::Row>) -> Vec<Row> {
    rows.into_iter().map(|row| Row::new(query.name, row)).collect()
}

/// Returns when sent data are not acknowledged any more.
async fn dead_path(probe: &SocketProbe) {
    sleep(MONITOR_AFTER).await;
    let mut unacked = 0;
    while unacked < MAX_UNACKED_CHECKS {
        unacked = if probe.has_unacked_data() { unacked + 1 } else { 0 };
        sleep(MONITOR_INTERVAL).await;
    }
}
