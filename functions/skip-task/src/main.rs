//! `POST /api/tasks/{id}/skip`: moves a recurring task to its next occurrence.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::SKIP], skip_task).await
}

async fn skip_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    Ok(response::ok(user.tasks().skip(&id, &versions, key.as_ref()).await?))
}
