//! Databases with the tables of Better Auth and ours.

use dev::testing::database::TestDatabase;
use serde_json::Value;

/// The table of sessions as the migration of Better Auth creates it.
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

/// A migrated database with the table of sessions, and usually with the table of keys.
pub(crate) struct AuthDatabase(TestDatabase);

impl AuthDatabase {
    /// A database with an empty table of keys.
    pub(crate) async fn new() -> Self {
        let database = Self::without_keys().await;
        database.create_key_table("text").await;
        database
    }

    /// A database without a table of keys.
    pub(crate) async fn without_keys() -> Self {
        let database = Self(TestDatabase::migrated().await);
        database.create_session_table().await;
        database
    }

    /// A database as it is.
    pub(crate) fn on(database: TestDatabase) -> Self {
        Self(database)
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Creates Better Auth's table of sessions.
    pub(crate) async fn create_session_table(&self) {
        self.run(SESSION_TABLE).await;
    }

    /// Creates Better Auth's table of keys, with ids of this type.
    pub(crate) async fn create_key_table(&self, id_type: &str) {
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
        self.0.run(sql).await;
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.0.number(sql).await
    }

    /// Inserts a user with one task, whose title is [`title_of`] the user.
    pub(crate) async fn add_user(&self, id: &str) {
        let user = r#"insert into "user" (id, name, email) values ($1, 'Test', $1)"#;
        self.0.client.execute(user, &[&id]).await.expect("a new user");
        let task = "insert into tasks (user_id, title) values ($1, $2)";
        self.0.client.execute(task, &[&id, &title_of(id)]).await.expect("a task");
    }

    /// Inserts a public key. The private key is not readable.
    pub(crate) async fn add_key(&self, id: &str, jwk: &Value) {
        self.add_key_text(id, &jwk.to_string()).await;
    }

    /// Inserts a text in place of a public key.
    pub(crate) async fn add_key_text(&self, id: &str, text: &str) {
        // A literal fits columns of any type.
        let id = id.replace('\'', "''");
        let key = format!(r#"insert into jwks (id, "publicKey", "privateKey") values ('{id}', $1, 'encrypted')"#);
        self.0.client.execute(&key, &[&text]).await.expect("a new key");
    }

    /// Inserts a session that expires after this number of seconds.
    pub(crate) async fn add_session(&self, token: &str, user_id: &str, seconds: f64) {
        let session = r#"insert into session (id, "expiresAt", token, "userId")
            values ($1, now() + make_interval(secs => $2), $1, $3)"#;
        self.0.client.execute(session, &[&token, &seconds, &user_id]).await.expect("a new session");
    }
}

/// The title of the task of [`AuthDatabase::add_user`]: as much of the id as fits.
pub(crate) fn title_of(user_id: &str) -> String {
    user_id.chars().take(200).collect()
}
