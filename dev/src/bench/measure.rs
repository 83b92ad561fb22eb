//! The measurements.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempPath;

use super::effort::{COUNTED, Effort, WARM_UP};
use super::env::{Authentication, BenchEnv, Security, Subject};
use super::error::BenchError;
use super::function::{Function, Launch, RuntimeApi};
use super::link::{Link, RoundTrips};
use super::operation::{HEALTH, OPERATIONS};
use super::options::{Binaries, Options};
use super::processors::Processors;
use super::report::{Goal, Report, Section, Unit};
use crate::deploy::artifacts::{BASELINES, function_names};

/// What a round trip takes to the database that is not on this machine.
const DISTANCE: Duration = Duration::from_millis(5);
/// What a warm request may cost beside the bare function, here and there.
const LOOPBACK_GOAL: Goal = Goal::AtMost(1.3);
const DISTANCE_GOAL: Goal = Goal::AtMost(1.1);
/// What a start may take until the first question for an event, connected beside the bare function and without a
/// connection beside the empty one.
const START_GOAL: Goal = Goal::AtMost(1.15);
const UNCONNECTED_START_GOAL: Goal = Goal::AtMost(1.5);
/// The most that a zip, and a process at its peak, may have, in MB.
const ZIP_GOAL: Goal = Goal::AtMost(3.5);
const MEMORY_GOAL: Goal = Goal::AtMost(8.0);
/// What making TLS ready and shaking hands may cost of processor time, in milliseconds.
const TLS_GOAL: Goal = Goal::AtMost(3.0);
/// How far the same binary under two names may be apart for the rest to be believed.
const CALIBRATION: Goal = Goal::NearOne(0.05);
/// The oldest PostgreSQL that lets a client begin with TLS.
const DIRECT_SINCE: u32 = 17;
/// From here on PostgreSQL takes the key that OpenSSL offers first, which saves a round trip of the handshake.
const COMMON_KEY_SINCE: u32 = 18;

pub(super) struct Bench {
    env: BenchEnv,
    api: RuntimeApi,
    processors: Processors,
    binaries: Binaries,
    effort: Effort,
    with_sizes: bool,
    /// A copy of the bare function.
    twin: TempPath,
}

/// What a warm request costs.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    latency: f64,
    processor_time: f64,
}

/// Two functions beside each other.
struct Comparison {
    /// The first to the second.
    ratio: Cost,
    first: Cost,
    second: Cost,
    /// In bytes.
    peak_memory: [u64; 2],
}

/// What a start costs, in seconds.
#[derive(Debug, Clone, Copy)]
struct Start {
    first_poll: f64,
    first_answer: f64,
    /// Until the first answer.
    processor_time: f64,
}

/// One of its times.
type Phase = fn(&Start) -> f64;
/// A function and the event for it.
type Candidate = (Launch, Vec<u8>);

impl Bench {
    pub(super) fn new(options: &Options, env: BenchEnv, processors: Processors) -> Result<Self, BenchError> {
        let functions = OPERATIONS.iter().chain([&HEALTH]).map(|operation| operation.function);
        for name in functions.chain(BASELINES) {
            let binary = options.binaries.path(name);
            if !binary.is_file() {
                return Err(BenchError::Missing(binary));
            }
        }
        let twin = tempfile::NamedTempFile::new()?.into_temp_path();
        std::fs::copy(options.binaries.path("bare"), &twin)?;
        let (api, effort) = (RuntimeApi::start()?, Effort::new(options.requests));
        Ok(Self {
            env,
            api,
            processors,
            binaries: options.binaries.clone(),
            effort,
            with_sizes: options.with_sizes,
            twin,
        })
    }

