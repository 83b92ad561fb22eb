//! A database with a million tasks, a hundred thousand of them of one user, and the functions before it.

use std::time::{Duration, Instant};

use dev::services::database::{USER_TABLE, connect};
use dev::testing::new_database;
use dev::testing::stack::{Settings, Stack};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::layouts::Layout;
use crate::plan::Plan;

pub(crate) struct Million {
    pub(crate) name: &'static str,
    sql: tokio_postgres::Client,
    url: String,
    stack: Stack,
    http: Client,
    token: String,
}

/// Nobody needs these rows after a crash.
const UNLOGGED: &str = "alter table tasks set unlogged";

/// What makes the server explain every statement of the sessions to come.
const EXPLAIN: [&str; 6] = [
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_buffers = on",
    "auto_explain.log_timing = off",
    "auto_explain.log_format = 'json'",
];

impl Million {
    /// With the fresh schema, or with the tables of another back end, which are adopted with nine tenths of the tasks. The
    /// tasks of the one user come later: all their columns have values.
    pub(crate) async fn laid_out(layout: Option<&Layout>) -> Self {
        let name = layout.map_or("fresh", |layout| layout.name);
        let url = new_database().await;
        let sql = connect(&url).await.expect("the database");
        let run = async |statements: &str| {
            sql.batch_execute(statements).await.unwrap_or_else(|error| panic!("{name}: {statements}: {error:?}"));
        };
        let start = Instant::now();
        // Whoever fills the tables knows that the users exist, and need not ask for each task.
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
                migrations::up(&url, &migrations::Options::default()).await.expect(name);
            }
            None => {
                run(USER_TABLE).await;
                migrations::up(&url, &migrations::Options::default()).await.expect(name);
                run(&format!(
                    "{UNLOGGED};
                    insert into \"user\" (id, name, email)
                    select 'user-' || n, n, n || '@example.com' from generate_series(1, 1000) as n"
                ))
                .await;
                let indexes = "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
                    where indrelid = 'tasks'::regclass and not indisprimary";
                let indexes = sql.query(indexes, &[]).await.expect("indexes");
                // One after the other they are quicker made than filled.
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
            "insert into tasks (user_id, title, description, completed, priority, due_date, created_at, updated_at)
            select {}, md5(n::text), 'Words', n % 3 = 0,
                case when n % 1000 = 0 then 'high' when n % 4 = 1 then 'low' when n % 4 = 2 then 'medium' end,
                case when n % 3 <> 1 then timestamptz '2026-01-01 00:00Z' + n * interval '1 minute' end,
                timestamptz '2025-01-01 00:00Z' + n * interval '5 minutes',
                timestamptz '2026-01-01 00:00Z' - n % 77777 * interval '5 minutes'
            from generate_series(1, 100000) as n",
            user("1")
        ))
        .await;
        run("vacuum (analyze) tasks").await;
        for setting in EXPLAIN {
            run(&format!("alter database {} set {setting}", name_of(&url))).await;
        }
        println!("{name}: a million tasks after {:?}", start.elapsed());

        // A list tells its total as well, so that both statements are seen.
        let settings = Settings::new(env!("CARGO_BIN_EXE_dev")).with_database(&url).with("TASK_LIST_SHAPE", "object");
        let stack = Stack::start_async(settings.with("LAMBDA_CONCURRENCY", "1")).await;
        let stack = stack.unwrap_or_else(|error| panic!("{error}"));
        let token = stack.token(layout.map_or("user-1", |layout| layout.user));
        Self { name, sql, url, stack, http: Client::new(), token }
    }

    /// Sends a request and returns the answer, and the plans of the statements about tasks that it took.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        statements: usize,
    ) -> (Value, Vec<Plan>) {
        let before = self.log_size().await;
        let request = self.http.request(method, format!("{}{path}", self.stack.base_url())).bearer_auth(&self.token);
        let response = body.into_iter().fold(request, reqwest::RequestBuilder::json).send().await.expect("an answer");
        assert!(response.status().is_success(), "{path}: {}: {}", response.status(), self.stack.logs());
        let answer = response.bytes().await.expect("a body");
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let log = "select convert_from(pg_read_binary_file(current_setting('data_directory') || $1, $2, 10000000), 'utf8')";
            let row = self.sql.query_one(log, &[&LOG, &before]).await.expect("the log");
            let plans = Plan::read_all(row.get(0));
            let plans: Vec<_> = plans.into_iter().filter(|plan| plan.query().contains("tasks")).collect();
            if plans.len() == statements {
                return (serde_json::from_slice(&answer).unwrap_or_default(), plans);
            }
            let log = row.get::<_, &str>(0);
            assert!(plans.len() < statements && Instant::now() < end, "{path}: not {statements} plans: {log}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn log_size(&self) -> i64 {
        let size = "select size from pg_stat_file(current_setting('data_directory') || $1)";
        self.sql.query_one(size, &[&LOG]).await.expect("the log").get(0)
    }

    /// Gives the space back.
    pub(crate) async fn drop(self) {
        let Self { sql, url, stack, .. } = self;
        tokio::task::spawn_blocking(|| stack.stop()).await.expect("a thread").expect("an end");
        drop(sql);
        let name = name_of(&url);
        let server = connect(&url.replace(&format!("/{name}?"), "/postgres?")).await.expect("the server");
        server.batch_execute(&format!("drop database {name} with (force)")).await.expect("no database");
    }
}

/// Where the server writes, seen from its data folder.
const LOG: &str = "/../postgres.log";

/// The name of the database.
fn name_of(url: &str) -> &str {
    url.rsplit_once('/').and_then(|(_, rest)| rest.split_once('?')).expect("a URL with options").0
}

/// Nine tenths of the tasks, with the columns of this layout. Whatever they are sorted by, most come before those of the
/// one user: whoever looks for these among all tasks has to pass by the others.
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
