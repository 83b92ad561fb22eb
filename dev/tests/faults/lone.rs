//! One function without a gateway, for what no gateway does.

use std::path::Path;
use std::time::{Duration, SystemTime};

use dev::testing::function::{Function, event};
use dev::tokens;

use crate::site::{Case, Operation, Reply};

/// Long enough to be accepted, and found by no accident.
pub(crate) const SECRET: &str = "a-recognisable-secret-of-more-than-32-bytes";

/// The function of an operation, on a database of its own choice.
pub(crate) struct Lone(pub(crate) Function);

impl Lone {
    pub(crate) async fn start(operation: Operation, database_url: &str, variables: &[(&str, &str)]) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name(operation.function());
        let variables = [&[("DATABASE_URL", database_url), ("BETTER_AUTH_SECRET", SECRET)], variables].concat();
        Self(Function::start(&binary, &variables).await.unwrap())
    }

    /// Lets the case happen.
    pub(crate) async fn send(&mut self, case: &Case) -> Reply {
        self.send_by(SystemTime::now() + Duration::from_secs(20), case).await
    }

    /// Lets the case happen by a deadline.
    pub(crate) async fn send_by(&mut self, deadline: SystemTime, case: &Case) -> Reply {
        let (method, path, body) = case.request();
        let mut event = event(method.as_str(), &format!("/api/tasks{path}"));
        let token = tokens::mint(SECRET, &case.user.id);
        event["headers"]["authorization"] = format!("Bearer {token}").into();
        if let Some(id) = case.task {
            event["pathParameters"] = serde_json::json!({"id": id.to_string()});
        }
        if let Some(body) = body {
            event["headers"]["content-type"] = "application/json".into();
            event["body"] = body.to_string().into();
        }
        let answer = self.0.invoke_by(deadline, &event).await;
        let answer = answer.unwrap_or_else(|silence| unreachable!("{silence}: {}", self.0.output()));
        let retry_after = answer.headers["retry-after"].as_str().map(|seconds| seconds.parse().unwrap());
        let request_id = answer.headers["x-request-id"].as_str().unwrap_or_default().to_owned();
        Reply { request_id, status: u16::try_from(answer.status).unwrap(), retry_after, body: answer.body }
    }
}
