//! How often each measurement is repeated.

/// Requests to a new process that are not measured: the first ones connect and fill caches.
pub(super) const WARM_UP: usize = 5;
/// Requests whose round trips are counted.
pub(super) const COUNTED: usize = 3;

/// How often a function serves an operation in comparisons with the database on this machine: without TLS three, with TLS
/// two.
const NEAR_FUNCTIONS: usize = 5;
/// The same with the database at a distance: three at each of two distances, and two with the back end in Python.
const DISTANT_FUNCTIONS: usize = 8;

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
    /// First requests of each function with little processor time, each of a new process.
    pub(super) cold_starts: usize,
}

impl Effort {
    /// Everything in proportion to the requests in a block.
    pub(super) fn new(requests: usize) -> Self {
        Self {
            requests,
            blocks: (requests / 30).clamp(1, 6),
            pairs: (requests / 50).clamp(1, 4),
            starts: (requests / 8).clamp(1, 25),
            distant_requests: (requests / 10).clamp(1, 20),
            cold_starts: (requests / 20).clamp(1, 10),
        }
    }

    /// An upper bound for the requests that all functions of all comparisons get for one operation.
    pub(super) fn max_requests_per_operation(self) -> usize {
        let near = NEAR_FUNCTIONS * (WARM_UP + self.blocks * self.requests);
        let distant = DISTANT_FUNCTIONS * (WARM_UP + self.blocks * self.distant_requests);
        self.pairs * (near + distant) + WARM_UP + COUNTED
    }
}
