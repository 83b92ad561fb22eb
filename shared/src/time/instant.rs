//! Elapsed time in a process that can be frozen.

use std::time::{Duration, Instant, SystemTime};

/// A point in time on the monotonic and on the wall clock.
///
/// While Lambda freezes a function, the monotonic clock may stand still; the wall clock can be set back at any time. The
/// larger of the two elapsed times is the safe one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreezeAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
}

impl FreezeAwareInstant {
    pub(crate) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The time since this instant.
    pub(crate) fn elapsed(self) -> Duration {
        self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}
