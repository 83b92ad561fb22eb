//! Running functions and comparing what they cost.

use super::effort::{Effort, WARM_UP};
use super::error::BenchError;
use super::function::{Function, Launch};
use super::processors::Processors;
use super::runtime_api::RuntimeApi;
use super::statistics::{count, duration_text, median};

/// Starts functions behind a Runtime API, on a processor of their own.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) api: RuntimeApi,
    pub(super) processors: Processors,
    pub(super) effort: Effort,
}

/// What one warm request costs, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) latency: f64,
    pub(super) processor_time: f64,
}

/// The results of two functions that served the same requests.
pub(super) struct Comparison {
    /// The first divided by the second.
    pub(super) ratio: Cost,
    first: Cost,
    second: Cost,
    /// Of both, in bytes.
    pub(super) peak_memory: [u64; 2],
}

/// What one start costs, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartCost {
    pub(super) first_poll: f64,
    pub(super) first_response: f64,
    /// Until the first response.
    pub(super) processor_time: f64,
}

/// A function and its first event.
pub(super) type Candidate = (Launch, Vec<u8>);

impl Runner {
    /// Has two functions serve the same requests in turns: `requests` in a block.
    pub(super) fn compare(
        &self,
        first: &Launch,
        second: &Launch,
        requests: usize,
        event: impl Fn() -> Result<Vec<u8>, BenchError>,
    ) -> Result<Comparison, BenchError> {
        let (mut blocks, mut peak_memory) = (Vec::new(), [0; 2]);
        for _ in 0..self.effort.pairs {
            let mut first = Function::start(&self.api, first, &self.processors)?;
            let mut second = Function::start(&self.api, second, &self.processors)?;
            for function in [&mut first, &mut second] {
                run_block(function, WARM_UP, &event)?;
            }
            for number in 0..self.effort.blocks {
                // Each is first as often as the other: the second one runs with the caches of the first.
                blocks.push(if number % 2 == 0 {
                    let one = run_block(&mut first, requests, &event)?;
                    [one, run_block(&mut second, requests, &event)?]
                } else {
                    let other = run_block(&mut second, requests, &event)?;
                    [run_block(&mut first, requests, &event)?, other]
                });
            }
            for (peak, function) in peak_memory.iter_mut().zip([&first, &second]) {
                *peak = function.peak_memory()?.max(*peak);
            }
        }
        let median_of = |cost: fn(&[Cost; 2]) -> f64| median(blocks.iter().map(cost));
        Ok(Comparison {
            ratio: Cost {
                latency: median_of(|[first, second]| first.latency / second.latency),
                processor_time: median_of(|[first, second]| first.processor_time / second.processor_time),
            },
            first: Cost {
                latency: median_of(|[first, _]| first.latency),
                processor_time: median_of(|[first, _]| first.processor_time),
            },
            second: Cost {
                latency: median_of(|[_, second]| second.latency),
                processor_time: median_of(|[_, second]| second.processor_time),
            },
            peak_memory,
        })
    }

    /// Starts each candidate in turn, several times. Returns the starts of each.
    pub(super) fn start_in_turns<const N: usize>(
        &self,
        candidates: [&Candidate; N],
    ) -> Result<[Vec<StartCost>; N], BenchError> {
        let mut starts = [const { Vec::new() }; N];
        for round in 0..self.effort.starts {
            for turn in 0..N {
                // Every other round is in reverse order: a start runs with the caches of the one before it.
                let index = if round % 2 == 0 { turn } else { N - 1 - turn };
                let (Some((launch, event)), Some(starts)) = (candidates.get(index), starts.get_mut(index)) else {
                    continue;
                };
                let mut function = Function::start_for(&self.api, event, launch, &self.processors)?;
                let timing = function.response()?;
                starts.push(StartCost {
                    first_poll: function.time_to_first_poll().as_secs_f64(),
                    first_response: timing.since_start.as_secs_f64(),
                    processor_time: function.processor_time()?.as_secs_f64(),
                });
            }
        }
        Ok(starts)
    }
}

impl Comparison {
    /// The latencies of both, as text.
    pub(super) fn latencies(&self) -> String {
        format!("{} / {}", duration_text(self.first.latency), duration_text(self.second.latency))
    }

    /// The processor times of both, as text.
    pub(super) fn processor_times(&self) -> String {
        format!("{} / {}", duration_text(self.first.processor_time), duration_text(self.second.processor_time))
    }
}

/// Sends requests one after the other.
fn run_block(
    function: &mut Function<'_>,
    requests: usize,
    event: impl Fn() -> Result<Vec<u8>, BenchError>,
) -> Result<Cost, BenchError> {
    // Made in advance, so that the pause between two requests is short.
    let events = (0..requests).map(|_| event()).collect::<Result<Vec<_>, _>>()?;
    let before = function.processor_time()?;
    let mut latencies = Vec::with_capacity(requests);
    for event in &events {
        latencies.push(function.invoke(event)?.latency.as_secs_f64());
    }
    let processor_time = (function.processor_time()? - before).as_secs_f64() / count(requests);
    Ok(Cost { latency: median(latencies), processor_time })
}
