//! The first request of a function with little memory, and so with little processor time.

use std::time::Duration;

use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::link::Link;
use crate::bench::quota::Quota;
use crate::bench::report::{Section, Unit};
use crate::bench::runner::{ColdStart, Runner};
use crate::bench::statistics::{duration_text, median};
use crate::bench::subjects::Subjects;

/// The memory of the functions, in MB.
const MEMORY: u32 = 128;
/// The round-trip time to the database: that within one region of AWS.
const DISTANCE: Duration = Duration::from_millis(1);

/// Cold starts with the processor time that Lambda gives to little memory. `None` if this process must not limit others.
pub(in crate::bench) fn cold(runner: &Runner, subjects: &Subjects) -> Result<Option<Section>, BenchError> {
    let Some(quota) = Quota::create(MEMORY) else { return Ok(None) };
    let mut section = Section::new(
        format!("Cold starts with {MEMORY} MB, the database {} ms away", DISTANCE.as_millis()),
        "get-task through TLS. As in Lambda, the function starts with a whole processor, and from then on has the share \
         that belongs to its memory. Starting and the first request together; details: ours / the other one.",
    );
    let link = Link::start(subjects.env.address, DISTANCE)?;
    let user = subjects.user();
    let authentication = subjects.env.hs256(&user.account);
    let event = subjects.event(user, &authentication)?;
    let ours = (subjects.ours(user, &authentication, link.port(), TlsMode::Requested), event.clone());
    let [bare, rustls] = ["bare", "bare-rustls"]
        .map(|name| (subjects.baseline(name, user, link.port(), TlsMode::Requested), event.clone()));
    let [ours, bare, rustls] = runner.cold_starts_in_turns([&ours, &bare, &rustls], &quota)?;
    for (name, other) in [("bare", bare), ("bare-rustls", rustls)] {
        let ratio = median(ours.iter().zip(&other).map(|(ours, other)| ours.total() / other.total()));
        let [ours, other] = [&ours, &other].map(|starts| duration_text(median(starts.iter().map(ColdStart::total))));
        section.row(format!("get-task, {name}"), ratio, Unit::Ratio, None, format!("{ours} / {other}"));
    }
    Ok(Some(section))
}
