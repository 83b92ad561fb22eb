//! Ten thousand requests that nobody has thought of, by two users at the same time, beside a third who sends none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dev::tokens;
use serde_json::{Value, json};

use crate::kit::{Answer, Call, Caller, Id, api, path, routes};

const REQUESTS: usize = 10_000;
const WORKERS: usize = 16;
/// A user with more tasks than this deletes some, so that lists stay short.
const ENOUGH_TASKS: usize = 40;

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below end")
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }
}

/// What a user has learned from the answers to their own requests.
#[derive(Debug, Default)]
struct Known {
    created: BTreeSet<Id>,
    deleted: BTreeSet<Id>,
    /// The newest state of each task that was in an answer.
    newest: BTreeMap<Id, Value>,
}

impl Known {
    fn learn(&mut self, call: &Call, answer: &Answer) {
        for task in answer.tasks() {
            let id = Id::of(task);
            let newest = self.newest.entry(id.clone()).or_insert_with(|| task.clone());
            if task["updated_at"].as_str() > newest["updated_at"].as_str() {
                *newest = task.clone();
            } else if task["updated_at"] == newest["updated_at"] {
                assert_eq!(task, newest, "two states at one time");
            }
            if answer.status == 201 {
                assert!(self.created.insert(id), "{task} was created twice");
            }
        }
        if answer.status == 204 {
            let path_id = call.path.split('?').next().and_then(|path| path.rsplit('/').next()).expect("an id");
            let id = path_id.parse().map_or_else(|_| Id::Text(path_id.to_owned()), Id::Number);
            assert!(self.deleted.insert(id), "{path_id} was deleted twice");
        }
    }

    fn alive(&self) -> BTreeSet<Id> {
        self.created.difference(&self.deleted).cloned().collect()
    }
}

/// One of the two, and what everybody needs to annoy the others.
struct World {
    callers: [Caller; 2],
    bystander: Caller,
    bystanders_task: String,
    routes: Vec<(String, String)>,
    known: Mutex<[Known; 2]>,
}

const ODD_IDS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "1e3",
    "abc",
    "%00",
    "%2e%2e",
    "%20",
    "%ff",
    "%c3%a4",
    "%2f",
    "%27%20or%201=1",
    "f3a1c9e0-5c9b-4b0e-9d5a-0a1b2c3d4e5f",
    "tasks",
    "complete",
    "~",
    "null",
];
const ODD_USERS: &[&str] = &["nobody", "%00", "%20", "..", "null", "*", "tasks", "%27;--", "0", "me"];
const NAMES: &[&str] = &[
    "status",
    "completed",
    "priority",
    "sort",
    "sort_by",
    "sortBy",
    "order",
    "sort_order",
    "limit",
    "offset",
    "user_id",
    "search",
    "q",
    "due_before",
    "dueAfter",
    "overdue",
    "cursor",
    "x",
    "",
    "%ff",
    "%00",
    "LIMIT",
];
/// Entity tags.
const SEEN: &[&str] =
    &["\"1\"", "\"2\", \"3\"", "*", "W/\"1\"", "1", "", "\"", "\"\u{e4}\"", "\"x\",,\"99999999999999999999\""];
const VALUES: &[&str] = &[
    "all",
    "pending",
    "COMPLETED",
    "true",
    "false",
    "low",
    "HIGH",
    "urgent",
    "created",
    "updated_at",
    "dueDate",
    "title",
    "priority",
    "asc",
    "DESC",
    "1",
    "2",
    "5",
    "0",
    "-1",
    "1000",
    "1001",
    "4294967295",
    "4294967296",
    "",
    "%00",
    "%ff",
    "+",
    "%",
    "%zz",
    "a,b",
    "%27;--",
    "null",
];
const TYPES: &[&str] = &[
    "application/json; charset=utf-8",
    "application/merge-patch+json",
    "text/plain",
    "application/octet-stream",
    "",
    "application/x-www-form-urlencoded",
    ";",
    "multipart/form-data; boundary=x",
];
const MEMBERS: &[&str] = &[
    "title",
    "description",
    "completed",
    "priority",
    "due_date",
    "dueDate",
    "user_id",
    "userId",
    "id",
    "created_at",
    "updated_at",
    "version",
    "x",
    "",
];
const MALFORMED: &[&[u8]] = &[
    b"{",
    b"}",
    b"null",
    b"[]",
    b"5",
    b"\"x\"",
    b"\xff",
    b"\xff\xfe{}",
    b"{\"title\":\"\\ud800\"}",
    b"{\"title\":\"\\u0000\"}",
    b"{\"title\":1,\"title\":\"t\"}",
    b" ",
    b"\0",
    b"{\"title\":\"t\"}{}",
    b"title=t",
    b"{\"n\":1e400}",
];

