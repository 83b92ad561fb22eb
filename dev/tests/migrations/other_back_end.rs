//! The back end that owned the table before its adoption.

use tokio_postgres::Client;

use crate::kit::{Database, connect};

/// The back end that owned the table before, with a role that has no privilege in the schema `tasks_api`.
pub(crate) struct OtherBackEnd {
    pub(crate) client: Client,
    pub(crate) role: String,
}

impl OtherBackEnd {
    pub(crate) async fn new(database: &Database, user_table: &str) -> Self {
        let name = database.row("select current_database()").await;
        let role = format!("back_end_of_{name}");
        database
            .run(&format!(
                "create role {role} login password 'back end';
                grant select, insert, update, delete, truncate on tasks, {user_table} to {role};
                grant usage on all sequences in schema public to {role}"
            ))
            .await;
        let (_, rest) = database.url.split_once('@').expect("a URL");
        Self { client: connect(&format!("postgres://{role}:back%20end@{rest}")).await, role }
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| unreachable!("{sql}: {error:?}"));
    }

    /// Runs the statements in one transaction and returns its number.
    pub(crate) async fn run_in_transaction(&self, sql: &str) -> String {
        self.run(&format!("begin; {sql}")).await;
        let row = self.client.query_one("select pg_current_xact_id()::text", &[]).await.expect("a number");
        self.run("commit").await;
        row.get(0)
    }

    pub(crate) async fn drop_role(self, database: &Database) {
        drop(self.client);
        database.run(&format!("drop owned by {0}; drop role {0}", self.role)).await;
    }
}
