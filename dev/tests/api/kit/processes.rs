//! The processes of this machine, as `ps` shows them.

use std::process::Command;

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    /// The program, of which some systems show only the first letters.
    pub(crate) name: String,
}

impl Process {
    /// Whether it still runs. One that has ended and waits for its parent to take notice does not.
    pub(crate) fn is_running(&self) -> bool {
        // Its parent may be another by now.
        all().iter().any(|process| process.pid == self.pid && process.name == self.name)
    }

    pub(crate) fn kill(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a process of ours");
    }
}

/// The children of a process, and theirs.
pub(crate) fn children(parent: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![i32::try_from(parent).expect("a process id")];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

fn all() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,comm="]).output().expect("ps");
    let text = String::from_utf8_lossy(&output.stdout);
    let read = |line: &str| {
        let mut columns = line.split_whitespace();
        let (pid, parent) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        let has_ended = columns.next()?.starts_with('Z');
        let name = columns.next()?.rsplit('/').next()?.to_owned();
        (!has_ended).then_some(Process { pid, parent, name })
    };
    text.lines().filter_map(read).collect()
}