impl World {
    fn known(&self) -> std::sync::MutexGuard<'_, [Known; 2]> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the tasks that somebody has or had, or something else.
    fn id(&self, dice: &mut Dice, user: usize) -> String {
        if dice.percent(20) {
            return dice.pick(ODD_IDS).to_owned();
        }
        if dice.percent(5) {
            return self.bystanders_task.clone();
        }
        let known = self.known();
        let of = &known[if dice.percent(70) { user } else { 1 - user }];
        let ids: Vec<Id> =
            if dice.percent(80) { of.alive().into_iter().collect() } else { of.created.iter().cloned().collect() };
        if ids.is_empty() { "1".to_owned() } else { ids[dice.below(ids.len())].to_string() }
    }

    fn path(&self, dice: &mut Dice, sender: usize, route: &str) -> String {
        let user = match dice.below(10) {
            0 => self.callers[dice.below(2)].id.clone(),
            1 if dice.percent(50) => self.bystander.id.clone(),
            1 => dice.pick(ODD_USERS).to_owned(),
            _ => self.callers[sender].id.clone(),
        };
        let mut path = path(route, &user, &self.id(dice, sender));
        if dice.percent(2) {
            path += dice.pick(&["/", "/x", "//", "/complete"]);
        }
        if dice.percent(40) || route.ends_with("tasks") {
            let mut pairs: Vec<String> =
                (0..dice.below(4)).map(|_| format!("{}={}", dice.pick(NAMES), dice.pick(VALUES))).collect();
            if dice.percent(80) {
                pairs.push(format!("limit={}", 1 + dice.below(4)));
            }
            path += &format!("?{}", pairs.join("&"));
        }
        path
    }

    fn member(&self, dice: &mut Dice, caller: &Caller, name: &str) -> Value {
        match (name, dice.below(10)) {
            ("user_id" | "userId", 0..=5) => json!(caller.id),
            ("user_id" | "userId", 6) => json!(self.bystander.id),
            ("title" | "description", 0..=5) => json!(dice.pick(&["t", " Buy milk ", "🥛", "'; drop table tasks; --"])),
            ("title" | "description", 6) => json!("x".repeat(190 + dice.below(20))),
            ("completed", 0..=6) => json!(dice.percent(50)),
            ("priority", 0..=6) => json!(dice.pick(&["low", "Medium", "HIGH", "", "urgent"])),
            ("due_date" | "dueDate", 0..=6) => {
                json!(dice.pick(&["2026-11-21", "2026-11-21T17:30:00+02:00", "9999-12-31", "0001-01-01", "", "soon"]))
            }
            (_, 7) => json!(null),
            _ => match dice.below(7) {
                0 => json!(-1),
                1 => json!(1e300),
                2 => json!([]),
                3 => json!({"a": [{}]}),
                4 => json!("a\0b"),
                5 => json!(true),
                _ => json!("\u{202e}\u{feff}"),
            },
        }
    }

    fn body(&self, dice: &mut Dice, caller: &Caller, method: &str) -> Option<Vec<u8>> {
        match dice.below(100) {
            0..=7 => return None,
            8..=14 => return Some(MALFORMED[dice.below(MALFORMED.len())].to_owned()),
            15 => return Some(vec![b'['; 3000]),
            16 => return Some([&b"{}"[..], &vec![b' '; 70_000]].concat()),
            17 => return Some((0..dice.below(300)).map(|_| dice.next().to_le_bytes()[0]).collect()),
            _ => {}
        }
        let mut object = serde_json::Map::new();
        if method == "POST" || dice.percent(30) {
            object.insert("title".to_owned(), json!("Buy milk"));
        }
        for _ in 0..dice.below(4) {
            let name = dice.pick(MEMBERS);
            object.insert(name.to_owned(), self.member(dice, caller, name));
        }
        Some(Value::Object(object).to_string().into_bytes())
    }

