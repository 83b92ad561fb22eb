//! The options of `dev bench`.

use std::path::PathBuf;

use crate::deploy::artifacts::{self, BASELINES};

/// What the command line sets.
#[derive(Debug, Clone)]
pub struct Options {
    /// The binaries that are measured.
    pub binaries: Binaries,
    /// Requests in a block. All other numbers are in proportion.
    pub requests: usize,
    /// Whether the back end in Python takes part.
    pub with_peers: bool,
    /// Whether to measure the sizes of zip files, which takes long for debug binaries.
    pub with_sizes: bool,
    /// The file for the results as JSON. Next to it is one with the ending `md`.
    pub output: PathBuf,
}

/// Where the binaries of the functions and of the baselines are.
#[derive(Debug, Clone)]
pub enum Binaries {
    /// Where [`artifacts`] builds them.
    Deployed,
    /// In this folder, with the names of the functions.
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
