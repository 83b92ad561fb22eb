//! `DELETE /api/tasks/{id}`: deletes a task permanently.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::DELETE], delete_task).await
}

async fn delete_task(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let deleted = user.tasks().delete(&id, &request.if_match()?).await?;
    Ok(response::no_content(deleted.transaction))
}
