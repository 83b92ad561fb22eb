//! `POST /api/tasks/{id}/stop-recurrence`: makes a recurring task one that does not recur.

use shared::{ApiError, Request, Response, StartError, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::STOP_RECURRENCE], stop_recurrence).await
}

async fn stop_recurrence(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let (versions, key) = (request.if_match()?, request.idempotency_key()?);
    Ok(response::ok(user.tasks().stop_recurrence(&id, &versions, key.as_ref()).await?))
}
