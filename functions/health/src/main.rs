//! `GET /health` and `GET /health/ready`, and the answer to what no route matches.

use shared::{ApiError, Readiness, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_open(health).await
}

async fn health(database: Readiness, request: Request) -> Result<Response, ApiError> {
    match (request.method(), request.path()) {
        ("GET", "/health") => Ok(response::health("healthy")),
        ("GET", "/health/ready") => {
            database.check().await?;
            Ok(response::health("ready"))
        }
        _ => Err(request.unrouted()),
    }
}
