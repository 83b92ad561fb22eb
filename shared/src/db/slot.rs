//! Holds the one connection while it is idle, or while it is being opened.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::connection::{Connection, ConnectionHealth};
use super::connector::{ConnectError, Connector};
use super::prepared::Preparing;
use super::stats::{ConnectReason, StatsRecorder};
use crate::time::FreezeAwareInstant;

/// No attempt to connect takes longer unless the process was frozen meanwhile.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(12);

/// At most one connection.
#[derive(Debug, Default)]
pub(super) struct Slot {
    idle: Option<Connection>,
    pending: Option<PendingConnect>,
    /// Why the next connection will have to be opened.
    reason: ConnectReason,
    preparing: Arc<Preparing>,
    /// No connection is opened.
    is_single: bool,
}

/// A connection that is being opened. If the request that waits for it is cancelled, it still completes and serves the
/// next request. Otherwise the seconds that a suspended database takes to resume would be lost.
#[derive(Debug)]
struct PendingConnect {
    started: FreezeAwareInstant,
    task: JoinHandle<Result<Connection, ConnectError>>,
}

impl Drop for PendingConnect {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Slot {
    /// A slot on whose connections no statement is prepared.
    #[cfg(feature = "proof")]
    pub(super) fn unprepared() -> Self {
        Self { preparing: Arc::new(Preparing::off()), ..Self::default() }
    }

    /// A slot whose connection is not replaced when it is lost.
    #[cfg(feature = "proof")]
    pub(super) fn single(connection: Connection) -> Self {
        Self { idle: Some(connection), is_single: true, ..Self::default() }
    }

    /// Takes the connection out, or opens one if there is none that is healthy.
    pub(super) async fn take(
        &mut self,
        connector: &Arc<Connector>,
        stats: &StatsRecorder,
    ) -> Result<Connection, ConnectError> {
        if let Some(connection) = self.idle.take() {
            // The reason if the request is cancelled and so does not put the connection back.
            self.reason = ConnectReason::Abandoned;
            match connection.health().await {
                ConnectionHealth::Healthy => return Ok(connection),
                ConnectionHealth::Unusable(reason) => self.reason = reason,
            }
        }
        if self.is_single {
            return Err(ConnectError::NotReplaced);
        }
        let connection = self.connect(connector).await?;
        let reason = std::mem::replace(&mut self.reason, ConnectReason::Abandoned);
        stats.connected(connection.phases(), reason);
        if reason != ConnectReason::First {
            tracing::info!(reason = reason.as_str(), "connected again");
        }
        Ok(connection)
    }

    /// Puts the connection back after a clean end.
    pub(super) fn put_back(&mut self, connection: Connection) {
        self.idle = Some(connection);
    }

    /// Records that the connection that was taken out is unusable.
    pub(super) fn discard(&mut self) {
        self.reason = ConnectReason::Failed;
    }

    /// Opens the connection that a request will need, unless it is open. The statements are prepared in its next round
    /// trip.
    pub(super) async fn fill(
        &mut self,
        connector: &Arc<Connector>,
        stats: &StatsRecorder,
        statements: &[Cow<'_, str>],
    ) -> Result<(), ConnectError> {
        if self.idle.is_none() {
            self.idle = Some(self.take(connector, stats).await?);
        }
        if let Some(connection) = &mut self.idle {
            statements.iter().for_each(|sql| connection.prepare_next(sql));
        }
        Ok(())
    }

    /// Closes the connection, if there is one.
    pub(super) async fn close(&mut self) {
        self.pending = None;
        if let Some(connection) = self.idle.take() {
            connection.close().await;
        }
    }

    async fn connect(&mut self, connector: &Arc<Connector>) -> Result<Connection, ConnectError> {
        if let Some(connection) = self.finished_pending().await {
            return Ok(connection);
        }
        let pending = self.pending.get_or_insert_with(|| {
            let (connector, preparing) = (Arc::clone(connector), Arc::clone(&self.preparing));
            PendingConnect {
                started: FreezeAwareInstant::now(),
                task: tokio::spawn(async move { Ok(Connection::new(connector.connect().await?, preparing)) }),
            }
        });
        let connected = (&mut pending.task).await;
        self.pending = None;
        connected.unwrap_or_else(|error| Err(ConnectError::Task(error)))
    }

    /// The connection of an earlier attempt whose request was cancelled, if it has completed and is healthy. An attempt
    /// that is still in progress is left alone.
    async fn finished_pending(&mut self) -> Option<Connection> {
        let pending = self.pending.as_mut()?;
        if !pending.task.is_finished() {
            if pending.started.elapsed() > CONNECT_TIMEOUT {
                self.pending = None;
            }
            return None;
        }
        let connected = (&mut pending.task).await;
        self.pending = None;
        // An earlier failure is not the failure of this request.
        let connection = connected.ok()?.ok()?;
        (connection.health().await == ConnectionHealth::Healthy).then_some(connection)
    }
}
