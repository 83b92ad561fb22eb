//! Child processes that do not outlive the local stack.

use std::future::poll_fn;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::net::TcpSocket;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

/// A running child. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    child: Arc<Mutex<Child>>,
    /// Its status, or `None` if the system has lost it. The sender goes away when it has ended.
    ended: Arc<watch::Sender<Option<ExitStatus>>>,
}

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| io::Error::other("no process id"))?;
        let child = Arc::new(Mutex::new(child));
        let ended = Arc::new(watch::Sender::new(None));
        let sender = Arc::clone(&ended);
        let waited = Arc::clone(&child);
        // A child tells its end to one task only; this one passes it on to whoever wants to know.
        tokio::spawn(async move {
            let status = poll_fn(|context| pin!(lock(&waited).wait()).poll(context)).await;
            sender.send_replace(Some(status.unwrap_or_default()));
        });
        Ok(Self { pid: Pid::from_raw(pid), child, ended })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Takes the pipes of standard output and standard error, where they were asked for.
    pub(crate) fn pipes(&self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        let mut child = lock(&self.child);
        (child.stdout.take(), child.stderr.take())
    }

    /// Whether it runs at this moment.
    pub(crate) fn is_running(&self) -> bool {
        let status = lock(&self.child).try_wait();
        // Who notices the end takes the wake-up of the task that waits for it.
        if let Ok(Some(status)) = status {
            self.ended.send_replace(Some(status));
        }
        matches!(status, Ok(None))
    }

    /// Waits until it has ended. `None` if its status is lost.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.subscribe();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Sends a signal, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        // A child that has been waited for has given its number back.
        if self.is_running() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Asks it to end, and kills it when it has not after `patience`.
    pub(crate) async fn stop(&self, signal: Signal, patience: Duration) {
        self.signal(signal);
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            self.signal(Signal::SIGKILL);
            self.ended().await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shell that waits until this process is gone, also by `kill -9`, and then cleans up behind it.
#[derive(Debug)]
pub(crate) struct Warden {
    shell: std::process::Child,
    // The shell reads from this pipe. The system closes it when this process ends.
    _pipe: Option<ChildStdin>,
}

impl Warden {
    /// A process group that is stopped as a whole when this process has gone. See [`Warden::command`].
    pub(crate) fn of_group() -> io::Result<Self> {
        Self::start("kill -TERM 0; sleep 1; kill -KILL 0", &[])
    }

    /// Sends a signal to the process. If a folder is given, it waits for the end of the process and removes it.
    pub(crate) fn of_server(pid: i32, signal: Signal, folder: Option<&std::path::Path>) -> io::Result<Self> {
        const SCRIPT: &str = r#"kill -"$2" "$1"
            [ -n "$3" ] || exit 0
            tries=0
            while [ "$tries" -lt 50 ] && kill -0 "$1"; do sleep 0.1; tries=$((tries + 1)); done
            rm -rf "$3""#;
        let folder = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
        Self::start(SCRIPT, &[&pid.to_string(), &(signal as i32).to_string(), &folder])
    }

    fn start(script: &str, arguments: &[&str]) -> io::Result<Self> {
        let mut shell = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' INT TERM HUP\nread -r _\n{script}"))
            .arg("warden")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, _pipe: pipe })
    }

    /// A command whose process joins the group, so that neither Ctrl-C nor the death of this process leaves it alone.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.process_group(i32::try_from(self.shell.id()).unwrap_or(0));
        command
    }

    /// Sends a signal to everything in the group.
    pub(crate) fn signal_group(&self, signal: Signal) {
        if let Ok(group) = i32::try_from(self.shell.id()) {
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        // Not yet waited for, so the number of the group is still its own.
        self.signal_group(Signal::SIGKILL);
        let _ = self.shell.wait();
    }
}

/// Takes a port of this machine without listening on it: connections are refused, nobody is given it by chance, and a
/// server that is told to can still listen on it. With port 0 the system chooses.
pub(crate) fn reserve(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_killed() {
        let process =
            Process::start(Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"])).expect("sh");
        assert!(process.is_running());
        process.stop(Signal::SIGTERM, Duration::from_millis(50)).await;
        assert!(!process.is_running());
    }

    #[tokio::test]
    async fn a_group_ends_with_its_warden() {
        let warden = Warden::of_group().expect("sh");
        let process = Process::start(warden.command("sleep").arg("60")).expect("sleep");
        drop(warden);
        assert!(tokio::time::timeout(Duration::from_secs(5), process.ended()).await.is_ok());
    }
}