    pub(super) fn run(&self) -> Result<Report, BenchError> {
        let near = self.env.address.port();
        let link = Link::start(self.env.address, DISTANCE)?;
        let Effort { requests, blocks, pairs, starts, distant_requests } = self.effort;
        let about = vec![
            ("PostgreSQL", format!("{}, through TLS, on this machine", self.env.version)),
            ("Requests", format!("{pairs} pairs of processes, {blocks} blocks of {requests} each, in turns")),
            ("Requests at a distance", format!("{pairs} pairs of processes, {blocks} blocks of {distant_requests}")),
            ("Starts", starts.to_string()),
            ("Processors", format!("{}, load average before {}", self.processors.number, load_average())),
        ];
        progress("the same binary under two names");
        let calibration = self.calibration(near)?;
        progress("warm requests");
        let (warm, memory) = self.warm(near)?;
        progress("warm requests at a distance");
        let distant = self.distant(&link)?;
        progress("authentication");
        let authentication = self.authentication(near)?;
        progress("starts");
        let (started, tls) = self.starts(near, &link)?;
        progress("round trips");
        let round_trips = self.round_trips()?;
        let mut sections = vec![calibration, warm, distant, authentication, started, round_trips, tls, memory];
        if self.with_sizes {
            progress("sizes");
            sections.push(self.sizes()?);
        }
        Ok(Report { about, sections })
    }

    fn calibration(&self, port: u16) -> Result<Section, BenchError> {
        let mut section = Section::new(
            "Calibration: the same binary under two names",
            "What the method makes of no difference at all. Where it is missed, the rest is no better.",
        );
        let subject = self.subject();
        let bare = self.bare(subject, port, Security::Requested);
        let twin = Launch { program: self.twin.to_path_buf(), ..bare.clone() };
        let compared = self.compare(&twin, &bare, self.effort.requests, || self.event(subject, None))?;
        section.row("bare, latency", compared.ratio.latency, Unit::Ratio, Some(CALIBRATION), compared.latencies());
        let (ratio, detail) = (compared.ratio.processor_time, compared.processor_times());
        section.row("bare, processor time", ratio, Unit::Ratio, Some(CALIBRATION), detail);
        let event = self.event(subject, None)?;
        let [twin, bare] = self.start_in_turns([&(twin, event.clone()), &(bare, event)])?;
        compare_starts(&mut section, "bare", &twin, &bare, [Some(CALIBRATION); 3]);
        Ok(section)
    }

    /// With the memory that it took.
    fn warm(&self, port: u16) -> Result<(Section, Section), BenchError> {
        let mut section = Section::new(
            "Warm requests, the database on this machine",
            "Ratio to the bare function with a statement for the same purpose; health to the empty function. \
             Median of the ratios of neighbouring blocks; of a block the median latency and the mean processor time.",
        );
        let mut memory = Section::new(
            "Memory",
            "The most that a process had in memory at once (VmHWM), from its start to the end of its warm requests.",
        );
        for subject in &self.env.subjects {
            let authentication = self.env.hs256(&subject.user);
            let ours = self.ours(subject, &authentication, port, Security::Requested);
            let bare = self.bare(subject, port, Security::Requested);
            let event = || self.event(subject, Some(&authentication));
            let compared = self.compare(&ours, &bare, self.effort.requests, event)?;
            compared.tell(&mut section, subject.operation.function, Some(LOOPBACK_GOAL));
            compared.tell_memory(&mut memory, subject.operation.function, "bare");
        }
        let event = || self.env.event(&HEALTH, 0, None);
        let compared = self.compare(&self.health(), &self.empty(), self.effort.requests, event)?;
        compared.tell(&mut section, HEALTH.function, None);
        compared.tell_memory(&mut memory, HEALTH.function, "empty");
        Ok((section, memory))
    }

