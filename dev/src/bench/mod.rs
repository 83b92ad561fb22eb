//! How fast the functions are, beside an empty function and a bare one: what `make bench` runs.
//!
//! The real binaries run behind a Runtime API (`function`) that costs next to nothing, on a PostgreSQL of their own,
//! directly or through a `link` that counts round trips and makes distance. What is compared runs in turns, and
//! what is told is the median of the ratios of neighbours, so that a machine that is busy for a while counts little.

mod function;
mod link;
mod measure;
mod operation;
mod processors;
mod report;
mod site;

use std::io;
use std::path::PathBuf;

use crate::artefacts::{self, YARDSTICKS};
use crate::database;
use crate::postgres::{PostgresError, Prepared};
use crate::template::TemplateError;
use crate::workspace::WorkspaceError;

use function::FunctionError;
use measure::Bench;
use processors::Processors;
use site::Site;

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is measured.
    pub binaries: Binaries,
    /// Requests in a block of what is compared. Everything else is in proportion.
    pub requests: usize,
    /// Whether the binaries are zipped, which takes long for those that were not built to be small.
    pub with_sizes: bool,
    /// Where the results go as JSON.
    pub output: PathBuf,
}

/// Where the binaries are: those of the functions, `bare` and `empty`.
#[derive(Debug, Clone)]
pub enum Binaries {
    /// Where [`artefacts`] makes them.
    Deployed,
    /// In this folder, by their names.
    In(PathBuf),
}

impl Binaries {
    fn program(&self, name: &str) -> PathBuf {
        match self {
            Self::Deployed if YARDSTICKS.contains(&name) => artefacts::yardstick(name),
            Self::Deployed => artefacts::program(name),
            Self::In(folder) => folder.join(name),
        }
    }
}

/// Why there are no results, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A binary is not there.
    #[error("{} is missing: `make bench` builds it", .0.display())]
    Missing(PathBuf),
    /// A function did not do what is measured.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The names of the functions cannot be read.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// No PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// `template.yaml` is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The schema cannot be made.
    #[error(transparent)]
    Migrate(#[from] migrations::MigrateError),
    /// The users and tasks cannot be stored.
    #[error("the database cannot be prepared: {0}")]
    Prepare(#[from] tokio_postgres::Error),
    /// No key for the tokens.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// No token.
    #[error("no token could be signed: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The system refuses something ordinary.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// Measures, prints a table and writes the same as JSON.
///
/// # Errors
/// [`BenchError`].
pub async fn run(options: &Options) -> Result<(), BenchError> {
    let processors = Processors::choose()?;
    let mut postgres = Prepared::new(true).await?.start()?;
    postgres.until_ready().await?;
    let client = database::connect(&postgres.url()).await?;
    let site = Site::prepare(&postgres, &client, options.requests).await?;
    // Blocks this thread, which has nothing else to do until it is over.
    let report = tokio::task::block_in_place(|| Bench::new(options, site, processors)?.run());
    postgres.stop().await;
    let report = report?;
    print!("{report}");
    std::fs::write(&options.output, report.to_json())?;
    Ok(())
}
