//! Users who write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dev::testing::client::{TestResponse, TestUser};
use dev::testing::random::SeededRandom;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use super::bulk::{Bulk, Form, Operation};
use super::journal::WorkerJournal;
use super::model::{Change, Model, State, TagChange};

/// The maximum number of known tasks of one user. A list can contain more.
const TASKS: usize = 50;
/// How many requests with a key are remembered, to be repeated long after their outcome is known.
const KEPT: usize = 8;
/// More attempts than any fault outlasts.
pub(super) const ATTEMPTS: usize = 200;
/// The tags of all tasks.
const TAGS: [&str; 3] = ["home", "work", "later"];
/// An id that no task has.
const ABSENT: i64 = i32::MAX as i64;

/// One user, who sends one request after the other.
pub(super) struct Worker {
    pub(super) user: TestUser,
    pub(super) model: Model,
    pub(super) counts: Counts,
    /// How many requests all workers have sent, without repeats.
    sent: Arc<watch::Sender<usize>>,
    random: SeededRandom,
    titles: usize,
    keys: usize,
    /// Requests with a key, and their first responses.
    kept: Vec<(Request, TestResponse)>,
    journal: WorkerJournal,
}

/// What has happened to the requests of a worker.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) unavailable: usize,
    /// Requests that were sent again with the same key because their outcome was unknown.
    pub(super) repeated: usize,
    /// Responses that gave the answer of an earlier request.
    pub(super) replayed: usize,
    /// Bulk requests.
    pub(super) bulk: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The value of `Idempotency-Key`.
    pub(super) key: Option<String>,
}

impl Worker {
    pub(super) fn new(
        user: TestUser,
        sent: Arc<watch::Sender<usize>>,
        random: SeededRandom,
        journal: WorkerJournal,
    ) -> Self {
        Self {
            user,
            model: Model::new(journal.clone()),
            counts: Counts::default(),
            sent,
            random,
            titles: 0,
            keys: 0,
            kept: Vec::new(),
            journal,
        }
    }

    pub(super) async fn run(mut self, requests: usize) -> Self {
        for _ in 0..requests {
            let known = self.random.below(self.model.len().max(1));
            let id = self.model.nth(known);
            match (self.random.below(18), id) {
                (0..3, _) | (_, None) if self.model.len() < TASKS => self.create().await,
                (3, _) => drop(self.list().await),
                (4, Some(id)) => self.get(id).await,
                (5, Some(id)) => {
                    let title = self.new_title();
                    self.change(id, Change::Rename(title)).await;
                }
                (6 | 7, Some(id)) => self.change(id, Change::Toggle).await,
                (8, Some(id)) => {
                    let completed = self.random.percent(50);
                    self.change(id, Change::Complete(completed)).await;
                }
                (9..12, _) => self.bulk().await,
                (12, _) => self.repeat_kept().await,
                (14 | 15, Some(id)) => {
                    let tag = *self.random.pick(&TAGS.each_ref());
                    self.change(id, Change::AddTag(tag)).await;
                }
                (16, Some(id)) => {
                    let tag = *self.random.pick(&TAGS.each_ref());
                    self.change(id, Change::RemoveTag(tag)).await;
                }
                (17, _) => self.change_tag().await,
                (_, Some(id)) => self.delete(id).await,
                (_, None) => unreachable!("a worker without tasks creates one"),
            }
            self.note_sent();
        }
        self
    }

    /// Counts a request that was sent, without repeats.
    pub(super) fn note_sent(&self) {
        self.sent.send_modify(|sent| *sent += 1);
    }

    /// The events about tasks with this title.
    pub(super) fn history_of(&self, title: &str) -> String {
        self.journal.about_title(title)
    }

    /// A read, or a write without a key.
    pub(super) fn request(method: &'static str, path: &str, body: Option<Value>) -> Request {
        Request { method, path: format!("/api/tasks{path}"), body, key: None }
    }

    /// A write, half of the time with a key.
    fn write(&mut self, method: &'static str, path: &str, body: Option<Value>) -> Request {
        self.keys += 1;
        let key = self.random.percent(50).then(|| format!("key {}", self.keys));
        Request { key, ..Self::request(method, path, body) }
    }

    /// Sends a request until its outcome is known if it has a key, otherwise once. `None` if the outcome is unknown.
    pub(super) async fn send(&mut self, request: &Request) -> Option<TestResponse> {
        if request.key.is_none() {
            return self.attempt(request).await;
        }
        for attempt in 0..ATTEMPTS {
            let Some(response) = self.attempt(request).await else {
                self.counts.repeated += 1;
                continue;
            };
            let is_replay = response.header("idempotent-replayed").is_some();
            self.counts.replayed += usize::from(is_replay);
            let is_known = self.kept.iter().any(|(kept, _)| kept.key == request.key);
            assert!(!is_replay || attempt > 0 || is_known, "{request:?} was not sent before: {response:?}");
            return Some(response);
        }
        unreachable!("{request:?} has no outcome");
    }

