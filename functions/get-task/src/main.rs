//! `GET /api/tasks/{id}`: reads one task.

use shared::{ApiError, Request, Response, StartError, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(get_task).await
}

async fn get_task(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let id = request.task_id()?;
    Ok(response::task(tasks.get(&id).await?))
}
