//! A delayed attempt must not undo later changes when it arrives.

use std::sync::Arc;

use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::End;
use dev::testing::wait::wait_until;

use super::case::AccountCase;
use super::env::AccountsEnv;
use super::operation::Operation;
use crate::overtaken::{Backend, has_unread_bytes};

/// Signs up. The first attempt to store the account is in the stopped process, and the second was executed.
async fn sign_up_with_delayed_attempt(env: &AccountsEnv) -> (Arc<AccountCase>, TestResponse, Backend) {
    let fences = "select count(*) from tasks_api.task_fences";
    for _ in 0..20 {
        env.assert_works(&[Operation::SignUp]).await;
        let before = (env.env.proxy.answered_statements(), env.env.database.number(fences).await);
        let cases = env.prepare_all(&[Operation::SignUp]).await;
        let responses = AccountsEnv::send_together(&cases);
        // The password is hashed between the two statements.
        wait_until("the first statement is done", async || env.env.proxy.answered_statements() > before.0).await;
        let backend = Backend::stop(&env.env, Operation::SignUp.function()).await;
        wait_until("the second statement has arrived", async || {
            has_unread_bytes(env.env.database.port) || responses.is_finished()
        })
        .await;
        env.env.close_connections(End::Reset).await;
        let response = responses.await.unwrap().remove(0);
        // Another test can use the same port, and the process can have been stopped too late.
        if env.env.database.number(fences).await > before.1 {
            return (Arc::clone(&cases[0]), response, backend);
        }
    }
    unreachable!("no attempt was delayed");
}

#[tokio::test]
async fn delayed_sign_up_does_not_restore_a_deleted_account() {
    let env = AccountsEnv::start().await;
    let (case, response, backend) = sign_up_with_delayed_attempt(&env).await;
    assert_eq!(response.status, 201, "{response:?}");
    let deletion = case.delete_with(response["access_token"].as_str().unwrap());
    let deleted = case.send_request(deletion).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    backend.resume().await;
    env.assert_not_executed(&case).await;
}
