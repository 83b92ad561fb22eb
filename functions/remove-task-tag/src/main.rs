//! `DELETE /api/tasks/{id}/tags/{tag}`: removes a tag from a task.

use shared::{ApiError, Request, Response, StartError, TagName, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::REMOVE_TAG], remove_task_tag).await
}

async fn remove_task_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let (id, tag): (_, TagName) = (request.id()?, request.parameter("tag")?);
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    let task = user.tasks().remove_tag(&id, &tag, &versions, key.as_ref()).await?;
    Ok(response::no_content(task.map(|task| task.transaction)))
}
