//! One function without a gateway, with its own proxy.

use std::time::{Duration, SystemTime};

use dev::testing::client::{TestRequest, TestResponse};
use dev::testing::fault_proxy::FaultProxy;
use dev::testing::function::{Function, event_of};
use serde_json::json;

use super::env::{AccountsEnv, SETTINGS};

/// A function that is invoked directly, with any deadline.
pub(super) struct DirectFunction {
    pub(super) proxy: FaultProxy,
    function: Function,
}

impl DirectFunction {
    /// Starts a function, which accepts the tokens of the stack. Returns when the start is complete.
    pub(super) async fn start(env: &AccountsEnv, function: &str) -> Self {
        let proxy = env.env.database.start_proxy().await;
        let url = env.env.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
        // The address from which the events come.
        let own = [
            ("DATABASE_URL", url.as_str()),
            ("AUTH_TOKEN_SECRET", env.env.stack.secret()),
            ("TRUSTED_PROXIES", "192.0.2.1"),
        ];
        let function = Function::start_built(function, &[&own[..], &SETTINGS].concat()).await;
        Self { proxy, function }
    }

    pub(super) async fn send(&mut self, request: &TestRequest) -> TestResponse {
        self.send_by(SystemTime::now() + Duration::from_secs(20), request).await
    }

    /// Sends a request about a task.
    pub(super) async fn send_about(&mut self, task: &str, request: &TestRequest) -> TestResponse {
        let mut event = event_of(request);
        event["pathParameters"] = json!({"id": task});
        let response = self.function.invoke(&event).await;
        response.unwrap_or_else(|error| unreachable!("{error}: {}", self.function.output()))
    }

    /// Sends a request with this deadline.
    pub(super) async fn send_by(&mut self, deadline: SystemTime, request: &TestRequest) -> TestResponse {
        let response = self.function.invoke_by(deadline, &event_of(request)).await;
        response.unwrap_or_else(|error| unreachable!("{error}: {}", self.function.output()))
    }
}
