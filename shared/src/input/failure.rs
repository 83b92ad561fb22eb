//! What is wrong with an input.

use std::fmt;

use serde::Serialize;

/// One rule that the input breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A JSON Pointer (RFC 6901) to the member of the body, `/operations/3/title`, or to the query parameter, `/limit`.
    /// Empty for the body as a whole.
    pub pointer: String,
    /// A clause that names the field, without a full stop: `title must not be empty`.
    pub detail: String,
}

/// Every rule that an input breaks; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput(pub Vec<Failure>);

impl InvalidInput {
    /// A failure of the body as a whole.
    pub(crate) fn of_body(detail: impl Into<String>) -> Self {
        Self(vec![Failure { pointer: String::new(), detail: detail.into() }])
    }
}

/// `title must not be empty; priority must be low, medium or high`
impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            formatter.write_str(&failure.detail)?;
        }
        Ok(())
    }
}
