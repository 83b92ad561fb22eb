//! Child processes: started, stopped, and never left behind; and what they print.

mod child;
mod group;
mod output;
mod port;

pub(crate) use child::Process;
pub(crate) use group::{ProcessGroup, ServerCleanup};
pub(crate) use output::{LastLogLine, LogOutput, forward_lines};
pub(crate) use port::reserve_port;
