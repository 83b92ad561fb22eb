//! The database refuses connections, or accepts them slowly.

use std::time::Duration;

use dev::testing::fault_proxy::{End, Script};
use dev::testing::wait::wait_until;
use serde_json::json;

use super::env::AccountsEnv;
use super::operation::{ALL_OPERATIONS, ONE_OF_EACH_FUNCTION};

/// More connections than a request attempts.
const EVERY_ATTEMPT: usize = 1000;

fn refusal(state: &str, message: &str) -> Script {
    Script::Refuse { state: state.to_owned(), message: message.to_owned() }
}

#[tokio::test]
async fn full_server_is_asked_again() {
    let env = AccountsEnv::start().await;
    for operation in ALL_OPERATIONS {
        env.env.close_connections(End::Close).await;
        env.env.proxy.play_script(&refusal("53300", "sorry, too many clients already"), 2);
        env.assert_works(&[operation]).await;
    }
}

#[tokio::test]
async fn lasting_refusal_returns_503_with_retry_after() {
    let env = AccountsEnv::start().await;
    for (state, message, seconds) in [
        ("53300", "sorry, too many clients already", 2),
        ("57P03", "the database system is starting up", 1),
        ("XX000", "Your account or project has exceeded the compute time quota.", 60),
    ] {
        env.env.close_connections(End::Close).await;
        env.env.proxy.play_script(&refusal(state, message), EVERY_ATTEMPT);
        let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
        let responses = AccountsEnv::send_together(&cases).await.unwrap();
        for (case, response) in cases.iter().zip(&responses) {
            assert_eq!((response.status, response.retry_after()), (503, Some(seconds)), "{response:?}");
            env.assert_not_executed(case).await;
        }
        env.env.proxy.clear_faults().unwrap();
    }
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn permanent_refusal_returns_500_without_the_cause() {
    let env = AccountsEnv::start().await;
    let message = "password authentication failed for user";
    env.env.close_connections(End::Close).await;
    env.env.proxy.play_script(&refusal("28P01", message), EVERY_ATTEMPT);
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let responses = AccountsEnv::send_together(&cases).await.unwrap();
    for (case, response) in cases.iter().zip(&responses) {
        assert_eq!((response.status, &response["code"]), (500, &json!("misconfigured")), "{response:?}");
        assert!(!response.json.to_string().contains(message), "{response:?}");
        env.assert_not_executed(case).await;
    }
    env.env.proxy.clear_faults().unwrap();
    env.assert_works(&ALL_OPERATIONS).await;
}

#[tokio::test]
async fn database_that_wakes_up_is_waited_for() {
    let env = AccountsEnv::start().await;
    env.env.close_connections(End::Close).await;
    // Passwords are hashed after it, at the same time, within the time of the requests.
    env.env.proxy.delay_first_reply(Duration::from_secs(1));
    let connections = env.env.proxy.accepted_connections();
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.assert_all_done(&cases, &AccountsEnv::send_together(&cases).await.unwrap()).await;
    // A new connection would start the wake-up again.
    assert_eq!(env.env.proxy.accepted_connections() - connections, cases.len());
}

/// The table of users is looked for at the start. A function that starts without a database looks for it later.
#[tokio::test]
async fn function_that_started_without_a_database_works_later() {
    let env = AccountsEnv::start().await;
    for operation in ONE_OF_EACH_FUNCTION {
        env.env.proxy.play_script(&Script::End(End::Reset), EVERY_ATTEMPT);
        let [function] = &env.env.instances_of(operation.function())[..] else { unreachable!("one instance") };
        function.kill().await;
        let case = env.prepare(operation).await;
        env.assert_unavailable_and_not_executed(&case, &case.send().await).await;
        env.env.proxy.clear_faults().unwrap();
        env.assert_done(&case, &case.send().await).await;
    }
    wait_until("the starts are logged", async || {
        env.env.stack.logs().matches("the first request will try again").count() >= ONE_OF_EACH_FUNCTION.len()
    })
    .await;
}
