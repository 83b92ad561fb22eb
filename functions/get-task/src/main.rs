//! `GET /api/tasks/{id}`: returns one task.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::GET], get_task).await
}

async fn get_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    Ok(response::ok(user.tasks().get(&id).await?))
}
