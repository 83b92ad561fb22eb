//! Random requests during random faults, and a model of what the table must contain afterwards.
//!
//! A seed, which is printed, determines the faults and the requests, but not their timing. `SOAK_SEED` and
//! `SOAK_REQUESTS` set the seed and the number of requests.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dev::services::database::connect;
use dev::services::pgbouncer::PgBouncer;
use dev::testing::client::{TestResponse, TestUser};
use dev::testing::fault_proxy::{Cut, Direction, End, Flow, Script};
use dev::testing::random::SeededRandom;
use dev::testing::stack::Settings;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::pooler::start_pooler;

use crate::env::{ALL_OPERATIONS, FaultDatabase, TestEnv};

const WORKERS: usize = 6;
/// The maximum number of known tasks of one user. A list can contain more.
const TASKS: usize = 50;
/// Enough to meet each kind of fault many times.
const REQUESTS: usize = 1200;

/// The columns of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    title: String,
    completed: bool,
}

/// The possible states of a task. `None`: it is deleted. There is more than one only between a 503 and the next other
/// response.
type States = Vec<Option<State>>;

/// One user, who sends one request after the other.
struct Worker {
    user: TestUser,
    /// How many requests all workers have sent.
    sent: Arc<AtomicUsize>,
    random: SeededRandom,
    tasks: BTreeMap<i64, States>,
    /// Titles of tasks that may exist.
    maybe_created: Vec<String>,
    titles: usize,
    unavailable: usize,
    number: usize,
    journal: Journal,
}

/// All requests, responses and faults in order, to find the cause of a failure.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, event: impl Display) {
        self.0.lock().unwrap().push(format!("{} {event}", Timestamp::now()));
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

