//! What is measured, and the goals for it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempPath;

use super::effort::{COUNTED, Effort};
use super::env::{Authentication, BenchEnv, BenchUser, TlsMode};
use super::error::BenchError;
use super::function::{Function, Launch};
use super::link::{Link, RoundTrips};
use super::operation::{HEALTH, OPERATIONS};
use super::options::{Binaries, Options};
use super::processors::Processors;
use super::report::{Goal, Report, Section, Unit};
use super::runner::{Candidate, Comparison, Runner, StartCost};
use super::runtime_api::RuntimeApi;
use super::statistics::{count, duration_text, median, megabytes};
use crate::deploy::artifacts::{BASELINES, function_names};

/// The round-trip time to a database that is not on this machine.
const DISTANCE: Duration = Duration::from_millis(5);
/// A warm request compared with the bare function, with the database on this machine and at a distance.
const LOOPBACK_GOAL: Goal = Goal::AtMost(1.3);
const DISTANCE_GOAL: Goal = Goal::AtMost(1.1);
/// The time from the start until the function asks for its first event: compared with the bare function if it connects
/// to the database, and with the empty function if it does not.
const START_GOAL: Goal = Goal::AtMost(1.15);
const UNCONNECTED_START_GOAL: Goal = Goal::AtMost(1.5);
/// The size of a zip file and the peak memory of a process, in MB.
const ZIP_GOAL: Goal = Goal::AtMost(3.5);
const MEMORY_GOAL: Goal = Goal::AtMost(8.0);
/// The processor time of setting up TLS with its handshake, in milliseconds.
const TLS_GOAL: Goal = Goal::AtMost(3.0);
/// The difference between two copies of one binary. If it is larger, the other results mean little.
const CALIBRATION: Goal = Goal::NearOne(0.05);
/// The round trips of a start after it has connected.
const CHECK_AT_START: f64 = 1.0;
/// The first PostgreSQL with `sslnegotiation=direct`.
const DIRECT_TLS_SINCE: u32 = 17;
/// The first PostgreSQL that accepts the key share that OpenSSL offers, which saves a round trip of the handshake.
const COMMON_KEY_SINCE: u32 = 18;

/// The measurements of one run.
pub(super) struct Bench {
    env: BenchEnv,
    runner: Runner,
    binaries: Binaries,
    with_sizes: bool,
    /// A copy of the bare function.
    twin: TempPath,
}

