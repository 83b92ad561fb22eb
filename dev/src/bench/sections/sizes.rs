//! The sizes of the binaries.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::error::BenchError;
use crate::bench::options::Binaries;
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::statistics::megabytes;
use crate::deploy::artifacts::{BASELINES, function_names};

/// The size of a zip file, in MB.
const ZIP_GOAL: Goal = Goal::AtMost(2.6);

/// The size of each function as a zip file.
pub(in crate::bench) fn sizes(binaries: &Binaries) -> Result<Section, BenchError> {
    let mut section = Section::new("Size", "Each binary compressed with gzip, which uses the method of zip files.");
    let ours = function_names()?.into_iter().map(|name| (name, Some(ZIP_GOAL)));
    for (name, goal) in ours.chain(BASELINES.map(|name| (name.to_owned(), None))) {
        let (size, unzipped) = zipped(&binaries.path(&name))?;
        let detail = format!("unzipped {:.2} MB", megabytes(unzipped));
        section.row(name, megabytes(size), Unit::Megabytes, goal, detail);
    }
    Ok(section)
}

/// The sizes of a binary, in bytes: compressed and uncompressed.
fn zipped(binary: &Path) -> Result<(u64, u64), BenchError> {
    let zipped = Command::new("gzip").args(["-9", "--stdout"]).arg(binary).stdin(Stdio::null()).output()?;
    Ok((zipped.stdout.len() as u64, std::fs::metadata(binary)?.len()))
}
