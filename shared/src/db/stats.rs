//! How long requests waited for the database, and why, for logs and metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Statements that take longer are reported.
const SLOW_QUERY: Duration = Duration::from_millis(100);

/// What happened since the last [`StatsRecorder::take`].
#[derive(Debug, Default)]
pub(crate) struct DbStats {
    /// The time spent waiting for the database: connecting, statements, delays between retries.
    pub(crate) time: Duration,
    pub(crate) connects: Vec<ConnectStats>,
    /// The reasons of retries.
    pub(crate) retries: Vec<&'static str>,
    /// The names of statements that took longer than 100 ms.
    pub(crate) slow: Vec<&'static str>,
    /// Whether the request ended while the database executed a statement that may wait for another transaction.
    pub(crate) was_waiting: bool,
}

/// How long each phase of connecting took. Phases that were not needed are zero.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ConnectPhases {
    pub(crate) resolve: Duration,
    pub(crate) tcp: Duration,
    /// Includes the initialization of the TLS library, the first time.
    pub(crate) tls: Duration,
    /// Includes the time that a suspended database needs to start.
    pub(crate) sign_in: Duration,
}

/// A connection that was opened.
#[derive(Debug)]
pub(crate) struct ConnectStats {
    pub(crate) phases: ConnectPhases,
    pub(crate) reason: ConnectReason,
}

/// Why a connection had to be opened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectReason {
    /// There was none before.
    #[default]
    First,
    /// The last one was idle for too long: a NAT gateway may have forgotten it.
    Idle,
    /// The last one was so old that a pooler or a deployment may close it at any time.
    Aged,
    /// The server had closed it.
    Closed,
    /// The previous statement failed in a way that a connection does not survive.
    Failed,
    /// The request that used it exceeded its deadline.
    Abandoned,
}

impl ConnectReason {
    /// For logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Idle => "idle",
            Self::Aged => "aged",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Records the statistics of a process.
#[derive(Debug, Default)]
pub(super) struct StatsRecorder(Mutex<DbStats>);

impl StatsRecorder {
    pub(super) fn take(&self) -> DbStats {
        std::mem::take(&mut self.lock())
    }

    pub(super) fn connected(&self, phases: ConnectPhases, reason: ConnectReason) {
        self.lock().connects.push(ConnectStats { phases, reason });
    }

    pub(super) fn retried(&self, reason: &'static str) {
        self.lock().retries.push(reason);
    }

    pub(super) fn executed(&self, statement: &'static str, took: Duration) {
        if took > SLOW_QUERY {
            tracing::warn!(statement, milliseconds = took.as_millis(), "slow query");
            self.lock().slow.push(statement);
        }
    }

    /// Measures the time until the guard is dropped, also by a request that is cancelled.
    pub(super) fn waiting(&self) -> WaitGuard<'_> {
        WaitGuard { recorder: self, since: Instant::now() }
    }

    /// Records that a request ended while it waited for another transaction.
    pub(super) fn waiting_at_end(&self) {
        self.lock().was_waiting = true;
    }

    fn lock(&self) -> MutexGuard<'_, DbStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures how long a request waits for the database.
pub(super) struct WaitGuard<'a> {
    recorder: &'a StatsRecorder,
    since: Instant,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.recorder.lock().time += self.since.elapsed();
    }
}
