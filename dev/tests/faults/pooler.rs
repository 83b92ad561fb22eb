//! Between the functions and the server is PgBouncer, as on Neon's pooled hosts: a statement meets another server
//! process each time, and waits for one where there are more functions than connections.

use std::sync::Arc;
use std::time::Duration;

use dev::services::pgbouncer::{PgBouncer, PgBouncerSettings, can_track_statements};
use dev::testing::fault_proxy::End;
use dev::testing::report_skipped;
use dev::testing::stack::Settings;

use crate::site::{ALL, Case, Database, ONE_OF_EACH_FUNCTION, Operation, PASSWORD, Reply, Site, new_postgres, until};

/// Two instances of each function, for two connections to the server.
const INSTANCES: usize = 12;
const SERVER_CONNECTIONS: usize = 2;

/// A database behind a pooler, which becomes the way of the functions.
pub(crate) async fn pool(mut database: Database, change: impl FnOnce(&mut PgBouncerSettings)) -> (Database, PgBouncer) {
    let mut settings = PgBouncerSettings::new(database.port, &database.name, PASSWORD);
    change(&mut settings);
    let pooler = PgBouncer::start(settings).await.unwrap();
    database.port = pooler.port();
    (database, pooler)
}

/// Twelve connected instances and their pooler.
async fn start(change: impl FnOnce(&mut PgBouncerSettings)) -> (Arc<Site>, PgBouncer) {
    let (database, pooler) = pool(Database::new().await, change).await;
    let two = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "2");
    let site = Arc::new(Site::start_on(database, "127.0.0.1", "sslmode=disable", two).await);
    // Nobody is answered before everybody has asked.
    let cases = two_of_each(&site).await;
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let replies = site.send_together(&cases);
    until("everybody is connected", async || site.proxy.open_connections() >= INSTANCES).await;
    site.database.run("commit").await;
    all_done(&site, &cases, &replies.await.unwrap()).await;
    (site, pooler)
}

async fn two_of_each(site: &Site) -> Vec<Arc<Case>> {
    let [one, other] = [&ONE_OF_EACH_FUNCTION; 2];
    site.prepare_all(&[&one[..], &other[..]].concat()).await
}

async fn all_done(site: &Site, cases: &[Arc<Case>], replies: &[Reply]) {
    for (case, reply) in cases.iter().zip(replies) {
        case.is_done(site, reply).await;
    }
}

/// Each is answered by what happened, or put off; returns how many were put off.
async fn all_done_or_refused(site: &Site, cases: &[Arc<Case>], replies: &[Reply]) -> usize {
    for (case, reply) in cases.iter().zip(replies) {
        case.is_done_or_refused(site, reply).await;
    }
    replies.iter().filter(|reply| reply.status == 503).count()
}

async fn server_processes(site: &Site) -> usize {
    let sql = format!("select count(*) from pg_stat_activity where usename = '{}'", site.database.name);
    usize::try_from(site.database.number(&sql).await).unwrap()
}

async fn twelve_functions_share_two_connections(tracks_statements: bool) {
    let (site, _pooler) = start(|settings| settings.tracks_statements = tracks_statements).await;
    let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
    let mut sent = 0;
    for _ in 0..10 {
        let mut cases = two_of_each(&site).await;
        cases.extend(site.prepare_all(&[Operation::Complete; 2]).await);
        let replies = site.send_together(&cases).await.unwrap();
        all_done(&site, &cases, &replies).await;
        sent += cases.len();
    }
    assert_eq!(server_processes(&site).await, SERVER_CONNECTIONS);
    let counts = (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed);
    assert_eq!(counts, (0, sent), "new connections, executions\n{}", site.stack.logs());
}

#[tokio::test]
async fn twelve_functions_share_two_connections_of_a_pooler() {
    twelve_functions_share_two_connections(false).await;
}

#[tokio::test]
async fn twelve_functions_share_two_connections_of_a_pooler_that_tracks_statements() {
    if can_track_statements().await.unwrap() {
        twelve_functions_share_two_connections(true).await;
    } else {
        report_skipped("this PgBouncer does not track prepared statements, 1.21 and newer do");
    }
}

#[tokio::test]
async fn a_pooler_that_is_replaced_while_nobody_needs_it_is_not_missed() {
    let (site, mut pooler) = start(|_| ()).await;
    for _ in 0..3 {
        pooler.kill().await;
        site.proxy.wait_until_all_closed().await.unwrap();
        pooler.restart().await.unwrap();
        let (connections, executed) = (site.proxy.accepted_connections(), site.proxy.answered_statements());
        let cases = two_of_each(&site).await;
        all_done(&site, &cases, &site.send_together(&cases).await.unwrap()).await;
        let counts = (site.proxy.accepted_connections() - connections, site.proxy.answered_statements() - executed);
        assert_eq!(counts, (cases.len(), cases.len()), "new connections, executions");
    }
}

