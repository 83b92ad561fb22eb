//! `DELETE /api/tasks/{id}`: deletes a task for good.

use shared::{ApiError, Request, Response, StartError, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(delete_task).await
}

async fn delete_task(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let id = request.task_id()?;
    tasks.delete(&id, &request.if_match()?).await?;
    Ok(response::no_content())
}
