//! What the local stack and the tests do in the database themselves: the table of Better Auth, and users.

use std::time::Duration;

use database_url::DatabaseUrl;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config, NoTls};

use crate::environment::Environment;
use crate::random::letters_and_digits;

/// A user as Better Auth stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// 32 letters and digits.
    pub id: String,
    /// What the user is called.
    pub name: String,
    /// Different for each user.
    pub email: String,
}

/// Makes the table of Better Auth, as its own migration does, where it is missing.
pub const USER_TABLE: &str = r#"
    create table if not exists "user" (
        id text primary key,
        name text not null,
        email text not null unique,
        "emailVerified" boolean not null default false,
        image text,
        "createdAt" timestamptz not null default now(),
        "updatedAt" timestamptz not null default now()
    )"#;

/// How long a database of somebody else may take to be looked at.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The users of every private database. Their ids never change, so that a token survives a new database.
pub fn demo_users() -> [User; 2] {
    [("k7Qm2XvT9sLpA4RzWd8HnYcE3uJbF6Gt", "Ada"), ("Zp5NwC1yKxV8tDfQ3hMjS7aLrU9eBg2T", "Grace")].map(|(id, name)| {
        User { id: id.to_owned(), name: name.to_owned(), email: format!("{}@example.com", name.to_lowercase()) }
    })
}

/// Connects to a database on this machine, without TLS.
///
/// # Errors
/// What the driver says.
pub async fn connect(database_url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Stores a user that nobody else has, and returns it.
///
/// # Errors
/// What the database says.
pub async fn new_user(client: &Client) -> Result<User, tokio_postgres::Error> {
    let id = letters_and_digits(32);
    let user = User { name: "Test".to_owned(), email: format!("{id}@example.com"), id };
    insert(client, &user).await?;
    Ok(user)
}

/// Makes the table of Better Auth and the demo users, where they are missing.
pub(crate) async fn prepare(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(USER_TABLE).await?;
    for user in demo_users() {
        insert(client, &user).await?;
    }
    Ok(())
}

async fn insert(client: &Client, user: &User) -> Result<u64, tokio_postgres::Error> {
    let statement = r#"insert into "user" (id, name, email) values ($1, $2, $3) on conflict do nothing"#;
    client.execute(statement, &[&user.id, &user.name, &user.email]).await
}

/// Whether a database of somebody else is known to lack the table of tasks.
///
/// Only a look: what this cannot read or reach, the functions can, or they say themselves what is wrong.
pub(crate) async fn lacks_tasks(database_url: &str, environment: &Environment) -> bool {
    tokio::time::timeout(CHECK_TIMEOUT, look(database_url, environment)).await.ok().flatten() == Some(false)
}

async fn look(database_url: &str, environment: &Environment) -> Option<bool> {
    let mut tls = native_tls::TlsConnector::builder();
    let file = environment.get("SSL_CERT_FILE").and_then(|file| std::fs::read(file).ok());
    for certificate in file.iter().filter_map(|pem| native_tls::Certificate::from_pem(pem).ok()) {
        tls.add_root_certificate(certificate);
    }
    let tls = postgres_native_tls::MakeTlsConnector::new(tls.build().ok()?);
    let config: Config = DatabaseUrl::parse(database_url).ok()?.into();
    let (client, connection) = config.connect(tls).await.ok()?;
    let connection = tokio::spawn(connection);
    let row = client.query_one("select to_regclass('tasks') is not null", &[]).await.ok()?;
    connection.abort();
    row.try_get(0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_ids_look_like_those_of_better_auth() {
        for user in demo_users() {
            assert!(user.id.len() == 32 && user.id.chars().all(|letter| letter.is_ascii_alphanumeric()));
        }
    }
}
