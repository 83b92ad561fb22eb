//! `PUT` and `PATCH /api/tasks/{id}`: changes the given fields of a task.

use shared::{ApiError, Request, Response, StartError, TaskChange, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::UPDATE], update_task).await
}

async fn update_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let change: TaskChange = request.json()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    Ok(response::ok(user.tasks().update(&id, &change, &versions, key.as_ref()).await?))
}
