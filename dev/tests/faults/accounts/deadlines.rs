//! Deadlines that Lambda sets at any moment, while the database is slow.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dev::testing::fault_proxy::{Direction, End, Flow};
use futures_util::future::join_all;

use super::direct_function::DirectFunction;
use super::env::AccountsEnv;
use super::operation::{ONE_OF_EACH_FUNCTION, Operation};

/// The part of the time that a function reserves for its response.
const RESERVED_TIME: Duration = Duration::from_millis(700);

async fn assert_works(env: &AccountsEnv, function: &mut DirectFunction, operation: Operation) {
    let case = env.prepare(operation).await;
    let response = function.send(&case.request()).await;
    env.assert_done(&case, &response).await;
}

async fn assert_sends_no_statement(env: Arc<AccountsEnv>, operation: Operation) {
    let mut function = DirectFunction::start(&env, operation.function()).await;
    // Without a connection, and with one.
    for _ in 0..2 {
        let executed = function.proxy.answered_statements();
        let now = SystemTime::now();
        for deadline in [now - Duration::from_secs(300), now, now + RESERVED_TIME] {
            let case = env.prepare(operation).await;
            let response = function.send_by(deadline, &case.request()).await;
            env.assert_unavailable_and_not_executed(&case, &response).await;
        }
        assert_works(&env, &mut function, operation).await;
        // Any earlier statement would have been executed by now.
        assert_eq!(function.proxy.answered_statements() - executed, operation.statements(), "{operation:?}");
        function.proxy.close_all(End::Close).await.unwrap();
    }
}

#[tokio::test]
async fn near_or_past_deadline_sends_no_statement() {
    let env = Arc::new(AccountsEnv::start_cold().await);
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| assert_sends_no_statement(Arc::clone(&env), operation))).await;
}

/// Gives each request more time than the one before, so that they end in every phase: during a statement, while the password
/// is hashed, and before the response.
async fn assert_executes_at_most_once(env: Arc<AccountsEnv>, operation: Operation) {
    let mut function = DirectFunction::start(&env, operation.function()).await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        function.proxy.set_flow(direction, Flow::Delay(Duration::from_millis(50)));
    }
    let (mut done, mut given_up) = (0, Vec::new());
    // Enough on a busy machine, too.
    for milliseconds in (10..10_000).step_by(40) {
        let case = env.prepare(operation).await;
        let deadline = SystemTime::now() + RESERVED_TIME + Duration::from_millis(milliseconds);
        let response = function.send_by(deadline, &case.request()).await;
        if response.status == 503 {
            env.env.assert_unavailable(&response);
            given_up.push((case, response));
        } else {
            env.assert_done(&case, &response).await;
            done += 1;
        }
        if done == 2 {
            break;
        }
    }
    assert!(done == 2 && !given_up.is_empty(), "{operation:?}: {done} done, {} given up", given_up.len());
    assert_works(&env, &mut function, operation).await;
    // Statements of ended requests have arrived by now.
    function.proxy.close_all(End::Close).await.unwrap();
    for (case, response) in given_up {
        env.assert_done_or_unavailable(&case, &response).await;
    }
}

#[tokio::test]
async fn request_ended_at_any_moment_executes_at_most_once() {
    let env = Arc::new(AccountsEnv::start_cold().await);
    join_all(ONE_OF_EACH_FUNCTION.map(|operation| assert_executes_at_most_once(Arc::clone(&env), operation))).await;
}
