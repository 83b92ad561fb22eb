//! The attacked function, `list-tasks`, and events for it.

use std::time::{Duration, Instant};

pub(crate) use dev::testing::function::Function;
use dev::testing::function::event;
use serde_json::Value;

/// Starts `list-tasks` with these environment variables and none of the test's own.
pub(crate) async fn list_tasks(variables: &[(&str, &str)]) -> Function {
    Function::start_built("list-tasks", variables).await
}

/// The HTTP status of the responses of a function.
pub(crate) trait StatusFor {
    /// The status of the response to a request with this bearer token.
    async fn status_for(&mut self, token: &str) -> u16;

    /// Repeats the request until its status is 200, for at most five seconds, and returns the last status. A function
    /// that has no keys looks for them only once a second.
    async fn eventual_status_for(&mut self, token: &str) -> u16;
}

impl StatusFor for Function {
    async fn status_for(&mut self, token: &str) -> u16 {
        self.invoke(&bearing(token)).await.map(|response| response.status).unwrap_or_else(|error| {
            unreachable!("{error}; {}", self.output());
        })
    }

    async fn eventual_status_for(&mut self, token: &str) -> u16 {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let status = self.status_for(token).await;
            if status == 200 || Instant::now() > end {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// `GET /api/tasks` without a token.
pub(crate) fn anonymous() -> Value {
    event("GET", "/api/tasks")
}

/// `GET /api/tasks` with this value of `Authorization`.
pub(crate) fn authorized(authorization: &str) -> Value {
    let mut event = anonymous();
    event["headers"]["authorization"] = authorization.into();
    event
}

/// `GET /api/tasks` with `Authorization: Bearer …`.
pub(crate) fn bearing(token: &str) -> Value {
    authorized(&format!("Bearer {token}"))
}
