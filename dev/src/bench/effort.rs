//! How often each measurement is repeated.

/// Requests to a new process that are not measured: the first ones connect and fill caches.
pub(super) const WARM_UP: usize = 5;
/// Requests whose round trips are counted.
pub(super) const COUNTED: usize = 3;

/// The numbers of repetitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Requests in a block.
    pub(super) requests: usize,
    /// Blocks of each process in a pair.
    pub(super) blocks: usize,
    /// Pairs of processes that are compared.
    pub(super) pairs: usize,
    /// Starts of each function.
    pub(super) starts: usize,
    /// Requests in a block if the database is not on this machine.
    pub(super) distant_requests: usize,
}

impl Effort {
    /// Everything in proportion to the requests in a block.
    pub(super) fn new(requests: usize) -> Self {
        Self {
            requests,
            blocks: (requests / 30).clamp(1, 6),
            pairs: (requests / 50).clamp(1, 4),
            starts: (requests / 8).clamp(1, 25),
            distant_requests: (requests / 8).clamp(1, 25),
        }
    }

    /// An upper bound for the requests that both functions of all pairs get for one operation.
    pub(super) fn max_requests_per_operation(self) -> usize {
        let comparisons = 2 * self.pairs * (2 * WARM_UP + self.blocks * (self.requests + self.distant_requests));
        comparisons + WARM_UP + COUNTED
    }
}
