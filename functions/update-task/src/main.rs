//! `PUT` and `PATCH /api/tasks/{id}`: changes the fields that are sent.

use shared::{ApiError, Request, Response, StartError, TaskChange, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(update_task).await
}

async fn update_task(tasks: UserTasks, request: Request) -> Result<Response, ApiError> {
    let id = request.task_id()?;
    let change: TaskChange = request.json()?;
    Ok(response::task(tasks.update(&id, &change, &request.if_match()?).await?))
}
