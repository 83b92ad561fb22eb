//! Proves that the functions work with a database: tries what they do as an existing user, in a transaction that is rolled
//! back, and compares what they show with what the tables hold.
//!
//! | Module | |
//! |---|---|
//! | `prove` | the proof |
//! | `advice` | what to do about an operation that fails |
//! | `counts` | what the tables hold, and what the functions show |
//! | `grants` | privileges of the role of the functions |
//! | `references` | foreign keys of other tables that refer to tasks |
//! | `sequence` | whether the next id is free |
//! | `sign_in` | the tables of Better Auth |
//! | `findings` | what a proof has found |

mod advice;
mod counts;
mod findings;
mod grants;
mod prove;
mod references;
mod sequence;
mod sign_in;

pub(crate) use prove::prove;
