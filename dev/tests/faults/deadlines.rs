//! Deadlines that Lambda sets at any moment, also in the past.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::{Direction, End, FaultProxy, Flow};
use futures_util::future::join_all;

use crate::env::{DirectFunction, ONE_OF_EACH_FUNCTION, Operation, TaskCase, TestEnv};

/// The part of the time that a function reserves for its response.
const RESERVED_TIME: Duration = Duration::from_millis(700);

/// A function with its own proxy.
struct ProxiedFunction {
    env: Arc<TestEnv>,
    proxy: FaultProxy,
    function: DirectFunction,
    operation: Operation,
}

impl ProxiedFunction {
    async fn new(env: Arc<TestEnv>, operation: Operation) -> Self {
        let proxy = env.database.start_proxy().await;
        let url = env.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
        let function = DirectFunction::start(operation, &url, &[]).await;
        Self { env, proxy, function, operation }
    }

    async fn assert_works(&mut self) {
        let case = self.env.prepare(self.operation).await;
        let response = self.function.send(&case).await;
        self.env.assert_done(&case, &response).await;
    }

    /// Sends a case with this much time, besides the reserved time.
    async fn send_within(&mut self, time: Duration) -> (TaskCase, TestResponse) {
        let case = self.env.prepare(self.operation).await;
        let response = self.function.send_by(SystemTime::now() + RESERVED_TIME + time, &case).await;
        (case, response)
    }
}

async fn assert_sends_no_statement(env: Arc<TestEnv>, operation: Operation) {
    let mut function = ProxiedFunction::new(env, operation).await;
    // Without a connection, and with one.
    for _ in 0..2 {
        let executed = function.proxy.answered_statements();
        let now = SystemTime::now();
        for deadline in [now - Duration::from_secs(300), now, now + Duration::from_millis(50), now + RESERVED_TIME] {
            let case = function.env.prepare(operation).await;
            let response = function.function.send_by(deadline, &case).await;
            function.env.assert_unavailable_and_not_executed(&case, &response).await;
            assert_eq!(response.retry_after(), Some(1));
        }
        function.assert_works().await;
        // Any earlier statement would have been executed by now.
        assert_eq!(function.proxy.answered_statements() - executed, 1, "{operation:?}");
    }
}

#[tokio::test]
async fn near_or_past_deadline_sends_no_statement() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| assert_sends_no_statement(Arc::clone(&env), operation))).await;
}

/// The results of the cases of a sweep.
#[derive(Debug, Default)]
struct SweepResult {
    done: u32,
    given_up_before: u32,
    given_up_after: u32,
}

/// Gives each request a millisecond more than the one before, so that they end at every message: of the sign-in, of the
/// statement, and of its response.
async fn assert_executes_at_most_once(env: Arc<TestEnv>, operation: Operation, is_cold: bool) {
    let mut function = ProxiedFunction::new(env, operation).await;
    function.assert_works().await;
    // Longer than a tick of the clock, so that a request ends in every wait.
    for direction in [Direction::ToServer, Direction::ToClient] {
        function.proxy.set_flow(direction, Flow::Delay(Duration::from_millis(3)));
    }
    let mut ends = SweepResult::default();
    let mut given_up = Vec::new();
    for milliseconds in (0..400).step_by(if is_cold { 2 } else { 1 }) {
        // Enough on a busy machine, too.
        if ends.done == 3 {
            break;
        }
        if is_cold {
            function.proxy.close_all(End::Close).await.unwrap();
        }
        let (case, response) = function.send_within(Duration::from_millis(milliseconds)).await;
        if response.status == 503 {
            function.env.assert_unavailable(&response);
            given_up.push(case);
        } else {
            function.env.assert_done(&case, &response).await;
            ends.done += 1;
        }
        function.assert_works().await;
    }
    // Statements of ended requests have arrived by now.
    function.proxy.close_all(End::Close).await.unwrap();
    for case in given_up {
        if function.env.was_executed(&case).await {
            ends.given_up_after += 1;
        } else {
            ends.given_up_before += 1;
        }
    }
    let is_write = operation.is_fenced();
    assert!(ends.done == 3 && ends.given_up_before > 0, "{operation:?}, {is_cold}: {ends:?}");
    assert!(is_write || ends.given_up_after == 0, "{operation:?}, {is_cold}: {ends:?}");
    // The duration of a connect varies by more than a statement takes.
    assert!(is_cold || !is_write || ends.given_up_after > 0, "{operation:?}: {ends:?}");
}

#[tokio::test]
async fn request_ended_at_any_moment_executes_at_most_once() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    let sweep = |operation, is_cold| assert_executes_at_most_once(Arc::clone(&env), operation, is_cold);
    // All functions connect in the same way.
    join_all([Operation::Create, Operation::Toggle, Operation::Delete].map(|operation| sweep(operation, true))).await;
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| sweep(operation, false))).await;
}
