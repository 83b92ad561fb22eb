//! The options of `dev bench`.

use std::path::PathBuf;

use crate::deploy::artifacts::{self, BASELINES};

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
    /// The path of a binary.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        match self {
            Self::Deployed if BASELINES.contains(&name) => artifacts::baseline_path(name),
            Self::Deployed => artifacts::binary_path(name),
            Self::In(folder) => folder.join(name),
        }
    }
}
