//! Ten thousand random requests of two users at the same time. A third user sends none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use dev::testing::random::SeededRandom;
use dev::tokens;
use serde_json::{Value, json};

use crate::kit::{api, database, is_public, path, routes};

const REQUESTS: usize = 10_000;
const WORKERS: usize = 16;
/// A user with more tasks than this deletes some, so that lists stay short.
const ENOUGH_TASKS: usize = 40;

/// What the responses have shown of the tasks of a user.
#[derive(Debug, Default)]
struct KnownTasks {
    created: BTreeSet<TaskId>,
    deleted: BTreeSet<TaskId>,
    /// The newest version of each task in the responses.
    newest: BTreeMap<TaskId, Value>,
}

impl KnownTasks {
    fn record(&mut self, request: &TestRequest, response: &TestResponse) {
        for task in response.tasks() {
            let id = TaskId::from_task(task);
            let newest = self.newest.entry(id.clone()).or_insert_with(|| task.clone());
            if task["updated_at"].as_str() > newest["updated_at"].as_str() {
                *newest = task.clone();
            } else if task["updated_at"] == newest["updated_at"] {
                assert_eq!(task, newest, "two states at one time");
            }
            if response.status == 201 {
                assert!(self.created.insert(id), "{task} was created twice");
            }
        }
        if response.status == 204 && !request.path.contains("/tags/") {
            let path_id = request.path.split('?').next().and_then(|path| path.rsplit('/').next()).expect("an id");
            let id = path_id.parse().map_or_else(|_| TaskId::Text(path_id.to_owned()), TaskId::Number);
            assert!(self.deleted.insert(id), "{path_id} was deleted twice");
        }
    }

    fn current(&self) -> BTreeSet<TaskId> {
        self.created.difference(&self.deleted).cloned().collect()
    }
}

/// The users, and what their requests are made of.
struct RandomTest {
    callers: [TestUser; 2],
    bystander: TestUser,
    bystanders_task: String,
    routes: Vec<(String, String)>,
    known: Mutex<[KnownTasks; 2]>,
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
/// Values of `If-Match` and `If-None-Match`.
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
    "category",
    "tags",
    "tag_ids",
    "recurrence_rule",
    "status",
    "time_zone",
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

impl RandomTest {
    fn known(&self) -> std::sync::MutexGuard<'_, [KnownTasks; 2]> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a current or former task of a user, or something else.
    fn id(&self, random: &mut SeededRandom, user: usize) -> String {
        if random.percent(20) {
            return random.pick(ODD_IDS).to_owned();
        }
        if random.percent(5) {
            return self.bystanders_task.clone();
        }
        let known = self.known();
        let of = &known[if random.percent(70) { user } else { 1 - user }];
        let ids: Vec<TaskId> =
            if random.percent(80) { of.current().into_iter().collect() } else { of.created.iter().cloned().collect() };
        if ids.is_empty() { "1".to_owned() } else { ids[random.below(ids.len())].to_string() }
    }

    fn path(&self, random: &mut SeededRandom, sender: usize, route: &str) -> String {
        let user = match random.below(10) {
            0 => self.callers[random.below(2)].id.clone(),
            1 if random.percent(50) => self.bystander.id.clone(),
            1 => random.pick(ODD_USERS).to_owned(),
            _ => self.callers[sender].id.clone(),
        };
        let mut path = path(route, &user, &self.id(random, sender));
        if random.percent(2) {
            path += random.pick(&["/", "/x", "//", "/complete"]);
        }
        if random.percent(40) || route.ends_with("tasks") {
            let mut pairs: Vec<String> =
                (0..random.below(4)).map(|_| format!("{}={}", random.pick(NAMES), random.pick(VALUES))).collect();
            if random.percent(80) {
                pairs.push(format!("limit={}", 1 + random.below(4)));
            }
            path += &format!("?{}", pairs.join("&"));
        }
        path
    }