    /// A request, which of the users may send it, and whether with a good token.
    fn call(&self, dice: &mut Dice) -> (Call, usize, bool) {
        let user = dice.below(2);
        let caller = &self.callers[user];
        let (mut method, mut route) = self.routes[dice.below(self.routes.len())].clone();
        if route.ends_with("/tasks") && method == "GET" && dice.percent(40) {
            "POST".clone_into(&mut method);
        }
        if method == "POST" && self.known()[user].alive().len() > ENOUGH_TASKS {
            (method, route) = ("DELETE".to_owned(), "/api/tasks/{id}".to_owned());
        }
        if dice.percent(5) {
            dice.pick(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"]).clone_into(&mut method);
        }
        let mut call = Call::new(&method, &self.path(dice, user, &route));
        let token = dice.below(100);
        call = match token {
            0..=1 => call,
            2 => call.bearer("garbage"),
            3 => call.bearer(&format!("{}x", caller.token)),
            4 => call.bearer(&caller.token).bearer(&self.callers[1 - user].token),
            5 => call.bearer(&tokens::mint("another secret that is long enough", &caller.id)),
            _ => call.bearer(&caller.token),
        };
        if dice.percent(5) {
            call = call.header(dice.pick(&["if-match", "if-none-match"]), dice.pick(SEEN));
        }
        if method.starts_with('P') || dice.percent(5) {
            if dice.percent(85) {
                call = call.header("content-type", "application/json");
            } else if dice.percent(60) {
                call = call.header("content-type", dice.pick(TYPES));
            }
            if let Some(body) = self.body(dice, caller, &method) {
                call = call.body(body);
            }
        }
        (call, user, token > 5)
    }

    async fn work(&self, mut dice: Dice, requests: usize) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for _ in 0..requests {
            let (call, user, is_authenticated) = self.call(&mut dice);
            let answer = self.callers[user].send(call.clone()).await;
            assert!(answer.status < 500, "{call:?} was answered with {}", answer.json);
            if !is_authenticated {
                assert!(answer.json.is_null() || [200, 401, 404, 405].contains(&answer.status), "{call:?}");
                // The answer to HEAD has no body that could say so.
                let is_told = call.method == "HEAD" || answer["code"] == "route_not_found";
                assert!(answer.status != 404 || is_told, "{call:?}");
                assert!(answer.status != 200 || call.path.starts_with("/health"), "{call:?}");
            }
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(!allowed.split(", ").any(|method| method == call.method), "{call:?}");
            self.known()[user].learn(&call, &answer);
            *statuses.entry(answer.status).or_default() += 1;
        }
        statuses
    }

    /// The ids and texts of what is stored for a user, times as in answers.
    async fn stored(&self, caller: &Caller) -> BTreeMap<Id, Value> {
        let statement = r#"
            select jsonb_build_object('id', id, 'user_id', user_id, 'title', title,
                'description', description, 'completed', completed, 'priority', priority,
                'due_date', to_char(due_date at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'created_at', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'updated_at', to_char(updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
            from tasks
            where user_id::text = $1"#;
        let rows = caller.api.sql().await.query(statement, &[&caller.id]).await.expect("rows");
        let read = |row: &tokio_postgres::Row| -> Value { serde_json::from_str(row.get(0)).expect("JSON") };
        rows.iter().map(read).map(|task| (Id::of(&task), task)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_nothing_breaks_and_nobody_reaches_anothers_tasks() {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
    println!("SEED={seed} sends the same requests again");
    let api = api();
    let (ada, bob, bystander) = (api.new_user().await, api.new_user().await, api.new_user().await);
    let bystanders_task = bystander.create_id(json!({"title": "Not for you"})).await;
    bystander.create(json!({"title": "Nor this", "completed": true})).await;
    let before = bystander.rows().await;
    let known = Mutex::default();
    let world = World { callers: [ada, bob], bystander, bystanders_task, routes: routes(), known };
    let world = Arc::new(world);
    let mut dice = Dice(seed);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (world, dice) = (Arc::clone(&world), Dice(dice.next()));
        workers.spawn(async move { world.work(dice, REQUESTS / WORKERS).await });
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    while let Some(worker) = workers.join_next().await {
        for (status, count) in worker.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            *statuses.entry(status).or_default() += count;
        }
    }
    println!("{statuses:?}");
    assert_eq!(statuses.values().sum::<usize>(), REQUESTS);
    // Otherwise the requests were not as various as they should be.
    for status in [200, 201, 204, 400, 401, 403, 404, 405, 413, 415, 422] {
        assert!(statuses.get(&status).is_some_and(|count| *count >= 10), "{status} in {statuses:?}");
    }
    assert_eq!(world.bystander.rows().await, before);
    for (user, caller) in world.callers.iter().enumerate() {
        let stored = world.stored(caller).await;
        let known = &world.known()[user];
        assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), known.alive());
        assert!(known.newest.keys().all(|id| known.created.contains(id)));
        for (id, row) in stored {
            assert_eq!(row, known.newest[&id]);
        }
    }
}
