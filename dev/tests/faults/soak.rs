//! Many requests while everything goes wrong at once, and a model of what must be in the table afterwards.
//!
//! The faults and the requests are those of a seed, which is printed; how they meet is up to the machine. `SOAK_SEED`
//! and `SOAK_REQUESTS` choose others.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dev::services::database::{self, User};
use dev::services::pgbouncer::PgBouncer;
use dev::testing::fault_proxy::{Cut, Direction, End, Flow, Script};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::pooler::pool;
use crate::site::{ALL, Database, Reply, Site};

const WORKERS: usize = 6;
/// So many of one user are known at most: fewer than the longest list has.
const TASKS: usize = 50;
/// As many as it takes to meet each kind of fault many times.
const REQUESTS: usize = 1200;

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

/// A task, as its row may be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    title: String,
    completed: bool,
}

/// Every state in which a task may be; `None` is that it is gone. More than one only after a request without a clear
/// answer, and until the next answer.
type States = Vec<Option<State>>;

/// One user, all of whose requests come one after the other.
struct Worker {
    site: Arc<Site>,
    user: User,
    /// Requests of all workers.
    asked: Arc<AtomicUsize>,
    dice: Dice,
    tasks: BTreeMap<i64, States>,
    /// Titles of tasks that may have been stored.
    perhaps_created: Vec<String>,
    titles: usize,
    unclear: usize,
    number: usize,
    journal: Journal,
}

/// What happened, in its order, for whoever looks for the cause of a failure.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, event: impl Display) {
        self.0.lock().unwrap().push(format!("{} {event}", Timestamp::now()));
    }

    /// What is said of something, with all faults since it was first spoken of.
    fn about(&self, is_meant: impl Fn(&str) -> bool) -> String {
        let events = self.0.lock().unwrap();
        let events = events.iter().skip_while(|event| !is_meant(event));
        let events: Vec<&str> =
            events.filter(|event| is_meant(event) || event.contains(" fault ")).map(String::as_str).collect();
        events.join("\n")
    }
}