    fn member(&self, random: &mut SeededRandom, caller: &TestUser, name: &str) -> Value {
        match (name, random.below(10)) {
            ("user_id" | "userId", 0..=5) => json!(caller.id),
            ("user_id" | "userId", 6) => json!(self.bystander.id),
            ("title" | "description", 0..=5) => {
                json!(random.pick(&["t", " Buy milk ", "🥛", "'; drop table tasks; --"]))
            }
            ("title" | "description", 6) => json!("x".repeat(190 + random.below(20))),
            ("completed", 0..=6) => json!(random.percent(50)),
            ("priority", 0..=6) => json!(random.pick(&["low", "Medium", "HIGH", "", "urgent"])),
            ("due_date" | "dueDate", 0..=6) => {
                json!(random.pick(&["2026-11-21", "2026-11-21T17:30:00+02:00", "9999-12-31", "0001-01-01", "", "soon"]))
            }
            // Names that no path has, because the response to the deletion of a tag does not show which tasks lose it.
            ("tags" | "tag_ids", 0..=6) => match random.below(6) {
                0 => json!(["Home", "plan b"]),
                1 => json!([{"name": "work", "color": "red"}, "HOME"]),
                2 => json!("work, plan b,"),
                3 => json!("none"),
                4 => json!((0..21).map(|number| format!("tag {number}")).collect::<Vec<_>>()),
                _ => json!(["home"]),
            },
            // With one occurrence a completion makes no task that no response shows.
            ("recurrence_rule", 0..=6) => json!(random.pick(&[
                "FREQ=DAILY;COUNT=1",
                "rrule:freq=weekly;byday=we,mo;count=1",
                "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=1",
                "none",
                "FREQ=HOURLY"
            ])),
            (_, 7) => json!(null),
            _ => match random.below(7) {
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

    fn body(&self, random: &mut SeededRandom, caller: &TestUser, method: &str) -> Option<Vec<u8>> {
        match random.below(100) {
            0..=7 => return None,
            8..=14 => return Some(MALFORMED[random.below(MALFORMED.len())].to_owned()),
            15 => return Some(vec![b'['; 3000]),
            16 => return Some([&b"{}"[..], &vec![b' '; 70_000]].concat()),
            17 => return Some((0..random.below(300)).map(|_| random.number().to_le_bytes()[0]).collect()),
            _ => {}
        }
        let mut object = serde_json::Map::new();
        if method == "POST" || random.percent(30) {
            object.insert("title".to_owned(), json!("Buy milk"));
        }
        for _ in 0..random.below(4) {
            let name = random.pick(MEMBERS);
            object.insert(name.to_owned(), self.member(random, caller, name));
        }
        Some(Value::Object(object).to_string().into_bytes())
    }

    /// A request, the number of its user, and whether the token is valid.
    fn request(&self, random: &mut SeededRandom) -> (TestRequest, usize, bool) {
        let user = random.below(2);
        let caller = &self.callers[user];
        let (mut method, mut route) = self.routes[random.below(self.routes.len())].clone();
        if route.ends_with("/tasks") && method == "GET" && random.percent(40) {
            "POST".clone_into(&mut method);
        }
        if method == "POST" && self.known()[user].current().len() > ENOUGH_TASKS {
            (method, route) = ("DELETE".to_owned(), "/api/tasks/{id}".to_owned());
        }
        if random.percent(5) {
            random.pick(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"]).clone_into(&mut method);
        }
        let mut request = TestRequest::new(&method, &self.path(random, user, &route));
        let token = random.below(100);
        request = match token {
            0..=1 => request,
            2 => request.bearer("garbage"),
            3 => request.bearer(&format!("{}x", caller.token)),
            4 => request.bearer(&caller.token).bearer(&self.callers[1 - user].token),
            5 => request.bearer(&tokens::mint("another secret that is long enough", &caller.id)),
            _ => request.bearer(&caller.token),
        };
        if random.percent(5) {
            request = request.header(random.pick(&["if-match", "if-none-match"]), random.pick(SEEN));
        }
        if method.starts_with('P') || random.percent(5) {
            if random.percent(85) {
                request = request.header("content-type", "application/json");
            } else if random.percent(60) {
                request = request.header("content-type", random.pick(TYPES));
            }
            if let Some(body) = self.body(random, caller, &method) {
                request = request.body(body);
            }
        }
        (request, user, token > 5)
    }

    async fn work(&self, mut random: SeededRandom, requests: usize) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for _ in 0..requests {
            let (request, user, is_authenticated) = self.request(&mut random);
            let response = self.callers[user].send(request.clone()).await;
            assert!(response.status < 500, "{request:?}: {}", response.json);
            if !is_authenticated {
                assert!(response.json.is_null() || [200, 401, 404, 405].contains(&response.status), "{request:?}");
                // The response to HEAD has no body.
                let has_no_other_code = request.method == "HEAD" || response["code"] == "route_not_found";
                assert!(response.status != 404 || has_no_other_code, "{request:?}");
                let path = request.path.split('?').next().unwrap_or_default();
                assert!(response.status != 200 || is_public(path), "{request:?}");
            }
            let allowed = response.header("allow").unwrap_or_default();
            assert!(!allowed.split(", ").any(|method| method == request.method), "{request:?}");
            self.known()[user].record(&request, &response);
            *statuses.entry(response.status).or_default() += 1;
        }
        statuses
    }

    /// The stored tasks of a user by id, in the format of responses.
    async fn stored(&self, caller: &TestUser) -> BTreeMap<TaskId, Value> {
        let statement = r#"
            select jsonb_build_object('id', id, 'user_id', user_id, 'title', title,
                'description', description, 'completed', completed, 'priority', priority, 'version', version,
                'due_date', to_char(due_date at time zone 'utc', case
                    when (due_date_marker is null) = (pg_typeof(due_date)::text = 'timestamp with time zone')
                    then 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                    else 'YYYY-MM-DD"T"HH24:MI:SS'
                end),
                'created_at', to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'tags', coalesce(tags, '{}'), 'category', category,
                'status', case when completed then 'completed' else 'pending' end,
                'completed_at', to_char(completed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'recurrence_rule', recurrence, 'next_occurrence', next_occurrence, 'time_zone', time_zone,
                'updated_at', to_char(updated_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text
            from tasks
            where user_id::text = $1"#;
        let rows = database::connect().await.query(statement, &[&caller.id]).await.expect("rows");
        let read = |row: &tokio_postgres::Row| -> Value { serde_json::from_str(row.get(0)).expect("JSON") };
        rows.iter().map(read).map(|task| (TaskId::from_task(&task), task)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_break_nothing_and_leak_nothing() {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
    println!("SEED={seed} sends the same requests again");
    let api = api();
    let (ada, bob, bystander) = (api.new_user().await, api.new_user().await, api.new_user().await);
    let bystanders_task = bystander.create_id(json!({"title": "Not for you"})).await;
    bystander.create(json!({"title": "Nor this", "completed": true})).await;
    let before = database::rows_of(&bystander).await;
    let known = Mutex::default();
    let test = RandomTest { callers: [ada, bob], bystander, bystanders_task, routes: routes(), known };
    let test = Arc::new(test);
    let mut random = SeededRandom::new(seed);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (test, random) = (Arc::clone(&test), SeededRandom::new(random.number()));
        workers.spawn(async move { test.work(random, REQUESTS / WORKERS).await });
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    while let Some(worker) = workers.join_next().await {
        for (status, count) in worker.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            *statuses.entry(status).or_default() += count;
        }
    }
    println!("{statuses:?}");
    assert_eq!(statuses.values().sum::<usize>(), REQUESTS);
    // The requests must be varied enough to get every status.
    for status in [200, 201, 204, 400, 401, 403, 404, 405, 413, 415, 422] {
        assert!(statuses.get(&status).is_some_and(|count| *count >= 10), "{status} in {statuses:?}");
    }
    assert_eq!(database::rows_of(&test.bystander).await, before);
    for (user, caller) in test.callers.iter().enumerate() {
        let stored = test.stored(caller).await;
        let known = &test.known()[user];
        assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), known.current());
        assert!(known.newest.keys().all(|id| known.created.contains(id)));
        for (id, row) in stored {
            let newest = &known.newest[&id];
            if row["version"] == newest["version"] {
                assert_eq!(row, *newest);
            } else {
                // Requests that delete or rename a tag change tasks, and do not respond with them.
                assert!(row["version"].as_i64() > newest["version"].as_i64(), "{row} {newest}");
                assert_eq!(without_tags(row), without_tags(newest.clone()));
            }
        }
    }
}

/// The task without its tags, and without what changes with them.
fn without_tags(mut task: Value) -> Value {
    if let Some(members) = task.as_object_mut() {
        for member in ["tags", "version", "updated_at"] {
            members.remove(member);
        }
    }
    task
}
