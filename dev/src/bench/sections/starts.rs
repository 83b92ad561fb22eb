//! Starts of functions with a whole processor, as Lambda starts them.

use std::time::Duration;

use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::link::Link;
use crate::bench::operation::HEALTH;
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::{Candidate, Runner, StartCost};
use crate::bench::statistics::{duration_text, median};
use crate::bench::subjects::Subjects;

/// The round-trip time to a database that is not on this machine.
const DISTANCE: Duration = Duration::from_millis(5);
/// The time until the function asks for its first event: compared with the bare function if it connects to the database,
/// and with the empty function if it does not.
const START_GOAL: Goal = Goal::AtMost(1.0);
const UNCONNECTED_START_GOAL: Goal = Goal::AtMost(1.2);
/// The processor time of a start through TLS, compared with the bare function that has rustls.
const PROCESSOR_TIME_GOAL: Goal = Goal::AtMost(1.3);
/// The processor time of setting up TLS with its handshake, in milliseconds.
const TLS_GOAL: Goal = Goal::AtMost(3.0);

/// Starts, and what TLS costs of them. Also returns the time of a connected start until the first event, in seconds.
pub(in crate::bench) fn starts(runner: &Runner, subjects: &Subjects) -> Result<(Vec<Section>, f64), BenchError> {
    let link = Link::start(subjects.env.address, DISTANCE)?;
    let (near, far) = (subjects.env.address.port(), link.port());
    let user = subjects.user();
    let authentication = subjects.env.hs256(&user.account);
    let get = subjects.event(user, &authentication)?;
    let ours = |port, tls| (subjects.ours(user, &authentication, port, tls), get.clone());
    let baseline = |name, port, tls| (subjects.baseline(name, user, port, tls), get.clone());
    let health = subjects.env.event(&HEALTH, 0, None)?;

    let (ours_tls, bare_tls) = (ours(near, TlsMode::Requested), baseline("bare", near, TlsMode::Requested));
    let bare_plain = baseline("bare", near, TlsMode::Disabled);
    let [health, empty, started, bare, rustls, far_started, far_bare, plain, floor, started_bare_plain] = runner
        .start_in_turns([
            &(subjects.health(), health.clone()),
            &(subjects.empty(), health),
            &ours_tls,
            &bare_tls,
            &baseline("bare-rustls", near, TlsMode::Requested),
            &ours(far, TlsMode::Requested),
            &baseline("bare", far, TlsMode::Requested),
            &ours(near, TlsMode::Disabled),
            &baseline("floor", near, TlsMode::Disabled),
            &bare_plain,
        ])?;
    let mut table = StartTable::new();
    let first = |goal| [Some(goal), None, None];
    let distance = format!("get-task ÷ bare, database {} ms away", DISTANCE.as_millis());
    table.row("health ÷ empty", &health, &empty, first(UNCONNECTED_START_GOAL));
    table.row("get-task ÷ bare", &started, &bare, first(START_GOAL));
    table.row(&distance, &far_started, &far_bare, first(START_GOAL));
    table.row("get-task ÷ bare-rustls", &started, &rustls, [None, None, Some(PROCESSOR_TIME_GOAL)]);
    table.row("get-task ÷ floor, without TLS", &plain, &floor, [None; 3]);

    let mut tls = Section::new(
        "TLS at a start",
        "Processor time of the bare function until its first response, minus that without TLS.",
    );
    let small = "SSL_CERT_FILE with one authority";
    tls.row(small, extra_processor_time(&bare, &started_bare_plain), Unit::Milliseconds, Some(TLS_GOAL), "");
    if let Some(bundle) = &subjects.env.bundle {
        let bundle = bundle.path().display().to_string();
        let bundled = |(launch, event): &Candidate| (launch.clone().with("SSL_CERT_FILE", &bundle), event.clone());
        let [bundled_ours, ours, bundled_bare, plain] =
            runner.start_in_turns([&bundled(&ours_tls), &ours_tls, &bundled(&bare_tls), &bare_plain])?;
        let all = "with all authorities of this machine";
        let detail = format!("{:.2} ms more than with one in get-task", extra_processor_time(&bundled_ours, &ours));
        tls.row(all, extra_processor_time(&bundled_bare, &plain), Unit::Milliseconds, None, detail);
    }
    let sections = table.0.into_iter().chain([tls]).collect();
    Ok((sections, median(started.iter().map(|start| start.first_poll))))
}

/// A time of a start.
pub(super) struct Phase {
    pub(super) name: &'static str,
    method: &'static str,
    cost: fn(&StartCost) -> f64,
}

pub(super) const PHASES: [Phase; 3] = [
    Phase {
        name: "first question",
        method: "From the start of the process, with its binary in memory, until it asks for its first event. get-task \
                 connects to the database, health does not.",
        cost: |start| start.first_poll,
    },
    Phase {
        name: "first answer",
        method: "The same starts, until the function has responded to the event.",
        cost: |start| start.first_response,
    },
    Phase {
        name: "processor time",
        method: "The same starts: the processor time until then.",
        cost: |start| start.processor_time,
    },
];

impl Phase {
    /// The median of the ratios of starts that followed each other.
    pub(super) fn ratio(&self, first: &[StartCost], second: &[StartCost]) -> f64 {
        median(first.iter().zip(second).map(|(first, second)| (self.cost)(first) / (self.cost)(second)))
    }

    /// The times of both, as text.
    pub(super) fn times(&self, first: &[StartCost], second: &[StartCost]) -> String {
        let [first, second] = [first, second].map(|starts| duration_text(median(starts.iter().map(self.cost))));
        format!("{first} / {second}")
    }
}

/// A section for each of [`PHASES`].
struct StartTable([Section; 3]);

impl StartTable {
    fn new() -> Self {
        Self(PHASES.map(|phase| Section::new(format!("Starts: {}", phase.name), phase.method)))
    }

    fn row(&mut self, name: &str, first: &[StartCost], second: &[StartCost], goals: [Option<Goal>; 3]) {
        for ((section, phase), goal) in self.0.iter_mut().zip(&PHASES).zip(goals) {
            section.row(name, phase.ratio(first, second), Unit::Ratio, goal, phase.times(first, second));
        }
    }
}

/// How much more processor time the first takes until its first response, in milliseconds.
fn extra_processor_time(first: &[StartCost], second: &[StartCost]) -> f64 {
    median(first.iter().zip(second).map(|(first, second)| (first.processor_time - second.processor_time) * 1000.0))
}
