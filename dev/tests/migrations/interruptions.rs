//! Adoption and the way back, ended by force before each of their changes.

use crate::kit::Database;
use crate::layouts::{LAYOUTS, Layout};

/// Ends the session that is about to make the change with this number.
async fn strike_before(database: &Database, change: usize) {
    database
        .run(&format!(
            "drop schema if exists interruption cascade;
            create schema interruption;
            create sequence interruption.count;
            create function interruption.strike() returns event_trigger language plpgsql as $$
            begin
                if nextval('interruption.count') = {change} then
                    perform pg_terminate_backend(pg_backend_pid());
                end if;
            end
            $$;
            create event trigger strike on ddl_command_start execute function interruption.strike()"
        ))
        .await;
}

async fn strike_no_more(database: &Database) {
    database.run("drop event trigger strike; drop schema interruption cascade").await;
}

/// Interrupts `up` before every change in turn, each time in a new database, and the way back in the same manner.
async fn interrupt_everywhere(layout: &Layout) {
    let whole = Database::filled(layout).await;
    let original = whole.catalogue().await;
    whole.up().await.expect(layout.name);
    let adopted = whole.catalogue().await;

    let (mut change, mut all_was_done) = (0, false);
    while !all_was_done {
        change += 1;
        let database = Database::filled(layout).await;
        strike_before(&database, change).await;
        all_was_done = database.up().await.is_ok();
        strike_no_more(&database).await;
        database.up().await.unwrap_or_else(|error| unreachable!("{} after {change}: {error}", layout.name));
        assert_eq!(database.catalogue().await, adopted, "{} after {change}", layout.name);

        strike_before(&database, change).await;
        let was_taken_back = database.down().await.is_ok();
        strike_no_more(&database).await;
        if !was_taken_back {
            database.down().await.unwrap_or_else(|error| unreachable!("{} back after {change}: {error}", layout.name));
        }
        assert_eq!(database.catalogue().await, original, "{} back after {change}", layout.name);
    }
    assert!(change > 15, "{}: only {change} changes", layout.name);
}

#[tokio::test]
async fn an_interrupted_adoption_goes_on_where_it_stopped() {
    interrupt_everywhere(&LAYOUTS[2]).await;
}

#[tokio::test]
async fn also_where_the_foreign_key_is_replaced() {
    interrupt_everywhere(&LAYOUTS[3]).await;
}

#[tokio::test]
async fn down_after_an_interruption_takes_back_what_was_done() {
    let database = Database::filled(&LAYOUTS[0]).await;
    let original = database.catalogue().await;
    strike_before(&database, 9).await;
    database.up().await.expect_err("it was ended");
    strike_no_more(&database).await;
    assert_ne!(database.catalogue().await, original);
    database.down().await.expect("the way back");
    assert_eq!(database.catalogue().await, original);
}

#[tokio::test]
async fn an_index_that_was_left_half_made_is_made_again() {
    let database = Database::filled(&LAYOUTS[4]).await;
    database
        .run(
            "create index idx_tasks_user_title on tasks (user_id);
            update pg_index set indisvalid = false where indexrelid = 'idx_tasks_user_title'::regclass",
        )
        .await;
    database.up().await.expect("a table to adopt");
    assert_eq!(database.differences().await, [""; 0]);
}
