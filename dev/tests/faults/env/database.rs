//! The database of one test.

use dev::services::database::{connect, new_user};
use dev::testing::client::TestUser;
use dev::testing::database::{LAYOUTS, TestDatabase, TestServer};
use dev::testing::fault_proxy::FaultProxy;
use dev::testing::wait::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The password of the role of the functions.
pub(crate) const PASSWORD: &str = "recognisable-password";

/// A database with a role for the functions.
pub(crate) struct FaultDatabase {
    /// The database, for its owner, not through the proxy.
    pub(crate) owner: TestDatabase,
    /// The name of the database and of the role of the functions.
    pub(crate) name: String,
    /// Where the proxy forwards to: the port of the server, or of a pooler in front of it.
    pub(crate) port: u16,
}

/// A row of `tasks`: the columns that operations change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i32,
    pub(crate) title: String,
    pub(crate) completed: bool,
    pub(crate) version: i64,
    pub(crate) tags: Vec<String>,
    /// The day of the due date.
    pub(crate) due: Option<String>,
    pub(crate) recurs: bool,
}

impl FaultDatabase {
    pub(crate) async fn new() -> Self {
        Self::on(TestServer::shared().await).await
    }

    pub(crate) async fn on(server: &TestServer) -> Self {
        let owner = TestDatabase::migrated_on(server).await;
        let (name, port) = (owner.name().to_owned(), owner.port());
        let role = format!(
            "create role {name} login password '{PASSWORD}';
             grant select, insert, update, delete on tasks to {name};
             grant usage on schema tasks_api to {name};
             grant select, insert, delete on tasks_api.task_fences to {name};
             grant select, insert on tasks_api.idempotency_keys to {name};
             grant select, insert, update, delete on tasks_api.task_tags to {name};
             grant select on tasks_api.task_tombstones, tasks_api.sync_epoch to {name}"
        );
        owner.run(&role).await;
        Self { owner, name, port }
    }

    /// A database whose users have passwords, and sign in at the API.
    pub(crate) async fn with_passwords(server: &TestServer) -> Self {
        let layout = LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").unwrap();
        let owner = TestDatabase::with_tables_of(server, layout).await;
        let (name, port) = (owner.name().to_owned(), owner.port());
        // The migrations give the role what it needs besides.
        owner
            .run(&format!(
                "create role {name} login password '{PASSWORD}';
                grant select, insert, update, delete on users, tasks to {name};
                grant usage on sequence tasks_id_seq to {name}"
            ))
            .await;
        migrations::up(&owner.url, &migrations::Options::default()).await.unwrap();
        Self { owner, name, port }
    }

    /// A proxy in front of the server, or of the pooler.
    pub(crate) async fn start_proxy(&self) -> FaultProxy {
        FaultProxy::start(([127, 0, 0, 1], self.port).into()).await.unwrap()
    }

    /// The database URL for the functions, with this port, host and parameters.
    pub(crate) fn url(&self, port: u16, host: &str, parameters: &str) -> String {
        format!("postgres://{0}:{PASSWORD}@{host}:{port}/{0}?{parameters}", self.name)
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.owner.run(sql).await;
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.owner.number(sql).await
    }

    /// The number that a query of the statistics returns. Within a transaction they do not change otherwise.
    async fn current_number(&self, sql: &str) -> i64 {
        self.run("select pg_stat_clear_snapshot()").await;
        self.number(sql).await
    }

    /// Locks `tasks`, so that every statement of the functions waits until the owner commits.
    pub(crate) async fn lock_tasks(&self) {
        self.run("begin; lock table tasks in access exclusive mode").await;
    }

    /// How many connections the functions have, except `health`.
    pub(crate) async fn function_connections(&self) -> i64 {
        self.current_number(&format!(
            "select count(*) from pg_stat_activity where usename = '{}' and application_name <> 'health'",
            self.name
        ))
        .await
    }

    /// Closes all connections of the functions as an administrator does.
    pub(crate) async fn terminate(&self) {
        self.run("select pg_stat_clear_snapshot()").await;
        self.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'", self.name))
            .await;
    }

    /// Kills a process of the server. The server ends all other processes and recovers.
    pub(crate) async fn crash_server(&self) {
        let admin = connect(&self.owner.url).await.unwrap();
        // The server of the tests does not sync its files, so that earlier commits could get lost.
        admin.batch_execute("checkpoint").await.unwrap();
        let pid: i32 = admin.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        wait_until("the process has ended", async || admin.is_closed()).await;
    }

    /// Waits until the server has recovered, and replaces the connection of the owner, which the crash closed.
    pub(crate) async fn reconnect(&mut self) {
        let mut client = None;
        wait_until("the server has recovered", async || {
            client = connect(&self.owner.url).await.ok();
            client.is_some()
        })
        .await;
        self.owner.client = client.unwrap();
    }

    /// Waits until this number of statements of the functions wait for a lock.
    pub(crate) async fn wait_for_blocked_statements(&self, statements: usize) {
        let blocked = format!(
            "select count(*) from pg_stat_activity where usename = '{}' and wait_event_type = 'Lock'",
            self.name
        );
        wait_until("statements wait for a lock", async || {
            self.current_number(&blocked).await >= i64::try_from(statements).unwrap()
        })
        .await;
    }

    /// Inserts a user and returns the id.
    pub(crate) async fn new_user(&self) -> String {
        new_user(&self.owner.client).await.unwrap().id
    }

    pub(crate) async fn rows_of(&self, user: &TestUser) -> Vec<Row> {
        let sql =
            "select id, title, completed, version, coalesce(tags, '{}'), due_date::date::text, recurrence is not null
            from tasks where user_id = $1 order by id";
        let rows = self.owner.client.query(sql, &[&user.id]).await.unwrap();
        let row = |row: &tokio_postgres::Row| Row {
            id: row.get(0),
            title: row.get(1),
            completed: row.get(2),
            version: row.get(3),
            tags: row.get(4),
            due: row.get(5),
            recurs: row.get(6),
        };
        rows.iter().map(row).collect()
    }
}
