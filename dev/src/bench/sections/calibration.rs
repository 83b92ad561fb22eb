//! The benchmark measures itself.

use super::starts::PHASES;
use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::{Metric, Runner};
use crate::bench::subjects::Subjects;

/// The difference between two copies of one binary. If it is larger, the other results mean little.
const CALIBRATION: Goal = Goal::NearOne(0.05);

/// A binary compared with a copy of itself.
pub(in crate::bench) fn calibration(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let mut section = Section::new(
        "Calibration",
        "Two copies of one binary. If these results miss their goals, the other results are no better.",
    );
    let (user, port) = (subjects.user(), subjects.env.address.port());
    let authentication = subjects.env.hs256(&user.account);
    let bare = subjects.baseline("bare", user, port, TlsMode::Requested);
    let twin = subjects.twin(user, port, TlsMode::Requested);
    let event = || subjects.event(user, &authentication);
    let compared = runner.compare([&twin, &bare], runner.effort.requests, event)?;
    let metrics: [(&str, Metric); 3] = [
        ("latency", |cost| cost.latency),
        ("processor time", |cost| cost.processor_time),
        ("PostgreSQL's processor time", |cost| cost.server_time),
    ];
    for (name, metric) in metrics {
        let name = format!("bare, {name}");
        section.row(name, compared.ratio(metric, 0, 1), Unit::Ratio, Some(CALIBRATION), compared.times(metric));
    }
    let event = event()?;
    let [twin, bare] = runner.start_in_turns([&(twin, event.clone()), &(bare, event)])?;
    for phase in &PHASES {
        let name = format!("bare, start, {}", phase.name);
        let detail = phase.times(&twin, &bare);
        section.row(name, phase.ratio(&twin, &bare), Unit::Ratio, Some(CALIBRATION), detail);
    }
    Ok(section)
}
