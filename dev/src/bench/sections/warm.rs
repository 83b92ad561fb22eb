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

    fn section(&self, title: &str, method: &str) -> Section {
        Section::new(format!("Warm requests, {title}"), method)
    }

    /// A section with a row for each operation: the ratio to one of the baselines.
    fn ratios(&self, title: &str, method: &str, metric: Metric, baseline: usize) -> Section {
        let mut section = self.section(title, method);
        for (operation, compared) in &self.0 {
            let ratio = compared.ratio(metric, OURS, baseline);
            section.row(operation.function, ratio, Unit::Ratio, None, compared.times(metric));
        }
        section
    }
}

/// Warm requests with the database on this machine, and without TLS: the floor has none.
pub(in crate::bench) fn warm(runner: &Runner, subjects: &Subjects) -> Result<(Vec<Section>, WarmResults), BenchError> {
    let results = measure(runner, subjects, subjects.env.address.port(), runner.effort.requests)?;
    let mut latency = results.section(
        "latency compared with the floor",
        "The database is on this machine; without TLS. Details: ours / bare / floor. Median of the ratios of \
         neighbouring blocks; the latency of a block is the median of its requests.",
    );
    for (operation, compared) in &results.0 {
        let (ratio, goal) = (compared.ratio(|cost| cost.latency, OURS, FLOOR), operation.goal.map(Goal::AtMost));
        latency.row(operation.function, ratio, Unit::Ratio, goal, compared.times(|cost| cost.latency));
    }
    let mut sections = vec![latency];
    let same = "The same requests. Details: ours / bare / floor.";
    let bare = "The same requests.";
    sections.push(results.ratios("latency compared with the bare function", bare, |cost| cost.latency, BARE));
    let p99 = "The same requests: the 99th percentile of each block.";
    sections.push(results.ratios("p99 compared with the floor", p99, |cost| cost.p99, FLOOR));
    sections.push(results.ratios("processor time compared with the floor", same, |cost| cost.processor_time, FLOOR));
    let server = "The same requests: the processor time of the process of PostgreSQL that serves the function.";
    sections.push(results.ratios(
        "PostgreSQL's processor time compared with the floor",
        server,
        |cost| cost.server_time,
        FLOOR,
    ));
    sections.push(wal(&results));
    Ok((sections, results))
}

fn wal(results: &WarmResults) -> Section {
    let mut section = results.section(
        "bytes of WAL",
        "The same requests, without full-page images. Details: the floor, whose table has one index and no trigger.",
    );
    let writes = results.0.iter().filter(|(operation, _)| operation.method != "GET");
    for (operation, compared) in writes {
        let goal = (operation.function == "update-task").then_some(UPDATE_WAL_GOAL);
        let [ours, floor] = [OURS, FLOOR].map(|index| compared.median(|cost| cost.wal, index));
        section.row(operation.function, ours, Unit::Bytes, goal, format!("{floor:.0} B"));
    }
    section
}

/// Warm requests through a proxy that delays both directions.
pub(in crate::bench) fn distant(
    runner: &Runner,
    subjects: &Subjects,
    round_trip: Duration,
) -> Result<(Section, WarmResults), BenchError> {
    let link = Link::start(subjects.env.address, round_trip)?;
    let results = measure(runner, subjects, link.port(), runner.effort.distant_requests)?;
    let title = format!("latency with the database {} ms away", round_trip.as_millis());
    let method = "Through a proxy that delays both directions; without TLS. Details: ours / bare / floor.";
    let mut section = results.section(&title, method);
    let goal = (round_trip == FAR).then_some(FAR_GOAL);
    for (operation, compared) in &results.0 {
        for (name, baseline) in [("floor", FLOOR), ("bare", BARE)] {
            let ratio = compared.ratio(|cost| cost.latency, OURS, baseline);
            let name = format!("{}, {name}", operation.function);
            section.row(name, ratio, Unit::Ratio, goal, compared.times(|cost| cost.latency));
        }
    }
    Ok((section, results))
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
pub(in crate::bench) fn warm_tls(runner: &Runner, subjects: &Subjects) -> Result<[Section; 2], BenchError> {
    let mut warm = Section::new(
        "Warm requests, through TLS, compared with the bare function",
        "The database is on this machine. health, which does not use it, is compared with the empty function.",
    );
    let mut memory = Section::new(
        "Memory",
        "The peak resident memory of these processes (VmHWM), from the start to the end of the warm requests.",
    );
    let mut add = |name: &str, compared: &Comparison<2>, baseline: &str| {
        add_comparison(&mut warm, name, compared);
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
    Ok([warm, memory])
}

/// Warm requests with each kind of token.
pub(in crate::bench) fn authentication(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let mut section = Section::new(
        "Warm requests by AUTH_MODE, through TLS",
        "get-task compared with the bare function, which ignores the token. A session is looked up in the database.",
    );
    let (user, port) = (subjects.user(), subjects.env.address.port());
    let account = &user.account;
    for authentication in [subjects.env.hs256(account), BenchEnv::jwks(account)?, subjects.env.session(account)] {
        let ours = subjects.ours(user, &authentication, port, TlsMode::Requested);
        let bare = subjects.baseline("bare", user, port, TlsMode::Requested);
        let event = || subjects.event(user, &authentication);
        let compared = runner.compare([&ours, &bare], runner.effort.requests, event)?;
        add_comparison(&mut section, authentication.name, &compared);
    }
    Ok(section)
}

/// Adds rows for the latency and the processor time.
fn add_comparison(section: &mut Section, name: &str, compared: &Comparison<2>) {
    let metrics: [(&str, Metric); 2] =
        [("latency", |cost| cost.latency), ("processor time", |cost| cost.processor_time)];
    for (metric_name, metric) in metrics {
        let name = format!("{name}, {metric_name}");
        section.row(name, compared.ratio(metric, 0, 1), Unit::Ratio, None, compared.times(metric));
    }
}
