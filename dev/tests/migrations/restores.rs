//! A database that came back from a backup, and not all of it as it was.

use crate::kit::Database;
use crate::layouts::{LAYOUTS, Layout};

/// The first user goes, and neither rule nor trigger hears of it: so does a restore that loads rows past them.
async fn lose_a_user(database: &Database, layout: &Layout) {
    database
        .run(&format!(
            "set session_replication_role = replica;
            delete from {} where id = '{}';
            reset session_replication_role",
            layout.user_table, layout.user
        ))
        .await;
}

/// Deletes the tasks of nobody, with the statement that `fix` offers.
async fn delete_orphans(database: &Database, fix: &str) {
    let (_, offered) = fix.split_once("to remove them: ").expect("a statement");
    let (statement, _) = offered.split_once("; or ").expect("another choice");
    database.run(statement).await;
}

#[tokio::test]
async fn what_a_restore_left_out_is_named_and_mended() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
        database.up().await.expect(layout.name);
        let (rows, adopted) = (database.row("select count(*) from tasks").await, database.catalogue().await);
        database
            .run(
                "drop index idx_tasks_user_newest;
                drop index idx_tasks_user_idempotency_key;
                drop trigger zz_tasks_note_change on tasks;
                drop function tasks_note_change();
                alter table tasks alter column version drop default",
            )
            .await;
        let found = database.verify().await.differences;
        assert_eq!(
            found.iter().map(|difference| difference.what()).collect::<Vec<_>>(),
            [
                "the column version has no default",
                "the trigger that keeps updated_at and version is missing",
                "the index idx_tasks_user_newest is missing",
                "the index idx_tasks_user_idempotency_key is missing",
            ],
            "{}",
            layout.name
        );
        for difference in &found {
            database.mend(difference).await;
        }
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.catalogue().await, adopted, "{}", layout.name);
        assert_eq!(database.row("select count(*) from tasks").await, rows, "{}", layout.name);
    }
}

#[tokio::test]
async fn tasks_of_nobody_keep_a_foreign_key_from_coming_back_until_they_are_gone() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
        database.up().await.expect(layout.name);
        let name = database
            .row("select conname from pg_constraint where conrelid = 'tasks'::regclass and contype = 'f'")
            .await;
        database.run(&format!("alter table tasks drop constraint {name}")).await;
        lose_a_user(&database, layout).await;

        let [orphans] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert!(orphans.what().starts_with("150 tasks are of users that public."), "{}", orphans.what());
        delete_orphans(&database, &orphans.fix()).await;
        let [missing] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert_eq!(missing.what(), "user_id has no foreign key", "{}", layout.name);
        database.mend(missing).await;
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
    }
}

#[tokio::test]
async fn tasks_of_nobody_are_found_behind_a_foreign_key_too() {
    for layout in &LAYOUTS {
        let database = Database::filled(layout).await;
        database.up().await.expect(layout.name);
        lose_a_user(&database, layout).await;
        let [orphans] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert!(orphans.what().starts_with("150 tasks are of users that public."), "{}", orphans.what());
        delete_orphans(&database, &orphans.fix()).await;
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.row("select count(*) from tasks").await, "2850", "{}", layout.name);
    }
}
