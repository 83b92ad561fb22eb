//! Tests that cannot run on this machine.

use std::io::Write;

/// Prints `NOT RUN`, the name of the test of this thread, and the reason, which completes the sentence after "because".
///
/// It writes to standard error directly: the test harness hides what a test prints with `eprintln!`.
pub fn report_skipped(reason: &str) {
    let test = std::thread::current();
    let line = format!("NOT RUN: {}, because {reason}\n", test.name().unwrap_or("a test"));
    // If standard error is closed, nobody reads it.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
