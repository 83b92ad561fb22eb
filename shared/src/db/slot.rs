//! The place of the one connection: lying idle, or on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::connection::{Connection, Fitness};
use super::dial::{DialError, Dialer};
use super::tally::{Reason, Tallied};
use crate::clock::Moment;

/// No dial takes longer, so one that has was frozen on the way.
const DIAL_LIMIT: Duration = Duration::from_secs(12);

/// At most one connection.
#[derive(Debug, Default)]
pub(super) struct Slot {
    idle: Option<Connection>,
    dialing: Option<Dialing>,
    /// What became of the last connection.
    gone: Reason,
}

/// A connection that is being made. Whoever waits for it may give up; it goes on, and serves the next one: a database
/// that needs seconds to wake up is not woken in vain.
#[derive(Debug)]
struct Dialing {
    began: Moment,
    task: JoinHandle<Result<Connection, DialError>>,
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Slot {
    /// Takes the connection out, making one where there is none that is good.
    pub(super) async fn take(&mut self, dialer: &Arc<Dialer>, tallied: &Tallied) -> Result<Connection, DialError> {
        if let Some(connection) = self.idle.take() {
            // For as long as it is out, or if what follows is cut off.
            self.gone = Reason::Abandoned;
            match connection.fitness().await {
                Fitness::Good => return Ok(connection),
                Fitness::Unfit(reason) => self.gone = reason,
            }
        }
        let connection = self.dialed(dialer).await?;
        let reason = std::mem::replace(&mut self.gone, Reason::Abandoned);
        tallied.connected(connection.phases(), reason);
        if reason != Reason::First {
            tracing::info!(reason = reason.word(), "connected again");
        }
        Ok(connection)
    }

    /// Puts the connection back after a clean end.
    pub(super) fn put_back(&mut self, connection: Connection) {
        self.idle = Some(connection);
    }

    /// The connection that was taken out is of no use any more.
    pub(super) fn lost(&mut self) {
        self.gone = Reason::Failed;
    }

    /// Makes the connection that a request will need.
    pub(super) async fn fill(&mut self, dialer: &Arc<Dialer>, tallied: &Tallied) -> Result<(), DialError> {
        if self.idle.is_none() {
            self.idle = Some(self.take(dialer, tallied).await?);
        }
        Ok(())
    }

    /// Says goodbye to the server.
    pub(super) async fn close(&mut self) {
        self.dialing = None;
        if let Some(connection) = self.idle.take() {
            connection.close().await;
        }
    }

    async fn dialed(&mut self, dialer: &Arc<Dialer>) -> Result<Connection, DialError> {
        if let Some(connection) = self.left_behind().await {
            return Ok(connection);
        }
        let dialing = self.dialing.get_or_insert_with(|| {
            let dialer = Arc::clone(dialer);
            Dialing {
                began: Moment::now(),
                task: tokio::spawn(async move { dialer.dial().await.map(Connection::new) }),
            }
        });
        let dialed = (&mut dialing.task).await;
        self.dialing = None;
        dialed.unwrap_or_else(|error| Err(DialError::Task(error)))
    }

    /// What became of a dial that nobody waited for, if it is of use. One that is still under way is left alone.
    async fn left_behind(&mut self) -> Option<Connection> {
        let dialing = self.dialing.as_mut()?;
        if !dialing.task.is_finished() {
            if dialing.began.age() > DIAL_LIMIT {
                self.dialing = None;
            }
            return None;
        }
        let dialed = (&mut dialing.task).await;
        self.dialing = None;
        // Why it failed then says nothing about now.
        let connection = dialed.ok()?.ok()?;
        (connection.fitness().await == Fitness::Good).then_some(connection)
    }
}