    fn distant(&self, link: &Link) -> Result<Section, BenchError> {
        let title = format!("Warm requests, the database {} ms away", DISTANCE.as_millis());
        let mut section = Section::new(title, "The same, through a proxy that delays what passes in either direction.");
        for subject in &self.env.subjects {
            let authentication = self.env.hs256(&subject.user);
            let ours = self.ours(subject, &authentication, link.port(), Security::Requested);
            let bare = self.bare(subject, link.port(), Security::Requested);
            let event = || self.event(subject, Some(&authentication));
            let compared = self.compare(&ours, &bare, self.effort.distant_requests, event)?;
            let name = format!("{}, latency", subject.operation.function);
            section.row(name, compared.ratio.latency, Unit::Ratio, Some(DISTANCE_GOAL), compared.latencies());
        }
        Ok(section)
    }

    fn authentication(&self, port: u16) -> Result<Section, BenchError> {
        let mut section = Section::new(
            "Warm requests by AUTH_MODE, the database on this machine",
            "get-task beside the bare function, which looks at no token. A session is looked up in the database.",
        );
        let subject = self.subject();
        let user = &subject.user;
        for authentication in [self.env.hs256(user), BenchEnv::jwks(user)?, self.env.session(user)] {
            let ours = self.ours(subject, &authentication, port, Security::Requested);
            let bare = self.bare(subject, port, Security::Requested);
            let event = || self.event(subject, Some(&authentication));
            self.compare(&ours, &bare, self.effort.requests, event)?.tell(&mut section, authentication.name, None);
        }
        Ok(section)
    }

    /// With what TLS costs of a start.
    fn starts(&self, near: u16, link: &Link) -> Result<(Section, Section), BenchError> {
        let mut section = Section::new(
            "Starts",
            "From the start of the process, with its binary in memory, to the first question for an event and to its \
             answer; and the processor time until then. health beside the empty function, \
             get-task beside the bare one.",
        );
        let subject = self.subject();
        let authentication = self.env.hs256(&subject.user);
        let health = self.env.event(&HEALTH, 0, None)?;
        let get = self.event(subject, Some(&authentication))?;
        let ours = |port, security| (self.ours(subject, &authentication, port, security), get.clone());
        let bare = |port, security| (self.bare(subject, port, security), get.clone());
        let (near_ours, near_bare) = (ours(near, Security::Requested), bare(near, Security::Requested));
        let (far_ours, far_bare) = (ours(link.port(), Security::Requested), bare(link.port(), Security::Requested));
        let without_tls = bare(near, Security::None);
        let (one, other) = ((self.health(), health.clone()), (self.empty(), health));
        let [one, other, started_ours, started_bare, started_far_ours, started_far_bare, plain] =
            self.start_in_turns([&one, &other, &near_ours, &near_bare, &far_ours, &far_bare, &without_tls])?;
        let goals = |first_question| [Some(first_question), None, None];
        compare_starts(&mut section, HEALTH.function, &one, &other, goals(UNCONNECTED_START_GOAL));
        compare_starts(&mut section, "get-task", &started_ours, &started_bare, goals(START_GOAL));
        let distance = format!("get-task, database {} ms away", DISTANCE.as_millis());
        compare_starts(&mut section, &distance, &started_far_ours, &started_far_bare, goals(START_GOAL));

        let mut tls = Section::new(
            "TLS at a start",
            "Processor time of a bare function until its first answer, less that of one that connects without TLS.",
        );
        let small = "SSL_CERT_FILE with one authority";
        tls.row(small, more_processor_time(&started_bare, &plain), Unit::Milliseconds, Some(TLS_GOAL), "");
        if let Some(bundle) = &self.env.bundle {
            let bundle = bundle.path().display().to_string();
            let bundled = |(launch, event): &Candidate| (launch.clone().with("SSL_CERT_FILE", &bundle), event.clone());
            let [bundled_ours, ours, bundled_bare, plain] =
                self.start_in_turns([&bundled(&near_ours), &near_ours, &bundled(&near_bare), &without_tls])?;
            let all = "with all authorities of this machine";
            let detail = format!("{:.2} ms more than with one in get-task", more_processor_time(&bundled_ours, &ours));
            tls.row(all, more_processor_time(&bundled_bare, &plain), Unit::Milliseconds, None, detail);
        }
        Ok((section, tls))
    }

