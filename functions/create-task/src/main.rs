//! `POST /api/tasks`: stores a new task.

use shared::{ApiError, NewTask, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::CREATE], create_task).await
}

async fn create_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let new_task: NewTask = request.json()?;
    let key = request.idempotency_key()?;
    Ok(response::created(user.tasks().create(&new_task, key.as_ref()).await?))
}
