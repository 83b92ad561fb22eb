//! The database takes a statement and then gives it up.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::fault_proxy::End;

use crate::site::{ALL, Case, Database, ONE_OF_EACH_FUNCTION, Operation, Reply, Site, new_postgres, until};

/// One of each function that writes.
const WRITES: [Operation; 4] = [Operation::Create, Operation::Update, Operation::Toggle, Operation::Delete];
/// All that takes a database that can be written.
const CHANGING: [Operation; 5] =
    [Operation::Create, Operation::Update, Operation::Toggle, Operation::Complete, Operation::Delete];
/// What changes a row that is there.
const CHANGES: [Operation; 3] = [Operation::Update, Operation::Complete, Operation::Delete];

async fn all_done(site: &Site, cases: &[Arc<Case>], replies: &[Reply]) {
    for (case, reply) in cases.iter().zip(replies) {
        case.is_done(site, reply).await;
    }
}

async fn all_put_off(site: &Site, cases: &[Arc<Case>], replies: &[Reply]) {
    for (case, reply) in cases.iter().zip(replies) {
        case.is_put_off(site, reply).await;
        assert_eq!(reply.retry_after, Some(1), "{:?}", case.operation);
    }
}

#[tokio::test]
async fn a_statement_whose_server_process_is_terminated_is_executed_once() {
    let site = Arc::new(Site::start().await);
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let replies = site.send_together(&cases);
    site.database.until_waiting(6).await;
    site.database.terminate().await;
    until("everybody is back", async || site.proxy.accepted_connections() - connections == 6).await;
    site.database.until_waiting(6).await;
    site.database.run("commit").await;
    all_done(&site, &cases, &replies.await.unwrap()).await;
    // Three of them brought a fence along.
    assert_eq!(site.proxy.answered_statements() - executed, 6 + 3);
}

#[tokio::test]
async fn the_victim_of_a_deadlock_is_executed_again() {
    let site = Arc::new(Site::start().await);
    for others in [&WRITES[..], &[Operation::Complete]] {
        let cases = site.prepare_all(others).await;
        let connections = site.proxy.accepted_connections();
        // The other one waits for ever, so that it is always a function that finds the deadlock. A new task needs the
        // row of its user.
        site.database.run(r#"set deadlock_timeout = '1h'; begin; select from tasks for update"#).await;
        site.database.run(r#"select from "user" for update"#).await;
        let replies = site.send_together(&cases);
        site.database.until_waiting(i64::try_from(cases.len()).unwrap()).await;
        site.database.run("lock table tasks in share mode").await;
        // It has the lock, so all others were victims.
        site.database.run("commit").await;
        all_done(&site, &cases, &replies.await.unwrap()).await;
        assert_eq!(site.proxy.accepted_connections(), connections, "a victim keeps its connection");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    until("the deadlocks are counted", async || site.database.number(deadlocks).await >= 5).await;
}

#[tokio::test]
async fn a_statement_that_cannot_be_serialized_is_executed_again() {
    let site = Arc::new(Site::start().await);
    let role = &site.database.name;
    site.database.run(&format!("alter role {role} set default_transaction_isolation = 'repeatable read'")).await;
    site.end_all(End::Close).await;
    site.warm_up().await;
    for others in [&CHANGES[..], &[Operation::Toggle]] {
        let cases = site.prepare_all(others).await;
        let executed = site.proxy.answered_statements();
        // A change that leaves the row as it was.
        site.database.run("begin; update tasks set title = title").await;
        let replies = site.send_together(&cases);
        site.database.until_waiting(i64::try_from(cases.len()).unwrap()).await;
        site.database.run("commit").await;
        all_done(&site, &cases, &replies.await.unwrap()).await;
        assert_eq!(site.proxy.answered_statements() - executed, 2 * cases.len(), "executions");
    }
}

#[tokio::test]
async fn a_statement_that_waits_too_long_for_a_lock_or_works_too_long_is_given_up() {
    let site = Arc::new(Site::start().await);
    for limit in ["lock_timeout", "statement_timeout"] {
        let role = &site.database.name;
        site.database.run(&format!("alter role {role} reset all; alter role {role} set {limit} = '200ms'")).await;
        site.end_all(End::Close).await;
        site.warm_up().await;
        for operations in [&ONE_OF_EACH_FUNCTION[..], &[Operation::Complete]] {
            let cases = site.prepare_all(operations).await;
            let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
            site.database.run("begin; lock table tasks in access exclusive mode").await;
            let replies = site.send_together(&cases).await.unwrap();
            site.database.run("commit").await;
            all_put_off(&site, &cases, &replies).await;
            // The same user's next request, on the same connection.
            let replies = site.send_together(&cases).await.unwrap();
            all_done(&site, &cases, &replies).await;
            let counts = (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed);
            assert_eq!(counts, (0, 2 * cases.len()), "{limit}");
        }
    }
}

#[tokio::test]
async fn a_database_that_takes_no_changes_is_left_after_one_repeat() {
    let site = Site::start().await;
    let role = &site.database.name;
    site.database.run(&format!("alter role {role} set default_transaction_read_only = on")).await;
    site.end_all(End::Close).await;
    site.works(&[Operation::List, Operation::Get]).await;
    let open = site.proxy.open_connections();
    for operation in CHANGING {
        let case = site.prepare(operation).await;
        let connections = site.proxy.accepted_connections();
        let reply = case.send(&site).await;
        case.is_put_off(&site, &reply).await;
        assert_eq!(reply.retry_after, Some(1));
        assert_eq!(site.proxy.accepted_connections() - connections, 2, "{operation:?}");
    }
    // They lead to a server of the past.
    until("the connections are dropped", async || site.proxy.open_connections() == open).await;
    site.database.run(&format!("alter role {role} reset all")).await;
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_change_that_finds_another_server_at_its_repeat_happens_once() {
    let site = Arc::new(Site::start().await);
    let role = &site.database.name;
    for operation in CHANGING {
        site.database.run(&format!("alter role {role} set default_transaction_read_only = on")).await;
        site.end_all(End::Close).await;
        // Time to change sides in.
        site.proxy.delay_first_reply(Duration::from_millis(300));
        let connections = site.proxy.accepted_connections();
        let cases = site.prepare_all(&[operation]).await;
        let replies = site.send_together(&cases);
        until("it has been refused", async || site.proxy.accepted_connections() - connections == 2).await;
        site.database.run(&format!("alter role {role} reset all")).await;
        all_done(&site, &cases, &replies.await.unwrap()).await;
        assert_eq!(site.proxy.accepted_connections() - connections, 2, "{operation:?}");
        site.proxy.clear_faults().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_crashes_and_recovers_has_every_statement_once_or_not_at_all() {
    // One that nobody else uses: a crash ends everybody's connections.
    let postgres = new_postgres().await;
    let template = tokio::sync::Mutex::new(false);
    let database = Database::on(&postgres.url(), &template).await;
    let mut site = Site::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await;
    site.warm_up().await;
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let shared = Arc::new(site);
    let replies = shared.send_together(&cases);
    shared.database.until_waiting(6).await;
    shared.database.crash_server().await;
    let replies = replies.await.unwrap();
    site = Arc::into_inner(shared).unwrap();
    site.database.reconnect().await;
    for (case, reply) in cases.iter().zip(&replies) {
        if reply.status == 503 {
            case.is_put_off(&site, reply).await;
        } else {
            case.is_done(&site, reply).await;
        }
    }
    tokio::time::timeout(Duration::from_secs(20), site.warm_up()).await.unwrap();
    drop(site);
    postgres.stop().await;
}
