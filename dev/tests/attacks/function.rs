//! `list-tasks` as the attacks meet it, and its events.

use std::path::Path;
use std::time::{Duration, Instant};

use dev::testing::function::event;
pub(crate) use dev::testing::function::{Function, FunctionResponse};
use serde_json::Value;

/// Starts `list-tasks` with these settings and nothing of the environment of the test.
pub(crate) async fn list_tasks(variables: &[(&str, &str)]) -> Function {
    let binary = Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name("list-tasks");
    Function::start(&binary, variables).await.expect("the binary beside the one of dev: run `cargo build --workspace`")
}

/// The statuses of answers.
pub(crate) trait StatusFor {
    /// The status of the answer to a request with this bearer token.
    async fn status_for(&mut self, token: &str) -> u64;

    /// As [`StatusFor::status_for`], asked again as long as `Retry-After` may ask for it: without keys the source is
    /// only looked at once a second.
    async fn status_soon_for(&mut self, token: &str) -> u64;
}

impl StatusFor for Function {
    async fn status_for(&mut self, token: &str) -> u64 {
        self.invoke(&bearing(token)).await.map(|answer| answer.status).unwrap_or_else(|silence| {
            unreachable!("{silence}; {}", self.output());
        })
    }

    async fn status_soon_for(&mut self, token: &str) -> u64 {
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

/// `GET /api/tasks` without a header that says who is calling.
pub(crate) fn anonymous() -> Value {
    event("GET", "/api/tasks")
}

/// `GET /api/tasks` with this text as its `Authorization`.
pub(crate) fn authorized(authorization: &str) -> Value {
    let mut event = anonymous();
    event["headers"]["authorization"] = authorization.into();
    event
}

/// `GET /api/tasks` with `Authorization: Bearer …`.
pub(crate) fn bearing(token: &str) -> Value {
    authorized(&format!("Bearer {token}"))
}
