//! The life of a function instance, and of a request.

use std::sync::Arc;
use std::time::Duration;

use dev::testing::fault_proxy::{End, FaultProxy, Script};
use dev::testing::stack::{Settings, Stack};
use reqwest::Client;

use crate::site::{ALL, Database, ONE_OF_EACH_FUNCTION, Operation, Site, postgres};

#[tokio::test]
async fn functions_that_start_before_their_database_work_once_it_is_there() {
    let database = Database::new().await;
    let proxy = FaultProxy::start(([127, 0, 0, 1], database.port).into()).await.unwrap();
    let settings = Settings::new(env!("CARGO_BIN_EXE_dev"))
        .with_database(&database.url(proxy.port(), "127.0.0.1", "sslmode=disable"))
        .with("LAMBDA_CONCURRENCY", "1");
    // More than one request tries, so the first are answered with 503.
    proxy.play_script(&Script::End(End::Reset), 20);
    let stack = Stack::start_async(settings).await.unwrap();
    assert_eq!(proxy.pending_scripts(), 0);
    assert!(stack.logs_when(Duration::from_secs(5), |logs| logs.contains("\"status\":503")).is_some());
    let site = Arc::new(Site { stack, proxy, database, client: Client::new() });

    // The other functions have not yet been asked anything.
    site.proxy.refuse_connections().await;
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_put_off(&site, reply).await;
    }
    site.proxy.clear_faults().unwrap();
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_done(&site, reply).await;
    }
}

#[tokio::test]
async fn after_a_client_hangs_up_the_next_one_gets_its_own_answer() {
    let site = Site::start().await;
    for operation in ALL {
        let hung_up = site.prepare(operation).await;
        let next = site.prepare(operation).await;
        site.database.run("begin; lock table tasks in access exclusive mode").await;
        tokio::select! {
            _ = hung_up.send(&site) => unreachable!("it was answered"),
            () = site.database.until_waiting(1) => {}
        }
        let (reply, ()) = tokio::join!(next.send(&site), site.database.run("commit"));
        next.is_done(&site, &reply).await;
        // Lambda does not know that nobody waits.
        hung_up.happened_once(&site).await;
    }
}

#[tokio::test]
async fn a_herd_that_finds_the_house_full_is_told_so_and_loses_nothing() {
    const HERD: usize = 200;
    let database = Database::new().await;
    database.run(&format!("alter role {} connection limit 20", database.name)).await;
    // With the certificates of the whole world, reading them is most of what a cold start costs.
    let certificates = postgres().await.ca_file();
    let many = |settings: Settings| {
        settings.with("LAMBDA_CONCURRENCY", &HERD.to_string()).with("SSL_CERT_FILE", certificates.to_str().unwrap())
    };
    let site = Arc::new(Site::start_on(database, "127.0.0.1", "sslmode=disable", many).await);
    let cases = site.prepare_all(&[Operation::Create; HERD]).await;
    let replies = site.send_together(&cases).await.unwrap();
    for (case, reply) in cases.iter().zip(&replies) {
        if reply.status == 503 && reply.retry_after == Some(2) {
            // No connection, so certainly no statement.
            case.is_put_off(&site, reply).await;
        } else {
            // On a slow machine the time of some is over before it is their turn.
            case.is_done_or_refused(&site, reply).await;
        }
    }
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    let full = replies.iter().filter(|reply| reply.retry_after == Some(2)).count();
    println!("{created} created, {full} of {HERD} found the house full");
    assert!(created > 0 && full > 0, "{created} created, {full} found the house full");
    // Room again.
    site.database.run(&format!("alter role {} connection limit -1", site.database.name)).await;
    let cases = site.prepare_all(&[Operation::Create; HERD]).await;
    for (case, reply) in cases.iter().zip(&site.send_together(&cases).await.unwrap()) {
        case.is_done(&site, reply).await;
    }
}
