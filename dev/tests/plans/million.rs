//! A database with a million tasks, 100,000 of them of one user, and the functions.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dev::services::database::{USER_TABLE, connect};
use dev::testing::client::{ApiClient, TestUser};
use dev::testing::database::{Layout, TestDatabase};
use dev::testing::stack::{Settings, Stack};
use serde_json::Value;

use crate::plan::Plan;

/// The number of tasks of the user.
pub(crate) const TASKS_OF_USER: u64 = 100_000;
/// The number of those that have a due date.
pub(crate) const DATED_TASKS: u64 = 66_666;

pub(crate) struct MillionTasks {
    /// The name of the layout.
    pub(crate) name: &'static str,
    /// The names of the indexes that do not lead with the user, without the primary key.
    pub(crate) indexes_of_other_back_end: Vec<String>,
    database: TestDatabase,
    stack: Stack,
    /// The user with 100,000 tasks.
    user: TestUser,
}

/// Without write-ahead log, because the rows need not survive a crash.
const UNLOGGED: &str = "alter table tasks set unlogged";

/// Makes the server log the plan of every statement in new sessions.
const EXPLAIN: [&str; 6] = [
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_buffers = on",
    "auto_explain.log_timing = off",
    "auto_explain.log_format = 'json'",
];

impl MillionTasks {
    /// Creates the schema of an empty database, or the tables of another back end, which are adopted with nine tenths
    /// of the tasks. The tasks of the one user are added later, so that they have values in all columns.
    pub(crate) async fn with_layout(layout: Option<&Layout>) -> Self {
        let name = layout.map_or("fresh", |layout| layout.name);
        let database = TestDatabase::empty().await;
        let (url, sql) = (database.url.as_str(), &database.client);
        let run = async |statements: &str| {
            sql.batch_execute(statements).await.unwrap_or_else(|error| panic!("{name}: {statements}: {error:?}"));
        };
        let start = Instant::now();
        // All users exist, so the foreign key need not be checked for each task.
        run("set session_replication_role = replica; set maintenance_work_mem = '256MB'").await;
        let user = if layout.is_some_and(|layout| layout.has_uuid_users) {
            |number: &str| format!("('00000000-0000-4000-8000-' || lpad(({number})::text, 12, '0'))::uuid")
        } else {
            |number: &str| format!("'user-' || {number}")
        };
        match layout {
            Some(layout) => {
                run(layout.tables).await;
                let users = layout.users.replace("generate_series(1, 20)", "generate_series(1, 1000)");
                run(&format!("{UNLOGGED}; {users}")).await;
                run(&tasks_of_others(Some(layout), &user("n % 999 + 2"))).await;
                migrations::up(url, &migrations::Options::default()).await.expect(name);
            }
            None => {
                run(USER_TABLE).await;
                migrations::up(url, &migrations::Options::default()).await.expect(name);
                run(&format!(
                    "{UNLOGGED};
                    insert into \"user\" (id, name, email)
                    select 'user-' || n, n, n || '@example.com' from generate_series(1, 1000) as n"
                ))
                .await;
                let indexes = "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
                    where indrelid = 'tasks'::regclass and not indisprimary";
                let indexes = sql.query(indexes, &[]).await.expect("indexes");
                // Creating indexes on a filled table is faster than filling them row by row.
                for index in &indexes {
                    run(&format!("drop index {}", index.get::<_, &str>(0))).await;
                }
                run(&tasks_of_others(None, &user("n % 999 + 2"))).await;
                for index in &indexes {
                    run(index.get(1)).await;
                }
            }
        }
        run(&format!(
            "insert into tasks (
                user_id, title, description, completed, priority, due_date, created_at, updated_at, tags, category
            )
            select {}, md5(n::text), 'Words', n % 3 = 0,
                case when n % 1000 = 0 then 'high' when n % 4 = 1 then 'low' when n % 4 = 2 then 'medium' end,
                case when n % 3 <> 1 then timestamptz '2026-01-01 00:00Z' + n * interval '1 minute' end,
                timestamptz '2025-01-01 00:00Z' + n * interval '5 minutes',
                timestamptz '2026-01-01 00:00Z' - n % 77777 * interval '5 minutes',
                case when n % 1000 = 1 then array['rare'] when n % 10 = 0 then array['work'] end,
                case when n % 100 = 0 then 'errand' end
            from generate_series(1, {TASKS_OF_USER}) as n",
            user("1")
        ))
        .await;
        run(&format!(
            "insert into tasks_api.task_tombstones (user_id, task_id, deleted_in)
             select {}, 'deleted-' || n, pg_current_xact_id() from generate_series(1, 20000) as n",
            user("n % 999 + 2")
        ))
        .await;
        run("vacuum (analyze) tasks, tasks_api.task_tombstones").await;
        let of_all_users = "select indexrelid::regclass::text from pg_index
            join pg_attribute on attrelid = indrelid and attnum = indkey[0]
            where indrelid = 'tasks'::regclass and not indisprimary and attname <> 'user_id'";
        let of_all_users = sql.query(of_all_users, &[]).await.expect("indexes");
        for setting in EXPLAIN {
            run(&format!("alter database {} set {setting}", database.name())).await;
        }
        println!("{name}: a million tasks after {:?}", start.elapsed());

