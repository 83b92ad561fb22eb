//! Why a process does not start.

use std::fmt;

/// Why the process does not start: one sentence for the person who configured it.
#[derive(thiserror::Error)]
pub enum StartError {
    /// A setting without a default is absent or empty.
    #[error("{name} is not set: {meaning}")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// What to set it to.
        meaning: &'static str,
    },
    /// A setting has an invalid value, which is not repeated.
    #[error("{name} {problem}")]
    Invalid {
        /// The environment variable.
        name: &'static str,
        /// A predicate: `must be a number from 1 to 255`.
        problem: String,
    },
    /// The Lambda Runtime API could not be reached.
    #[error("the Lambda runtime stopped: {0}")]
    Runtime(String),
}

impl StartError {
    pub(crate) fn invalid(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { name, problem: problem.into() }
    }
}

/// The same as `Display`: a `main` that returns an error prints it with `Debug`.
impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
