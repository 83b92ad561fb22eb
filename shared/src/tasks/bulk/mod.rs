//! Several operations in one request, and in one statement.
//!
//! ```text
//! input       the body: operations, or the short form with the ids of tasks and one change for all
//! merge       operations on the same task become one write
//! send        the writes to the database
//! statement   the statement, and its parameters
//! ```

mod input;
mod merge;
mod send;
mod statement;

pub use input::Bulk;
