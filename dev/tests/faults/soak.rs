//! Many requests while everything goes wrong at once, and a model of what must be in the table afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dev::database::{self, User};
use dev::fault_proxy::{End, Flow, Script, Strike, Way};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Database, Reply, Site};

const WORKERS: u64 = 4;
const REQUESTS: usize = 150;
const ALL_REQUESTS: usize = 600;

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
}

impl Worker {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Option<Reply> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let reply = self.site.call(method, path, &self.user, body).await;
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

    async fn run(mut self) -> Self {
        for _ in 0..REQUESTS {
            let known = self.dice.below(self.tasks.len().max(1));
            let id = self.tasks.keys().nth(known).copied();
            match (self.dice.below(10), id) {
                (0..3, _) | (_, None) => self.create().await,
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
                assert!(after.contains(&answered), "{id}{path} answered {reply:?}, expected {after:?}");
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
            assert!(states.contains(&row), "{id} is {row:?}, expected {states:?}");
        }
        let mut surprises: Vec<&String> =
            rows.iter().filter(|(id, _)| !self.tasks.contains_key(id)).map(|(_, state)| &state.title).collect();
        let all = surprises.len();
        surprises.sort();
        surprises.dedup();
        assert_eq!(surprises.len(), all, "something was stored twice: {surprises:?}");
        for title in surprises {
            assert!(self.perhaps_created.contains(title), "{title} should not be there");
        }
    }
}

fn state_of(task: &Value) -> State {
    State { title: task["title"].as_str().unwrap().to_owned(), completed: task["completed"].as_bool().unwrap() }
}

/// Faults of all kinds, one every few requests. Returns how many there were.
async fn trouble(site: Arc<Site>, mut dice: Dice, asked: Arc<AtomicUsize>) -> usize {
    let mut faults = 0;
    let mut next = 0;
    while next < ALL_REQUESTS {
        if asked.load(Ordering::Relaxed) < next {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        next += 1 + dice.below(6);
        let end = if dice.below(2) == 0 { End::Close } else { End::Reset };
        let way = if dice.below(2) == 0 { Way::Requests } else { Way::Replies };
        let millis = |dice: &mut Dice, limit| Duration::from_millis(dice.below(limit) as u64);
        match dice.below(8) {
            0 => site.end_all(end).await,
            1 => site.database.terminate().await,
            2..=4 => {
                // Four in a row are more than a request survives.
                let strike = Strike { way, after: dice.below(120), end };
                (0..1 + dice.below(4)).for_each(|_| site.proxy.strike(strike));
            }
            5 => {
                site.proxy.flow(way, Flow::Stall);
                tokio::time::sleep(millis(&mut dice, 100)).await;
                site.proxy.flow(way, Flow::Pass);
            }
            6 => site.proxy.meet(&Script::End(end), 1 + dice.below(3)),
            _ => {
                let script = Script::Refuse { state: "57P03".to_owned(), message: "starting up".to_owned() };
                site.proxy.meet(&script, 1 + dice.below(3));
            }
        }
        faults += 1;
    }
    faults
}

#[tokio::test]
async fn after_any_trouble_the_table_holds_what_was_answered() {
    let given = std::env::var("FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(dev::tokens::now);
    println!("FAULT_SEED={seed}");
    let few = |settings: dev::testkit::Settings| settings.with("LAMBDA_CONCURRENCY", "2");
    let site = Arc::new(Site::start_on(Database::new().await, "127.0.0.1", "sslmode=disable", few).await);
    let asked = Arc::new(AtomicUsize::new(0));
    let trouble = tokio::spawn(trouble(Arc::clone(&site), Dice(seed), Arc::clone(&asked)));
    let mut workers = Vec::new();
    for number in 1..=WORKERS {
        let user = database::new_user(&site.database.owner).await.unwrap();
        let worker = Worker {
            site: Arc::clone(&site),
            user,
            asked: Arc::clone(&asked),
            dice: Dice(seed ^ number << 32),
            tasks: BTreeMap::new(),
            perhaps_created: Vec::new(),
            titles: 0,
            unclear: 0,
        };
        workers.push(tokio::spawn(worker.run()));
    }
    let (mut unclear, mut stored) = (0, 0);
    let mut finished = Vec::new();
    for worker in workers {
        finished.push(worker.await.unwrap());
    }
    let faults = trouble.await.unwrap();
    site.proxy.heal().await.unwrap();
    for worker in &finished {
        let rows = site.database.rows_of(&worker.user).await;
        let rows = rows.into_iter().map(|row| (row.id.into(), State { title: row.title, completed: row.completed }));
        let rows: BTreeMap<i64, State> = rows.collect();
        worker.agrees_with(&rows);
        stored += rows.len();
        unclear += worker.unclear;
    }
    println!("{faults} faults, {unclear} requests without a clear answer, {stored} tasks");
    assert_eq!(site.database.number("select count(*) from tasks").await, i64::try_from(stored).unwrap());
    // Otherwise nothing was tried.
    assert!(
        faults > 60 && unclear < ALL_REQUESTS / 5 && stored > 20,
        "{faults} faults, {unclear} unclear, {stored} tasks"
    );
}
