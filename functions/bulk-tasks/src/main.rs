//! `POST /api/tasks/bulk`: creates, changes, completes and deletes several tasks.

use shared::{ApiError, Bulk, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::BULK], bulk_tasks).await
}

async fn bulk_tasks(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let bulk: Bulk = request.json()?;
    let key = request.idempotency_key()?;
    response::bulk(user.tasks().bulk(bulk, key.as_ref()).await?)
}
