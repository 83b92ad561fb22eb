//! Waiting for the request to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// `SIGINT`, `SIGTERM`, `SIGHUP`, or the end of standard input.
#[derive(Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Starts to listen for signals, and for the end of standard input if `until_stdin_closes`.
    pub(crate) fn listen(until_stdin_closes: bool) -> io::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let (mut signal, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    sender.send_replace(true);
                }
            });
        }
        if until_stdin_closes {
            // Not a task: the runtime would wait for the blocking read when it shuts down.
            std::thread::spawn(move || {
                let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
                sender.send_replace(true);
            });
        }
        Ok(Self(receiver))
    }

    /// Waits until the stack is to stop.
    pub(crate) async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending().await
        }
    }
}
