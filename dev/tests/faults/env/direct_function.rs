//! One function without a gateway.

use std::time::{Duration, SystemTime};

use dev::testing::client::TestResponse;
use dev::testing::function::{Function, event};
use dev::tokens;
use serde_json::json;

use super::operation::Operation;
use super::task_case::TaskCase;

/// Signs the tokens. It is long enough to be accepted, and unique enough to be found in a log.
pub(crate) const SECRET: &str = "a-recognisable-secret-of-more-than-32-bytes";

/// A function that is invoked directly, with any database and any deadline.
pub(crate) struct DirectFunction(pub(crate) Function);

impl DirectFunction {
    pub(crate) async fn start(operation: Operation, database_url: &str, variables: &[(&str, &str)]) -> Self {
        let variables = [&[("DATABASE_URL", database_url), ("BETTER_AUTH_SECRET", SECRET)], variables].concat();
        Self(Function::start_built(operation.function(), &variables).await)
    }

    /// Sends the request of a case.
    pub(crate) async fn send(&mut self, case: &TaskCase) -> TestResponse {
        self.send_by(SystemTime::now() + Duration::from_secs(20), case).await
    }

    /// Sends the request of a case with this deadline.
    pub(crate) async fn send_by(&mut self, deadline: SystemTime, case: &TaskCase) -> TestResponse {
        let (method, path, body) = case.request_parts();
        let mut event = event(method, &path);
        let token = tokens::mint(SECRET, &case.user.id);
        event["headers"]["authorization"] = format!("Bearer {token}").into();
        let segments: Vec<&str> = path.split('/').skip(2).collect();
        event["pathParameters"] = match segments.as_slice() {
            ["tasks", id, "tags", tag] => json!({"id": id, "tag": tag}),
            ["tasks", id, ..] if case.task.is_some_and(|task| *id == task.to_string()) => json!({"id": id}),
            ["tags", id] => json!({"id": id}),
            _ => event["pathParameters"].take(),
        };
        if let Some(body) = body {
            event["headers"]["content-type"] = "application/json".into();
            event["body"] = body.to_string().into();
        }
        if let Some(key) = &case.key {
            event["headers"]["idempotency-key"] = key.as_str().into();
        }
        let response = self.0.invoke_by(deadline, &event).await;
        response.unwrap_or_else(|error| unreachable!("{error}: {}", self.0.output()))
    }
}
