//! `GET /api/tasks`: lists the caller's tasks, filtered, sorted and paged.

use shared::{ApiError, ListQuery, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::LIST], list_tasks).await
}

async fn list_tasks(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let query: ListQuery = request.query()?;
    Ok(response::ok(user.tasks().list(&query).await?))
}
