//! How long to wait for locks that others hold. The waits are split into short attempts, because later statements queue
//! behind a statement that waits for a lock.

use std::time::{Duration, Instant};

/// The budget of every command, unless the caller names another.
pub(crate) const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The pause between two attempts. Sessions that queued behind the failed attempt get their lock meanwhile.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The time that one operation may spend waiting for locks. Work that takes long by itself, such as building an index of a
/// large table, does not count.
#[derive(Debug)]
pub(crate) struct LockBudget {
    timeout: Duration,
    deadline: Instant,
}

impl LockBudget {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, deadline: Instant::now() + timeout }
    }

    /// Starts the full time again. Called after each success, for the operation that follows.
    pub(crate) fn reset(&mut self) {
        self.deadline = Instant::now() + self.timeout;
    }

    /// The whole budget as a value of `lock_timeout`, for statements that block no other session while they wait.
    pub(crate) fn lock_timeout(&self) -> String {
        format!("{}ms", self.timeout.as_millis().max(1))
    }

    /// Sleeps between half of `max_delay` and all of it, so that programs that compete do not retry in step. Returns
    /// `false` at once when the budget is used up and there must be no other attempt.
    pub(crate) async fn wait_to_retry(&self, max_delay: Duration) -> bool {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return false;
        }
        tokio::time::sleep(max_delay.mul_f64(0.5 + fastrand::f64() / 2.0).min(remaining)).await;
        true
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Whether a statement failed because of another session: it waited longer than `lock_timeout`, or there was a deadlock.
pub(crate) fn is_lock_conflict(error: &sqlx::Error) -> bool {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const DEADLOCK_DETECTED: &str = "40P01";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| [LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED].contains(&&*code))
}
