//! Cleaning up when this process ends without doing it itself, for example by `kill -9`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Command;

/// A process group that does not outlive this process: it is terminated and then killed when this process has ended,
/// however it ends, and killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct ProcessGroup(CleanupShell);

/// Stops one server when this process has ended, however it ends.
#[derive(Debug)]
pub(crate) struct ServerCleanup {
    _shell: CleanupShell,
}

/// A shell in a process group of its own. It waits for the end of this process and then runs a script.
#[derive(Debug)]
struct CleanupShell {
    shell: Child,
    // The shell reads from this pipe. The system closes it when this process ends.
    _pipe: Option<ChildStdin>,
}

impl ProcessGroup {
    /// Makes an empty group.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(CleanupShell::start("kill -TERM 0; sleep 1; kill -KILL 0", &[])?))
    }

    /// A command whose process joins the group. A Ctrl-C in the terminal does not reach it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.process_group(i32::try_from(self.0.shell.id()).unwrap_or(0));
        command
    }

    /// Sends a signal to every process in the group.
    pub(crate) fn signal(&self, signal: Signal) {
        self.0.signal_group(signal);
    }
}

impl ServerCleanup {
    /// Sends `signal` to the process `pid` when this process has ended. With a folder, also waits until the server has
    /// ended, five seconds at most, and removes the folder.
    pub(crate) fn new(pid: i32, signal: Signal, folder: Option<&Path>) -> io::Result<Self> {
        const SCRIPT: &str = r#"kill -"$2" "$1"
            [ -n "$3" ] || exit 0
            tries=0
            while [ "$tries" -lt 50 ] && kill -0 "$1"; do sleep 0.1; tries=$((tries + 1)); done
            rm -rf "$3""#;
        let folder = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
        let shell = CleanupShell::start(SCRIPT, &[&pid.to_string(), &(signal as i32).to_string(), &folder])?;
        Ok(Self { _shell: shell })
    }
}

impl CleanupShell {
    fn start(script: &str, arguments: &[&str]) -> io::Result<Self> {
        let mut shell = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' INT TERM HUP\nread -r _\n{script}"))
            .arg("cleanup")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, _pipe: pipe })
    }

    fn signal_group(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.shell.id()) {
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for CleanupShell {
    fn drop(&mut self) {
        // The shell has not been reaped yet, so the number of the group cannot belong to another one.
        self.signal_group(Signal::SIGKILL);
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn dropping_a_group_ends_its_processes() {
        let group = ProcessGroup::new().expect("sh");
        let mut process = group.command("sleep").arg("60").kill_on_drop(true).spawn().expect("sleep");
        drop(group);
        assert!(tokio::time::timeout(Duration::from_secs(5), process.wait()).await.is_ok());
    }
}
