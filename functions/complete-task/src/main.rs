//! `PATCH /api/tasks/{id}/complete` (also `/toggle` and `/status`): toggles whether a task is completed, or sets it.

use shared::{ApiError, Completion, Request, Response, StartError, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(complete_task).await
}

async fn complete_task(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let id = request.task_id()?;
    let completion: Completion = request.optional_json()?;
    Ok(response::task(tasks.complete(&id, &completion, &request.if_match()?).await?))
}
