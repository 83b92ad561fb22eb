//! Child processes that do not outlive this process, and their output.

mod child;
mod group;
mod output;
mod port;

pub(crate) use child::Process;
pub(crate) use group::{ProcessGroup, ServerCleanup};
pub(crate) use output::{LastLogLine, LogOutput, forward_lines};
pub use port::reserve_port;
