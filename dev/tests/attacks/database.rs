//! Databases with the tables of Better Auth and ours, all on one server.

use dev::services::database::{USER_TABLE, connect};
use dev::testing::new_database;
use serde_json::Value;
use tokio_postgres::Client;

/// The sessions of Better Auth, as its own migration makes them; `jwks` is made apart.
const SESSION_TABLE: &str = r#"
    create table session (
        id text primary key,
        "expiresAt" timestamptz not null,
        token text not null unique,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now(),
        "ipAddress" text,
        "userAgent" text,
        "userId" text not null references "user" (id) on delete cascade
    );"#;

/// A database that nobody else uses.
pub(crate) struct Database {
    pub(crate) url: String,
    client: Client,
}

impl Database {
    /// A new one with an empty table of keys.
    pub(crate) async fn new() -> Self {
        let database = Self::without_keys().await;
        database.make_key_table("text").await;
        database
    }

    /// A new one without a table of keys.
    pub(crate) async fn without_keys() -> Self {
        let url = new_database().await;
        let database = Self { client: connect(&url).await.expect("a running server"), url };
        database.run(USER_TABLE).await;
        database.run(SESSION_TABLE).await;
        migrations::up(&database.url, &migrations::Options::default()).await.expect("an empty database");
        database
    }

    /// Makes Better Auth's table of keys, whose ids have the type of all its ids.
    pub(crate) async fn make_key_table(&self, id_type: &str) {
        self.run(&format!(
            r#"create table jwks (
                id {id_type} primary key,
                "publicKey" text not null,
                "privateKey" text not null,
                "createdAt" timestamptz not null default now(),
                "expiresAt" timestamptz
            )"#
        ))
        .await;
    }

    /// Runs statements.
    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| unreachable!("{sql}: {error:?}"));
    }

    /// Stores a user with one task, whose title is as much of the user's id as fits.
    pub(crate) async fn add_user(&self, id: &str) {
        let user = r#"insert into "user" (id, name, email) values ($1, 'Test', $1)"#;
        self.client.execute(user, &[&id]).await.expect("a new user");
        let task = "insert into tasks (user_id, title) values ($1, $2)";
        self.client.execute(task, &[&id, &title_of(id)]).await.expect("a task");
    }

    /// Stores a public key, with something unreadable in the place of the private one.
    pub(crate) async fn add_key(&self, id: &str, jwk: &Value) {
        self.add_key_text(id, &jwk.to_string()).await;
    }

    /// Stores a text in the place of a public key.
    pub(crate) async fn add_key_text(&self, id: &str, text: &str) {
        // As text, whatever the type of the column.
        let id = id.replace('\'', "''");
        let key = format!(r#"insert into jwks (id, "publicKey", "privateKey") values ('{id}', $1, 'encrypted')"#);
        self.client.execute(&key, &[&text]).await.expect("a new key");
    }

    /// Stores a session that ends after this many seconds.
    pub(crate) async fn add_session(&self, token: &str, user_id: &str, seconds: f64) {
        let session = r#"insert into session (id, "expiresAt", token, "userId")
            values ($1, now() + make_interval(secs => $2), $1, $3)"#;
        self.client.execute(session, &[&token, &seconds, &user_id]).await.expect("a new session");
    }
}

/// The title of the task of [`Database::add_user`].
pub(crate) fn title_of(user_id: &str) -> String {
    user_id.chars().take(200).collect()
}
