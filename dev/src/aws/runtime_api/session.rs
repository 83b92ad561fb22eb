//! One function process as the Runtime API sees it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use crate::sync::lock;

/// The function reported an error instead of a response: its report, which is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionError(pub(crate) String);

/// An event for a function.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    /// When Lambda would kill the function.
    pub(super) deadline: SystemTime,
    /// The value of `x-amzn-trace-id`.
    pub(super) trace_id: String,
}

/// The exchange of events and responses with one process, which handles one event at a time.
#[derive(Debug)]
pub(crate) struct RuntimeSession {
    function: String,
    /// Whether the process is waiting for an event.
    polling: watch::Sender<bool>,
    has_extension: AtomicBool,
    events: mpsc::Sender<Invocation>,
    next_event: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    pending: Mutex<Option<Pending>>,
}

/// The invocation that the process is handling.
#[derive(Debug)]
struct Pending {
    request_id: String,
    result: oneshot::Sender<Result<Bytes, FunctionError>>,
}

impl RuntimeSession {
    pub(super) fn new(function: &str) -> Self {
        let (events, next_event) = mpsc::channel(1);
        Self {
            function: function.to_owned(),
            polling: watch::Sender::new(false),
            has_extension: AtomicBool::new(false),
            events,
            next_event: tokio::sync::Mutex::new(next_event),
            pending: Mutex::new(None),
        }
    }

    /// The name of the function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// Hands an event to the process and waits for what it returns. The future never completes if the process dies.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub(crate) async fn invoke(
        &self,
        event: Bytes,
        deadline: SystemTime,
        trace_id: &str,
    ) -> Result<Bytes, FunctionError> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (result, returned) = oneshot::channel();
        *lock(&self.pending) = Some(Pending { request_id: request_id.clone(), result });
        let invocation = Invocation { request_id, event, deadline, trace_id: trace_id.to_owned() };
        if self.events.send(invocation).await.is_err() {
            return Err(FunctionError("the session has ended".to_owned()));
        }
        returned.await.unwrap_or_else(|_| Err(FunctionError("another invocation took its place".to_owned())))
    }

    /// Waits until the process asks for an event.
    pub(crate) async fn wait_until_polling(&self) {
        // The sender lives as long as `self`.
        let _ = self.polling.subscribe().wait_for(|polling| *polling).await;
    }

    /// Whether the process has registered an extension.
    pub(crate) fn has_extension(&self) -> bool {
        self.has_extension.load(Ordering::Relaxed)
    }

    /// Waits for the next event on behalf of the process. The future is dropped when the process closes its connection.
    pub(super) async fn next_invocation(&self) -> Option<Invocation> {
        struct Polling<'a>(&'a watch::Sender<bool>);
        impl Drop for Polling<'_> {
            fn drop(&mut self) {
                self.0.send_replace(false);
            }
        }
        let mut next_event = self.next_event.lock().await;
        let _polling = Polling(&self.polling);
        self.polling.send_replace(true);
        next_event.recv().await
    }

    /// Takes what the function returned for an invocation. `false` if that is not the pending one.
    pub(super) fn complete(&self, request_id: &str, result: Result<Bytes, FunctionError>) -> bool {
        let completed = lock(&self.pending).take_if(|pending| pending.request_id == request_id);
        match completed {
            Some(pending) => {
                // The receiver is gone if the invocation has timed out. The result is of no use then.
                let _ = pending.result.send(result);
                true
            }
            None => false,
        }
    }

    pub(super) fn register_extension(&self) {
        self.has_extension.store(true, Ordering::Relaxed);
    }
}
