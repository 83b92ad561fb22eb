//! The table of users of Better Auth, and other statements that the local stack and the tests run themselves.

use std::time::Duration;

use database_url::DatabaseUrl;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config, NoTls};

use crate::environment::Environment;
use crate::random::letters_and_digits;

/// A user in the table of Better Auth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// 32 letters and digits.
    pub id: String,
    /// The name, which need not be unique.
    pub name: String,
    /// The address, which is unique.
    pub email: String,
}

/// Creates the table of users as the migration of Better Auth does, if it is missing.
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

/// How long the check of a database that is not ours may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The users of every private database. Their ids never change, so that tokens stay valid for a new database.
pub fn demo_users() -> [User; 2] {
    [("k7Qm2XvT9sLpA4RzWd8HnYcE3uJbF6Gt", "Ada"), ("Zp5NwC1yKxV8tDfQ3hMjS7aLrU9eBg2T", "Grace")].map(|(id, name)| {
        User { id: id.to_owned(), name: name.to_owned(), email: format!("{}@example.com", name.to_lowercase()) }
    })
}

/// Connects to a database on this machine, without TLS.
///
/// # Errors
/// Any error of the driver.
pub async fn connect(database_url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Inserts a new user and returns it.
///
/// # Errors
/// Any error of the database.
pub async fn new_user(client: &Client) -> Result<User, tokio_postgres::Error> {
    let id = letters_and_digits(32);
    let user = User { name: "Test".to_owned(), email: format!("{id}@example.com"), id };
    insert(client, &user).await?;
    Ok(user)
}

/// Creates the table of users and the demo users, if they are missing.
pub(crate) async fn create_demo_users(client: &Client) -> Result<(), tokio_postgres::Error> {
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

/// Whether a database that is not ours certainly has no table of tasks.
///
/// `false` also if this is not known, for example because the database is not reachable. Then the functions report what
/// is wrong.
pub(crate) async fn lacks_tasks(database_url: &str, environment: &Environment) -> bool {
    tokio::time::timeout(CHECK_TIMEOUT, has_tasks(database_url, environment)).await.ok().flatten() == Some(false)
}

/// `None` if it is not known.
async fn has_tasks(database_url: &str, environment: &Environment) -> Option<bool> {
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
    fn demo_ids_have_the_format_of_better_auth() {
        for user in demo_users() {
            assert!(user.id.len() == 32 && user.id.chars().all(|letter| letter.is_ascii_alphanumeric()));
        }
    }
}