    fn round_trips(&self) -> Result<Section, BenchError> {
        let major = self.env.major_version();
        let mut section = Section::new(
            "Round trips to the database",
            "Counted by a proxy: how often the client speaks after the server, and one for each TCP connection.",
        );
        for subject in &self.env.subjects {
            let (_, _, warm) = self.trips(subject, &self.env.hs256(&subject.user), Security::Requested)?;
            section.row(subject.operation.function, warm, Unit::Count, Some(Goal::Exactly(1.0)), "");
        }
        let subject = self.subject();
        let (_, _, warm) = self.trips(subject, &self.env.session(&subject.user), Security::Requested)?;
        section.row("get-task, AUTH_MODE=session", warm, Unit::Count, Some(Goal::Exactly(2.0)), "");
        let key_in_common = major >= COMMON_KEY_SINCE;
        let mut ways = vec![("connect, SSLRequest", Security::Requested, if key_in_common { 6.0 } else { 7.0 })];
        if major >= DIRECT_SINCE {
            ways.push(("connect, direct TLS", Security::Direct, if key_in_common { 5.0 } else { 6.0 }));
        }
        for (name, security, goal) in ways {
            let (at_start, first, warm) = self.trips(subject, &self.env.hs256(&subject.user), security)?;
            let RoundTrips { tcp, tls, rest } = first;
            // Of what TLS hides the last is the statement.
            let connect = count(first.total()) - warm;
            let (sign_in, by_request) = (count(rest) - warm, first.total() - at_start.total());
            let detail = format!(
                "TCP {tcp}, TLS {tls}, sign-in {sign_in}; of these and the statement the first request waits for {by_request}"
            );
            section.row(name, connect, Unit::Count, Some(Goal::AtMost(goal)), detail);
        }
        Ok(section)
    }

    /// Round trips until the function is ready, until its first answer, and of a warm request.
    fn trips(
        &self,
        subject: &Subject,
        authentication: &Authentication,
        security: Security,
    ) -> Result<(RoundTrips, RoundTrips, f64), BenchError> {
        let link = Link::start(self.env.address, Duration::ZERO)?;
        let ours = self.ours(subject, authentication, link.port(), security);
        let mut function = self.api.launch(&ours, &self.processors)?;
        let at_start = link.counted();
        function.invoke(&self.event(subject, Some(authentication))?)?;
        let first = link.counted();
        for _ in 0..COUNTED {
            function.invoke(&self.event(subject, Some(authentication))?)?;
        }
        Ok((at_start, first, count((link.counted() - first).total()) / count(COUNTED)))
    }

    fn sizes(&self) -> Result<Section, BenchError> {
        let mut section = Section::new("Size", "Each binary as a zip has it, which is deflated like what gzip writes.");
        for name in function_names()? {
            let (size, unzipped) = zipped(&self.binaries.path(&name))?;
            let detail = format!("unzipped {:.2} MB", megabytes(unzipped));
            section.row(name, megabytes(size), Unit::Megabytes, Some(ZIP_GOAL), detail);
        }
        Ok(section)
    }