impl Bench {
    /// Checks that all binaries exist.
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
        let runner = Runner { api, processors, effort };
        Ok(Self { env, runner, binaries: options.binaries.clone(), with_sizes: options.with_sizes, twin })
    }

    /// Measures everything, which blocks for minutes.
    pub(super) fn run(&self) -> Result<Report, BenchError> {
        let near = self.env.address.port();
        let link = Link::start(self.env.address, DISTANCE)?;
        let Effort { requests, blocks, pairs, starts, distant_requests } = self.runner.effort;
        let about = vec![
            ("PostgreSQL", format!("{}, through TLS, on this machine", self.env.version)),
            ("Requests", format!("{pairs} pairs of processes, {blocks} blocks of {requests} each, in turns")),
            ("Requests at a distance", format!("{pairs} pairs of processes, {blocks} blocks of {distant_requests}")),
            ("Starts", starts.to_string()),
            ("Processors", format!("{}, load average before {}", self.runner.processors.number, load_average())),
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
            "Two copies of one binary. If these results miss their goals, the other results are no better.",
        );
        let user = self.user();
        let bare = self.bare(user, port, TlsMode::Requested);
        let twin = Launch { binary: self.twin.to_path_buf(), ..bare.clone() };
        let compared = self.runner.compare(&twin, &bare, self.runner.effort.requests, || self.event(user, None))?;
        section.row("bare, latency", compared.ratio.latency, Unit::Ratio, Some(CALIBRATION), compared.latencies());
        let (ratio, detail) = (compared.ratio.processor_time, compared.processor_times());
        section.row("bare, processor time", ratio, Unit::Ratio, Some(CALIBRATION), detail);
        let event = self.event(user, None)?;
        let [twin, bare] = self.runner.start_in_turns([&(twin, event.clone()), &(bare, event)])?;
        add_starts(&mut section, "bare", &twin, &bare, [Some(CALIBRATION); 3]);
        Ok(section)
    }

    /// Warm requests, and the memory of their processes.
    fn warm(&self, port: u16) -> Result<(Section, Section), BenchError> {
        let mut section = Section::new(
            "Warm requests, the database on this machine",
            "Ratio to the bare function with a statement for the same purpose; of health, to the empty function. \
             Median of the ratios of neighbouring blocks. A block has the median latency and the mean processor time.",
        );
        let mut memory = Section::new(
            "Memory",
            "The peak resident memory of a process (VmHWM), from its start to the end of its warm requests.",
        );
        for user in &self.env.users {
            let authentication = self.env.hs256(&user.account);
            let ours = self.ours(user, &authentication, port, TlsMode::Requested);
            let bare = self.bare(user, port, TlsMode::Requested);
            let event = || self.event(user, Some(&authentication));
            let compared = self.runner.compare(&ours, &bare, self.runner.effort.requests, event)?;
            add_comparison(&compared, &mut section, user.operation.function, Some(LOOPBACK_GOAL));
            add_memory(&compared, &mut memory, user.operation.function, "bare");
        }
        let event = || self.env.event(&HEALTH, 0, None);
        let compared = self.runner.compare(&self.health(), &self.empty(), self.runner.effort.requests, event)?;
        add_comparison(&compared, &mut section, HEALTH.function, None);
        add_memory(&compared, &mut memory, HEALTH.function, "empty");
        Ok((section, memory))
    }

    fn distant(&self, link: &Link) -> Result<Section, BenchError> {
        let title = format!("Warm requests, the database {} ms away", DISTANCE.as_millis());
        let mut section = Section::new(title, "The same, through a proxy that delays both directions.");
        for user in &self.env.users {
            let authentication = self.env.hs256(&user.account);
            let ours = self.ours(user, &authentication, link.port(), TlsMode::Requested);
            let bare = self.bare(user, link.port(), TlsMode::Requested);
            let event = || self.event(user, Some(&authentication));
            let compared = self.runner.compare(&ours, &bare, self.runner.effort.distant_requests, event)?;
            let name = format!("{}, latency", user.operation.function);
            section.row(name, compared.ratio.latency, Unit::Ratio, Some(DISTANCE_GOAL), compared.latencies());
        }
        Ok(section)
    }

    fn authentication(&self, port: u16) -> Result<Section, BenchError> {
        let mut section = Section::new(
            "Warm requests by AUTH_MODE, the database on this machine",
            "get-task compared with the bare function, which ignores the token. A session is looked up in the database.",
        );
        let user = self.user();
        let account = &user.account;
        for authentication in [self.env.hs256(account), BenchEnv::jwks(account)?, self.env.session(account)] {
            let ours = self.ours(user, &authentication, port, TlsMode::Requested);
            let bare = self.bare(user, port, TlsMode::Requested);
            let event = || self.event(user, Some(&authentication));
            let compared = self.runner.compare(&ours, &bare, self.runner.effort.requests, event)?;
            add_comparison(&compared, &mut section, authentication.name, None);
        }
        Ok(section)
    }

    /// Starts, and what TLS costs of them.
    fn starts(&self, near: u16, link: &Link) -> Result<(Section, Section), BenchError> {
        let mut section = Section::new(
            "Starts",
            "From the start of the process, with its binary in memory, until it asks for its first event and until it \
             has responded, with the processor time until then. health is compared with the empty function, \
             get-task with the bare one.",
        );
        let user = self.user();
        let authentication = self.env.hs256(&user.account);
        let health = self.env.event(&HEALTH, 0, None)?;
        let get = self.event(user, Some(&authentication))?;
        let ours = |port, tls| (self.ours(user, &authentication, port, tls), get.clone());
        let bare = |port, tls| (self.bare(user, port, tls), get.clone());
        let (near_ours, near_bare) = (ours(near, TlsMode::Requested), bare(near, TlsMode::Requested));
        let (far_ours, far_bare) = (ours(link.port(), TlsMode::Requested), bare(link.port(), TlsMode::Requested));
        let without_tls = bare(near, TlsMode::Disabled);
        let (health, empty) = ((self.health(), health.clone()), (self.empty(), health));
        let [started_health, started_empty, started_ours, started_bare, started_far_ours, started_far_bare, plain] =
            self.runner.start_in_turns([
                &health,
                &empty,
                &near_ours,
                &near_bare,
                &far_ours,
                &far_bare,
                &without_tls,
            ])?;
        let goals = |first_question| [Some(first_question), None, None];
        add_starts(&mut section, HEALTH.function, &started_health, &started_empty, goals(UNCONNECTED_START_GOAL));
        add_starts(&mut section, "get-task", &started_ours, &started_bare, goals(START_GOAL));
        let distance = format!("get-task, database {} ms away", DISTANCE.as_millis());
        add_starts(&mut section, &distance, &started_far_ours, &started_far_bare, goals(START_GOAL));

        let mut tls = Section::new(
            "TLS at a start",
            "Processor time of the bare function until its first response, minus that without TLS.",
        );
        let small = "SSL_CERT_FILE with one authority";
        tls.row(small, extra_processor_time(&started_bare, &plain), Unit::Milliseconds, Some(TLS_GOAL), "");
        if let Some(bundle) = &self.env.bundle {
            let bundle = bundle.path().display().to_string();
            let bundled = |(launch, event): &Candidate| (launch.clone().with("SSL_CERT_FILE", &bundle), event.clone());
            let [bundled_ours, ours, bundled_bare, plain] =
                self.runner.start_in_turns([&bundled(&near_ours), &near_ours, &bundled(&near_bare), &without_tls])?;
            let all = "with all authorities of this machine";
            let detail = format!("{:.2} ms more than with one in get-task", extra_processor_time(&bundled_ours, &ours));
            tls.row(all, extra_processor_time(&bundled_bare, &plain), Unit::Milliseconds, None, detail);
        }
        Ok((section, tls))
    }

    fn round_trips(&self) -> Result<Section, BenchError> {
        let major = self.env.major_version();
        let mut section = Section::new(
            "Round trips to the database",
            "Counted by a proxy: how often the client sends after the server has sent, and one for each TCP connection.",
        );
        for user in &self.env.users {
            let (_, _, warm) = self.count_round_trips(user, &self.env.hs256(&user.account), TlsMode::Requested)?;
            section.row(user.operation.function, warm, Unit::Count, Some(Goal::Exactly(1.0)), "");
        }
        let user = self.user();
        let (_, _, warm) = self.count_round_trips(user, &self.env.session(&user.account), TlsMode::Requested)?;
        section.row("get-task, AUTH_MODE=session", warm, Unit::Count, Some(Goal::Exactly(2.0)), "");
        let one_hello = major >= COMMON_KEY_SINCE;
        let mut connects = vec![("connect, SSLRequest", TlsMode::Requested, if one_hello { 6.0 } else { 7.0 })];
        if major >= DIRECT_TLS_SINCE {
            connects.push(("connect, direct TLS", TlsMode::Direct, if one_hello { 5.0 } else { 6.0 }));
        }
        for (name, tls, goal) in connects {
            let (at_start, first, warm) = self.count_round_trips(user, &self.env.hs256(&user.account), tls)?;
            let RoundTrips { tcp, tls, rest } = first;
            // The last round trips inside of TLS are the check of the tables at start, and the statement.
            let connect = count(first.total()) - CHECK_AT_START - warm;
            let (sign_in, by_request) = (count(rest) - CHECK_AT_START - warm, first.total() - at_start.total());
            let detail = format!(
                "TCP {tcp}, TLS {tls}, sign-in {sign_in}; of these and the statement the first request waits for {by_request}"
            );
            section.row(name, connect, Unit::Count, Some(Goal::AtMost(goal)), detail);
        }
        Ok(section)
    }

    /// Round trips until the function asks for its first event, until its first response, and of a warm request.
    fn count_round_trips(
        &self,
        user: &BenchUser,
        authentication: &Authentication,
        tls: TlsMode,
    ) -> Result<(RoundTrips, RoundTrips, f64), BenchError> {
        let link = Link::start(self.env.address, Duration::ZERO)?;
        let ours = self.ours(user, authentication, link.port(), tls);
        let mut function = Function::start(&self.runner.api, &ours, &self.runner.processors)?;
        let at_start = link.round_trips();
        function.invoke(&self.event(user, Some(authentication))?)?;
        let first = link.round_trips();
        for _ in 0..COUNTED {
            function.invoke(&self.event(user, Some(authentication))?)?;
        }
        Ok((at_start, first, count((link.round_trips() - first).total()) / count(COUNTED)))
    }

    fn sizes(&self) -> Result<Section, BenchError> {
        let mut section = Section::new("Size", "Each binary compressed with gzip, which uses the method of zip files.");
        for name in function_names()? {
            let (size, unzipped) = zipped(&self.binaries.path(&name))?;
            let detail = format!("unzipped {:.2} MB", megabytes(unzipped));
            section.row(name, megabytes(size), Unit::Megabytes, Some(ZIP_GOAL), detail);
        }
        Ok(section)
    }

    fn ours(&self, user: &BenchUser, authentication: &Authentication, port: u16, tls: TlsMode) -> Launch {
        let name = user.operation.function;
        let mut variables = self.variables(port, tls);
        variables.extend(authentication.variables.iter().cloned());
        Launch { name: name.to_owned(), binary: self.binaries.path(name), variables, status: user.operation.status }
    }

    fn health(&self) -> Launch {
        let user = self.user();
        let launch = self.ours(user, &self.env.hs256(&user.account), self.env.address.port(), TlsMode::Requested);
        let (name, binary) = (HEALTH.function.to_owned(), self.binaries.path(HEALTH.function));
        Launch { name, binary, status: HEALTH.status, ..launch }
    }

    fn bare(&self, user: &BenchUser, port: u16, tls: TlsMode) -> Launch {
        let mut variables = self.variables(port, tls);
        variables.push(("USER_ID", user.account.id.clone()));
        variables.push(("STATEMENT", user.operation.statement.to_owned()));
        Launch { name: "bare".to_owned(), binary: self.binaries.path("bare"), variables, status: 200 }
    }

    fn empty(&self) -> Launch {
        Launch { name: "empty".to_owned(), binary: self.binaries.path("empty"), variables: Vec::new(), status: 200 }
    }

    fn variables(&self, port: u16, tls: TlsMode) -> Vec<(&'static str, String)> {
        let authority = self.env.authority.display().to_string();
        vec![("DATABASE_URL", self.env.url(port, tls)), ("SSL_CERT_FILE", authority)]
    }

    /// The user for measurements of a single operation, get-task.
    fn user(&self) -> &BenchUser {
        let found = self.env.users.iter().find(|user| user.operation.function == "get-task");
        found.expect("there is one for each operation")
    }

    /// The event of the next request of the user.
    fn event(&self, user: &BenchUser, authentication: Option<&Authentication>) -> Result<Vec<u8>, BenchError> {
        let token = authentication.map(|authentication| authentication.token.as_str());
        self.env.event(user.operation, user.task(), token)
    }
}

