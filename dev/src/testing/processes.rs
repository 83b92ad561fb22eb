//! The processes of this machine, as `ps` lists them.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::wait_until;
pub use crate::process::reserve_port;

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: i32,
    parent: i32,
    /// The name of the program. Some systems cut it after 15 bytes.
    pub name: String,
}

impl Process {
    /// Whether it is still running. A process that has ended and was not reaped yet is not running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        // After the end of its parent it has another one.
        list().iter().any(|(process, _)| process.pid == self.pid && process.name == self.name)
    }

    /// Whether it is stopped by a signal.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        list().iter().any(|(process, state)| process.pid == self.pid && state.starts_with('T'))
    }

    /// Sends a signal. Panics if the process has ended and was reaped.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).expect("a running process");
    }

    /// Kills it and waits for its end: on a busy machine a killed process may still run for a moment.
    pub async fn kill(&self) {
        self.signal(Signal::SIGKILL);
        wait_until("the killed process has ended", async || !self.is_running()).await;
    }
}

/// The running children of a process and their descendants.
#[must_use]
pub fn descendants(parent: u32) -> Vec<Process> {
    let all = list();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![i32::try_from(parent).expect("a process id")];
    while let Some(parent) = parents.pop() {
        for (child, _) in all.iter().filter(|(process, _)| process.parent == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// All running processes, each with its state.
fn list() -> Vec<(Process, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,comm="]).output().expect("the program `ps`");
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |line: &str| {
        let mut columns = line.split_whitespace();
        let (pid, parent) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        let state = columns.next()?.to_owned();
        let name = columns.next()?.rsplit('/').next()?.to_owned();
        (!state.starts_with('Z')).then_some((Process { pid, parent, name }, state))
    };
    text.lines().filter_map(parse).collect()
}
