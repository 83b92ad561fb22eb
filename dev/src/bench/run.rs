//! A whole run: the database, the measurements and the report.

use super::env::BenchEnv;
use super::error::BenchError;
use super::measure::Bench;
use super::options::Options;
use super::processors::Processors;
use crate::services::database;
use crate::services::postgres::Cluster;

/// Measures, prints a table and writes the same as JSON.
///
/// # Errors
/// [`BenchError`].
pub async fn run(options: &Options) -> Result<(), BenchError> {
    let processors = Processors::choose()?;
    let mut postgres = Cluster::new(true).await?.start()?;
    postgres.wait_until_ready().await?;
    let client = database::connect(&postgres.url()).await?;
    let env = BenchEnv::prepare(&postgres, &client, options.requests).await?;
    // Blocks this thread, which has nothing else to do until it is over.
    let report = tokio::task::block_in_place(|| Bench::new(options, env, processors)?.run());
    postgres.stop().await;
    let report = report?;
    print!("{report}");
    std::fs::write(&options.output, report.to_json())?;
    Ok(())
}
