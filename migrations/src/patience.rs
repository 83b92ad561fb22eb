//! Waiting for what others use, in short tries, so that nobody waits long behind us.

use std::time::{Duration, Instant};

/// How long to wait for others at one place. What takes long by itself, such as an index of a large table, is no waiting.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    end: Instant,
}

impl Patience {
    pub(crate) fn of(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }

    /// Something was done: the next thing may be waited for as long.
    pub(crate) fn renew(&mut self) {
        self.end = Instant::now() + self.limit;
    }

    /// As `lock_timeout` for what stands in nobody's way while it waits.
    pub(crate) fn lock_timeout(&self) -> String {
        format!("{}ms", self.limit.as_millis().max(1))
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Waits before another try, for a time that differs between programs. False when there is to be none.
    pub(crate) async fn pause(&self, longest: Duration) -> bool {
        if self.left().is_zero() {
            return false;
        }
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0).min(self.left())).await;
        true
    }
}

/// Whether a statement failed because of what others do at the moment: no lock in time, or a deadlock.
pub(crate) fn is_in_use(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| ["55P03", "40P01"].contains(&&*code))
}
