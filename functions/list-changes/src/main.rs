//! `GET /api/tasks/changes`: lists what has changed since a sync token.

use shared::{ApiError, ChangesQuery, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::CHANGES], list_changes).await
}

async fn list_changes(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let query: ChangesQuery = request.query()?;
    Ok(response::ok(user.tasks().changes(&query).await?))
}
