//! Functions that send one prepared statement with tokio-postgres and return its rows, as baselines for `make bench`.
//! Never deployed. The binaries differ in their TLS library: `bare` has OpenSSL as the deployed functions, `bare-rustls`
//! has rustls.
//!
//! They do the least that such a function can do: no token, no validation, no limits and no new connection when the first
//! one is lost. `STATEMENT` is SQL that returns tasks. Its `$1` is `USER_ID`, and its `$2`, if any, is the id in the path.

use std::time::{SystemTime, UNIX_EPOCH};

use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use serde::Serialize;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Socket, Statement};

#[derive(Serialize)]
struct Task {
    id: i32,
    title: String,
    description: Option<String>,
    completed: bool,
    priority: Option<String>,
    due_date: Option<u128>,
    created_at: u128,
    updated_at: u128,
}

/// Connects to `DATABASE_URL`, prepares `STATEMENT` and serves requests. `tls` is called unless the URL disables TLS.
///
/// # Errors
/// A variable is missing, or the database refuses the connection or the statement.
pub async fn serve<T>(tls: impl FnOnce() -> Result<T, Error>) -> Result<(), Error>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let (statement, user) = (std::env::var("STATEMENT")?, std::env::var("USER_ID")?);
    let config: Config = std::env::var("DATABASE_URL")?.parse()?;
    let client = if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        client
    } else {
        let (client, connection) = config.connect(tls()?).await?;
        tokio::spawn(connection);
        client
    };
    let statement = client.prepare(&statement).await?;
    run(service_fn(async |request: Request| tasks(&client, &statement, &user, &request).await)).await
}

async fn tasks(client: &Client, statement: &Statement, user: &str, request: &Request) -> Result<Response<Body>, Error> {
    let parameters = request.path_parameters();
    let id: Option<i32> = parameters.first("id").map(str::parse).transpose()?;
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&user];
    if let Some(id) = &id {
        parameters.push(id);
    }
    let rows = client.query(statement, &parameters).await?;
    let tasks = rows.iter().map(task).collect::<Result<Vec<_>, _>>()?;
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(serde_json::to_string(&tasks)?.into())?)
}

fn task(row: &Row) -> Result<Task, tokio_postgres::Error> {
    Ok(Task {
        id: row.try_get(0)?,
        title: row.try_get(1)?,
        description: row.try_get(2)?,
        completed: row.try_get(3)?,
        priority: row.try_get(4)?,
        due_date: row.try_get::<_, Option<_>>(5)?.map(milliseconds),
        created_at: milliseconds(row.try_get(6)?),
        updated_at: milliseconds(row.try_get(7)?),
    })
}

/// Milliseconds since 1970.
fn milliseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
