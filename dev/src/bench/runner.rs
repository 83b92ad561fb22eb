//! Running functions and comparing what they cost.

use super::effort::{Effort, WARM_UP};
use super::error::BenchError;
use super::function::{Function, Launch};
use super::processors::Processors;
use super::quota::Quota;
use super::runtime_api::RuntimeApi;
use super::server::{Backends, Server, backends_time};
use super::statistics::{count, duration_text, median, percentile};

/// Starts functions behind a Runtime API, on a processor of their own.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) api: RuntimeApi,
    pub(super) processors: Processors,
    pub(super) effort: Effort,
    pub(super) server: Server,
}

/// What one warm request costs, as found in one block. Times are in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// The median.
    pub(super) latency: f64,
    /// The 99th percentile of the latencies.
    pub(super) p99: f64,
    /// The mean of the function.
    pub(super) processor_time: f64,
    /// The mean of PostgreSQL, without its background processes.
    pub(super) server_time: f64,
    /// The mean, in bytes.
    pub(super) wal: f64,
}

/// One of the costs.
pub(super) type Metric = fn(&Cost) -> f64;

/// What functions cost that served the same requests in turns.
#[derive(Debug)]
pub(super) struct Comparison<const N: usize> {
    blocks: Vec<[Cost; N]>,
    /// The peak memory of each function, in bytes.
    pub(super) peak_memory: [u64; N],
}

/// What one start costs, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartCost {
    pub(super) first_poll: f64,
    pub(super) first_response: f64,
    /// Until the first response.
    pub(super) processor_time: f64,
}

/// A start and the first request, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColdStart {
    /// Until the function asks for its first event.
    pub(super) start: f64,
    /// The latency of the first request.
    pub(super) request: f64,
}

impl ColdStart {
    /// Both.
    pub(super) fn total(&self) -> f64 {
        self.start + self.request
    }
}

/// A function and its first event.
pub(super) type Candidate = (Launch, Vec<u8>);

/// A started function and the processes of PostgreSQL that serve it.
struct Running<'a> {
    function: Function<'a>,
    backends: Backends,
}

impl Runner {
    /// Has functions serve the same requests in turns: `requests` in a block.
    pub(super) fn compare<const N: usize>(
        &self,
        launches: [&Launch; N],
        requests: usize,
        event: impl Fn() -> Result<Vec<u8>, BenchError>,
    ) -> Result<Comparison<N>, BenchError> {
        let (mut blocks, mut peak_memory) = (Vec::new(), [0; N]);
        for _ in 0..self.effort.pairs {
            let started: Result<Vec<_>, _> = launches.iter().map(|launch| self.start_warm(launch, &event)).collect();
            let mut running = started?;
            for block in 0..self.effort.blocks {
                let mut costs = [Cost::default(); N];
                for turn in 0..N {
                    let index = turn_index(block, turn, N);
                    if let (Some(cost), Some(running)) = (costs.get_mut(index), running.get_mut(index)) {
                        *cost = self.run_block(running, requests, &event)?;
                    }
                }
                blocks.push(costs);
            }
            for (peak, running) in peak_memory.iter_mut().zip(&running) {
                *peak = running.function.peak_memory()?.max(*peak);
            }
        }
        Ok(Comparison { blocks, peak_memory })
    }

    /// Starts each candidate in turn, several times. Returns the starts of each.
    pub(super) fn start_in_turns<const N: usize>(
        &self,
        candidates: [&Candidate; N],
    ) -> Result<[Vec<StartCost>; N], BenchError> {
        in_turns(self.effort.starts, candidates, |candidate| self.start(candidate))
    }

    /// Starts a function for one request.
    pub(super) fn start(&self, (launch, event): &Candidate) -> Result<StartCost, BenchError> {
        let mut function = Function::start_for(&self.api, event, launch, &self.processors)?;
        let timing = function.response()?;
        Ok(StartCost {
            first_poll: function.time_to_first_poll().as_secs_f64(),
            first_response: timing.since_start.as_secs_f64(),
            processor_time: function.processor_time()?.as_secs_f64(),
        })
    }

    /// The same, with functions that are limited when they ask for their first event.
    pub(super) fn cold_starts_in_turns<const N: usize>(
        &self,
        candidates: [&Candidate; N],
        quota: &Quota,
    ) -> Result<[Vec<ColdStart>; N], BenchError> {
        in_turns(self.effort.cold_starts, candidates, |(launch, event)| {
            let mut function = Function::start(&self.api, launch, &self.processors)?;
            quota.limit(function.pid())?;
            let request = function.invoke(event)?.latency.as_secs_f64();
            Ok(ColdStart { start: function.time_to_first_poll().as_secs_f64(), request })
        })
    }

