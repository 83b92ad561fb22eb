//! A stack whose database is behind the proxy, and the operations on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dev::services::database::{self, User};
use dev::services::postgres::{Cluster, Postgres};
use dev::testing::fault_proxy::{End, FaultProxy};
use dev::testing::stack::{Settings, Stack};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

/// One server for all tests of this process; each has a database and a role of its own.
static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();
/// Databases are copied from the first, one at a time.
static TEMPLATE_IS_MADE: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
static NUMBER: AtomicU32 = AtomicU32::new(1);

const TEMPLATE: &str = "template_of_tests";
pub(crate) const PASSWORD: &str = "recognisable-password";

/// A database that only one test uses.
pub(crate) struct Database {
    /// Its name, and that of the role of the functions.
    pub(crate) name: String,
    /// Of the server's owner, past the proxy.
    pub(crate) owner_url: String,
    pub(crate) owner: tokio_postgres::Client,
    /// Where the way of the functions leads behind the proxy: the server, or a pooler before it.
    pub(crate) port: u16,
}

/// A running stack with everything that a test needs.
pub(crate) struct Site {
    pub(crate) stack: Stack,
    pub(crate) proxy: FaultProxy,
    pub(crate) database: Database,
    pub(crate) client: Client,
}

/// What a client sees of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u32>,
    /// By which the logs and metrics know it.
    pub(crate) request_id: String,
    /// Null where there is none.
    pub(crate) body: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Get,
    Create,
    Update,
    Toggle,
    Complete,
    Delete,
}

/// What a client can do.
pub(crate) const ALL: [Operation; 7] = [
    Operation::List,
    Operation::Get,
    Operation::Create,
    Operation::Update,
    Operation::Toggle,
    Operation::Complete,
    Operation::Delete,
];

/// One for each function, for what happens at the same time.
pub(crate) const ONE_OF_EACH_FUNCTION: [Operation; 6] =
    [Operation::List, Operation::Get, Operation::Create, Operation::Update, Operation::Toggle, Operation::Delete];
impl Operation {
    /// Whether a repeat fences the execution before off, with a statement of its own.
    pub(crate) fn is_fenced(self) -> bool {
        !matches!(self, Self::List | Self::Get | Self::Delete)
    }

    /// The binary that does it, which is also the name it gives itself in the database.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::List => "list-tasks",
            Self::Get => "get-task",
            Self::Create => "create-task",
            Self::Update => "update-task",
            Self::Toggle | Self::Complete => "complete-task",
            Self::Delete => "delete-task",
        }
    }
}

/// One operation about to happen, for a user who has nothing but the task that it is about.
pub(crate) struct Case {
    pub(crate) operation: Operation,
    pub(crate) user: User,
    /// None before a task is created.
    pub(crate) task: Option<i32>,
    title: String,
    /// The version that the client has seen, if it says so.
    if_match: Option<&'static str>,
}

/// A function that is stopped until this is dropped.
pub(crate) struct Frozen(Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

/// A row, as far as operations change it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i32,
    pub(crate) title: String,
    pub(crate) completed: bool,
    version: i64,
}

pub(crate) async fn postgres() -> &'static Postgres {
    POSTGRES.get_or_init(new_postgres).await
}

pub(crate) async fn new_postgres() -> Postgres {
    let mut postgres = Cluster::new(true).await.unwrap().start().unwrap();
    postgres.wait_until_ready().await.unwrap();
    postgres
}

/// `postgres://…:port/database?…` with another database.
fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}?sslmode=disable")
}

impl Database {
    pub(crate) async fn new() -> Self {
        Self::on(&postgres().await.url(), &TEMPLATE_IS_MADE).await
    }

