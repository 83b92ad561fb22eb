//! The path or the server is slow, or says nothing more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{Direction, Flow};

use crate::site::{ONE_OF_EACH_FUNCTION, Site};

#[tokio::test]
async fn a_slow_path_is_left_alone() {
    let site = Arc::new(Site::start().await);
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    site.proxy.set_flow(Direction::ToServer, Flow::Delay(Duration::from_millis(500)));
    site.proxy.set_flow(Direction::ToClient, Flow::Delay(Duration::from_secs(1)));
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let replies = site.send_together(&cases).await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(1500));
    for (case, reply) in cases.iter().zip(&replies) {
        case.is_done(&site, reply).await;
    }
    assert_eq!(
        (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed),
        (0, cases.len())
    );
}

#[tokio::test]
async fn a_server_that_works_for_long_is_left_alone() {
    let site = Arc::new(Site::start().await);
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    // The owner of the lock sees through it.
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    site.database.run("commit; begin; lock table tasks in access exclusive mode").await;
    let replies = site.send_together(&cases);
    site.database.until_waiting(6).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    site.database.run("commit").await;
    for (case, reply) in cases.iter().zip(&replies.await.unwrap()) {
        case.is_done(&site, reply).await;
    }
    assert_eq!(
        (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed),
        (0, cases.len())
    );
}

#[tokio::test]
async fn a_stall_that_ends_in_time_is_waited_for() {
    let site = Arc::new(Site::start().await);
    for way in [Direction::ToServer, Direction::ToClient] {
        let executed = site.proxy.answered_statements();
        site.proxy.set_flow(way, Flow::Stall);
        let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let replies = site.send_together(&cases);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!replies.is_finished());
        site.proxy.clear_faults().unwrap();
        for (case, reply) in cases.iter().zip(&replies.await.unwrap()) {
            case.is_done(&site, reply).await;
        }
        assert_eq!(site.proxy.answered_statements() - executed, cases.len(), "{way:?}");
    }
}

/// What a stall beyond the time limit leaves of the statement that it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Everything,
    Nothing,
    /// The request was under way, and the server may get it when the stall ends.
    Either,
}

async fn is_answered_in_time(way: Direction, flow: Flow, left: Left) {
    let site = Arc::new(Site::start().await);
    site.proxy.set_flow(way, flow);
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let start = Instant::now();
    let replies = site.send_together(&cases).await.unwrap();
    let took = start.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
    for (case, reply) in cases.iter().zip(&replies) {
        case.is_refused(reply, &site.stack.logs());
        match left {
            Left::Everything => drop(case.happened_once(&site).await),
            Left::Nothing => case.is_undone(&site).await,
            Left::Either => {}
        }
    }
    site.proxy.clear_faults().unwrap();
    // What was held back arrives now, if it arrives at all, while these wait for their own answers.
    site.proxy.set_flow(Direction::ToClient, Flow::Delay(Duration::from_millis(100)));
    for _ in 0..3 {
        site.works(&ONE_OF_EACH_FUNCTION).await;
    }
}

#[tokio::test]
async fn a_stall_beyond_the_time_limit_is_answered_and_the_next_request_gets_its_own_answer() {
    tokio::join!(
        is_answered_in_time(Direction::ToClient, Flow::Stall, Left::Everything),
        is_answered_in_time(Direction::ToClient, Flow::Discard, Left::Everything),
        is_answered_in_time(Direction::ToClient, Flow::Delay(Duration::from_secs(11)), Left::Everything),
        is_answered_in_time(Direction::ToServer, Flow::Discard, Left::Nothing),
        is_answered_in_time(Direction::ToServer, Flow::Stall, Left::Either),
    );
}
