//! Round trips to the database.

use std::time::Duration;

use crate::bench::effort::COUNTED;
use crate::bench::env::{Authentication, BenchUser, TlsMode};
use crate::bench::error::BenchError;
use crate::bench::function::Function;
use crate::bench::link::{Link, RoundTrips};
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::Runner;
use crate::bench::statistics::count;
use crate::bench::subjects::Subjects;

/// The round trips of a start after it has connected.
const CHECK_AT_START: f64 = 1.0;
/// The first PostgreSQL with `sslnegotiation=direct`.
const DIRECT_TLS_SINCE: u32 = 17;
/// The first PostgreSQL that accepts the key share that OpenSSL offers, which saves a round trip of the handshake.
const COMMON_KEY_SINCE: u32 = 18;

/// The round trips of warm requests and of a start.
pub(in crate::bench) fn round_trips(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let env = &subjects.env;
    let major = env.major_version();
    let mut section = Section::new(
        "Round trips to the database",
        "Counted by a proxy: how often the client sends after the server has sent, and one for each TCP connection.",
    );
    for user in &env.users {
        let (_, _, warm) = count_round_trips(runner, subjects, user, &env.hs256(&user.account), TlsMode::Requested)?;
        section.row(user.operation.function, warm, Unit::Count, Some(Goal::Exactly(1.0)), "");
    }
    let user = subjects.user();
    let (_, _, warm) = count_round_trips(runner, subjects, user, &env.session(&user.account), TlsMode::Requested)?;
    section.row("get-task, AUTH_MODE=session", warm, Unit::Count, Some(Goal::Exactly(2.0)), "");
    let one_hello = major >= COMMON_KEY_SINCE;
    let mut connects = vec![("connect, SSLRequest", TlsMode::Requested, if one_hello { 6.0 } else { 7.0 })];
    if major >= DIRECT_TLS_SINCE {
        connects.push(("connect, direct TLS", TlsMode::Direct, if one_hello { 5.0 } else { 6.0 }));
    }
    for (name, tls, goal) in connects {
        let (at_start, first, warm) = count_round_trips(runner, subjects, user, &env.hs256(&user.account), tls)?;
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
    runner: &Runner,
    subjects: &Subjects,
    user: &BenchUser,
    authentication: &Authentication,
    tls: TlsMode,
) -> Result<(RoundTrips, RoundTrips, f64), BenchError> {
    let link = Link::start(subjects.env.address, Duration::ZERO)?;
    let ours = subjects.ours(user, authentication, link.port(), tls);
    let mut function = Function::start(&runner.api, &ours, &runner.processors)?;
    let at_start = link.round_trips();
    function.invoke(&subjects.event(user, authentication)?)?;
    let first = link.round_trips();
    for _ in 0..COUNTED {
        function.invoke(&subjects.event(user, authentication)?)?;
    }
    Ok((at_start, first, count((link.round_trips() - first).total()) / count(COUNTED)))
}
