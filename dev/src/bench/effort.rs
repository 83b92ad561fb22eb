//! How often everything is measured.

/// Requests of a new process that do not count: the first ones connect and fill caches.
pub(super) const WARM_UP: usize = 5;
/// Requests whose round trips are counted.
pub(super) const COUNTED: usize = 3;
/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Requests in a block, on loopback.
    pub(super) requests: usize,
    /// Blocks of each of two processes that are compared.
    pub(super) blocks: usize,
    /// Pairs of processes.
    pub(super) pairs: usize,
    /// Starts of each function.
    pub(super) starts: usize,
    /// Requests in a block, where the database is far away.
    pub(super) distant_requests: usize,
}

impl Effort {
    pub(super) fn new(requests: usize) -> Self {
        Self {
            requests,
            blocks: (requests / 30).clamp(1, 6),
            pairs: (requests / 50).clamp(1, 4),
            starts: (requests / 8).clamp(1, 25),
            distant_requests: (requests / 8).clamp(1, 25),
        }
    }

    /// Never less than what is asked of one operation by both sides together.
    pub(super) fn most_requests_of_one_operation(self) -> usize {
        let comparisons = 2 * self.pairs * (2 * WARM_UP + self.blocks * (self.requests + self.distant_requests));
        comparisons + WARM_UP + COUNTED
    }
}
