//! `POST /api/tasks/bulk`: creates, changes, completes and deletes several tasks.

use shared::{ApiError, Bulk, Request, Response, StartError, UserScope, UserTasks, bulk};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::BULK], bulk_tasks).await
}

async fn bulk_tasks(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let operations: Bulk = request.json()?;
    let key = request.idempotency_key()?;
    bulk::respond(user.tasks().bulk(operations, key.as_ref()).await?)
}
