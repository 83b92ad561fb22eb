//! `PATCH /api/tasks/{id}/complete` (also `/toggle` and `/status`): sets or toggles whether a task is completed.

use shared::{ApiError, Completion, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::COMPLETE], complete_task).await
}

async fn complete_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let completion: Completion = request.optional_json()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    Ok(response::ok(user.tasks().complete(&id, &completion, &versions, key.as_ref()).await?))
}
