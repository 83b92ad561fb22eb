//! Warm requests: requests to a function that has served others before.

use std::time::Duration;

use crate::bench::env::{BenchEnv, TlsMode};
use crate::bench::error::BenchError;
use crate::bench::link::Link;
use crate::bench::operation::{HEALTH, Operation};
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::{Comparison, Cost, Metric, Runner};
use crate::bench::statistics::megabytes;
use crate::bench::subjects::Subjects;

/// The latency compared with that of both baselines, if the round-trip time to the database is [`FAR`].
const FAR_GOAL: Goal = Goal::AtMost(1.02);
const FAR: Duration = Duration::from_millis(5);
/// The peak memory of a process, in MB.
const MEMORY_GOAL: Goal = Goal::AtMost(8.0);
/// The WAL of a change of the title, in bytes.
const UPDATE_WAL_GOAL: Goal = Goal::AtMost(1000.0);

/// The indices of the functions that are compared.
const OURS: usize = 0;
const BARE: usize = 1;
const FLOOR: usize = 2;

/// What the operations cost, and what the baselines cost.
#[derive(Debug)]
pub(in crate::bench) struct WarmResults(Vec<(&'static Operation, Comparison<3>)>);

impl WarmResults {
    /// What each of our functions costs.
    pub(in crate::bench) fn ours(&self) -> impl Iterator<Item = Cost> {
        self.0.iter().map(|(_, compared)| compared.typical(OURS))
    }

    /// The largest peak memory of our functions, in bytes.
    pub(in crate::bench) fn peak_memory(&self) -> u64 {
        self.0.iter().map(|(_, compared)| compared.peak_memory[OURS]).max().unwrap_or(0)
    }

    /// A section with a row for each operation: the ratio to one of the baselines.
    fn ratios(&self, title: &str, method: &str, metric: Metric, baseline: usize) -> Section {
        self.ratios_with_goals(title, method, metric, baseline, |_| None)
    }

    fn ratios_with_goals(
        &self,
        title: &str,
        method: &str,
        metric: Metric,
        baseline: usize,
        goal: impl Fn(&Operation) -> Option<Goal>,
    ) -> Section {
        let mut section = Section::new(title, method);
        for (operation, compared) in &self.0 {
            let ratio = compared.ratio(metric, OURS, baseline);
            section.row(operation.function, ratio, Unit::Ratio, goal(operation), compared.times(metric));
        }
        section
    }

    /// A section with the WAL of each operation that writes.
    fn wal(&self) -> Section {
        let mut section = Section::new(
            "Warm requests: WAL",
            "The same requests, without full-page images. Details: the floor, whose table has one index and no trigger.",
        );
        let writes = self.0.iter().filter(|(operation, _)| operation.method != "GET");
        for (operation, compared) in writes {
            let goal = (operation.function == "update-task").then_some(UPDATE_WAL_GOAL);
            let [ours, floor] = [OURS, FLOOR].map(|index| compared.median(|cost| cost.wal, index));
            section.row(operation.function, ours, Unit::Bytes, goal, format!("{floor:.0} B"));
        }
        section
    }
}

/// Warm requests with the database on this machine, and without TLS: the floor has none.
pub(in crate::bench) fn warm(runner: &Runner, subjects: &Subjects) -> Result<(Vec<Section>, WarmResults), BenchError> {
    let results = measure(runner, subjects, subjects.env.address.port(), runner.effort.requests)?;
    let latency = "The database is on this machine; without TLS. Median of the ratios of neighbouring blocks; the latency of \
                   a block is the median of its requests. Details: ours / bare / floor.";
    let p99 = "The same requests: the 99th percentile of each block.";
    let same = "The same requests.";
    let server = "The same requests: the processor time of the process of PostgreSQL that serves the function.";
    let goal = |operation: &Operation| operation.goal.map(Goal::AtMost);
    let sections = vec![
        results.ratios_with_goals("Warm requests: latency ÷ floor", latency, |cost| cost.latency, FLOOR, goal),
        results.ratios("Warm requests: latency ÷ bare", same, |cost| cost.latency, BARE),
        results.ratios("Warm requests: p99 ÷ floor", p99, |cost| cost.p99, FLOOR),
        results.ratios("Warm requests: processor time ÷ floor", same, |cost| cost.processor_time, FLOOR),
        results.ratios("Warm requests: PostgreSQL's processor time ÷ floor", server, |cost| cost.server_time, FLOOR),
        results.wal(),
    ];
    Ok((sections, results))
}

/// Warm requests through a proxy that delays both directions.
pub(in crate::bench) fn distant(
    runner: &Runner,
    subjects: &Subjects,
    round_trip: Duration,
) -> Result<([Section; 2], WarmResults), BenchError> {
    let link = Link::start(subjects.env.address, round_trip)?;
    let results = measure(runner, subjects, link.port(), runner.effort.distant_requests)?;
    let method = "Latency, through a proxy that delays both directions; without TLS. Details: ours / bare / floor.";
    let sections = [("floor", FLOOR), ("bare", BARE)].map(|(name, baseline)| {
        let title = format!("Warm requests at a distance: {} ms ÷ {name}", round_trip.as_millis());
        let goal = |_: &Operation| (round_trip == FAR).then_some(FAR_GOAL);
        results.ratios_with_goals(&title, method, |cost| cost.latency, baseline, goal)
    });
    Ok((sections, results))
}

/// Our functions, the bare function and the floor with the database at a port of this machine.
fn measure(runner: &Runner, subjects: &Subjects, port: u16, requests: usize) -> Result<WarmResults, BenchError> {
    let mut results = Vec::new();
    for user in &subjects.env.users {
        let authentication = subjects.env.hs256(&user.account);
        let ours = subjects.ours(user, &authentication, port, TlsMode::Disabled);
        let [bare, floor] = ["bare", "floor"].map(|name| subjects.baseline(name, user, port, TlsMode::Disabled));
        let event = || subjects.event(user, &authentication);
        results.push((user.operation, runner.compare([&ours, &bare, &floor], requests, event)?));
    }
    Ok(WarmResults(results))
}

/// Warm requests as they are deployed, through TLS, and the memory of the processes that served them.
pub(in crate::bench) fn warm_tls(runner: &Runner, subjects: &Subjects) -> Result<[Section; 3], BenchError> {
    let [mut latency, mut processor_time] = two_sections(
        "Warm requests through TLS",
        "The database is on this machine. health, which does not use it, is compared with the empty function.",
    );
    let mut memory = Section::new(
        "Memory",
        "The peak resident memory of these processes (VmHWM), from the start to the end of the warm requests.",
    );
    let mut add = |name: &str, compared: &Comparison<2>, baseline: &str| {
        add_comparison([&mut latency, &mut processor_time], name, compared);
        let [ours, other] = compared.peak_memory.map(megabytes);
        memory.row(name, ours, Unit::Megabytes, Some(MEMORY_GOAL), format!("{baseline} {other:.2} MB"));
    };
    let port = subjects.env.address.port();
    for user in &subjects.env.users {
        let authentication = subjects.env.hs256(&user.account);
        let ours = subjects.ours(user, &authentication, port, TlsMode::Requested);
        let bare = subjects.baseline("bare", user, port, TlsMode::Requested);
        let event = || subjects.event(user, &authentication);
        add(user.operation.function, &runner.compare([&ours, &bare], runner.effort.requests, event)?, "bare");
    }
    let event = || subjects.env.event(&HEALTH, 0, None);
    let compared = runner.compare([&subjects.health(), &subjects.empty()], runner.effort.requests, event)?;
    add(HEALTH.function, &compared, "empty");
    Ok([latency, processor_time, memory])
}

/// Warm requests with each kind of token.
pub(in crate::bench) fn authentication(runner: &Runner, subjects: &Subjects) -> Result<[Section; 2], BenchError> {
    let [mut latency, mut processor_time] = two_sections(
        "Warm requests by AUTH_MODE",
        "get-task through TLS; the bare function ignores the token. A session is looked up in the database.",
    );
    let (user, port) = (subjects.user(), subjects.env.address.port());
    let account = &user.account;
    for authentication in [subjects.env.hs256(account), BenchEnv::jwks(account)?, subjects.env.session(account)] {
        let ours = subjects.ours(user, &authentication, port, TlsMode::Requested);
        let bare = subjects.baseline("bare", user, port, TlsMode::Requested);
        let event = || subjects.event(user, &authentication);
        let compared = runner.compare([&ours, &bare], runner.effort.requests, event)?;
        add_comparison([&mut latency, &mut processor_time], authentication.name, &compared);
    }
    Ok([latency, processor_time])
}

/// Sections for the latency and the processor time.
fn two_sections(title: &str, method: &str) -> [Section; 2] {
    [
        Section::new(format!("{title}: latency ÷ bare"), method),
        Section::new(format!("{title}: processor time ÷ bare"), "The same requests."),
    ]
}

/// Adds a row to each of [`two_sections`].
fn add_comparison([latency, processor_time]: [&mut Section; 2], name: &str, compared: &Comparison<2>) {
    let (metric, other_metric): (Metric, Metric) = (|cost| cost.latency, |cost| cost.processor_time);
    latency.row(name, compared.ratio(metric, 0, 1), Unit::Ratio, None, compared.times(metric));
    processor_time.row(name, compared.ratio(other_metric, 0, 1), Unit::Ratio, None, compared.times(other_metric));
}
