//! `POST /api/tasks/{id}/tags`: adds tags to a task.

use shared::{AddedTags, ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::ADD_TAGS], add_task_tags).await
}

async fn add_task_tags(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let added: AddedTags = request.json()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    Ok(response::ok(user.tasks().add_tags(&id, &added, &versions, key.as_ref()).await?))
}
