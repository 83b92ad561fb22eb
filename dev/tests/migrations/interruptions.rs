//! An adoption and its revert, terminated before each of their changes.

use crate::kit::Database;
use dev::testing::database::{LAYOUTS, Layout};

/// Terminates the session that is about to make the change with this number. What one transaction makes is one change.
pub(crate) async fn terminate_before_change(database: &Database, change: usize) {
    database
        .run(&format!(
            "drop schema if exists interruption cascade;
            create schema interruption;
            create sequence interruption.count;
            create sequence interruption.transaction;
            create function interruption.terminate() returns event_trigger language plpgsql as $$
            begin
                if (select last_value from interruption.transaction)::text <> pg_current_xact_id()::text then
                    perform setval('interruption.transaction', pg_current_xact_id()::text::bigint);
                    if nextval('interruption.count') = {change} then
                        perform pg_terminate_backend(pg_backend_pid());
                    end if;
                end if;
            end
            $$;
            create event trigger terminate on ddl_command_start execute function interruption.terminate()"
        ))
        .await;
}

pub(crate) async fn stop_terminating(database: &Database) {
    database.run("drop event trigger terminate; drop schema interruption cascade").await;
}

/// Interrupts `up`, and then `down`, before every change, each time in a new database.
async fn interrupt_at_every_change(layout: &Layout) {
    let whole = Database::with_rows(layout).await;
    let original = whole.catalog().await;
    whole.up().await.expect(layout.name);
    let adopted = whole.catalog().await;

    let (mut change, mut is_complete) = (0, false);
    while !is_complete {
        change += 1;
        let database = Database::with_rows(layout).await;
        terminate_before_change(&database, change).await;
        is_complete = database.up().await.is_ok();
        stop_terminating(&database).await;
        database.up().await.unwrap_or_else(|error| unreachable!("{} after {change}: {error}", layout.name));
        assert_eq!(database.catalog().await, adopted, "{} after {change}", layout.name);

        terminate_before_change(&database, change).await;
        let was_reverted = database.down().await.is_ok();
        stop_terminating(&database).await;
        if !was_reverted {
            database
                .down()
                .await
                .unwrap_or_else(|error| unreachable!("{} reverted after {change}: {error}", layout.name));
        }
        assert_eq!(database.catalog().await, original, "{} reverted after {change}", layout.name);
    }
    assert!(change > 15, "{}: only {change} changes", layout.name);
}

#[tokio::test]
async fn an_interrupted_adoption_continues_where_it_stopped() {
    interrupt_at_every_change(&LAYOUTS[2]).await;
}

#[tokio::test]
async fn an_interrupted_foreign_key_replacement_continues() {
    interrupt_at_every_change(&LAYOUTS[3]).await;
}

#[tokio::test]
async fn down_reverts_an_interrupted_adoption() {
    let database = Database::with_rows(&LAYOUTS[0]).await;
    let original = database.catalog().await;
    terminate_before_change(&database, 9).await;
    database.up().await.expect_err("the session was terminated");
    stop_terminating(&database).await;
    assert_ne!(database.catalog().await, original);
    database.down().await.expect("an adoption to revert");
    assert_eq!(database.catalog().await, original);
}

#[tokio::test]
async fn an_interrupted_upgrade_continues_where_it_stopped() {
    let of_earlier_release = async || {
        let database = Database::with_a_task().await;
        while database.row("select to_regnamespace('tasks_api')").await != "null" {
            database.down().await.expect("a migration to revert");
        }
        database
    };
    let whole = of_earlier_release().await;
    let original = whole.catalog().await;
    whole.up().await.expect("an upgrade");
    let upgraded = whole.catalog().await;

    let (mut change, mut is_complete) = (0, false);
    while !is_complete {
        change += 1;
        let database = of_earlier_release().await;
        terminate_before_change(&database, change).await;
        is_complete = database.up().await.is_ok();
        stop_terminating(&database).await;
        database.up().await.unwrap_or_else(|error| unreachable!("after {change}: {error}"));
        assert_eq!(database.catalog().await, upgraded, "after {change}");

        terminate_before_change(&database, change).await;
        while database.row("select to_regnamespace('tasks_api')").await != "null" {
            if database.down().await.is_err() {
                stop_terminating(&database).await;
            }
        }
        assert_eq!(database.catalog().await, original, "reverted after {change}");
    }
    assert!(change > 5, "only {change} changes");
}

#[tokio::test]
async fn adoption_recreates_invalid_indexes() {
    let database = Database::with_rows(&LAYOUTS[4]).await;
    database
        .run(
            "create index idx_tasks_due_date on tasks (user_id, due_date, id);
            update pg_index set indisvalid = false where indexrelid = 'idx_tasks_due_date'::regclass",
        )
        .await;
    database.up().await.expect("a table to adopt");
    assert_eq!(database.differences().await, [""; 0]);
}
