//! All requests, responses and faults in order, to find the cause of a failure.

use std::fmt::Display;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

/// Shared by all workers, readers and the injector.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(super) fn note(&self, event: impl Display) {
        self.0.lock().unwrap().push(format!("{} {event}", Timestamp::now()));
    }

    pub(super) fn of_worker(&self, number: usize) -> WorkerJournal {
        WorkerJournal { journal: self.clone(), worker: format!("worker {number}:") }
    }

    /// The matching events, and all faults after the first of them.
    fn about(&self, is_meant: impl Fn(&str) -> bool) -> String {
        let events = self.0.lock().unwrap();
        let events = events.iter().skip_while(|event| !is_meant(event));
        let events: Vec<&str> =
            events.filter(|event| is_meant(event) || event.contains(" fault ")).map(String::as_str).collect();
        events.join("\n")
    }
}

/// The events of one worker and of the reader of its user.
#[derive(Clone)]
pub(super) struct WorkerJournal {
    journal: Journal,
    worker: String,
}

impl WorkerJournal {
    pub(super) fn note(&self, event: impl Display) {
        self.journal.note(format_args!("{} {event}", self.worker));
    }

    /// The events about a task, and the faults since the first of them.
    pub(super) fn about_task(&self, id: i64) -> String {
        self.about(&[format!("/{id} "), format!("/{id}/"), format!("\"id\":{id},"), format!("\"id\":{id}}}")])
    }

    /// The events about tasks with this title.
    pub(super) fn about_title(&self, title: &str) -> String {
        self.about(&[format!("\"title\":\"{title}\"")])
    }

    fn about(&self, names: &[String]) -> String {
        self.journal.about(|event| event.contains(&self.worker) && names.iter().any(|name| event.contains(name)))
    }
}