    /// Starts a function and warms it up.
    fn start_warm(
        &self,
        launch: &Launch,
        event: impl Fn() -> Result<Vec<u8>, BenchError>,
    ) -> Result<Running<'_>, BenchError> {
        let before = self.server.backends()?;
        let mut function = Function::start(&self.api, launch, &self.processors)?;
        for _ in 0..WARM_UP {
            function.invoke(&event()?)?;
        }
        let backends = self.server.backends()?.difference(&before).copied().collect();
        Ok(Running { function, backends })
    }

    /// Sends requests one after the other.
    fn run_block(
        &self,
        Running { function, backends }: &mut Running<'_>,
        requests: usize,
        event: impl Fn() -> Result<Vec<u8>, BenchError>,
    ) -> Result<Cost, BenchError> {
        // Made in advance, so that the pause between two requests is short.
        let events = (0..requests).map(|_| event()).collect::<Result<Vec<_>, _>>()?;
        let wal = self.server.wal()?;
        let (before, server_before) = (function.processor_time()?, backends_time(backends));
        let mut latencies = Vec::with_capacity(requests);
        for event in &events {
            latencies.push(function.invoke(event)?.latency.as_secs_f64());
        }
        let processor_time = function.processor_time()?.saturating_sub(before);
        let server_time = backends_time(backends).saturating_sub(server_before);
        let wal = u32::try_from(self.server.wal()? - wal).map_or(f64::NAN, f64::from);
        let requests = count(requests);
        Ok(Cost {
            latency: median(latencies.iter().copied()),
            p99: percentile(latencies, 99),
            processor_time: processor_time.as_secs_f64() / requests,
            server_time: server_time.as_secs_f64() / requests,
            wal: wal / requests,
        })
    }
}

impl<const N: usize> Comparison<N> {
    /// The cost of one function divided by that of another, by their indices: the median of the ratios of neighbouring
    /// blocks.
    pub(super) fn ratio(&self, metric: Metric, one: usize, other: usize) -> f64 {
        median(self.costs(metric, one).zip(self.costs(metric, other)).map(|(one, other)| one / other))
    }

    /// The median of the blocks of one function.
    pub(super) fn median(&self, metric: Metric, index: usize) -> f64 {
        median(self.costs(metric, index))
    }

    /// The medians of all costs of one function.
    pub(super) fn typical(&self, index: usize) -> Cost {
        Cost {
            latency: self.median(|cost| cost.latency, index),
            p99: self.median(|cost| cost.p99, index),
            processor_time: self.median(|cost| cost.processor_time, index),
            server_time: self.median(|cost| cost.server_time, index),
            wal: self.median(|cost| cost.wal, index),
        }
    }

    /// The times of all functions, as text.
    pub(super) fn times(&self, metric: Metric) -> String {
        let times: Vec<String> = (0..N).map(|index| duration_text(self.median(metric, index))).collect();
        times.join(" / ")
    }

    fn costs(&self, metric: Metric, index: usize) -> impl Iterator<Item = f64> {
        self.blocks.iter().filter_map(move |block| block.get(index)).map(metric)
    }
}

/// Measures each candidate in turn, `rounds` times. Returns the results of each.
pub(super) fn in_turns<'a, C, T, const N: usize>(
    rounds: usize,
    candidates: [&'a C; N],
    measure: impl Fn(&'a C) -> Result<T, BenchError>,
) -> Result<[Vec<T>; N], BenchError> {
    let mut results = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let index = turn_index(round, turn, N);
            if let (Some(candidate), Some(results)) = (candidates.get(index), results.get_mut(index)) {
                results.push(measure(candidate)?);
            }
        }
    }
    Ok(results)
}

/// Whose turn it is in a round. Each is first as often as the others, and has each neighbour before it: a function runs
/// with the caches that the one before it has left.
fn turn_index(round: usize, turn: usize, number: usize) -> usize {
    let turn = (turn + round) % number;
    if (round / number).is_multiple_of(2) { turn } else { number - 1 - turn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_shared_equally() {
        for number in [1, 2, 3] {
            let rounds = 2 * number;
            for turn in 0..number {
                let mut indices: Vec<usize> = (0..rounds).map(|round| turn_index(round, turn, number)).collect();
                indices.sort_unstable();
                let expected: Vec<usize> = (0..number).flat_map(|index| [index, index]).collect();
                assert_eq!(indices, expected, "turn {turn} of {number}");
            }
        }
    }

    #[test]
    fn ratio_is_of_neighbouring_blocks() {
        let block = |one, other| [one, other].map(|latency| Cost { latency, ..Cost::default() });
        // The machine was slow during the second pair of blocks.
        let blocks = vec![block(2.0, 1.0), block(60.0, 30.0), block(2.2, 1.1)];
        let compared = Comparison { blocks, peak_memory: [0; 2] };
        assert!((compared.ratio(|cost| cost.latency, 0, 1) - 2.0).abs() < 1e-9);
        assert_eq!(compared.times(|cost| cost.latency), "2200.00 ms / 1100.00 ms");
    }
}
