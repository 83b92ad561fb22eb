//! Connections that end in the middle of a statement.

use dev::testing::fault_proxy::{Cut, Direction, End};
use serde_json::json;

use crate::env::{ALL_OPERATIONS, Operation, TaskCase, TestEnv, WRITES};

const ENDS: [End; 2] = [End::Close, End::Reset];

/// Cuts the connection of each operation this many times, and asserts that it is done with one execution.
async fn assert_survives(env: &TestEnv, operations: &[Operation], cut: Cut, times: usize) {
    for operation in operations {
        assert_case_survives(env, &env.prepare(*operation).await, cut, times).await;
    }
}

async fn assert_case_survives(env: &TestEnv, case: &TaskCase, cut: Cut, times: usize) {
    let operation = case.operation;
    (0..times).for_each(|_| env.proxy.cut_next_statement(cut));
    let executed = env.proxy.answered_statements();
    let response = case.send().await;
    assert_eq!(env.proxy.pending_cuts(), 0, "{operation:?} was not struck");
    env.assert_done(case, &response).await;
    let (executions, fences) = if cut.direction == Direction::ToClient { (times + 1, times) } else { (1, 1) };
    // A cut may come between the responses to the fence and to the statement.
    let most = if operation.is_fenced() { executions + fences } else { executions };
    let answers = env.proxy.answered_statements() - executed;
    assert!((executions..=most).contains(&answers), "{operation:?}: {answers} executions");
}

#[tokio::test]
async fn lost_response_is_retried_without_second_execution() {
    let env = TestEnv::start().await;
    for end in ENDS {
        assert_survives(&env, &ALL_OPERATIONS, Cut { direction: Direction::ToClient, after_bytes: 0, end }, 1).await;
    }
}

#[tokio::test]
async fn retried_conditional_change_recognizes_itself() {
    let env = TestEnv::start().await;
    let has_version = |operation: &Operation| {
        !matches!(operation, Operation::Create | Operation::CreateTag | Operation::RenameTag | Operation::DeleteTag)
    };
    for operation in WRITES.into_iter().filter(has_version) {
        for (direction, after, times) in [
            (Direction::ToClient, 0, 1),
            (Direction::ToClient, 0, 2),
            (Direction::ToClient, 20, 1),
            (Direction::ToServer, 5, 1),
        ] {
            let case = env.prepare(operation).await.if_unchanged();
            assert_case_survives(&env, &case, Cut { direction, after_bytes: after, end: End::Reset }, times).await;
            // Of operations each on its own, the others would be done again.
            if operation == Operation::BulkEach {
                continue;
            }
            // The version has changed, so the same request fails now. A delete finds no task.
            let status = match operation {
                Operation::Delete => 404,
                Operation::Bulk => 422,
                _ => 412,
            };
            assert_eq!(case.send().await.status, status, "{operation:?}");
            env.assert_executed_once(&case).await;
        }
    }
}

/// Each spelling that differs from what is stored would differ from it in the other way after the first execution.
#[tokio::test]
async fn retried_edit_of_two_spellings_is_not_undone() {
    let env = TestEnv::start().await;
    let cut = Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset };
    for is_conditional in [false, true] {
        let case = env.prepare(Operation::Update).await;
        let case = if is_conditional { case.if_unchanged() } else { case };
        let edit = json!({
            "completed": true, "status": "pending", "tag_ids": ["Home"], "tags": [], "timezone": "Asia/Tokyo",
            "time_zone": null, "dueDate": "2030-01-01", "due_date": null, "recurrenceRule": "FREQ=DAILY",
            "recurrence_rule": null
        });
        env.proxy.cut_next_statement(cut);
        let response = case.send_request("PUT", &case.task_path(), Some(&edit)).await;
        assert_eq!((response.status, env.proxy.pending_cuts()), (200, 0), "{response:?}");
        let task = case.user.get(&case.task_path()).await;
        for (name, value) in [
            ("completed", json!(true)),
            ("tags", json!(["Home"])),
            ("time_zone", json!("Asia/Tokyo")),
            ("due_date", json!("2030-01-01T00:00:00")),
            ("recurrence_rule", json!("FREQ=DAILY")),
            ("version", json!(2)),
        ] {
            assert_eq!((&response[name], &task[name]), (&value, &value), "{name}");
        }
    }
}

#[tokio::test]
async fn response_lost_twice_is_retried_again() {
    let env = TestEnv::start().await;
    for end in ENDS {
        assert_survives(&env, &ALL_OPERATIONS, Cut { direction: Direction::ToClient, after_bytes: 0, end }, 2).await;
    }
}

#[tokio::test]
async fn truncated_response_is_retried() {
    let env = TestEnv::start().await;
    // In the first message, between messages, in a row, and before the last message.
    for after in [1, 5, 12, 31] {
        assert_survives(
            &env,
            &ALL_OPERATIONS,
            Cut { direction: Direction::ToClient, after_bytes: after, end: End::Close },
            1,
        )
        .await;
    }
}

#[tokio::test]
async fn truncated_statement_is_sent_again() {
    let env = TestEnv::start().await;
    for end in ENDS {
        for after in [0, 1, 5, 100] {
            assert_survives(&env, &ALL_OPERATIONS, Cut { direction: Direction::ToServer, after_bytes: after, end }, 1)
                .await;
        }
    }
}

#[tokio::test]
async fn response_lost_every_time_gives_up_after_three_attempts() {
    let env = TestEnv::start().await;
    for operation in ALL_OPERATIONS {
        let case = env.prepare(operation).await;
        (0..4).for_each(|_| {
            env.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close })
        });
        let executed = env.proxy.answered_statements();
        let response = case.send().await;
        env.assert_unavailable(&response);
        let (answers, most) = (env.proxy.answered_statements() - executed, if operation.is_fenced() { 5 } else { 3 });
        assert!((3..=most).contains(&answers), "{operation:?}: {answers} executions");
        assert_eq!(env.proxy.pending_cuts(), 1, "{operation:?}");
        env.proxy.clear_faults().unwrap();
        env.assert_executed_once(&case).await;
    }
}

/// The tag is addressed by its name, which it does not have any more.
#[tokio::test]
async fn client_repeats_a_rename_without_a_key() {
    let env = TestEnv::start().await;
    let case = env.prepare(Operation::RenameTag).await;
    (0..4).for_each(|_| {
        env.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close })
    });
    env.assert_unavailable(&case.send().await);
    env.proxy.clear_faults().unwrap();
    env.assert_executed_once(&case).await;
    for _ in 0..2 {
        env.assert_done(&case, &case.send().await).await;
    }
    let (method, path, _) = case.request_parts();
    assert_eq!(case.send_request(method, &path, Some(&json!({"name": "later"}))).await.status, 404);
}
