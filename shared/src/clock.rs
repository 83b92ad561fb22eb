//! How long ago something was, for a process that can be frozen.

use std::time::{Duration, Instant, SystemTime};

/// A point in time on both clocks.
///
/// While Lambda freezes a function the monotonic clock may stand still, and the wall clock may be set back at any time:
/// the larger of the two answers is the safe one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The time since then.
    pub(crate) fn age(self) -> Duration {
        self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}
