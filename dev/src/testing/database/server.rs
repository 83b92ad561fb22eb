//! Private PostgreSQL servers.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::Client;

use crate::services::database::{USER_TABLE, connect};
use crate::services::postgres::{Cluster, Postgres};
use crate::testing::wait::wait_until;

/// The database that migrated databases are copied from.
const TEMPLATE: &str = "migrated_template";

/// A private PostgreSQL server, on which tests create databases.
#[derive(Debug)]
pub struct TestServer {
    postgres: Postgres,
    /// Whether the template exists. Databases are copied one at a time.
    has_template: Mutex<bool>,
}

impl TestServer {
    /// The server that all tests of this process share.
    pub async fn shared() -> &'static Self {
        /// Ends with this process, because a static is never dropped.
        static SERVER: OnceCell<TestServer> = OnceCell::const_new();
        SERVER.get_or_init(Self::start).await
    }

    /// Starts a server for one test, such as one that crashes it.
    pub async fn start() -> Self {
        let mut postgres = Cluster::new(true).await.expect("PostgreSQL").start().expect("PostgreSQL");
        postgres.wait_until_ready().await.expect("PostgreSQL");
        Self { postgres, has_template: Mutex::new(false) }
    }

    /// The running server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Stops the server and waits for its end.
    pub async fn stop(self) {
        self.postgres.stop().await;
    }

    /// Creates an empty database and returns its URL.
    pub(super) async fn create_empty(&self) -> String {
        self.create("").await
    }

    /// Creates a database with Better Auth's table of users and all migrations, and returns its URL.
    pub(super) async fn create_migrated(&self) -> String {
        let mut has_template = self.has_template.lock().await;
        if !*has_template {
            self.create_template().await;
            *has_template = true;
        }
        self.create(&format!("template {TEMPLATE}")).await
    }

    async fn create(&self, options: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.run(&self.admin().await, &format!("create database {name} {options}")).await;
        self.url_of(&name)
    }

    async fn create_template(&self) {
        let admin = self.admin().await;
        self.run(&admin, &format!("create database {TEMPLATE}")).await;
        let url = self.url_of(TEMPLATE);
        let client = connect(&url).await.expect("a running server");
        self.run(&client, USER_TABLE).await;
        migrations::up(&url, &migrations::Options::default()).await.expect("an empty database");
        drop(client);
        // A database with open connections cannot be copied, and the server closes them some time later.
        let open = "select count(*) from pg_stat_activity where datname = $1";
        wait_until("the template has no connections", async || {
            admin.query_one(open, &[&TEMPLATE]).await.expect("a number").get::<_, i64>(0) == 0
        })
        .await;
    }

    async fn admin(&self) -> Client {
        connect(&self.postgres.url()).await.expect("a running server")
    }

    async fn run(&self, client: &Client, sql: &str) {
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn url_of(&self, database: &str) -> String {
        self.postgres.url().replace("/todo?", &format!("/{database}?"))
    }
}