impl Worker {
    async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Option<TestResponse> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let request = format!("worker {}: {method} {path} {}", self.number, body.as_ref().unwrap_or(&Value::Null));
        self.journal.note(&request);
        let sent = self.user.request(method, &format!("/api/tasks{path}")).maybe_json(body.as_ref());
        let response = self.user.send(sent).await;
        self.journal.note(format_args!("{request} got {} {}", response.status, response.json));
        if response.status == 503 {
            assert!(response.retry_after().is_some(), "{response:?}");
            self.unavailable += 1;
            return None;
        }
        Some(response)
    }

    fn new_title(&mut self) -> String {
        self.titles += 1;
        format!("Title {}", self.titles)
    }

    async fn run(mut self, requests: usize) -> Self {
        for _ in 0..requests {
            let known = self.random.below(self.tasks.len().max(1));
            let id = self.tasks.keys().nth(known).copied();
            match (self.random.below(10), id) {
                (0..3, _) | (_, None) if self.tasks.len() < TASKS => self.create().await,
                (3, _) => self.list().await,
                (4, Some(id)) => self.change(id, "GET", "", None, |state| state.clone()).await,
                (5, Some(id)) => {
                    let title = self.new_title();
                    let body = json!({"title": title});
                    self.change(id, "PUT", "", Some(body), |state| State { title: title.clone(), ..state.clone() })
                        .await;
                }
                (6 | 7, Some(id)) => {
                    let toggled = |state: &State| State { completed: !state.completed, ..state.clone() };
                    self.change(id, "PATCH", "/toggle", None, toggled).await;
                }
                (8, Some(id)) => {
                    let completed = self.random.below(2) == 1;
                    let body = json!({"completed": completed});
                    self.change(id, "PATCH", "/complete", Some(body), |state| State { completed, ..state.clone() })
                        .await;
                }
                (_, Some(id)) => self.delete(id).await,
                (_, None) => unreachable!("a worker without tasks creates one"),
            }
        }
        self
    }

    async fn create(&mut self) {
        let title = self.new_title();
        match self.send("POST", "", Some(json!({"title": title}))).await {
            Some(response) => {
                assert_eq!((response.status, &response.json["title"]), (201, &json!(title)));
                let id = response.json["id"].as_i64().unwrap();
                assert!(self.tasks.insert(id, vec![Some(state_of(&response.json))]).is_none(), "{id} was there");
            }
            None => self.maybe_created.push(title),
        }
    }

    /// Sends a request that changes each possible state in the same way.
    async fn change(&mut self, id: i64, method: &str, path: &str, body: Option<Value>, next: impl Fn(&State) -> State) {
        let before = self.tasks[&id].clone();
        let after: States = before.iter().map(|state| state.as_ref().map(&next)).collect();
        let states = match self.send(method, &format!("/{id}{path}"), body).await {
            Some(response) => {
                let answered = (response.status != 404).then(|| state_of(&response.json));
                assert!(response.status == if answered.is_some() { 200 } else { 404 }, "{response:?}");
                assert!(
                    after.contains(&answered),
                    "{id}{path} returned {answered:?}, expected {after:?}\n{}",
                    self.history_of(id)
                );
                vec![answered]
            }
            None => [before, after].concat(),
        };
        self.set_states(id, states);
    }

    async fn delete(&mut self, id: i64) {
        let mut before = self.tasks[&id].clone();
        match self.send("DELETE", &format!("/{id}"), None).await {
            Some(response) => {
                assert!(
                    response.status == 204 || response.status == 404 && before.contains(&None),
                    "{response:?} {before:?}"
                );
                self.set_states(id, vec![None]);
            }
            None => {
                before.push(None);
                self.set_states(id, before);
            }
        }
    }

    async fn list(&mut self) {
        let Some(response) = self.send("GET", "?limit=100", None).await else { return };
        assert_eq!(response.status, 200);
        let listed = response.json.as_array().unwrap();
        let listed = listed.iter().map(|task| (task["id"].as_i64().unwrap(), state_of(task))).collect();
        self.assert_agrees_with(&listed);
    }

    /// The requests about a task, and the faults since the first of them.
    fn history_of(&self, id: i64) -> String {
        self.history(&[format!("/{id} "), format!("/{id}/"), format!("\"id\":{id},")])
    }

    fn history(&self, names: &[String]) -> String {
        let worker = format!(" worker {}:", self.number);
        self.journal.about(|event| event.contains(&worker) && names.iter().any(|name| event.contains(name)))
    }

    /// Sets the possible states of a task. A task that is certainly deleted is forgotten.
    fn set_states(&mut self, id: i64, states: States) {
        if states.iter().all(Option::is_none) {
            self.tasks.remove(&id);
        } else {
            self.tasks.insert(id, states);
        }
    }

    /// Asserts that the rows are possible, and that none exists twice.
    fn assert_agrees_with(&self, rows: &BTreeMap<i64, State>) {
        for (id, states) in &self.tasks {
            let row = rows.get(id).cloned();
            assert!(states.contains(&row), "{id} is {row:?}, expected {states:?}\n{}", self.history_of(*id));
        }
        let mut unknown: Vec<&String> =
            rows.iter().filter(|(id, _)| !self.tasks.contains_key(id)).map(|(_, state)| &state.title).collect();
        let all = unknown.len();
        unknown.sort();
        unknown.dedup();
        assert_eq!(unknown.len(), all, "stored twice: {unknown:?}");
        for title in unknown {
            assert!(
                self.maybe_created.contains(title),
                "{title} is unexpected\n{}",
                self.history(&[format!("\"title\":\"{title}\"")])
            );
        }
    }
}

fn state_of(task: &Value) -> State {
    State { title: task["title"].as_str().unwrap().to_owned(), completed: task["completed"].as_bool().unwrap() }
}

/// Injects one fault after the other.
struct FaultInjector {
    env: Arc<TestEnv>,
    /// A connection of the owner, for locks.
    locker: tokio_postgres::Client,
    pooler: Option<PgBouncer>,
    random: SeededRandom,
    journal: Journal,
}

