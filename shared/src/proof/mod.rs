//! Tries what the functions do, in a transaction that is rolled back. The program `migrate` proves with it that the
//! functions work with a database. No function contains it.
//!
//! A [`Proof`] has no token, and so no verified user. It never returns what belongs to a user, only whether an operation
//! succeeded, and counts.

mod error;
mod input;
mod sign_in;
mod transaction;
mod trial;

pub use error::ProofError;
pub use sign_in::{SignInCheck, check_sign_in};
pub use transaction::{Proof, ShownTasks};
