//! The names of things that can be stored.

/// What a kind of row is called in messages and error codes.
#[derive(Debug, PartialEq, Eq)]
pub struct Noun {
    /// The table that stores the rows: `tasks`.
    pub table: &'static str,
    /// Within a sentence: `task`.
    pub name: &'static str,
    /// At the start of a sentence: `Task`.
    pub capitalized: &'static str,
    /// The error code of a row that does not exist: `task_not_found`.
    pub not_found_code: &'static str,
}