impl FaultInjector {
    /// Injects a fault every few requests until all requests are sent. Returns the number of faults.
    async fn run(mut self, sent: Arc<AtomicUsize>, requests: usize) -> usize {
        let mut faults = 0;
        let mut next = 0;
        while next < requests {
            if sent.load(Ordering::Relaxed) < next {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            next += 1 + self.random.below(8);
            self.inject().await;
            faults += 1;
        }
        self.env.proxy.clear_faults().unwrap();
        faults
    }

    async fn inject(&mut self) {
        let end = self.random_end();
        let direction = if self.random.below(2) == 0 { Direction::ToServer } else { Direction::ToClient };
        let kind = self.random.below(13);
        self.journal.note(format_args!("fault {kind}, {direction:?}, {end:?}"));
        match kind {
            0 => self.env.close_connections(end).await,
            1 => self.env.database.terminate().await,
            2..=4 => {
                // A request survives at most three in a row.
                let cut = Cut { direction, after_bytes: self.random.below(120), end };
                (0..1 + self.random.below(4)).for_each(|_| self.env.proxy.cut_next_statement(cut));
            }
            5 | 6 => {
                self.env.proxy.set_flow(direction, Flow::Stall);
                self.pause().await;
                self.env.proxy.set_flow(direction, Flow::Pass);
            }
            7 => self.env.proxy.play_script(&Script::End(end), 1 + self.random.below(3)),
            8 => {
                let script = Script::Refuse { state: "57P03".to_owned(), message: "starting up".to_owned() };
                self.env.proxy.play_script(&script, 1 + self.random.below(3));
            }
            9 => {
                self.env.proxy.refuse_connections().await;
                self.pause().await;
                self.env.proxy.clear_faults().unwrap();
            }
            10 => {
                let frozen = self.env.freeze_all(ALL_OPERATIONS[self.random.below(ALL_OPERATIONS.len())]).await;
                self.close_all_connections().await;
                self.pause().await;
                drop(frozen);
            }
            11 => {
                self.locker.batch_execute("begin; lock table tasks in share mode").await.unwrap();
                self.pause().await;
                self.close_all_connections().await;
                self.pause().await;
                self.locker.batch_execute("commit").await.unwrap();
            }
            _ => match &mut self.pooler {
                Some(pooler) => {
                    pooler.kill().await;
                    pooler.restart().await.unwrap();
                }
                None => self.close_all_connections().await,
            },
        }
    }

    fn random_end(&mut self) -> End {
        if self.random.below(2) == 0 { End::Close } else { End::Reset }
    }

    /// Closes all connections, at the server or at the proxy.
    async fn close_all_connections(&mut self) {
        let end = self.random_end();
        match self.random.below(2) {
            0 => self.env.database.terminate().await,
            _ => self.env.close_connections(end).await,
        }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.below(100) as u64)).await;
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn table_agrees_with_responses_after_random_faults() {
    soak(FaultDatabase::new().await, None).await;
}

#[tokio::test]
async fn table_agrees_with_responses_behind_a_pooler() {
    let (database, pooler) = start_pooler(FaultDatabase::new().await, |settings| settings.server_connections = 6).await;
    soak(database, Some(pooler)).await;
}

async fn soak(database: FaultDatabase, pooler: Option<PgBouncer>) {
    let seed = setting("SOAK_SEED").unwrap_or_else(dev::tokens::now);
    let requests = setting("SOAK_REQUESTS").map_or(REQUESTS, |requests| usize::try_from(requests).unwrap());
    println!("SOAK_SEED={seed} SOAK_REQUESTS={requests}");
    let start = Instant::now();
    let few = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "3");
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", few).await);
    let sent = Arc::new(AtomicUsize::new(0));
    let locker = connect(&env.database.owner.url).await.unwrap();
    let journal = Journal::default();
    let injector = FaultInjector {
        env: Arc::clone(&env),
        locker,
        pooler,
        random: SeededRandom::new(seed),
        journal: journal.clone(),
    };
    let each = requests / WORKERS;
    let mut workers = Vec::new();
    for number in 1..=WORKERS {
        let user = env.new_user().await;
        let worker = Worker {
            user,
            sent: Arc::clone(&sent),
            random: SeededRandom::new(seed ^ (number as u64) << 32),
            tasks: BTreeMap::new(),
            maybe_created: Vec::new(),
            titles: 0,
            unavailable: 0,
            number,
            journal: journal.clone(),
        };
        workers.push(tokio::spawn(worker.run(each)));
    }
    let (mut unavailable, mut stored) = (0, 0);
    // If a worker fails, the test fails immediately.
    let injector = async { Ok(injector.run(sent, each * WORKERS).await) };
    let (faults, finished) = tokio::try_join!(injector, try_join_all(workers)).unwrap();
    for worker in &finished {
        let rows = env.database.rows_of(&worker.user).await;
        let rows = rows.into_iter().map(|row| (row.id.into(), State { title: row.title, completed: row.completed }));
        let rows: BTreeMap<i64, State> = rows.collect();
        worker.assert_agrees_with(&rows);
        stored += rows.len();
        unavailable += worker.unavailable;
    }
    let summary = format!("{faults} faults, {unavailable} requests with 503, {stored} tasks");
    println!("{summary}, {:?}", start.elapsed());
    assert_eq!(env.database.number("select count(*) from tasks").await, i64::try_from(stored).unwrap());
    // The test must have tried enough.
    assert!(faults > requests / 10 && unavailable < requests / 5 && stored > 20, "{summary}");
}