impl Worker {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Option<Reply> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let request = format!("worker {}: {method} {path} {}", self.number, body.as_ref().unwrap_or(&Value::Null));
        self.journal.note(&request);
        let reply = self.site.call(method, path, &self.user, body).await;
        self.journal.note(format_args!("{request} was answered {} {}", reply.status, reply.body));
        if reply.status == 503 {
            assert!(reply.retry_after.is_some(), "{reply:?}");
            self.unclear += 1;
            return None;
        }
        Some(reply)
    }

    fn new_title(&mut self) -> String {
        self.titles += 1;
        format!("Title {}", self.titles)
    }

    async fn run(mut self, requests: usize) -> Self {
        for _ in 0..requests {
            let known = self.dice.below(self.tasks.len().max(1));
            let id = self.tasks.keys().nth(known).copied();
            match (self.dice.below(10), id) {
                (0..3, _) | (_, None) if self.tasks.len() < TASKS => self.create().await,
                (3, _) => self.list().await,
                (4, Some(id)) => self.one(id, Method::GET, "", None, |state| state.clone()).await,
                (5, Some(id)) => {
                    let title = self.new_title();
                    let body = json!({"title": title});
                    self.one(id, Method::PUT, "", Some(body), |state| State { title: title.clone(), ..state.clone() })
                        .await;
                }
                (6 | 7, Some(id)) => {
                    let toggled = |state: &State| State { completed: !state.completed, ..state.clone() };
                    self.one(id, Method::PATCH, "/toggle", None, toggled).await;
                }
                (8, Some(id)) => {
                    let completed = self.dice.below(2) == 1;
                    let body = json!({"completed": completed});
                    self.one(id, Method::PATCH, "/complete", Some(body), |state| State { completed, ..state.clone() })
                        .await;
                }
                (_, Some(id)) => self.delete(id).await,
                (_, None) => unreachable!("a worker without tasks makes one"),
            }
        }
        self
    }

    async fn create(&mut self) {
        let title = self.new_title();
        match self.call(Method::POST, "", Some(json!({"title": title}))).await {
            Some(reply) => {
                assert_eq!((reply.status, &reply.body["title"]), (201, &json!(title)));
                let id = reply.body["id"].as_i64().unwrap();
                assert!(self.tasks.insert(id, vec![Some(state_of(&reply.body))]).is_none(), "{id} was there");
            }
            None => self.perhaps_created.push(title),
        }
    }

    /// An operation that leads from each possible state to another.
    async fn one(&mut self, id: i64, method: Method, path: &str, body: Option<Value>, next: impl Fn(&State) -> State) {
        let before = self.tasks[&id].clone();
        let after: States = before.iter().map(|state| state.as_ref().map(&next)).collect();
        let states = match self.call(method, &format!("/{id}{path}"), body).await {
            Some(reply) => {
                let answered = (reply.status != 404).then(|| state_of(&reply.body));
                assert!(reply.status == if answered.is_some() { 200 } else { 404 }, "{reply:?}");
                assert!(
                    after.contains(&answered),
                    "{id}{path} answered {answered:?}, expected {after:?}\n{}",
                    self.history_of(id)
                );
                vec![answered]
            }
            None => [before, after].concat(),
        };
        self.settle(id, states);
    }

    async fn delete(&mut self, id: i64) {
        let mut before = self.tasks[&id].clone();
        match self.call(Method::DELETE, &format!("/{id}"), None).await {
            Some(reply) => {
                assert!(reply.status == 204 || reply.status == 404 && before.contains(&None), "{reply:?} {before:?}");
                self.settle(id, vec![None]);
            }
            None => {
                before.push(None);
                self.settle(id, before);
            }
        }
    }

    async fn list(&mut self) {
        let Some(reply) = self.call(Method::GET, "?limit=100", None).await else { return };
        assert_eq!(reply.status, 200);
        let listed = reply.body.as_array().unwrap();
        let listed = listed.iter().map(|task| (task["id"].as_i64().unwrap(), state_of(task))).collect();
        self.agrees_with(&listed);
    }

    /// The requests about a task, and the faults in the meantime.
    fn history_of(&self, id: i64) -> String {
        self.history(&[format!("/{id} "), format!("/{id}/"), format!("\"id\":{id},")])
    }

    fn history(&self, names: &[String]) -> String {
        let worker = format!(" worker {}:", self.number);
        self.journal.about(|event| event.contains(&worker) && names.iter().any(|name| event.contains(name)))
    }

    /// Remembers what is known of a task. One that is certainly gone stays gone.
    fn settle(&mut self, id: i64, states: States) {
        if states.iter().all(Option::is_none) {
            self.tasks.remove(&id);
        } else {
            self.tasks.insert(id, states);
        }
    }

    /// Everything that must be there is, once, and nothing else.
    fn agrees_with(&self, rows: &BTreeMap<i64, State>) {
        for (id, states) in &self.tasks {
            let row = rows.get(id).cloned();
            assert!(states.contains(&row), "{id} is {row:?}, expected {states:?}\n{}", self.history_of(*id));
        }
        let mut surprises: Vec<&String> =
            rows.iter().filter(|(id, _)| !self.tasks.contains_key(id)).map(|(_, state)| &state.title).collect();
        let all = surprises.len();
        surprises.sort();
        surprises.dedup();
        assert_eq!(surprises.len(), all, "something was stored twice: {surprises:?}");
        for title in surprises {
            assert!(
                self.perhaps_created.contains(title),
                "{title} should not be there\n{}",
                self.history(&[format!("\"title\":\"{title}\"")])
            );
        }
    }
}

fn state_of(task: &Value) -> State {
    State { title: task["title"].as_str().unwrap().to_owned(), completed: task["completed"].as_bool().unwrap() }
}

/// What strikes, one fault after the other.
struct Trouble {
    site: Arc<Site>,
    /// Of the server's owner, for locks.
    locker: tokio_postgres::Client,
    pooler: Option<PgBouncer>,
    dice: Dice,
    journal: Journal,
}