        // With the total, both statements of a list are executed.
        let settings = Settings::new().with_database(url).with("TASK_LIST_SHAPE", "object");
        let stack = Stack::start_async(settings.with("LAMBDA_CONCURRENCY", "1")).await;
        let stack = stack.unwrap_or_else(|error| panic!("{error}"));
        let id = layout.map_or("user-1", |layout| layout.user);
        let user = ApiClient::new(stack.base_url()).user(id, &stack.token(id));
        let indexes_of_other_back_end = of_all_users.iter().map(|index| index.get(0)).collect();
        Self { name, indexes_of_other_back_end, database, stack, user }
    }

    /// Sends a request. Returns the response and the plans of its statements about tasks, of which there must be this
    /// many.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        statements: usize,
    ) -> (Value, Vec<Plan>) {
        let before = self.log_size().await;
        let response = self.user.send(self.user.request(method, path).maybe_json(body)).await;
        assert!((200..300).contains(&response.status), "{response:?}: {}", self.stack.logs());
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let log = "select convert_from(pg_read_binary_file(current_setting('data_directory') || $1, $2, 10000000), 'utf8')";
            let row = self.database.client.query_one(log, &[&LOG, &before]).await.expect("the log");
            let plans = Plan::read_all(row.get(0));
            let plans: Vec<_> = plans.into_iter().filter(|plan| plan.query().contains("tasks")).collect();
            if plans.len() == statements {
                return (response.json, plans);
            }
            let log = row.get::<_, &str>(0);
            assert!(plans.len() < statements && Instant::now() < end, "{path}: not {statements} plans: {log}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Makes PostgreSQL plan statements without regard to their parameters.
    pub(crate) async fn force_generic_plans(&self) {
        let name = self.database.name();
        self.database.run(&format!("alter database {name} set plan_cache_mode = force_generic_plan")).await;
        // The functions connect again. Only new sessions have the setting.
        let other_sessions = "select pg_terminate_backend(pid, 10000) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        self.database.run(other_sessions).await;
    }

    /// Changes this many tasks of the user in one transaction, as another program does.
    pub(crate) async fn change_tasks(&self, number: u32) {
        let user = &self.user.id;
        self.write(&format!(
            "update tasks set title = md5(random()::text)
             where id in (select id from tasks where user_id = '{user}' order by id desc limit {number})"
        ))
        .await;
    }

    /// Records deletes of this many tasks. Other plans depend on the number of tasks that there are.
    pub(crate) async fn record_deletes(&self, number: u32) {
        self.write(&format!(
            "insert into tasks_api.task_tombstones (user_id, task_id, deleted_in)
             select '{}', 'deleted-' || n, pg_current_xact_id() from generate_series(1, {number}) as n",
            self.user.id
        ))
        .await;
    }

    /// With triggers. Removes the dead index entries, as autovacuum does.
    async fn write(&self, statement: &str) {
        self.database.run(&format!("set session_replication_role = origin; {statement}")).await;
        self.database.run("vacuum (index_cleanup on) tasks").await;
    }

    /// The token of a client that had got everything at the time of this response, which is the first page of a load.
    pub(crate) fn token_now(&self, response: &Value) -> String {
        let [format, epoch, until] = token_parts(response);
        BASE64_URL_SAFE_NO_PAD.encode(format!("{format} {epoch} {until}"))
    }

    /// A token within a load, which begins with this response: before the last task that names a transaction.
    pub(crate) async fn token_before_last_number(&self, response: &Value) -> String {
        let last = format!(
            "select changed_in || ':' || id from tasks where user_id = '{}' and changed_in is not null
             order by changed_in desc, id desc offset 1 limit 1",
            self.user.id
        );
        let last = self.database.client.query_one(&last, &[]).await.expect("a task");
        let [format, epoch, until] = token_parts(response);
        BASE64_URL_SAFE_NO_PAD.encode(format!("{format} {epoch} - {until} stored:{}", last.get::<_, &str>(0)))
    }

    async fn log_size(&self) -> i64 {
        let size = "select size from pg_stat_file(current_setting('data_directory') || $1)";
        self.database.client.query_one(size, &[&LOG]).await.expect("the log").get(0)
    }

    /// Drops the database to free its space.
    pub(crate) async fn drop(self) {
        let Self { database, stack, .. } = self;
        tokio::task::spawn_blocking(|| stack.stop()).await.expect("a thread").expect("an end");
        let name = database.name().to_owned();
        let server = connect(&database.url.replace(&format!("/{name}?"), "/postgres?")).await.expect("the server");
        drop(database);
        server.batch_execute(&format!("drop database {name} with (force)")).await.expect("no database");
    }
}

/// The format, the epoch and the moment in the token of the first page of a load.
fn token_parts(response: &Value) -> [String; 3] {
    let token = BASE64_URL_SAFE_NO_PAD.decode(response["next"].as_str().expect("a token")).expect("base64url");
    let text = String::from_utf8(token).expect("a text");
    let parts: Vec<&str> = text.split(' ').collect();
    [0, 1, 3].map(|at| parts[at].to_owned())
}

/// The log of the server, relative to its data folder.
const LOG: &str = "/../postgres.log";

/// Inserts the tasks of the other users, nine tenths of all, with the columns of this layout. In every order, most of
/// them come before the tasks of the one user, so that a scan over all users would have to skip them.
fn tasks_of_others(layout: Option<&Layout>, user: &str) -> String {
    let has = |column: &str| layout.is_none_or(|layout| layout.tables.contains(&format!("    {column} ")));
    let with =
        |is_there: bool, name: &'static str, value: &'static str| if is_there { (name, value) } else { ("", "") };
    let (id, ids) = with(layout.is_some_and(|layout| layout.makes_ids), "id, ", "'task-' || n, ");
    let (due_date, due_dates) =
        with(has("due_date"), "due_date, ", "timestamptz '2025-01-01 00:00Z' + n % 500000 * interval '1 minute', ");
    format!(
        "insert into tasks ({id}{due_date}user_id, title, description, completed, created_at, updated_at)
        select {ids}{due_dates}{user}, md5(n::text), 'Words', n % 3 = 0,
            timestamptz '2025-01-01 00:00Z' + n * interval '1 minute',
            timestamptz '2025-01-01 00:00Z' + n * interval '2 minutes'
        from generate_series(1, 900000) as n"
    )
}
