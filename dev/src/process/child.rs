//! One child process.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;

/// A running child process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    child: Arc<Mutex<Child>>,
    /// The exit status, once the process has ended.
    exit_status: Arc<watch::Sender<Option<ExitStatus>>>,
}

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| io::Error::other("no process id"))?;
        let child = Arc::new(Mutex::new(child));
        let exit_status = Arc::new(watch::Sender::new(None));
        let sender = Arc::clone(&exit_status);
        let waited_for = Arc::clone(&child);
        // Only one task can wait for a `Child`. This one publishes the exit status to all others.
        tokio::spawn(async move {
            let status = poll_fn(|context| pin!(lock(&waited_for).wait()).poll(context)).await;
            sender.send_replace(Some(status.unwrap_or_default()));
        });
        Ok(Self { pid: Pid::from_raw(pid), child, exit_status })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Takes the pipes of standard output and standard error, if the command set them up as pipes.
    pub(crate) fn take_pipes(&self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        let mut child = lock(&self.child);
        (child.stdout.take(), child.stderr.take())
    }

    /// Whether the process is running now.
    pub(crate) fn is_running(&self) -> bool {
        let status = lock(&self.child).try_wait();
        // `try_wait` reaps the child, so the task above may not be woken: publish the status here too.
        if let Ok(Some(status)) = status {
            self.exit_status.send_replace(Some(status));
        }
        matches!(status, Ok(None))
    }

    /// Waits until the process has ended. `None` if its exit status is not known.
    pub(crate) async fn wait(&self) -> Option<ExitStatus> {
        let mut exit_status = self.exit_status.subscribe();
        exit_status.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        // The process id of a reaped child may already belong to another process.
        if self.is_running() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Sends `signal` and waits for the end of the process. After `timeout` it is killed.
    pub(crate) async fn stop(&self, signal: Signal, timeout: Duration) {
        self.signal(signal);
        if tokio::time::timeout(timeout, self.wait()).await.is_err() {
            self.signal(Signal::SIGKILL);
            self.wait().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn process_that_ignores_sigterm_is_killed() {
        let process =
            Process::start(Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 1; done"])).expect("sh");
        assert!(process.is_running());
        process.stop(Signal::SIGTERM, Duration::from_millis(50)).await;
        assert!(!process.is_running());
    }
}
