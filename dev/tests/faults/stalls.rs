//! Slow and stalled connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{Direction, Flow};

use crate::env::{ONE_OF_EACH_FUNCTION, TestEnv};

#[tokio::test]
async fn slow_network_causes_no_retry() {
    let env = Arc::new(TestEnv::start().await);
    let before = env.counts();
    env.proxy.set_flow(Direction::ToServer, Flow::Delay(Duration::from_millis(500)));
    env.proxy.set_flow(Direction::ToClient, Flow::Delay(Duration::from_secs(1)));
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let responses = TestEnv::send_together(&cases).await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(1500));
    env.assert_all_done(&cases, &responses).await;
    assert_eq!(env.counts_since(before), (0, cases.len()));
}

#[tokio::test]
async fn slow_statement_causes_no_retry() {
    let env = Arc::new(TestEnv::start().await);
    let before = env.counts();
    env.database.lock_tasks().await;
    // The owner of the lock can insert the rows.
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.database.run("commit; begin; lock table tasks in access exclusive mode").await;
    let responses = TestEnv::send_together(&cases);
    env.database.wait_for_blocked_statements(cases.len()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    env.database.run("commit").await;
    env.assert_all_done(&cases, &responses.await.unwrap()).await;
    assert_eq!(env.counts_since(before), (0, cases.len()));
}

#[tokio::test]
async fn short_stall_is_waited_for() {
    let env = Arc::new(TestEnv::start().await);
    for direction in [Direction::ToServer, Direction::ToClient] {
        let executed = env.proxy.answered_statements();
        env.proxy.set_flow(direction, Flow::Stall);
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let responses = TestEnv::send_together(&cases);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!responses.is_finished());
        env.proxy.clear_faults().unwrap();
        env.assert_all_done(&cases, &responses.await.unwrap()).await;
        assert_eq!(env.proxy.answered_statements() - executed, cases.len(), "{direction:?}");
    }
}

/// What is executed of the statements that a long stall held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Executed {
    Everything,
    Nothing,
    /// The server may get the statement when the stall ends.
    Either,
}

async fn assert_unavailable_in_time(direction: Direction, flow: Flow, executed: Executed) {
    let env = Arc::new(TestEnv::start().await);
    env.proxy.set_flow(direction, flow);
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let responses = TestEnv::send_together(&cases).await.unwrap();
    let took = start.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
    for (case, response) in cases.iter().zip(&responses) {
        env.assert_unavailable(response);
        match executed {
            Executed::Everything => drop(env.assert_executed_once(case).await),
            Executed::Nothing => env.assert_not_executed(case).await,
            Executed::Either => {}
        }
    }
    env.proxy.clear_faults().unwrap();
    // Late responses, if any, arrive now, while these requests wait for their own.
    env.proxy.set_flow(Direction::ToClient, Flow::Delay(Duration::from_millis(100)));
    for _ in 0..3 {
        env.assert_works(&ONE_OF_EACH_FUNCTION).await;
    }
}

#[tokio::test]
async fn long_stall_returns_503_and_mixes_no_responses() {
    tokio::join!(
        assert_unavailable_in_time(Direction::ToClient, Flow::Stall, Executed::Everything),
        assert_unavailable_in_time(Direction::ToClient, Flow::Discard, Executed::Everything),
        assert_unavailable_in_time(Direction::ToClient, Flow::Delay(Duration::from_secs(11)), Executed::Everything),
        assert_unavailable_in_time(Direction::ToServer, Flow::Discard, Executed::Nothing),
        assert_unavailable_in_time(Direction::ToServer, Flow::Stall, Executed::Either),
    );
}
