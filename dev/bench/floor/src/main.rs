//! The empty function with one round trip to PostgreSQL: the least that a request can cost. Never deployed.
//!
//! It speaks PostgreSQL's protocol on a socket of its own, without a driver: it signs in with SCRAM, prepares `STATEMENT`
//! at start, executes it for each request, and reads the rows without decoding or returning them. There is no TLS, no
//! token, no timeout and no other connection when this one is lost. `STATEMENT` is as for the function `bare`.

mod connection;

use std::sync::{Mutex, PoisonError};

use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};

use crate::connection::Connection;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (statement, user) = (std::env::var("STATEMENT")?, std::env::var("USER_ID")?);
    let mut connection = Connection::open(&std::env::var("DATABASE_URL")?)?;
    connection.prepare(&statement)?;
    let connection = Mutex::new(connection);
    run(service_fn(async |request: Request| execute(&connection, &user, &request))).await
}

fn execute(connection: &Mutex<Connection>, user: &str, request: &Request) -> Result<Response<Body>, Error> {
    let path = request.path_parameters();
    let parameters: Vec<&str> = [Some(user), path.first("id")].into_iter().flatten().collect();
    connection.lock().unwrap_or_else(PoisonError::into_inner).execute(&parameters)?;
    Ok(Response::new(Body::Empty))
}
