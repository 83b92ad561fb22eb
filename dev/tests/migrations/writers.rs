//! The old back end writes while its table is adopted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use migrations::MigrateError;
use tokio::task::JoinHandle;

use crate::kit::{Database, connect};
use crate::layouts::{LAYOUTS, Layout};

/// How long a statement of the old back end may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Inserts, updates and deletes without a pause until it is stopped.
struct Writer {
    stop: Arc<AtomicBool>,
    waits: JoinHandle<Waits>,
}

#[derive(Debug)]
struct Waits {
    longest: Duration,
    statements: usize,
}

impl Writer {
    async fn start(database: &Database, layout: Layout) -> Self {
        let client = connect(&database.url).await;
        for (name, sql) in [("old_insert", layout.insert), ("old_update", layout.update), ("old_delete", layout.delete)]
        {
            client.batch_execute(&format!("prepare {name} as {sql}")).await.expect(sql);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let waits = tokio::spawn(async move {
            let mut waits = Waits { longest: Duration::ZERO, statements: 0 };
            for round in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let title = format!("Written {round}");
                let own_id = if layout.makes_ids { format!(", '{title}'") } else { String::new() };
                let id = if layout.makes_ids { format!("'{title}'") } else { "currval('tasks_id_seq')".to_owned() };
                let id = if layout.makes_ids { id } else { format!("({id})::integer") };
                for statement in [
                    format!("execute old_insert('{}', '{title}', '2026-11-21 02:51'{own_id})", layout.user),
                    format!("execute old_update({id}, 'Changed', '2026-11-21 02:52')"),
                    format!("execute old_delete({id})"),
                ] {
                    let start = Instant::now();
                    client
                        .batch_execute(&statement)
                        .await
                        .unwrap_or_else(|error| unreachable!("{statement}: {error:?}"));
                    waits.longest = waits.longest.max(start.elapsed());
                    waits.statements += 1;
                }
            }
            waits
        });
        Self { stop, waits }
    }

    async fn stop(self) -> Waits {
        self.stop.store(true, Ordering::Relaxed);
        self.waits.await.expect("no statement fails")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adoption_never_blocks_a_writer_for_long() {
    for layout in LAYOUTS {
        let database = Database::with_rows(&layout).await;
        // Enough rows that creating an index takes a while.
        if !layout.makes_ids {
            for _ in 0..9 {
                database.run(layout.tasks).await;
            }
        }
        let writer = Writer::start(&database, layout).await;
        database.up().await.expect(layout.name);
        database.down().await.expect(layout.name);
        database.up().await.expect(layout.name);
        let waits = writer.stop().await;
        println!("{}: {waits:?}", layout.name);
        assert!(waits.longest < LONGEST_WAIT && waits.statements > 10, "{}: {waits:?}", layout.name);
        assert_eq!(database.differences().await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_transaction_blocks_only_the_adoption() {
    let layout = LAYOUTS[0];
    let database = Database::with_rows(&layout).await;
    let holder = connect(&database.url).await;
    holder.batch_execute("begin; select count(*) from tasks").await.expect("a transaction");
    let writer = Writer::start(&database, layout).await;
    let error = database.up_with_short_timeout().await.expect_err("the table is in use");
    assert!(matches!(error, MigrateError::ChangeLockTimeout { .. }), "{error}");
    assert!(error.to_string().contains("run it again, and it goes on from there"), "{error}");
    let waits = writer.stop().await;
    println!("{waits:?}");
    assert!(waits.longest < LONGEST_WAIT && waits.statements > 10, "{waits:?}");

    holder.batch_execute("commit").await.expect("the end");
    database.up_with_short_timeout().await.expect("the table is free");
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn an_old_snapshot_blocks_only_the_indexes() {
    let database = Database::with_rows(&LAYOUTS[0]).await;
    let holder = connect(&database.url).await;
    holder.batch_execute("begin isolation level repeatable read; select 1").await.expect("a transaction");
    let error = database.up_with_short_timeout().await.expect_err("an index waits for the snapshot");
    assert!(error.to_string().contains("add the index"), "{error}");
    holder.batch_execute("commit").await.expect("the end");
    database.up_with_short_timeout().await.expect("the snapshot is gone");
    assert_eq!(database.differences().await, [""; 0]);
}
