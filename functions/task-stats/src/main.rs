//! `GET /api/tasks/stats`: how many tasks the caller has.

use shared::{ApiError, Request, Response, StartError, StatsQuery, UserScope, UserTasks, response};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), StartError> {
    shared::serve(&[UserTasks::STATS], task_stats).await
}

async fn task_stats(user: UserScope, request: Request) -> Result<Response, ApiError> {
    let query: StatsQuery = request.query()?;
    Ok(response::ok(user.tasks().stats(&query).await?))
}