    /// Two functions that serve the same requests in turns.
    fn compare(
        &self,
        first: &Launch,
        second: &Launch,
        requests: usize,
        event: impl Fn() -> Result<Vec<u8>, BenchError>,
    ) -> Result<Comparison, BenchError> {
        let (mut blocks, mut peak_memory) = (Vec::new(), [0; 2]);
        for _ in 0..self.effort.pairs {
            let mut first = self.api.launch(first, &self.processors)?;
            let mut second = self.api.launch(second, &self.processors)?;
            for function in [&mut first, &mut second] {
                block(function, WARM_UP, &event)?;
            }
            for number in 0..self.effort.blocks {
                // Each goes first as often as the other: what comes second meets what the first has left behind.
                blocks.push(if number % 2 == 0 {
                    let one = block(&mut first, requests, &event)?;
                    [one, block(&mut second, requests, &event)?]
                } else {
                    let other = block(&mut second, requests, &event)?;
                    [block(&mut first, requests, &event)?, other]
                });
            }
            for (peak, function) in peak_memory.iter_mut().zip([&first, &second]) {
                *peak = function.peak_memory()?.max(*peak);
            }
        }
        let of = |cost: fn(&[Cost; 2]) -> f64| median(blocks.iter().map(cost));
        Ok(Comparison {
            ratio: Cost {
                latency: of(|[first, second]| first.latency / second.latency),
                processor_time: of(|[first, second]| first.processor_time / second.processor_time),
            },
            first: Cost {
                latency: of(|[first, _]| first.latency),
                processor_time: of(|[first, _]| first.processor_time),
            },
            second: Cost {
                latency: of(|[_, second]| second.latency),
                processor_time: of(|[_, second]| second.processor_time),
            },
            peak_memory,
        })
    }

    /// Starts each candidate, one after the other and then all over again. The starts of each.
    fn start_in_turns<const N: usize>(&self, candidates: [&Candidate; N]) -> Result<[Vec<Start>; N], BenchError> {
        let mut starts = [const { Vec::new() }; N];
        for round in 0..self.effort.starts {
            for turn in 0..N {
                // Back and forth: a start meets what the one before it has left behind.
                let index = if round % 2 == 0 { turn } else { N - 1 - turn };
                let (Some((launch, event)), Some(starts)) = (candidates.get(index), starts.get_mut(index)) else {
                    continue;
                };
                let mut function = self.api.launch_for(event, launch, &self.processors)?;
                let answer = function.answer()?;
                starts.push(Start {
                    first_poll: function.until_first_poll().as_secs_f64(),
                    first_answer: answer.since_start.as_secs_f64(),
                    processor_time: function.processor_time()?.as_secs_f64(),
                });
            }
        }
        Ok(starts)
    }

    fn ours(&self, subject: &Subject, authentication: &Authentication, port: u16, security: Security) -> Launch {
        let name = subject.operation.function;
        let mut variables = self.variables(port, security);
        variables.extend(authentication.variables.iter().cloned());
        Launch { name: name.to_owned(), program: self.binaries.path(name), variables, status: subject.operation.status }
    }

    fn health(&self) -> Launch {
        let subject = self.subject();
        let launch = self.ours(subject, &self.env.hs256(&subject.user), self.env.address.port(), Security::Requested);
        let (name, program) = (HEALTH.function.to_owned(), self.binaries.path(HEALTH.function));
        Launch { name, program, status: HEALTH.status, ..launch }
    }

    fn bare(&self, subject: &Subject, port: u16, security: Security) -> Launch {
        let mut variables = self.variables(port, security);
        variables.push(("USER_ID", subject.user.id.clone()));
        variables.push(("STATEMENT", subject.operation.statement.to_owned()));
        Launch { name: "bare".to_owned(), program: self.binaries.path("bare"), variables, status: 200 }
    }

    fn empty(&self) -> Launch {
        Launch { name: "empty".to_owned(), program: self.binaries.path("empty"), variables: Vec::new(), status: 200 }
    }

    fn variables(&self, port: u16, security: Security) -> Vec<(&'static str, String)> {
        let authority = self.env.authority.display().to_string();
        vec![("DATABASE_URL", self.env.url(port, security)), ("SSL_CERT_FILE", authority)]
    }

    /// The subject of what is measured with one operation only.
    fn subject(&self) -> &Subject {
        let found = self.env.subjects.iter().find(|subject| subject.operation.function == "get-task");
        found.expect("there is one for each operation")
    }