    /// Sends a request once. `None` if the outcome is unknown.
    async fn attempt(&mut self, request: &Request) -> Option<TestResponse> {
        let Request { method, path, body, key } = request;
        let name = format!("{method} {path} {}", body.as_ref().unwrap_or(&Value::Null));
        self.journal.note(format_args!("{name} {key:?}"));
        let sent = self.user.request(method, path).maybe_json(body.as_ref());
        let sent = key.iter().fold(sent, |sent, key| sent.header("idempotency-key", key));
        let user = self.user.clone();
        let exchange = user.send(sent);
        // The client loses the connection. The request is executed nevertheless, maybe while it is repeated.
        let is_abandoned = key.is_some() && self.random.percent(10);
        let patience = Duration::from_millis(self.random.below(30) as u64);
        let response = if is_abandoned { timeout(patience, exchange).await.ok() } else { Some(exchange.await) };
        let Some(response) = response else {
            self.journal.note(format_args!("{name} {key:?} was abandoned"));
            return None;
        };
        self.journal.note(format_args!("{name} {key:?} got {} {}", response.status, response.json));
        let is_in_progress = response.status == 409 && response["code"] == "idempotency_in_progress";
        assert!(!is_in_progress || key.is_some(), "without a key: {response:?}");
        if response.status == 503 || is_in_progress {
            assert!(response.retry_after().is_some(), "{response:?}");
            self.counts.unavailable += 1;
            return None;
        }
        Some(response)
    }

    /// Remembers the response to a request with a key.
    fn keep(&mut self, request: Request, response: &TestResponse) {
        if request.key.is_some() {
            self.kept.push((request, response.clone()));
            if self.kept.len() > KEPT {
                self.kept.remove(0);
            }
        }
    }

    /// Repeats a request whose outcome is known, and asserts that the response is the first one.
    async fn repeat_kept(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let (request, first) = self.kept[self.random.below(self.kept.len())].clone();
        let response = self.send(&request).await.expect("a request with a key has an outcome");
        assert_eq!((response.status, &response.json), (first.status, &first.json), "{request:?}");
        assert_eq!(response.header("x-transaction-id"), first.header("x-transaction-id"), "{request:?}");
        assert_eq!(response.header("idempotent-replayed"), Some("true"), "{request:?}");
    }

    fn new_title(&mut self) -> String {
        self.titles += 1;
        format!("Title {}", self.titles)
    }

    async fn create(&mut self) {
        let title = self.new_title();
        let request = self.write("POST", "", Some(json!({"title": title})));
        match self.send(&request).await {
            Some(response) => {
                assert_eq!(response.status, 201, "{response:?}");
                let state = State::from_task(&response.json);
                assert_eq!(state, State::new(&title), "{response:?}");
                self.model.add(response.json["id"].as_i64().unwrap(), state);
                self.keep(request, &response);
            }
            None => self.model.add_maybe(title),
        }
    }

    async fn get(&mut self, id: i64) {
        let Some(response) = self.send(&Self::request("GET", &format!("/{id}"), None)).await else { return };
        self.model.observe(id, &self.model.states(id), shown_by(&response));
    }

    /// Sends a request that changes each possible state in the same way.
    async fn change(&mut self, id: i64, change: Change) {
        let (method, path, body) = change.request_parts();
        let request = self.write(method, &format!("/{id}{path}"), body);
        let before = self.model.states(id);
        let after = before.iter().map(|state| change.apply(state.as_ref()?)).collect();
        match self.send(&request).await {
            Some(response) if response.status == 204 => self.model.set(id, after),
            Some(response) => {
                self.model.observe(id, &after, shown_by(&response));
                if response.status == 200 {
                    self.keep(request, &response);
                }
            }
            None => self.model.set(id, [before, after].concat()),
        }
    }

    /// Renames or deletes a tag, which changes many tasks.
    async fn change_tag(&mut self) {
        let first = self.random.below(TAGS.len());
        let (tag, other) = (TAGS[first], TAGS[(first + 1 + self.random.below(TAGS.len() - 1)) % TAGS.len()]);
        let change = if self.random.percent(70) { TagChange::Rename(tag, other) } else { TagChange::Delete(tag) };
        let (method, body) = match change {
            TagChange::Rename(_, name) => ("PUT", Some(json!({"name": name}))),
            TagChange::Delete(_) => ("DELETE", None),
        };
        let request = Request { path: format!("/api/tags/{tag}"), ..self.write(method, "", body) };
        let response = self.send(&request).await;
        if let Some(response) = response.as_ref().filter(|response| response.status < 300) {
            self.keep(request.clone(), response);
        }
        for id in self.model.ids() {
            let before = self.model.states(id);
            let after: Vec<_> = before.iter().map(|state| Some(change.apply(state.as_ref()?))).collect();
            let states = match response.as_ref().map(|response| response.status) {
                Some(200 | 204) => after,
                // No task has it.
                Some(404) => {
                    let has_tag = |state: &State| state.tags.iter().any(|of_task| of_task == change.tag());
                    before.into_iter().filter(|state| !state.as_ref().is_some_and(has_tag)).collect()
                }
                Some(status) => unreachable!("{request:?} got {status}"),
                None if before == after => before,
                None => [before, after].concat(),
            };
            assert!(!states.is_empty(), "{request:?}: {response:?}\n{}", self.journal.about_task(id));
            self.model.set(id, states);
        }
    }

