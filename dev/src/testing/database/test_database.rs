//! A database that one test uses.

use tokio_postgres::Client;

use super::layouts::Layout;
use super::server::TestServer;
use crate::services::database::{USER_TABLE, connect};

/// A database that one test uses, with a connection of its owner.
#[derive(Debug)]
pub struct TestDatabase {
    /// The URL for its owner, without TLS.
    pub url: String,
    /// A connection of its owner, which the functions do not see.
    pub client: Client,
}

/// Creates an empty database on the shared server and returns its URL.
pub async fn new_database() -> String {
    TestServer::shared().await.create_empty().await
}

impl TestDatabase {
    /// An empty database.
    pub async fn empty() -> Self {
        Self::connect(new_database().await).await
    }

    /// A database with nothing but Better Auth's table of users.
    pub async fn with_users_table() -> Self {
        let database = Self::empty().await;
        database.run(USER_TABLE).await;
        database
    }

    /// A database with Better Auth's table of users and all migrations.
    pub async fn migrated() -> Self {
        Self::migrated_on(TestServer::shared().await).await
    }

    /// [`TestDatabase::migrated`] on another server.
    pub async fn migrated_on(server: &TestServer) -> Self {
        Self::connect(server.create_migrated().await).await
    }

    /// A database that another back end made and filled, and that was migrated afterwards.
    pub async fn adopted(layout: &Layout) -> Self {
        let database = Self::empty().await;
        // The time zone of managed servers: now() stores it in columns without a time zone.
        let time_zone = format!("alter database {} set timezone = 'UTC'; set timezone = 'UTC'", database.name());
        for statements in [time_zone.as_str(), layout.tables, layout.users, layout.tasks] {
            database.run(statements).await;
        }
        let migrated = migrations::up(&database.url, &migrations::Options::default()).await;
        migrated.unwrap_or_else(|error| panic!("{}: {error}", layout.name));
        database
    }

    /// An empty database with the tables that another back end made, which is not migrated.
    pub async fn with_tables_of(server: &TestServer, layout: &Layout) -> Self {
        let database = Self::connect(server.create_empty().await).await;
        database.run(layout.tables).await;
        database
    }

    async fn connect(url: String) -> Self {
        let client = connect(&url).await.expect("a running server");
        Self { url, client }
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        let name = self.url.rsplit_once('/').and_then(|(_, rest)| rest.split_once('?'));
        name.expect("a URL with a database and options").0
    }

    /// The port of its server.
    pub fn port(&self) -> u16 {
        let port = self.url.split('/').nth(2).and_then(|address| address.rsplit(':').next()?.parse().ok());
        port.expect("a URL with a port")
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The number that a query returns.
    pub async fn number(&self, sql: &str) -> i64 {
        let row = self.client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        row.get(0)
    }
}