#[tokio::test]
async fn a_pooler_that_dies_under_requests_leaves_each_done_once_or_put_off() {
    let (site, mut pooler) = start(|_| ()).await;
    for is_back_at_once in [true, false] {
        let cases = two_of_each(&site).await;
        site.database.run("begin; lock table tasks in access exclusive mode").await;
        let replies = site.send_together(&cases);
        site.database.until_waiting(2).await;
        // What is executed now goes on without anybody to answer to; the others have not reached the server.
        pooler.kill().await;
        if is_back_at_once {
            pooler.restart().await.unwrap();
            site.database.until_waiting(4).await;
            site.database.run("commit").await;
            all_done_or_refused(&site, &cases, &replies.await.unwrap()).await;
        } else {
            let replies = replies.await.unwrap();
            assert!(replies.iter().all(|reply| reply.status == 503), "{replies:?}");
            site.database.run("commit").await;
            // It learns at its next word that nobody listens.
            until("the server has ended what it was at", async || server_processes(&site).await == 0).await;
            all_done_or_refused(&site, &cases, &replies).await;
            pooler.restart().await.unwrap();
        }
        site.works(&ALL).await;
    }
}

/// How many were told that there is no room, with nothing done; the others were done.
async fn put_off_by_the_pooler(site: &Site, cases: &[Arc<Case>], replies: &[Reply]) -> usize {
    let mut put_off = 0;
    for (case, reply) in cases.iter().zip(replies) {
        if reply.status == 503 {
            case.is_put_off(site, reply).await;
            assert_eq!(reply.retry_after, Some(2));
            put_off += 1;
        } else {
            case.is_done(site, reply).await;
        }
    }
    put_off
}

#[tokio::test]
async fn whoever_waits_too_long_for_a_connection_of_the_pooler_is_put_off() {
    let (site, _pooler) = start(|settings| settings.query_wait_timeout = Duration::from_secs(1)).await;
    let cases = two_of_each(&site).await;
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let replies = site.send_together(&cases);
    let put_off = INSTANCES - SERVER_CONNECTIONS;
    let turned_away = || site.stack.logs().matches("query_wait_timeout").count();
    until("they are turned away twice", async || turned_away() >= 2 * put_off).await;
    site.database.run("commit").await;
    let replies = replies.await.unwrap();
    assert_eq!(put_off_by_the_pooler(&site, &cases, &replies).await, put_off);
    site.works(&ALL).await;
}

#[tokio::test]
async fn whoever_finds_the_pooler_full_is_put_off() {
    let (database, mut pooler) = pool(Database::new().await, |_| ()).await;
    let site = Arc::new(Site::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await);
    site.warm_up().await;
    pooler.kill().await;
    pooler.allow_clients(3);
    pooler.restart().await.unwrap();
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    let replies = site.send_together(&cases).await.unwrap();
    let put_off = put_off_by_the_pooler(&site, &cases, &replies).await;
    assert!((1..cases.len()).contains(&put_off), "{put_off} were put off");

    pooler.kill().await;
    pooler.allow_clients(100);
    pooler.restart().await.unwrap();
    site.works(&ALL).await;
}

#[tokio::test]
async fn a_server_that_starts_again_behind_the_pooler_has_every_statement_once_or_not_at_all() {
    // One that nobody else uses: a crash ends everybody's connections.
    let postgres = new_postgres().await;
    let template = tokio::sync::Mutex::new(false);
    let (database, _pooler) = pool(Database::on(&postgres.url(), &template).await, |_| ()).await;
    let mut site = Site::start_on(database, "127.0.0.1", "sslmode=disable", |settings| settings).await;
    site.warm_up().await;

    // While nobody needs it.
    site.database.crash_server().await;
    site.database.reconnect().await;
    let connections = site.proxy.accepted_connections();
    site.works(&ALL).await;
    assert_eq!(site.proxy.accepted_connections(), connections, "the pooler keeps its clients");

    // In the middle of statements.
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let shared = Arc::new(site);
    let replies = shared.send_together(&cases);
    shared.database.until_waiting(2).await;
    shared.database.crash_server().await;
    let replies = replies.await.unwrap();
    site = Arc::into_inner(shared).unwrap();
    site.database.reconnect().await;
    all_done_or_refused(&site, &cases, &replies).await;
    // The pooler asks a server that has refused it again after a second.
    let works_again = async { while site.call(reqwest::Method::GET, "", &cases[0].user, None).await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), works_again).await.unwrap();
    site.works(&ALL).await;
    drop(site);
    postgres.stop().await;
}

#[tokio::test]
async fn a_pooler_that_does_not_know_direct_tls_is_asked_in_the_old_way_and_that_is_remembered() {
    let (database, pooler) = pool(Database::new().await, |_| ()).await;
    let trusted = |settings: Settings| settings.with("SSL_CERT_FILE", pooler.ca_file().to_str().unwrap());
    let parameters = "sslmode=require&sslnegotiation=direct";
    let site = Site::start_on(database, "localhost", &format!("{parameters}&hostaddr=127.0.0.1"), trusted).await;
    site.warm_up().await;
    for end in [End::Close, End::Reset] {
        site.end_all(end).await;
        let connections = site.proxy.accepted_connections();
        site.works(&ONE_OF_EACH_FUNCTION).await;
        assert_eq!(
            site.proxy.accepted_connections() - connections,
            ONE_OF_EACH_FUNCTION.len(),
            "tried directly once more"
        );
    }
}