    async fn delete(&mut self, id: i64) {
        let request = self.write("DELETE", &format!("/{id}"), None);
        let mut before = self.model.states(id);
        match self.send(&request).await {
            Some(response) => {
                let expected = if response.status == 404 { before.contains(&None) } else { before != [None] };
                let history = || self.journal.about_task(id);
                assert!([204, 404].contains(&response.status) && expected, "{response:?} {before:?}\n{}", history());
                self.model.set(id, vec![None]);
                if response.status == 204 {
                    self.keep(request, &response);
                }
            }
            None => {
                before.push(None);
                self.model.set(id, before);
            }
        }
    }

    /// The listed tasks. `None` if there is no response.
    async fn list(&mut self) -> Option<BTreeMap<i64, State>> {
        let response = self.send(&Self::request("GET", "?limit=100", None)).await?;
        assert_eq!(response.status, 200);
        let listed = response.json.as_array().unwrap();
        let listed = listed.iter().map(|task| (task["id"].as_i64().unwrap(), State::from_task(task))).collect();
        self.model.compare(&listed);
        Some(listed)
    }

    async fn bulk(&mut self) {
        let bulk = self.random_bulk();
        let request = self.write("POST", "/bulk", Some(bulk.body()));
        self.counts.bulk += 1;
        match self.send(&request).await {
            Some(response) => {
                bulk.observe(&response, &mut self.model);
                if bulk.is_kept() {
                    self.keep(request, &response);
                }
            }
            None => {
                bulk.note_unknown(&mut self.model);
                if bulk.is_one_statement() && !bulk.is_refused() {
                    let rows = self.list_until_shown().await;
                    bulk.assert_all_or_nothing(&rows);
                }
            }
        }
    }

    async fn list_until_shown(&mut self) -> BTreeMap<i64, State> {
        for _ in 0..ATTEMPTS {
            if let Some(rows) = self.list().await {
                return rows;
            }
        }
        unreachable!("no list is shown");
    }

    /// A bulk request on few tasks, so that several operations are on the same.
    fn random_bulk(&mut self) -> Bulk {
        let certain = self.model.certain();
        let mut ids: Vec<i64> = Vec::new();
        for _ in 0..3 {
            let known = self.random.below(certain.len().max(1));
            ids.extend(certain.keys().nth(known));
        }
        if ids.is_empty() || self.random.percent(10) {
            ids.push(ABSENT);
        }
        let form = match self.random.below(5) {
            0 | 1 => Form::Atomic,
            2 | 3 => Form::Each,
            _ => Form::Short,
        };
        let operations = match form {
            Form::Short => self.random_short(&ids),
            _ => self.random_operations(&ids, &certain),
        };
        Bulk::new(form, operations, &certain)
    }

    fn random_short(&mut self, ids: &[i64]) -> Vec<Operation> {
        let change = match self.random.below(4) {
            0 => Change::Delete,
            number => Change::Complete(number == 1),
        };
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        ids.into_iter().map(|id| Operation::Change { id, version: None, change: change.clone() }).collect()
    }

    fn random_operations(&mut self, ids: &[i64], certain: &BTreeMap<i64, State>) -> Vec<Operation> {
        let mut operations = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            if self.random.percent(25) && self.model.len() + operations.len() < TASKS {
                operations.push(Operation::Create(self.new_title()));
                continue;
            }
            let id = ids[self.random.below(ids.len())];
            let change = match self.random.below(8) {
                0 => Change::Delete,
                1 | 2 => Change::Rename(self.new_title()),
                3 => Change::Complete(self.random.percent(50)),
                _ => Change::Toggle,
            };
            // The version before the request, or an earlier one. A later one could become right.
            let version = certain.get(&id).filter(|_| self.random.percent(20)).map(|state| state.version);
            let version = version.map(|version| version - i64::from(self.random.percent(20)));
            operations.push(Operation::Change { id, version, change });
        }
        operations
    }
}

/// The task in a response, or `None` if there is no such task.
fn shown_by(response: &TestResponse) -> Option<State> {
    let state = (response.status != 404).then(|| State::from_task(&response.json));
    assert!(response.status == if state.is_some() { 200 } else { 404 }, "{response:?}");
    state
}
