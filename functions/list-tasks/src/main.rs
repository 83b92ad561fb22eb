//! `GET /api/tasks`: lists the caller's tasks, filtered, sorted and paged.

use shared::{ApiError, Request, Response, StartError, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(list_tasks).await
}

async fn list_tasks(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let query = request.list_query()?;
    Ok(response::tasks(tasks.list(&query).await?))
}
