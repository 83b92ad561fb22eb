//! What a million requests cost, from measured times and published prices.

use std::time::Duration;

use crate::bench::quota::{share, slice};
use crate::bench::report::{Section, Unit};
use crate::bench::runner::Cost;
use crate::bench::statistics::mean;

/// The memory of a function, in MB of 1024 × 1024 bytes.
const MEMORY_SIZES: [u32; 3] = [128, 256, 512];
/// The larger of two sizes helps a function only if the smaller one limits it.
const PRINTED_SIZES: usize = 2;
/// Requests for each start of an instance. An assumption: it depends on the traffic.
const REQUESTS_PER_START: f64 = 100.0;

/// US dollars, in the region us-east-1 and without free quotas.
const LAMBDA_GB_SECOND: [(&str, f64); 2] = [("arm64", 0.000_013_333_4), ("x86_64", 0.000_016_666_7)];
const LAMBDA_MILLION_REQUESTS: f64 = 0.20;
const HTTP_API_MILLION_REQUESTS: f64 = 1.00;
/// The plan Launch.
const NEON_CU_HOUR: f64 = 0.106;

/// What a back end costs.
#[derive(Debug)]
pub(in crate::bench) struct BackEndCost {
    /// What a request of each operation costs.
    pub(in crate::bench) requests: Vec<RequestCost>,
    /// From the start of a process until it asks for its first event, in seconds.
    pub(in crate::bench) start: f64,
    /// The largest of the operations, in bytes.
    pub(in crate::bench) peak_memory: u64,
}

/// What a request costs, in seconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct RequestCost {
    /// With the database 1 ms away.
    pub(in crate::bench) latency: f64,
    /// Of the function.
    pub(in crate::bench) processor_time: f64,
    /// The processor time of PostgreSQL.
    pub(in crate::bench) server_time: f64,
}

/// What a million requests to a back end cost.
pub(in crate::bench) fn million_requests(name: &str, cost: &BackEndCost) -> Section {
    let mut section = Section::new(
        format!("A million requests, in US dollars: {name}"),
        format!(
            "As many requests of each operation, and a start for every {REQUESTS_PER_START:.0}. Lambda: the latency with the \
             database 1 ms away, rounded up to milliseconds, times memory; processor time counts as often as the share of \
             this memory makes it last, unless it fits into one slice of 20 ms. Neon: the processor time of PostgreSQL as \
             CU-hours, which is the least, because a compute is billed as long as it is active."
        ),
    );
    let fits = |memory: &u32| cost.peak_memory < u64::from(*memory) * 1024 * 1024;
    for memory in MEMORY_SIZES.into_iter().filter(fits).take(PRINTED_SIZES) {
        let request = mean(cost.requests.iter().map(|request| request.billed(memory)));
        let start = milliseconds_up(cost.start);
        let detail = format!("{request:.1} ms a request, {start:.0} ms a start");
        for (architecture, price) in LAMBDA_GB_SECOND {
            let name = format!("Lambda, {memory} MB, {architecture}");
            section.row(name, lambda(request, start, memory, price), Unit::Dollars, None, &detail);
        }
    }
    section.row("API Gateway, HTTP API", HTTP_API_MILLION_REQUESTS, Unit::Dollars, None, "");
    let server_time = mean(cost.requests.iter().map(|request| request.server_time));
    let details = format!("{:.3} CU-hours", cu_hours(server_time));
    section.row("Neon, processor time", neon(server_time), Unit::Dollars, None, details);
    section
}

impl From<Cost> for RequestCost {
    fn from(Cost { latency, processor_time, server_time, .. }: Cost) -> Self {
        Self { latency, processor_time, server_time }
    }
}

impl RequestCost {
    /// What a million of these requests cost in all, without starts, in US dollars: with the least memory, on arm64.
    pub(in crate::bench) fn million(&self) -> f64 {
        let (memory, (_, gb_second)) = (MEMORY_SIZES[0], LAMBDA_GB_SECOND[0]);
        lambda(self.billed(memory), 0.0, memory, gb_second) + HTTP_API_MILLION_REQUESTS + neon(self.server_time)
    }

    /// The billed duration of a request with this memory, in milliseconds.
    fn billed(&self, memory: u32) -> f64 {
        let fits = Duration::from_secs_f64(self.processor_time) <= slice(memory);
        let working = if fits { self.processor_time } else { self.processor_time / share(memory).min(1.0) };
        milliseconds_up(self.latency - self.processor_time + working)
    }
}

/// The cost of a million requests with these billed durations, in milliseconds.
fn lambda(request: f64, start: f64, memory: u32, gb_second: f64) -> f64 {
    let seconds = 1e6 * (request + start / REQUESTS_PER_START) / 1000.0;
    LAMBDA_MILLION_REQUESTS + seconds * f64::from(memory) / 1024.0 * gb_second
}

/// The cost of PostgreSQL's processor time for a million requests. `server_time` is that of one, in seconds.
fn neon(server_time: f64) -> f64 {
    cu_hours(server_time) * NEON_CU_HOUR
}

/// PostgreSQL's processor time for a million requests. `server_time` is that of one, in seconds.
fn cu_hours(server_time: f64) -> f64 {
    server_time * 1e6 / 3600.0
}

/// Whole milliseconds, rounded up.
fn milliseconds_up(seconds: f64) -> f64 {
    (seconds * 1000.0).ceil()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_lasts_longer_with_little_memory() {
        let cost = |processor_time| RequestCost { latency: 0.0105, processor_time, server_time: 0.0 };
        assert_eq!(cost(0.001).billed(128).to_bits(), 11f64.to_bits());
        // 8.5 ms of waiting, and 2 ms at 128/1769 of a processor.
        assert_eq!(cost(0.002).billed(128).to_bits(), 37f64.to_bits());
        assert_eq!(cost(0.002).billed(1769).to_bits(), 11f64.to_bits());
    }

    #[test]
    fn lambda_bills_memory_by_time() {
        // 2000 seconds of requests, 500 of starts.
        let dollars = lambda(2.0, 50.0, 128, 0.000_016_666_7);
        assert!((dollars - (0.20 + 2500.0 / 8.0 * 0.000_016_666_7)).abs() < 1e-9, "{dollars}");
    }
}
