//! `GET /health`, `GET /health/ready`, and the response to requests that match no route.

use shared::{ApiError, Readiness, Request, Response, StartError, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve_public(health).await
}

async fn health(database: Readiness, request: Request) -> Result<Response, ApiError> {
    match (request.method(), request.path()) {
        ("GET" | "HEAD", "/health") => Ok(response::health("healthy")),
        ("GET" | "HEAD", "/health/ready") => {
            database.check().await?;
            Ok(response::health("ready"))
        }
        _ => request.unrouted(),
    }
}
