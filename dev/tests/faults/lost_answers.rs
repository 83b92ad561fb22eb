//! The connection ends in the middle of a statement.

use dev::testing::fault_proxy::{Cut, Direction, End};

use crate::site::{ALL, Case, Operation, Site};

const ENDS: [End; 2] = [End::Close, End::Reset];

/// Each operation, whose connection is struck so many times; it happens exactly once and is answered.
async fn survives(site: &Site, operations: &[Operation], strike: Cut, times: usize) {
    for operation in operations {
        case_survives(site, &site.prepare(*operation).await, strike, times).await;
    }
}

async fn case_survives(site: &Site, case: &Case, strike: Cut, times: usize) {
    let operation = case.operation;
    (0..times).for_each(|_| site.proxy.cut_next_statement(strike));
    let executed = site.proxy.answered_statements();
    let reply = case.send(site).await;
    assert_eq!(site.proxy.pending_cuts(), 0, "{operation:?} was not struck");
    case.is_done(site, &reply).await;
    let (executions, fences) = if strike.direction == Direction::ToClient { (times + 1, times) } else { (1, 1) };
    // A connection may be struck between the answer to a fence and the one that it is for.
    let most = if operation.is_fenced() { executions + fences } else { executions };
    let answers = site.proxy.answered_statements() - executed;
    assert!((executions..=most).contains(&answers), "{operation:?}: {answers} executions");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nothing_happens_twice() {
    let site = Site::start().await;
    for end in ENDS {
        survives(&site, &ALL, Cut { direction: Direction::ToClient, after_bytes: 0, end }, 1).await;
    }
}

#[tokio::test]
async fn a_change_that_is_made_and_not_answered_is_not_taken_for_somebody_elses() {
    let site = Site::start().await;
    for operation in [Operation::Update, Operation::Toggle, Operation::Complete, Operation::Delete] {
        for (way, after, times) in [
            (Direction::ToClient, 0, 1),
            (Direction::ToClient, 0, 2),
            (Direction::ToClient, 60, 1),
            (Direction::ToServer, 5, 1),
        ] {
            let case = site.prepare(operation).await.if_new();
            case_survives(&site, &case, Cut { direction: way, after_bytes: after, end: End::Reset }, times).await;
            // With its version it is not made again; a delete finds nothing more.
            let status = if operation == Operation::Delete { 404 } else { 412 };
            assert_eq!(case.send(&site).await.status, status, "{operation:?}");
            case.happened_once(&site).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_twice_in_a_row_is_asked_for_a_third_time() {
    let site = Site::start().await;
    for end in ENDS {
        survives(&site, &ALL, Cut { direction: Direction::ToClient, after_bytes: 0, end }, 2).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_asked_for_again() {
    let site = Site::start().await;
    // Into the first message, between messages, into a row, and before the last one.
    for after in [1, 5, 20, 60] {
        survives(&site, &ALL, Cut { direction: Direction::ToClient, after_bytes: after, end: End::Close }, 1).await;
    }
}

#[tokio::test]
async fn a_request_that_is_cut_short_is_sent_again() {
    let site = Site::start().await;
    for end in ENDS {
        for after in [0, 1, 5, 100] {
            survives(&site, &ALL, Cut { direction: Direction::ToServer, after_bytes: after, end }, 1).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_every_time_is_given_up_after_three_executions() {
    let site = Site::start().await;
    for operation in ALL {
        let case = site.prepare(operation).await;
        (0..4).for_each(|_| {
            site.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close })
        });
        let executed = site.proxy.answered_statements();
        let reply = case.send(&site).await;
        case.is_refused(&reply, &site.stack.logs());
        let (answers, most) = (site.proxy.answered_statements() - executed, if operation.is_fenced() { 5 } else { 3 });
        assert!((3..=most).contains(&answers), "{operation:?}: {answers} executions");
        assert_eq!(site.proxy.pending_cuts(), 1, "{operation:?}");
        site.proxy.clear_faults().unwrap();
        case.happened_once(&site).await;
    }
}
