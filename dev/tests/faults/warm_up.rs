//! What happens before the first request, and after the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dev::testing::fault_proxy::{End, Script};
use nix::sys::signal::{Signal, kill};

use crate::site::{ONE_OF_EACH_FUNCTION, Operation, Site, until};

/// How many connections the functions have, without the one of `health`.
async fn connected(site: &Site) -> i64 {
    let open = format!(
        "select count(*) from pg_stat_activity where usename = '{}' and application_name <> 'health'",
        site.database.name
    );
    site.database.run("select pg_stat_clear_snapshot()").await;
    site.database.number(&open).await
}

#[tokio::test]
async fn the_connection_is_there_before_the_first_request() {
    let site = Site::start_cold(|settings| settings).await;
    until("each function has connected", async || connected(&site).await == 6).await;
    let connections = site.proxy.accepted_connections();
    site.works(&ONE_OF_EACH_FUNCTION).await;
    assert_eq!(site.proxy.accepted_connections(), connections);
}

#[tokio::test]
async fn a_database_that_wakes_up_slowly_is_not_woken_twice() {
    let site = Arc::new(Site::start_cold(|settings| settings).await);
    until("each function has connected", async || connected(&site).await == 6).await;
    // New instances, of which each finds a database that sleeps for longer than a start may take.
    site.proxy.delay_first_reply(Duration::from_secs(4));
    site.kill_functions().await;
    let connections = site.proxy.accepted_connections();
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let began = Instant::now();
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_done(&site, reply).await;
    }
    assert!(began.elapsed() > Duration::from_secs(4));
    assert_eq!(site.proxy.accepted_connections() - connections, cases.len());
}

#[tokio::test]
async fn a_start_without_a_database_is_a_start() {
    let site = Site::start().await;
    site.proxy.play_script(&Script::End(End::Reset), 1000);
    let [pid] = site.instances_of("get-task")[..] else { unreachable!("one instance") };
    kill(pid, Signal::SIGKILL).unwrap();
    let case = site.prepare(Operation::Get).await;
    case.is_put_off(&site, &case.send(&site).await).await;
    let logged = site.stack.logs_when(Duration::from_secs(5), |logs| logs.contains("the first request will try again"));
    assert!(logged.is_some(), "{}", site.stack.logs());
    site.proxy.clear_faults().unwrap();
    case.is_done(&site, &case.send(&site).await).await;
}

#[tokio::test]
async fn a_function_that_is_told_to_end_says_goodbye_to_the_database() {
    let site = Site::start().await;
    let sessions = "select sessions_abandoned from pg_stat_database where datname = current_database()";
    let before = site.database.number(sessions).await;
    for operation in ONE_OF_EACH_FUNCTION {
        for pid in site.instances_of(operation.function()) {
            kill(pid, Signal::SIGTERM).unwrap();
        }
    }
    until("all are gone", async || connected(&site).await == 0).await;
    // The server counts a session when its process ends, a moment later.
    let ended = "select sessions from pg_stat_database where datname = current_database()";
    assert!(site.database.number(ended).await > 0);
    site.database.run("select pg_stat_force_next_flush(); select pg_stat_clear_snapshot()").await;
    assert_eq!(site.database.number(sessions).await, before);
    // Whoever says nothing is noticed, so the count above can be believed.
    site.works(&ONE_OF_EACH_FUNCTION).await;
    for pid in site.instances_of("get-task") {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    until("an end without a word is counted", async || {
        site.database.run("select pg_stat_clear_snapshot()").await;
        site.database.number(sessions).await > before
    })
    .await;
}