/// Adds rows for the latency and the processor time.
fn add_comparison(compared: &Comparison, section: &mut Section, name: &str, goal: Option<Goal>) {
    section.row(format!("{name}, latency"), compared.ratio.latency, Unit::Ratio, goal, compared.latencies());
    let detail = compared.processor_times();
    section.row(format!("{name}, processor time"), compared.ratio.processor_time, Unit::Ratio, goal, detail);
}

/// Adds a row for the memory.
fn add_memory(compared: &Comparison, section: &mut Section, name: &str, baseline: &str) {
    let [ours, other] = compared.peak_memory.map(megabytes);
    section.row(name, ours, Unit::Megabytes, Some(MEMORY_GOAL), format!("{baseline} {other:.2} MB"));
}

/// A time of a start.
type Phase = fn(&StartCost) -> f64;

/// Adds a row for each phase of a start.
fn add_starts(section: &mut Section, name: &str, first: &[StartCost], second: &[StartCost], goals: [Option<Goal>; 3]) {
    let phases: [(&str, Phase); 3] = [
        ("first question", |start| start.first_poll),
        ("first answer", |start| start.first_response),
        ("processor time", |start| start.processor_time),
    ];
    for ((phase, cost), goal) in phases.into_iter().zip(goals) {
        let ratio = median(first.iter().zip(second).map(|(first, second)| cost(first) / cost(second)));
        let detail = format!(
            "{} / {}",
            duration_text(median(first.iter().map(cost))),
            duration_text(median(second.iter().map(cost)))
        );
        section.row(format!("{name}, {phase}"), ratio, Unit::Ratio, goal, detail);
    }
}

/// How much more processor time the first takes until its first response, in milliseconds.
fn extra_processor_time(first: &[StartCost], second: &[StartCost]) -> f64 {
    median(first.iter().zip(second).map(|(first, second)| (first.processor_time - second.processor_time) * 1000.0))
}

/// The load average of the last minute. Other processes are the largest source of noise.
fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn progress(what: &str) {
    eprintln!("Measuring: {what}.");
}

/// The sizes of a binary, in bytes: compressed and uncompressed.
fn zipped(binary: &Path) -> Result<(u64, u64), BenchError> {
    let zipped = Command::new("gzip").args(["-9", "--stdout"]).arg(binary).stdin(Stdio::null()).output()?;
    Ok((zipped.stdout.len() as u64, std::fs::metadata(binary)?.len()))
}
