//! One run: the database, the measurements and the report.

use std::time::Duration;

use tokio::runtime::Handle;

use super::effort::Effort;
use super::env::BenchEnv;
use super::error::BenchError;
use super::options::Options;
use super::processors::Processors;
use super::report::Report;
use super::runner::Runner;
use super::runtime_api::RuntimeApi;
use super::sections::{
    BackEndCost, PeerResults, RequestCost, authentication, bulk, calibration, cold, distant, million_requests, peer,
    round_trips, sign_in, sizes, starts, warm, warm_tls,
};
use super::server::Server;
use super::subjects::Subjects;
use crate::install::python::PEER;
use crate::services::database;
use crate::services::postgres::Cluster;

/// The round-trip times to a database within one region of AWS, and to one elsewhere.
const DISTANCES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(5)];

/// Measures, prints the results, and writes them as JSON and as tables for the documentation.
///
/// # Errors
/// [`BenchError`].
pub async fn run(options: &Options) -> Result<(), BenchError> {
    let python = if options.with_peers { Some(PEER.folder().await?.join("bin/python")) } else { None };
    let processors = Processors::choose()?;
    let mut postgres = Cluster::new(true).await?.start()?;
    postgres.wait_until_ready().await?;
    let client = database::connect(&postgres.url()).await?;
    let env = BenchEnv::prepare(&postgres, &client, options.requests).await?;
    let server = Server::new(client, Handle::current());
    // The measurements block their thread.
    let report = tokio::task::block_in_place(|| {
        let subjects = Subjects::new(options, env, python)?;
        let (api, effort) = (RuntimeApi::start()?, Effort::new(options.requests));
        measure(&Runner { api, processors, effort, server }, &subjects, options.with_sizes)
    });
    postgres.stop().await;
    let report = report?;
    print!("{report}");
    std::fs::write(&options.output, report.to_json())?;
    std::fs::write(options.output.with_extension("md"), report.to_markdown())?;
    Ok(())
}

/// Measures everything, which blocks for minutes.
fn measure(runner: &Runner, subjects: &Subjects, with_sizes: bool) -> Result<Report, BenchError> {
    let mut about = about(runner, subjects);
    progress("the same binary under two names");
    let mut sections = vec![calibration(runner, subjects)?];
    progress("warm requests");
    let (near_sections, near) = warm(runner, subjects)?;
    sections.extend(near_sections);
    progress("warm requests at a distance");
    let [near_region, elsewhere] = DISTANCES.map(|round_trip| distant(runner, subjects, round_trip));
    let ((in_region_sections, in_region), (elsewhere_sections, _)) = (near_region?, elsewhere?);
    sections.extend(in_region_sections.into_iter().chain(elsewhere_sections));
    progress("many tasks in one request");
    sections.push(bulk(runner, subjects)?);
    progress("warm requests through TLS");
    let [latency, processor_time, memory] = warm_tls(runner, subjects)?;
    sections.extend([latency, processor_time]);
    sections.extend(authentication(runner, subjects)?);
    progress("refused sign-ins");
    sections.push(sign_in(runner, subjects)?);
    progress("starts");
    let (start_sections, start) = starts(runner, subjects)?;
    sections.extend(start_sections);
    match cold(runner, subjects)? {
        Some(section) => sections.push(section),
        None => {
            about.push(("Cold starts", "not measured, because that takes the right to make control groups".to_owned()))
        }
    }
    progress("round trips");
    sections.extend([round_trips(runner, subjects)?, memory]);
    if with_sizes {
        progress("sizes");
        sections.push(sizes(&subjects.binaries)?);
    }
    // Processor time is not a matter of distance, and is known best where most requests were.
    let requests = in_region
        .ours()
        .zip(near.ours())
        .map(|(in_region, near)| RequestCost { latency: in_region.latency, ..RequestCost::from(near) });
    let ours = BackEndCost { requests: requests.collect(), start, peak_memory: near.peak_memory() };
    if subjects.python.is_some() {
        progress("the back end in Python");
    }
    match peer(runner, subjects)? {
        Some(PeerResults { sections: compared, cost }) => {
            sections.extend(compared);
            sections.extend([million_requests("ours", &ours), million_requests("Python", &cost)]);
        }
        None => sections.push(million_requests("ours", &ours)),
    }
    Ok(Report { about, sections })
}

/// The conditions of the run.
fn about(runner: &Runner, subjects: &Subjects) -> Vec<(&'static str, String)> {
    let Effort { requests, blocks, pairs, starts, distant_requests, .. } = runner.effort;
    vec![
        ("PostgreSQL", format!("{}, on this machine", subjects.env.version)),
        ("Requests", format!("{pairs} processes of each function, {blocks} blocks of {requests} each, in turns")),
        ("Requests at a distance", format!("the same with {blocks} blocks of {distant_requests}")),
        ("Starts", starts.to_string()),
        ("Processors", format!("{}, load average before {}", runner.processors.number, load_average())),
    ]
}

/// The load average of the last minute. Other processes are the largest source of noise.
fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

fn progress(what: &str) {
    eprintln!("Measuring: {what}.");
}