impl Trouble {
    /// A fault every few requests, until all have been made. Returns how many there were.
    async fn run(mut self, asked: Arc<AtomicUsize>, requests: usize) -> usize {
        let mut faults = 0;
        let mut next = 0;
        while next < requests {
            if asked.load(Ordering::Relaxed) < next {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            next += 1 + self.dice.below(8);
            self.strike().await;
            faults += 1;
        }
        self.site.proxy.clear_faults().unwrap();
        faults
    }

    async fn strike(&mut self) {
        let end = self.end();
        let way = if self.dice.below(2) == 0 { Direction::ToServer } else { Direction::ToClient };
        let kind = self.dice.below(13);
        self.journal.note(format_args!("fault {kind}, {way:?}, {end:?}"));
        match kind {
            0 => self.site.end_all(end).await,
            1 => self.site.database.terminate().await,
            2..=4 => {
                // Four in a row are more than a request survives.
                let strike = Cut { direction: way, after_bytes: self.dice.below(120), end };
                (0..1 + self.dice.below(4)).for_each(|_| self.site.proxy.cut_next_statement(strike));
            }
            5 | 6 => {
                self.site.proxy.set_flow(way, Flow::Stall);
                self.a_while().await;
                self.site.proxy.set_flow(way, Flow::Pass);
            }
            7 => self.site.proxy.play_script(&Script::End(end), 1 + self.dice.below(3)),
            8 => {
                let script = Script::Refuse { state: "57P03".to_owned(), message: "starting up".to_owned() };
                self.site.proxy.play_script(&script, 1 + self.dice.below(3));
            }
            9 => {
                self.site.proxy.refuse_connections().await;
                self.a_while().await;
                self.site.proxy.clear_faults().unwrap();
            }
            10 => {
                let frozen = self.site.freeze_all(ALL[self.dice.below(ALL.len())]).await;
                self.lose_connections().await;
                self.a_while().await;
                drop(frozen);
            }
            11 => {
                self.locker.batch_execute("begin; lock table tasks in share mode").await.unwrap();
                self.a_while().await;
                self.lose_connections().await;
                self.a_while().await;
                self.locker.batch_execute("commit").await.unwrap();
            }
            _ => match &mut self.pooler {
                Some(pooler) => {
                    pooler.kill().await;
                    pooler.restart().await.unwrap();
                }
                None => self.lose_connections().await,
            },
        }
    }

    fn end(&mut self) -> End {
        if self.dice.below(2) == 0 { End::Close } else { End::Reset }
    }

    /// From the side of the server, or of what is between.
    async fn lose_connections(&mut self) {
        let end = self.end();
        match self.dice.below(2) {
            0 => self.site.database.terminate().await,
            _ => self.site.end_all(end).await,
        }
    }

    async fn a_while(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.dice.below(100) as u64)).await;
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn after_any_trouble_the_table_holds_what_was_answered() {
    soak(Database::new().await, None).await;
}

#[tokio::test]
async fn after_any_trouble_behind_a_pooler_the_table_holds_what_was_answered() {
    let (database, pooler) = pool(Database::new().await, |settings| settings.server_connections = 6).await;
    soak(database, Some(pooler)).await;
}

async fn soak(database: Database, pooler: Option<PgBouncer>) {
    let seed = setting("SOAK_SEED").unwrap_or_else(dev::tokens::now);
    let requests = setting("SOAK_REQUESTS").map_or(REQUESTS, |requests| usize::try_from(requests).unwrap());
    println!("SOAK_SEED={seed} SOAK_REQUESTS={requests}");
    let start = Instant::now();
    let few = |settings: dev::testing::stack::Settings| settings.with("LAMBDA_CONCURRENCY", "3");
    let site = Arc::new(Site::start_on(database, "127.0.0.1", "sslmode=disable", few).await);
    let asked = Arc::new(AtomicUsize::new(0));
    let locker = database::connect(&site.database.owner_url).await.unwrap();
    let journal = Journal::default();
    let trouble = Trouble { site: Arc::clone(&site), locker, pooler, dice: Dice(seed), journal: journal.clone() };
    let each = requests / WORKERS;
    let mut workers = Vec::new();
    for number in 1..=WORKERS {
        let user = database::new_user(&site.database.owner).await.unwrap();
        let worker = Worker {
            site: Arc::clone(&site),
            user,
            asked: Arc::clone(&asked),
            dice: Dice(seed ^ (number as u64) << 32),
            tasks: BTreeMap::new(),
            perhaps_created: Vec::new(),
            titles: 0,
            unclear: 0,
            number,
            journal: journal.clone(),
        };
        workers.push(tokio::spawn(worker.run(each)));
    }
    let (mut unclear, mut stored) = (0, 0);
    // If a worker fails, so does all at once.
    let trouble = async { Ok(trouble.run(asked, each * WORKERS).await) };
    let (faults, finished) = tokio::try_join!(trouble, try_join_all(workers)).unwrap();
    for worker in &finished {
        let rows = site.database.rows_of(&worker.user).await;
        let rows = rows.into_iter().map(|row| (row.id.into(), State { title: row.title, completed: row.completed }));
        let rows: BTreeMap<i64, State> = rows.collect();
        worker.agrees_with(&rows);
        stored += rows.len();
        unclear += worker.unclear;
    }
    let summary = format!("{faults} faults, {unclear} requests without a clear answer, {stored} tasks");
    println!("{summary}, {:?}", start.elapsed());
    assert_eq!(site.database.number("select count(*) from tasks").await, i64::try_from(stored).unwrap());
    // Otherwise nothing was tried.
    assert!(faults > requests / 10 && unclear < requests / 5 && stored > 20, "{summary}");
}
