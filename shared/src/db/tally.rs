//! What the database has cost, for whoever watches it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::dial::Phases;

/// A statement that takes longer is worth a look.
pub(crate) const SLOW: Duration = Duration::from_millis(100);

/// What happened since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Waiting for the database in all: connecting, statements, pauses between repeats.
    pub(crate) time: Duration,
    pub(crate) connects: Vec<Connect>,
    /// Statements that were sent again, by the words for why.
    pub(crate) repeats: Vec<&'static str>,
    /// The names of statements that took longer than [`SLOW`].
    pub(crate) slow: Vec<&'static str>,
}

/// A connection that was made.
#[derive(Debug)]
pub(crate) struct Connect {
    pub(crate) phases: Phases,
    pub(crate) reason: Reason,
}

/// Why there was no connection that could be used.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There has not been one.
    #[default]
    First,
    /// It was unused for too long, and what is between may have forgotten it.
    Idle,
    /// It was old enough to be ended by a pooler or a deployment.
    Aged,
    /// The other side had closed it.
    Closed,
    /// The statement before failed in a way that a connection does not survive.
    Failed,
    /// The request that used it was out of time.
    Abandoned,
}

impl Reason {
    /// For logs and metrics.
    pub(crate) fn word(self) -> &'static str {
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

/// The tally of a process.
#[derive(Debug, Default)]
pub(super) struct Tallied(Mutex<Tally>);

impl Tallied {
    pub(super) fn take(&self) -> Tally {
        std::mem::take(&mut self.open())
    }

    pub(super) fn connected(&self, phases: Phases, reason: Reason) {
        self.open().connects.push(Connect { phases, reason });
    }

    pub(super) fn repeated(&self, why: &'static str) {
        self.open().repeats.push(why);
    }

    pub(super) fn executed(&self, statement: &'static str, took: Duration) {
        if took > SLOW {
            tracing::warn!(statement, milliseconds = took.as_millis(), "slow query");
            self.open().slow.push(statement);
        }
    }

    /// Counts the time until the result is dropped, also with a request that is cut off.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        Waiting { tallied: self, since: Instant::now() }
    }

    fn open(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for the database.
pub(super) struct Waiting<'a> {
    tallied: &'a Tallied,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.tallied.open().time += self.since.elapsed();
    }
}
