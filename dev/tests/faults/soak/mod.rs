//! Random requests during random faults, and a model of what the table must contain afterwards.
//!
//! A seed, which is printed, determines the faults and the requests, but not their timing. `SOAK_SEED` and
//! `SOAK_REQUESTS` set the seed and the number of requests.
//!
//! ```text
//! worker    a user who reads and writes, with and without keys
//! bulk      bulk requests
//! series    a user who completes recurring tasks
//! reader    follows the changes of the same user
//! model     what the table may contain
//! faults    the injector of the faults
//! journal   requests, responses and faults, for the message of a failure
//! ```

mod bulk;
mod faults;
mod journal;
mod model;
mod reader;
mod series;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use dev::services::database::connect;
use dev::services::pgbouncer::PgBouncer;
use dev::testing::client::TestUser;
use dev::testing::random::SeededRandom;
use dev::testing::stack::Settings;
use futures_util::future::try_join_all;
use tokio::sync::watch;

use self::faults::FaultInjector;
use self::journal::Journal;
use self::model::State;
use self::reader::Reader;
use self::series::SeriesWorker;
use self::worker::Worker;
use crate::env::{FaultDatabase, Row, TestEnv};
use crate::pooler::start_pooler;

/// How many users write, beside the one with recurring tasks.
const WORKERS: usize = 6;
/// Enough to meet each kind of fault many times.
const REQUESTS: usize = 1200;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn table_agrees_with_responses_after_random_faults() {
    soak(FaultDatabase::new().await, None).await;
}

#[tokio::test]
async fn table_agrees_with_responses_behind_a_pooler() {
    let (database, pooler) = start_pooler(FaultDatabase::new().await, |settings| settings.server_connections = 6).await;
    soak(database, Some(pooler)).await;
}

async fn rows_of(env: &TestEnv, user: &TestUser) -> BTreeMap<i64, State> {
    let rows = env.database.rows_of(user).await.into_iter();
    let state = |row: Row| State { title: row.title, completed: row.completed, version: row.version, tags: row.tags };
    rows.map(|row| (row.id.into(), state(row))).collect()
}

async fn soak(database: FaultDatabase, pooler: Option<PgBouncer>) {
    let seed = setting("SOAK_SEED").unwrap_or_else(dev::tokens::now);
    let requests = setting("SOAK_REQUESTS").map_or(REQUESTS, |requests| usize::try_from(requests).unwrap());
    println!("SOAK_SEED={seed} SOAK_REQUESTS={requests}");
    let start = Instant::now();
    let few = |settings: Settings| settings.with("LAMBDA_CONCURRENCY", "3");
    let env = Arc::new(TestEnv::start_on(database, "127.0.0.1", "sslmode=disable", few).await);
    let sent = Arc::new(watch::Sender::new(0));
    let locker = connect(&env.database.owner.url).await.unwrap();
    let journal = Journal::default();
    let mut injector = FaultInjector {
        env: Arc::clone(&env),
        locker,
        pooler,
        random: SeededRandom::new(seed),
        journal: journal.clone(),
    };
    let each = requests / (WORKERS + 1);
    let all = each * (WORKERS + 1);
    let (mut workers, mut readers) = (Vec::new(), Vec::new());
    for number in 1..=WORKERS {
        let user = env.new_user().await;
        let random = |part: u64| SeededRandom::new(seed ^ (number as u64) << 32 ^ part << 48);
        let reader = Reader::new(&user, random(1), journal.of_worker(number));
        readers.push(tokio::spawn(reader.run(sent.subscribe(), all)));
        let worker = Worker::new(user, Arc::clone(&sent), random(0), journal.of_worker(number));
        workers.push(tokio::spawn(worker.run(each)));
    }
    let user = env.new_user().await;
    let [of_requests, of_series] = [1, 2].map(|part: u64| SeededRandom::new(seed ^ part << 56));
    let worker = Worker::new(user, Arc::clone(&sent), of_requests, journal.of_worker(WORKERS + 1));
    let series = tokio::spawn(SeriesWorker::new(worker, of_series).run(each));
    // If a worker or a reader fails, the test fails immediately.
    let injecting = async { Ok(injector.run(sent.subscribe(), all).await) };
    let (faults, workers, readers, series) =
        tokio::try_join!(injecting, try_join_all(workers), try_join_all(readers), series).unwrap();

    let rows = env.database.rows_of(&series.worker.user).await;
    series.compare(&rows);
    let (mut stored, mut unavailable, mut repeated, mut replayed, mut bulk) = (rows.len(), 0, 0, 0, 0);
    let (mut pages, mut restarts) = (0, 0);
    for (mut worker, mut reader) in workers.into_iter().zip(readers) {
        let rows = rows_of(&env, &worker.user).await;
        worker.model.compare(&rows);
        let followed = reader.finish().await;
        let mut ids = followed.keys().chain(rows.keys());
        if let Some(id) = ids.find(|id| followed.get(id) != rows.get(id)) {
            let history = reader.history_of(*id);
            unreachable!("the reader has {:?} instead of {:?}\n{history}", followed.get(id), rows.get(id));
        }
        stored += rows.len();
        unavailable += worker.counts.unavailable;
        repeated += worker.counts.repeated;
        replayed += worker.counts.replayed;
        bulk += worker.counts.bulk;
        pages += reader.counts.pages;
        restarts += reader.counts.restarts;
    }
    let summary = format!(
        "{faults} faults, {unavailable} responses with 503, {repeated} repeats, {replayed} replays, {bulk} bulk \
         requests, {pages} pages of changes, {restarts} restarts, {stored} tasks, \
         {} completions of recurring tasks",
        series.completions(),
    );
    println!("{summary}, {:?}", start.elapsed());
    assert_eq!(env.database.number("select count(*) from tasks").await, i64::try_from(stored).unwrap());
    // The test must have tried enough.
    assert!(faults > requests / 10 && unavailable < requests / 5 && stored > 20, "{summary}");
    assert!(series.completions() > each / 4, "{summary}");
    assert!(repeated > 5 && replayed > requests / 50 && bulk > requests / 10 && pages > requests / 10, "{summary}");
}