    /// The next request of the subject's user.
    fn event(&self, subject: &Subject, authentication: Option<&Authentication>) -> Result<Vec<u8>, BenchError> {
        let token = authentication.map(|authentication| authentication.token.as_str());
        self.env.event(subject.operation, subject.task(), token)
    }
}

impl Comparison {
    fn tell(&self, section: &mut Section, name: &str, goal: Option<Goal>) {
        section.row(format!("{name}, latency"), self.ratio.latency, Unit::Ratio, goal, self.latencies());
        let detail = self.processor_times();
        section.row(format!("{name}, processor time"), self.ratio.processor_time, Unit::Ratio, goal, detail);
    }

    fn tell_memory(&self, section: &mut Section, name: &str, beside: &str) {
        let [ours, other] = self.peak_memory.map(megabytes);
        section.row(name, ours, Unit::Megabytes, Some(MEMORY_GOAL), format!("{beside} {other:.2} MB"));
    }

    fn latencies(&self) -> String {
        format!("{} / {}", time(self.first.latency), time(self.second.latency))
    }

    fn processor_times(&self) -> String {
        format!("{} / {}", time(self.first.processor_time), time(self.second.processor_time))
    }
}

/// So many requests one after the other.
fn block(
    function: &mut Function<'_>,
    requests: usize,
    event: impl Fn() -> Result<Vec<u8>, BenchError>,
) -> Result<Cost, BenchError> {
    // Made before, so that the function waits between two requests for no longer than it has to.
    let events = (0..requests).map(|_| event()).collect::<Result<Vec<_>, _>>()?;
    let before = function.processor_time()?;
    let mut latencies = Vec::with_capacity(requests);
    for event in &events {
        latencies.push(function.invoke(event)?.latency.as_secs_f64());
    }
    let processor_time = (function.processor_time()? - before).as_secs_f64() / count(requests);
    Ok(Cost { latency: median(latencies), processor_time })
}

fn compare_starts(section: &mut Section, name: &str, one: &[Start], other: &[Start], goals: [Option<Goal>; 3]) {
    let phases: [(&str, Phase); 3] = [
        ("first question", |start| start.first_poll),
        ("first answer", |start| start.first_answer),
        ("processor time", |start| start.processor_time),
    ];
    for ((phase, of), goal) in phases.into_iter().zip(goals) {
        let ratio = median(one.iter().zip(other).map(|(one, other)| of(one) / of(other)));
        let detail = format!("{} / {}", time(median(one.iter().map(of))), time(median(other.iter().map(of))));
        section.row(format!("{name}, {phase}"), ratio, Unit::Ratio, goal, detail);
    }
}

/// In milliseconds, until the first answer.
fn more_processor_time(one: &[Start], other: &[Start]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| (one.processor_time - other.processor_time) * 1000.0))
}

/// The sizes of a binary, zipped and as it is.
fn zipped(binary: &Path) -> Result<(u64, u64), BenchError> {
    let zipped = Command::new("gzip").args(["-9", "--stdout"]).arg(binary).stdin(Stdio::null()).output()?;
    Ok((zipped.stdout.len() as u64, std::fs::metadata(binary)?.len()))
}

/// The one in the middle, or between the two in the middle.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (middle(values.len().saturating_sub(1) / 2) + middle(values.len() / 2)) / 2.0
}

#[expect(clippy::cast_precision_loss, reason = "there are not that many")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "no file and no process is that large")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// Of seconds.
fn time(seconds: f64) -> String {
    if seconds < 0.001 { format!("{:.0} µs", seconds * 1e6) } else { format!("{:.2} ms", seconds * 1e3) }
}

/// How much this machine has to do. What else runs is the largest part of the noise.
fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn progress(what: &str) {
    eprintln!("Measuring: {what}.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0]).to_bits(), 3f64.to_bits());
        assert_eq!(median([9.0, 1.0, 2.0]).to_bits(), 2f64.to_bits());
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]).to_bits(), 3f64.to_bits());
    }
}
