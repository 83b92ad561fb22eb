//! `POST /api/tasks`: stores a new task.

use shared::{ApiError, NewTask, Request, Response, StartError, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(create_task).await
}

async fn create_task(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let new_task: NewTask = request.json()?;
    Ok(response::created(tasks.create(&new_task).await?))
}
