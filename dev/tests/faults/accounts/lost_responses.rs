//! Connections that end before, during and after a statement.

use dev::testing::fault_proxy::{Cut, Direction, End};

use super::case::AccountCase;
use super::env::AccountsEnv;
use super::operation::{ALL_OPERATIONS, ONE_OF_EACH_FUNCTION, Operation};

/// Cuts the connection of a statement of the operation, the first being 0, and asserts that it is done with one execution.
async fn assert_survives(env: &AccountsEnv, operation: Operation, statement: usize, cut: Cut, times: usize) {
    let case = env.prepare(operation).await;
    let proxy = &env.env.proxy;
    (0..statement).for_each(|_| proxy.pass_next_statement());
    (0..times).for_each(|_| proxy.cut_next_statement(cut));
    let executed = proxy.answered_statements();
    let response = case.send().await;
    assert_eq!(proxy.pending_cuts(), 0, "{operation:?} was not struck");
    env.assert_done(&case, &response).await;
    let repeated = if cut.direction == Direction::ToClient { times } else { 0 };
    let fences = if operation.is_fenced() && statement == 1 { times } else { 0 };
    let executions = operation.statements() + repeated;
    let answers = proxy.answered_statements() - executed;
    // A cut may come between the responses to the fence and to the statement.
    assert!((executions..=executions + fences).contains(&answers), "{operation:?}, {statement}, {cut:?}: {answers}");
}

#[tokio::test]
async fn lost_response_is_retried_without_second_execution() {
    let env = AccountsEnv::start().await;
    for operation in ALL_OPERATIONS {
        for statement in 0..operation.statements() {
            // Nothing, a part of a message, and a part of the messages.
            for (after_bytes, end) in [(0, End::Close), (5, End::Reset), (31, End::Close)] {
                let cut = Cut { direction: Direction::ToClient, after_bytes, end };
                assert_survives(&env, operation, statement, cut, 1).await;
            }
            let cut = Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset };
            assert_survives(&env, operation, statement, cut, 2).await;
        }
    }
}

#[tokio::test]
async fn truncated_statement_is_sent_again() {
    let env = AccountsEnv::start().await;
    for operation in ALL_OPERATIONS {
        for statement in 0..operation.statements() {
            for (after_bytes, end) in [(0, End::Close), (5, End::Reset), (100, End::Close)] {
                let cut = Cut { direction: Direction::ToServer, after_bytes, end };
                assert_survives(&env, operation, statement, cut, 1).await;
            }
        }
    }
}

#[tokio::test]
async fn connection_closed_while_idle_is_replaced() {
    let env = AccountsEnv::start().await;
    for end in [End::Close, End::Reset] {
        env.env.close_connections(end).await;
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let before = env.env.counts();
        env.assert_all_done(&cases, &AccountsEnv::send_together(&cases).await.unwrap()).await;
        let statements = cases.iter().map(|case| case.operation.statements()).sum();
        assert_eq!(env.env.counts_since(before), (cases.len(), statements));
    }
}

/// Sends the request of the operation, whose last statement is executed and never answered.
async fn lose_every_response(env: &AccountsEnv, operation: Operation) -> AccountCase {
    let case = env.prepare(operation).await;
    let proxy = &env.env.proxy;
    (1..operation.statements()).for_each(|_| proxy.pass_next_statement());
    let cut = Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Close };
    (0..4).for_each(|_| proxy.cut_next_statement(cut));
    let response = case.send().await;
    assert_eq!(proxy.pending_cuts(), 1, "{operation:?}");
    proxy.clear_faults().unwrap();
    env.env.assert_unavailable(&response);
    env.assert_executed_once(&case).await;
    case
}

/// A client that gets no response repeats the request.
#[tokio::test]
async fn repeat_of_a_request_without_response_changes_nothing() {
    let env = AccountsEnv::start().await;
    for operation in ALL_OPERATIONS {
        let case = lose_every_response(&env, operation).await;
        let stored = env.stored(&case).await;
        let status = match operation {
            Operation::SignIn | Operation::SignInWithWeakHash | Operation::Me => 200,
            // There is one account, and the user can sign in to it.
            Operation::SignUp => 409,
            // The token was revoked. A code is good for one sign-in.
            _ => 401,
        };
        let response = case.send().await;
        assert_eq!(response.status, status, "{operation:?}: {response:?}");
        assert_eq!(env.stored(&case).await, stored, "{operation:?}");
        let signed_in = case.sign_in_afterwards().await;
        let status = if operation == Operation::DeleteAccount { 401 } else { 200 };
        assert_eq!(signed_in.status, status, "{operation:?}: {signed_in:?}");
    }
}

#[tokio::test]
async fn email_of_a_deleted_account_can_sign_up_again() {
    let env = AccountsEnv::start().await;
    let case = lose_every_response(&env, Operation::DeleteAccount).await;
    let response = case.send_request(case.sign_up()).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_ne!(response["user_id"], case.id.to_string());
}
