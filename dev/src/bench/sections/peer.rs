//! The kind of back end that is replaced, in Python, compared with ours.

use std::time::Duration;

use super::million::{BackEndCost, RequestCost};
use super::starts::PHASES;
use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::function::Launch;
use crate::bench::link::Link;
use crate::bench::report::{Section, Unit};
use crate::bench::runner::{Comparison, Metric, Runner, in_turns};
use crate::bench::statistics::{median, megabytes};
use crate::bench::subjects::Subjects;

/// The round-trip time to the database: that within one region of AWS.
const DISTANCE: Duration = Duration::from_millis(1);
const OURS: usize = 0;
const PEER: usize = 1;

/// Sections for the report, and what the back end in Python costs.
#[derive(Debug)]
pub(in crate::bench) struct PeerResults {
    pub(in crate::bench) sections: Vec<Section>,
    pub(in crate::bench) cost: BackEndCost,
}

/// Compares the back end in Python with ours. `None` if it does not take part.
pub(in crate::bench) fn peer(runner: &Runner, subjects: &Subjects) -> Result<Option<PeerResults>, BenchError> {
    let link = Link::start(subjects.env.address, DISTANCE)?;
    let launch = |status| subjects.peer(status, link.port(), TlsMode::Requested);
    let mut compared: Vec<(&str, Comparison<2>)> = Vec::new();
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
    let mut sections = Vec::new();
    for (name, metric) in metrics {
        let mut section = Section::new(
            format!("Python ÷ ours: {name}"),
            format!(
                "FastAPI, SQLModel, asyncpg and Mangum on the same table, through TLS, with the database {} ms away. \
                 Details: ours / Python.",
                DISTANCE.as_millis()
            ),
        );
        for (function, compared) in &compared {
            section.row(*function, compared.ratio(metric, PEER, OURS), Unit::Ratio, None, compared.times(metric));
        }
        sections.push(section);
    }
    let mut section = Section::new("Starts and memory, Python ÷ ours", "get-task as above; the memory is the largest.");
    let peak = |index: usize| {
        compared.iter().filter_map(|(_, compared)| compared.peak_memory.get(index)).copied().max().unwrap_or(0)
    };
    let [ours, python] = [OURS, PEER].map(|index| megabytes(peak(index)));
    section.row("peak memory", python / ours, Unit::Ratio, None, format!("{ours:.1} MB / {python:.1} MB"));

    let user = subjects.user();
    let ours = subjects.ours(user, &subjects.env.hs256(&user.account), link.port(), TlsMode::Requested);
    let Some(python) = launch(user.operation.status) else { return Ok(None) };
    let start = add_starts(&mut section, runner, subjects, [ours, python])?;
    sections.push(section);

    let requests = compared.iter().map(|(_, compared)| RequestCost::from(compared.typical(PEER))).collect();
    let cost = BackEndCost { requests, start, peak_memory: peak(PEER) };
    Ok(Some(PeerResults { sections, cost }))
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
    for phase in &PHASES {
        let name = format!("start, {}", phase.name);
        section.row(name, phase.ratio(&python, &ours), Unit::Ratio, None, phase.times(&ours, &python));
    }
    Ok(median(python.iter().map(|start| start.first_poll)))
}
