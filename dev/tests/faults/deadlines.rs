//! The time that Lambda gives a request ends at any moment, also before it has begun.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::{Direction, End, FaultProxy, Flow};
use futures_util::future::join_all;

use crate::env::{DirectFunction, ONE_OF_EACH_FUNCTION, Operation, TaskCase, TestEnv};

/// What a function keeps of its time to hand the answer over.
const KEPT: Duration = Duration::from_millis(700);

/// A function, with a proxy that only it uses.
struct Patient {
    env: Arc<TestEnv>,
    proxy: FaultProxy,
    function: DirectFunction,
    operation: Operation,
}

impl Patient {
    async fn new(env: Arc<TestEnv>, operation: Operation) -> Self {
        let proxy = env.database.start_proxy().await;
        let url = env.database.url(proxy.port(), "127.0.0.1", "sslmode=disable");
        let function = DirectFunction::start(operation, &url, &[]).await;
        Self { env, proxy, function, operation }
    }

    async fn works(&mut self) {
        let case = self.env.prepare(self.operation).await;
        let response = self.function.send(&case).await;
        self.env.assert_done(&case, &response).await;
    }

    /// A case with so much time, beyond what is kept.
    async fn within(&mut self, time: Duration) -> (TaskCase, TestResponse) {
        let case = self.env.prepare(self.operation).await;
        let response = self.function.send_by(SystemTime::now() + KEPT + time, &case).await;
        (case, response)
    }
}

async fn is_put_off_at_once(env: Arc<TestEnv>, operation: Operation) {
    let mut patient = Patient::new(env, operation).await;
    // Before there is a connection, and when there is one.
    for _ in 0..2 {
        let executed = patient.proxy.answered_statements();
        let now = SystemTime::now();
        for deadline in [now - Duration::from_secs(300), now, now + Duration::from_millis(50), now + KEPT] {
            let case = patient.env.prepare(operation).await;
            let response = patient.function.send_by(deadline, &case).await;
            patient.env.assert_unavailable_and_not_executed(&case, &response).await;
            assert_eq!(response.retry_after(), Some(1));
        }
        patient.works().await;
        // Whatever had been sent would have been answered by now.
        assert_eq!(patient.proxy.answered_statements() - executed, 1, "{operation:?}");
    }
}

#[tokio::test]
async fn a_deadline_that_is_near_or_past_is_answered_and_no_statement_is_sent() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| is_put_off_at_once(Arc::clone(&env), operation))).await;
}

/// How the cases of a sweep ended.
#[derive(Debug, Default)]
struct Ends {
    done: u32,
    given_up_before: u32,
    given_up_after: u32,
}

/// Gives each of many requests a millisecond more than the one before, so that they end wherever something is waited
/// for: at each message of the sign-in, at the statement, and at its answer.
async fn happens_once_or_not_at_all(env: Arc<TestEnv>, operation: Operation, is_cold: bool) {
    let mut patient = Patient::new(env, operation).await;
    patient.works().await;
    // Longer than a tick of the clock, so that no wait is passed over.
    for direction in [Direction::ToServer, Direction::ToClient] {
        patient.proxy.set_flow(direction, Flow::Delay(Duration::from_millis(3)));
    }
    let mut ends = Ends::default();
    let mut given_up = Vec::new();
    for milliseconds in (0..400).step_by(if is_cold { 2 } else { 1 }) {
        // Far enough for a machine that has other work, too.
        if ends.done == 3 {
            break;
        }
        if is_cold {
            patient.proxy.close_all(End::Close).await.unwrap();
        }
        let (case, response) = patient.within(Duration::from_millis(milliseconds)).await;
        if response.status == 503 {
            patient.env.assert_unavailable(&response);
            given_up.push(case);
        } else {
            patient.env.assert_done(&case, &response).await;
            ends.done += 1;
        }
        patient.works().await;
    }
    // What was under way when its request was given up has arrived by now.
    patient.proxy.close_all(End::Close).await.unwrap();
    for case in given_up {
        if patient.env.was_executed(&case).await {
            ends.given_up_after += 1;
        } else {
            ends.given_up_before += 1;
        }
    }
    let is_write = !matches!(operation, Operation::List | Operation::Get);
    assert!(ends.done == 3 && ends.given_up_before > 0, "{operation:?}, {is_cold}: {ends:?}");
    assert!(is_write || ends.given_up_after == 0, "{operation:?}, {is_cold}: {ends:?}");
    // The time of a connect varies by more than a statement takes.
    assert!(is_cold || !is_write || ends.given_up_after > 0, "{operation:?}: {ends:?}");
}

#[tokio::test]
async fn a_request_that_is_given_up_at_any_moment_happens_once_or_not_at_all() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    let sweep = |operation, is_cold| happens_once_or_not_at_all(Arc::clone(&env), operation, is_cold);
    // All functions connect alike.
    join_all([Operation::Create, Operation::Toggle, Operation::Delete].map(|operation| sweep(operation, true))).await;
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| sweep(operation, false))).await;
}
