//! Connections before the first request, and after the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{End, Script};
use dev::testing::wait::wait_until;
use nix::sys::signal::Signal;

use crate::env::{ONE_OF_EACH_FUNCTION, Operation, TestEnv, functions_with_connection};

async fn wait_until_connected(env: &TestEnv) {
    let functions = i64::try_from(functions_with_connection().len()).unwrap();
    wait_until("each function has connected", async || env.database.function_connections().await == functions).await;
}

#[tokio::test]
async fn function_connects_before_the_first_request() {
    let env = TestEnv::start_cold(|settings| settings).await;
    wait_until_connected(&env).await;
    let connections = env.proxy.accepted_connections();
    env.assert_works(&ONE_OF_EACH_FUNCTION).await;
    assert_eq!(env.proxy.accepted_connections(), connections);
}

#[tokio::test]
async fn slow_wake_up_is_not_started_twice() {
    let env = Arc::new(TestEnv::start_cold(|settings| settings).await);
    wait_until_connected(&env).await;
    // New instances, and a database that wakes up later than a start may take.
    env.proxy.delay_first_reply(Duration::from_secs(4));
    env.kill_functions().await;
    let connections = env.proxy.accepted_connections();
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let began = Instant::now();
    env.assert_all_done(&cases, &TestEnv::send_together(&cases).await.unwrap()).await;
    assert!(began.elapsed() > Duration::from_secs(4));
    assert_eq!(env.proxy.accepted_connections() - connections, cases.len());
}

#[tokio::test]
async fn function_starts_without_a_database() {
    let env = TestEnv::start().await;
    env.proxy.play_script(&Script::End(End::Reset), 1000);
    let [function] = &env.instances_of("get-task")[..] else { unreachable!("one instance") };
    function.kill().await;
    let case = env.prepare(Operation::Get).await;
    env.assert_unavailable_and_not_executed(&case, &case.send().await).await;
    let logged = env.stack.logs_when(Duration::from_secs(5), |logs| logs.contains("the first request will try again"));
    assert!(logged.is_some(), "{}", env.stack.logs());
    env.proxy.clear_faults().unwrap();
    env.assert_done(&case, &case.send().await).await;
}

#[tokio::test]
async fn sigterm_closes_the_connection_cleanly() {
    let env = TestEnv::start().await;
    let sessions = "select sessions_abandoned from pg_stat_database where datname = current_database()";
    let before = env.database.number(sessions).await;
    for function in functions_with_connection() {
        for function in env.instances_of(function) {
            function.signal(Signal::SIGTERM);
        }
    }
    wait_until("all connections are closed", async || env.database.function_connections().await == 0).await;
    // The server counts a session when its process exits, which is slightly later.
    let ended = "select sessions from pg_stat_database where datname = current_database()";
    assert!(env.database.number(ended).await > 0);
    env.database.run("select pg_stat_force_next_flush(); select pg_stat_clear_snapshot()").await;
    assert_eq!(env.database.number(sessions).await, before);
    // Killed functions are counted, so the check above is meaningful.
    env.assert_works(&ONE_OF_EACH_FUNCTION).await;
    for function in env.instances_of("get-task") {
        function.kill().await;
    }
    wait_until("the killed function is counted", async || {
        env.database.run("select pg_stat_clear_snapshot()").await;
        env.database.number(sessions).await > before
    })
    .await;
}
