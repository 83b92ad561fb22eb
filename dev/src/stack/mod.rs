//! The local stack: `dev serve` and `dev watch`.

mod error;
mod interrupt;
mod options;
pub mod ready;
mod run;
mod watch;

pub use error::StackError;
pub use options::{Mode, Options};
pub use run::run;
