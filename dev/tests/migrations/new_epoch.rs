//! `new-epoch`, and how `verify` finds that it is needed.

use migrations::MigrateError;

use crate::kit::{Database, USER_TABLE, connect};
use dev::testing::database::LAYOUTS;

/// What the program finds in a database with transaction numbers of another server.
const AHEAD: &str =
    "changes bear transaction numbers that this server has not given yet: the database was restored into it";

/// A transaction number that this server does not reach.
const OF_ANOTHER_SERVER: &str = "'99999999999'::xid8";

async fn epoch(database: &Database) -> String {
    database.row("select epoch from tasks_api.sync_epoch").await
}

/// Gives the tasks and records of deleted tasks the numbers of another server, as a restore does: without triggers.
async fn restore_from_another_server(database: &Database) {
    database
        .run(&format!(
            "set session_replication_role = replica;
            update tasks set changed_in = {OF_ANOTHER_SERVER} where changed_in is not null;
            update tasks_api.task_tombstones set deleted_in = {OF_ANOTHER_SERVER};
            reset session_replication_role"
        ))
        .await;
}

#[tokio::test]
async fn a_new_epoch_clears_numbers_of_another_server() {
    for layout in &LAYOUTS {
        let name = layout.name;
        let database = Database::with_rows(layout).await;
        database.up().await.expect(name);
        // A trigger of the other back end, and one that is off.
        database
            .run(
                "create function note() returns trigger language plpgsql as $$ begin raise 'noted'; end $$;
                create trigger note before update on tasks for each row execute function note();
                create trigger off before update on tasks for each row execute function note();
                create trigger always after update on tasks for each statement execute function note();
                alter table tasks disable trigger note, disable trigger off, disable trigger always;
                update tasks set completed = true where id in (select id from tasks limit 10);
                delete from tasks where id in (select id from tasks limit 5)",
            )
            .await;
        restore_from_another_server(&database).await;
        assert_eq!(database.differences().await, [AHEAD], "{name}");
        database.run("alter table tasks enable trigger note, enable always trigger always").await;

        let content = "select md5(string_agg((to_jsonb(tasks) - 'changed_in')::text, ' ' order by id)) from tasks";
        let triggers = "select tgname, tgenabled from pg_trigger where tgrelid = 'tasks'::regclass order by 1";
        let before = (database.row(content).await, database.rows(triggers).await, epoch(&database).await);
        let changed: u64 = database.row("select count(changed_in) from tasks").await.parse().expect("a number");
        assert!((5..=10).contains(&changed), "{changed}");
        let renewed = migrations::new_epoch(&database.url).await.expect(name);
        assert_eq!((renewed.cleared_tasks, renewed.deleted_tombstones), (changed, 5), "{name}");
        assert_eq!(epoch(&database).await, renewed.epoch, "{name}");
        let after = (database.row(content).await, database.rows(triggers).await, epoch(&database).await);
        assert_eq!((&before.0, &before.1), (&after.0, &after.1), "{name}");
        assert_ne!(before.2, after.2, "{name}");
        assert_eq!(database.row("select count(changed_in) from tasks").await, "0", "{name}");
        database.run("drop function note cascade").await;
        assert_eq!(database.differences().await, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_new_epoch_keeps_numbers_of_this_server() {
    let database = Database::with_a_task().await;
    let before = (database.row("select ctid, changed_in from tasks").await, epoch(&database).await);
    // Beside writers: no number is ahead, so nothing is locked.
    let writer = connect(&database.url).await;
    writer.batch_execute("begin; update tasks set completed = true").await.expect("a change");
    let renewed = migrations::new_epoch(&database.url).await.expect("an epoch");
    assert_eq!((renewed.cleared_tasks, renewed.deleted_tombstones), (0, 0));
    writer.batch_execute("rollback").await.expect("a change");
    assert_eq!(database.row("select ctid, changed_in from tasks").await, before.0);
    assert_ne!(epoch(&database).await, before.1);

    database.run("delete from tasks_api.sync_epoch").await;
    let renewed = migrations::new_epoch(&database.url).await.expect("an epoch");
    assert_eq!(epoch(&database).await, renewed.epoch);
}

#[tokio::test]
async fn a_new_epoch_needs_the_migrations() {
    for database in [Database::with_sql(USER_TABLE).await, Database::with_rows(&LAYOUTS[3]).await] {
        let error = migrations::new_epoch(&database.url).await.expect_err("there is no epoch");
        assert!(matches!(error, MigrateError::NoEpoch), "{error}");
    }
}

#[tokio::test]
async fn open_transactions_are_not_ahead() {
    let database = Database::with_a_task().await;
    let (first, second) = (connect(&database.url).await, connect(&database.url).await);
    first.batch_execute("begin; insert into tasks (user_id, title) values ('ann', 'a')").await.expect("a change");
    second
        .batch_execute("begin; insert into tasks (user_id, title) values ('ann', 'b'); savepoint s; delete from tasks where title = 'b'")
        .await
        .expect("a change");
    assert_eq!(database.differences().await, [""; 0]);
    second.batch_execute("commit").await.expect("a change");
    assert_eq!(database.differences().await, [""; 0]);
    first.batch_execute("commit").await.expect("a change");
    assert_eq!(database.differences().await, [""; 0]);
}
