//! `DELETE /api/tasks/{id}`: deletes a task permanently.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::DELETE], delete_task).await
}

async fn delete_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    let deleted = user.tasks().delete(&id, &versions, key.as_ref()).await?;
    Ok(response::no_content(deleted.map(|deleted| deleted.transaction)))
}