    /// On a server, whose template database has been made once the lock says so.
    pub(crate) async fn on(server: &str, template: &tokio::sync::Mutex<bool>) -> Self {
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = database::connect(server).await.unwrap();
        {
            let mut is_made = template.lock().await;
            if !*is_made {
                make_template(server, &admin).await;
                *is_made = true;
            }
            admin.batch_execute(&format!("create database {name} template {TEMPLATE}")).await.unwrap();
        }
        let owner_url = with_database(server, &name);
        let owner = database::connect(&owner_url).await.unwrap();
        let role = format!(
            "create role {name} login password '{PASSWORD}';
             grant select, insert, update, delete on tasks to {name};
             grant select, insert, delete on task_fences to {name}"
        );
        owner.batch_execute(&role).await.unwrap();
        let port = server.split('/').nth(2).unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Self { name, owner_url, owner, port }
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.owner.batch_execute(sql).await.unwrap();
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.owner.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Ends all connections of the functions as an administrator does.
    pub(crate) async fn terminate(&self) {
        self.run("select pg_stat_clear_snapshot()").await;
        self.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'", self.name))
            .await;
    }

    /// Lets a process of the server end without cleaning up: the server ends all others, and starts again.
    pub(crate) async fn crash_server(&self) {
        let admin = database::connect(&self.owner_url).await.unwrap();
        // The server of the tests does not wait for its disk, so that what was answered could be lost with it.
        admin.batch_execute("checkpoint").await.unwrap();
        let pid: i32 = admin.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        until("the process is gone", async || admin.is_closed()).await;
    }

    /// Waits until the server is back, which had ended the owner's connection too.
    pub(crate) async fn reconnect(&mut self) {
        let mut owner = None;
        until("the server is back", async || {
            owner = database::connect(&self.owner_url).await.ok();
            owner.is_some()
        })
        .await;
        self.owner = owner.unwrap();
    }

    /// Waits until so many statements of the functions wait for a lock.
    pub(crate) async fn until_waiting(&self, statements: i64) {
        // A transaction does not see others come and go unless it asks to.
        let waiting = format!(
            "select count(*) from pg_stat_activity where usename = '{}' and wait_event_type = 'Lock'",
            self.name
        );
        until("statements wait for a lock", async || {
            self.run("select pg_stat_clear_snapshot()").await;
            self.number(&waiting).await >= statements
        })
        .await;
    }

    /// What the functions connect to, on the port of the proxy.
    pub(crate) fn url(&self, port: u16, location: &str, parameters: &str) -> String {
        format!("postgres://{0}:{PASSWORD}@{location}:{port}/{0}?{parameters}", self.name)
    }

    pub(crate) async fn rows_of(&self, user: &User) -> Vec<Row> {
        let sql = "select id, title, completed, version from tasks where user_id = $1 order by id";
        let rows = self.owner.query(sql, &[&user.id]).await.unwrap();
        let row = |row: &tokio_postgres::Row| Row {
            id: row.get(0),
            title: row.get(1),
            completed: row.get(2),
            version: row.get(3),
        };
        rows.iter().map(row).collect()
    }
}

async fn make_template(server: &str, admin: &tokio_postgres::Client) {
    admin.batch_execute(&format!("create database {TEMPLATE}")).await.unwrap();
    let url = with_database(server, TEMPLATE);
    let client = database::connect(&url).await.unwrap();
    let users = r#"create table "user" (id text primary key, name text not null, email text not null unique)"#;
    client.batch_execute(users).await.unwrap();
    migrations::up(&url, &migrations::Options::default()).await.unwrap();
    drop(client);
    // A template must have no visitors, and they leave when they like.
    let visitors = "select count(*) from pg_stat_activity where datname = $1";
    until("the template is left", async || {
        admin.query_one(visitors, &[&TEMPLATE]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    for _ in 0..2000 {
        if is_true().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    unreachable!("{what}: not within 10 s");
}

impl Site {
    /// One instance of each function, whose connections are open.
    pub(crate) async fn start() -> Self {
        let site = Self::start_cold(|settings| settings).await;
        site.warm_up().await;
        site
    }

    /// One instance of each function, none of which has been used.
    pub(crate) async fn start_cold(change: impl FnOnce(Settings) -> Settings) -> Self {
        Self::start_on(Database::new().await, "127.0.0.1", "sslmode=disable", change).await
    }

    pub(crate) async fn start_on(
        database: Database,
        location: &str,
        parameters: &str,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let settings = Settings::new(env!("CARGO_BIN_EXE_dev")).with("LAMBDA_CONCURRENCY", "1");
        Self::start_with(change(settings), database, location, parameters).await
    }

    /// With these settings, to which the URL of the database is added.
    pub(crate) async fn start_with(settings: Settings, database: Database, location: &str, parameters: &str) -> Self {
        let proxy = FaultProxy::start(([127, 0, 0, 1], database.port).into()).await.unwrap();
        let settings = settings.with_database(&database.url(proxy.port(), location, parameters));
        let stack = Stack::start_async(settings).await.unwrap();
        Self { stack, proxy, database, client: Client::new() }
    }

    /// Opens the connection of each function.
    pub(crate) async fn warm_up(&self) {
        self.works(&ONE_OF_EACH_FUNCTION).await;
    }

    /// A new user with the task that the operation is about.
    pub(crate) async fn prepare(&self, operation: Operation) -> Case {
        let user = database::new_user(&self.database.owner).await.unwrap();
        let title = format!("Task of {}", user.id);
        let task = if operation == Operation::Create {
            None
        } else {
            let insert = "insert into tasks (user_id, title) values ($1, $2) returning id";
            Some(self.database.owner.query_one(insert, &[&user.id, &title]).await.unwrap().get(0))
        };
        Case { operation, user, task, title, if_match: None }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, user: &User, body: Option<Value>) -> Reply {
        self.call_if(None, method, path, user, body).await
    }

    /// With this `If-Match`.
    async fn call_if(
        &self,
        if_match: Option<&str>,
        method: Method,
        path: &str,
        user: &User,
        body: Option<Value>,
    ) -> Reply {
        let request = self.client.request(method, format!("{}/api/tasks{path}", self.stack.base_url()));
        let request = request.bearer_auth(self.stack.token(&user.id)).timeout(Duration::from_secs(40));
        let request = body.iter().fold(request, reqwest::RequestBuilder::json);
        let request = if_match.iter().fold(request, |request, seen| request.header("if-match", *seen));
        let answer = request.send().await.unwrap();
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
        let retry_after = header("retry-after").map(|seconds| seconds.parse().unwrap());
        let request_id = header("x-request-id").unwrap_or_default().to_owned();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
        Reply { status, retry_after, request_id, body }
    }

    /// The processes of a function.
    pub(crate) fn instances_of(&self, function: &str) -> Vec<Pid> {
        let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse::<u32>().ok()?;
            let binary = std::fs::read_link(entry.path().join("exe")).ok()?;
            let is_it = parent == self.stack.ready().pid && binary.file_name()?.to_str()? == function;
            is_it.then(|| Pid::from_raw(pid))
        });
        all.collect()
    }

    /// Ends the instances of all functions but `health`: new ones will remember nothing.
    pub(crate) async fn kill_functions(&self) {
        let open = format!(
            "select count(*) from pg_stat_activity where usename = '{}' and application_name <> 'health'",
            self.database.name
        );
        for operation in ONE_OF_EACH_FUNCTION {
            for pid in self.instances_of(operation.function()) {
                kill(pid, Signal::SIGKILL).unwrap();
            }
        }
        until("the connections of the functions are gone", async || {
            self.database.run("select pg_stat_clear_snapshot()").await;
            self.database.number(&open).await == 0
        })
        .await;
    }

    /// Freezes the instance of a function, as Lambda does between requests.
    pub(crate) async fn freeze(&self, operation: Operation) -> Frozen {
        let mut frozen = self.freeze_all(operation).await;
        assert_eq!(frozen.len(), 1, "instances of {operation:?}");
        frozen.remove(0)
    }

    /// Freezes every instance of a function.
    pub(crate) async fn freeze_all(&self, operation: Operation) -> Vec<Frozen> {
        let mut frozen = Vec::new();
        for pid in self.instances_of(operation.function()) {
            kill(pid, Signal::SIGSTOP).unwrap();
            frozen.push(Frozen(pid));
            until("the function is stopped", async || {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
                status.lines().any(|line| line.starts_with("State:") && line.contains('T'))
            })
            .await;
        }
        frozen
    }

    /// Sends cases at the same time. The answers are in the same order, when they come.
    pub(crate) fn send_together(self: &Arc<Self>, cases: &[Arc<Case>]) -> JoinHandle<Vec<Reply>> {
        let send = |case: &Arc<Case>| {
            let (site, case) = (Arc::clone(self), Arc::clone(case));
            tokio::spawn(async move { case.send(&site).await })
        };
        let sent: Vec<_> = cases.iter().map(send).collect();
        tokio::spawn(async {
            let mut replies = Vec::new();
            for reply in sent {
                replies.push(reply.await.unwrap());
            }
            replies
        })
    }

    /// A case of each.
    pub(crate) async fn prepare_all(&self, operations: &[Operation]) -> Vec<Arc<Case>> {
        let mut cases = Vec::new();
        for operation in operations {
            cases.push(Arc::new(self.prepare(*operation).await));
        }
        cases
    }

    /// Each operation by itself is done.
    pub(crate) async fn works(&self, operations: &[Operation]) {
        for case in self.prepare_all(operations).await {
            case.is_done(self, &case.send(self).await).await;
        }
    }

    pub(crate) async fn end_all(&self, end: End) {
        self.proxy.close_all(end).await.unwrap();
    }
}

impl Case {
    /// Lets it happen.
    pub(crate) async fn send(&self, site: &Site) -> Reply {
        let (method, path, body) = self.request();
        site.call_if(self.if_match, method, &path, &self.user, body).await
    }

    /// Only if the task is as it was made.
    pub(crate) fn if_new(mut self) -> Self {
        self.if_match = Some("\"1\"");
        self
    }

    /// Method, path below that of the tasks, and body.
    pub(crate) fn request(&self) -> (Method, String, Option<Value>) {
        let path = self.task.map(|id| format!("/{id}")).unwrap_or_default();
        match self.operation {
            Operation::List => (Method::GET, String::new(), None),
            Operation::Get => (Method::GET, path, None),
            Operation::Create => (Method::POST, path, Some(json!({"title": self.title}))),
            Operation::Update => (Method::PUT, path, Some(json!({"title": self.changed_title()}))),
            Operation::Toggle => (Method::PATCH, path + "/toggle", None),
            Operation::Complete => (Method::PATCH, path + "/complete", Some(json!({"completed": true}))),
            Operation::Delete => (Method::DELETE, path, None),
        }
    }

    fn changed_title(&self) -> String {
        format!("Changed: {}", self.title)
    }

    /// It happened exactly once, and the answer says so.
    pub(crate) async fn is_done(&self, site: &Site, reply: &Reply) {
        let what = format!("{:?} answered {reply:?}\n{}", self.operation, site.stack.logs());
        let status = match self.operation {
            Operation::Create => 201,
            Operation::Delete => 204,
            _ => 200,
        };
        assert_eq!(reply.status, status, "{what}");
        let rows = self.happened_once(site).await;
        let task = if self.operation == Operation::List { &reply.body[0] } else { &reply.body };
        let said = [&task["id"], &task["title"], &task["completed"]];
        let stored = rows.first().map(|row| [json!(row.id), json!(row.title), json!(row.completed)]);
        assert_eq!(said.map(Value::clone), stored.unwrap_or_default(), "{what}");
    }

    /// The row is as one execution leaves it, and there is no other.
    pub(crate) async fn happened_once(&self, site: &Site) -> Vec<Row> {
        let (title, completed, version) = match self.operation {
            Operation::Delete | Operation::List | Operation::Get | Operation::Create => (self.title.clone(), false, 1),
            Operation::Update => (self.changed_title(), false, 2),
            Operation::Toggle | Operation::Complete => (self.title.clone(), true, 2),
        };
        let rows = site.database.rows_of(&self.user).await;
        // A new task has the id that it was given.
        let id = self.task.or(rows.first().map(|row| row.id)).unwrap_or_default();
        let expected = Row { id, title, completed, version };
        let expected = if self.operation == Operation::Delete { Vec::new() } else { vec![expected] };
        assert_eq!(rows, expected, "{:?}\n{}", self.operation, site.stack.logs());
        rows
    }

    /// Whether it happened. It did so once, if at all.
    pub(crate) async fn happened(&self, site: &Site) -> bool {
        let rows = site.database.rows_of(&self.user).await;
        let before = self.row_before();
        if before.iter().eq(&rows) {
            return false;
        }
        self.happened_once(site).await;
        true
    }

    /// The client was told to come again, and nothing happened.
    pub(crate) async fn is_put_off(&self, site: &Site, reply: &Reply) {
        let what = format!("{:?} answered {reply:?}\n{}", self.operation, site.stack.logs());
        self.is_refused(reply, &what);
        self.is_undone(site).await;
    }

    /// The client was told to come again; what happened is another question.
    pub(crate) fn is_refused(&self, reply: &Reply, what: &str) {
        assert_eq!((reply.status, &reply.body["code"]), (503, &json!("database_unavailable")), "{what}");
        assert!(reply.retry_after.is_some_and(|seconds| (1..=2).contains(&seconds)), "{what}");
    }

    /// Nothing happened.
    pub(crate) async fn is_undone(&self, site: &Site) {
        let rows = site.database.rows_of(&self.user).await;
        assert_eq!(rows, Vec::from_iter(self.row_before()), "{:?}\n{}", self.operation, site.stack.logs());
    }

    /// It was done, or the client was told to come again; then it happened once, or not at all.
    pub(crate) async fn is_done_or_refused(&self, site: &Site, reply: &Reply) {
        if reply.status != 503 {
            return self.is_done(site, reply).await;
        }
        self.is_refused(reply, &site.stack.logs());
        if site.database.rows_of(&self.user).await != Vec::from_iter(self.row_before()) {
            self.happened_once(site).await;
        }
    }

    fn row_before(&self) -> Option<Row> {
        self.task.map(|id| Row { id, title: self.title.clone(), completed: false, version: 1 })
    }
}
