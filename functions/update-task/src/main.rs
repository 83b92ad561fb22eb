//! `PUT` and `PATCH /api/tasks/{id}`: changes the given fields of a task.

use shared::{ApiError, Request, Response, StartError, TaskChange, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::UPDATE], update_task).await
}

async fn update_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let change: TaskChange = request.json()?;
    Ok(response::ok(user.tasks().update(&id, &change, &request.if_match()?).await?))
}
