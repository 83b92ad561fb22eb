//! The kind of back end that is replaced, in Python, compared with ours.

use std::time::Duration;

use super::million::{BackEndCost, RequestCost};
use super::starts;
use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::function::Launch;
use crate::bench::link::Link;
use crate::bench::report::{Section, Unit};
use crate::bench::runner::{Comparison, Cost, Metric, Runner, in_turns};
use crate::bench::statistics::{median, megabytes};
use crate::bench::subjects::Subjects;

/// The round-trip time to the database: that within one region of AWS.
const DISTANCE: Duration = Duration::from_millis(1);
const OURS: usize = 0;
const PEER: usize = 1;

/// A section for the report, and what the back end in Python costs.
#[derive(Debug)]
pub(in crate::bench) struct PeerResults {
    pub(in crate::bench) section: Section,
    pub(in crate::bench) cost: BackEndCost,
}

/// Compares the back end in Python with ours. `None` if it does not take part.
pub(in crate::bench) fn peer(runner: &Runner, subjects: &Subjects) -> Result<Option<PeerResults>, BenchError> {
    let link = Link::start(subjects.env.address, DISTANCE)?;
    let launch = |status| subjects.peer(status, link.port(), TlsMode::Requested);
    let mut compared: Vec<(&str, Comparison<2>)> = Vec::new();
    let mut section = Section::new(
        format!("FastAPI, SQLModel, asyncpg and Mangum, the database {} ms away", DISTANCE.as_millis()),
        "How many times the cost of ours it has, through TLS and on the same table. Details: ours / Python.",
    );
    for user in &subjects.env.users {
        let Some(python) = launch(user.operation.status) else { return Ok(None) };
        let authentication = subjects.env.hs256(&user.account);
        let ours = subjects.ours(user, &authentication, link.port(), TlsMode::Requested);
        let event = || subjects.event(user, &authentication);
        let costs = runner.compare([&ours, &python], runner.effort.distant_requests, event)?;
        compared.push((user.operation.function, costs));
    }
    let metrics: [(&str, Metric); 3] = [
        ("latency", |cost| cost.latency),
        ("processor time", |cost| cost.processor_time),
        ("PostgreSQL's processor time", |cost| cost.server_time),
    ];
    for (name, metric) in metrics {
        for (function, compared) in &compared {
            let ratio = compared.ratio(metric, PEER, OURS);
            section.row(format!("{function}, {name}"), ratio, Unit::Ratio, None, compared.times(metric));
        }
    }
    let peak = |index: usize| {
        compared.iter().filter_map(|(_, compared)| compared.peak_memory.get(index)).copied().max().unwrap_or(0)
    };
    let [ours, python] = [OURS, PEER].map(|index| megabytes(peak(index)));
    section.row("peak memory", python / ours, Unit::Ratio, None, format!("{ours:.1} MB / {python:.1} MB"));

    let user = subjects.user();
    let ours = subjects.ours(user, &subjects.env.hs256(&user.account), link.port(), TlsMode::Requested);
    let Some(python) = launch(user.operation.status) else { return Ok(None) };
    let start = add_starts(&mut section, runner, subjects, [ours, python])?;

    let costs = compared.iter().map(|(_, compared)| compared.typical(PEER));
    let requests = costs.map(|Cost { latency, processor_time, server_time, .. }| RequestCost {
        latency,
        processor_time,
        server_time,
    });
    let requests = requests.collect();
    let cost = BackEndCost { requests, start, peak_memory: peak(PEER) };
    Ok(Some(PeerResults { section, cost }))
}

/// Adds rows for starts. Returns the start of the back end in Python in seconds.
fn add_starts(
    section: &mut Section,
    runner: &Runner,
    subjects: &Subjects,
    launches: [Launch; 2],
) -> Result<f64, BenchError> {
    let user = subjects.user();
    let event = subjects.event(user, &subjects.env.hs256(&user.account))?;
    let [ours, python] = launches.map(|launch| (launch, event.clone()));
    let [ours, python] = in_turns(runner.effort.cold_starts, [&ours, &python], |candidate| runner.start(candidate))?;
    starts::add_starts(section, "get-task", &python, &ours, [None; 3]);
    Ok(median(python.iter().map(|start| start.first_poll)))
}
