//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How long a condition may take to become true.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
/// The time between two checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `condition` is true. Panics with `what` if it is not true within 20 seconds.
pub async fn wait_until(what: &str, condition: impl AsyncFnMut() -> bool) {
    wait_until_within(WAIT_TIMEOUT, what, condition).await;
}

/// [`wait_until`] with another timeout.
pub async fn wait_until_within(timeout: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + timeout;
    while !condition().await {
        assert!(Instant::now() < end, "{what}: not within {timeout:?}");
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}
