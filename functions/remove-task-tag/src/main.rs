//! `DELETE /api/tasks/{id}/tags/{tag}`: removes a tag from a task.

use shared::{ApiError, Request, Response, StartError, TagName, UserScope, UserTasks, Written, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::REMOVE_TAG], remove_task_tag).await
}

async fn remove_task_tag(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let (id, tag): (_, TagName) = (request.id()?, request.parameter("tag")?);
    let task = user.tasks().remove_tag(&id, &tag, &request.if_match()?).await?;
    Ok(response::no_content(Written::new(task.transaction)))
}
