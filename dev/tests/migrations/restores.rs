//! A database that was restored from a backup, completely or not.

use std::path::{Path, PathBuf};
use std::process::Command;

use migrations::Difference;

use crate::kit::{Database, connect, no_changes, sql_of_choice};
use dev::testing::database::{LAYOUTS, Layout, TestServer};

/// Deletes the first user without firing triggers or checking foreign keys, as a restore that loads rows does.
async fn delete_user_unchecked(database: &Database, layout: &Layout) {
    database
        .run(&format!(
            "set session_replication_role = replica;
            delete from {} where id = '{}';
            reset session_replication_role",
            layout.user_table, layout.user
        ))
        .await;
}

/// Deletes the tasks whose user does not exist, with the statement that the difference offers.
async fn delete_orphans(database: &Database, difference: &Difference) {
    let differences = std::slice::from_ref(difference);
    database.run(sql_of_choice(differences, difference.description(), "to remove them")).await;
}

#[tokio::test]
async fn objects_missing_after_a_restore_are_fixed() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        let (rows, adopted) = (database.row("select count(*) from tasks").await, database.catalog().await);
        database
            .run(
                "drop index idx_tasks_due_date;
                drop index idx_tasks_user_idempotency_key;
                drop trigger zz_tasks_note_change on tasks;
                drop function tasks_api.tasks_note_change();
                drop trigger zz_tasks_note_delete on tasks;
                delete from tasks_api.sync_epoch;
                alter table tasks alter column version drop default",
            )
            .await;
        let found = database.verify().await.differences;
        assert_eq!(
            found.iter().map(|difference| difference.description()).collect::<Vec<_>>(),
            [
                "the column version has no default",
                "the table tasks_api.sync_epoch has no row",
                "the trigger that keeps updated_at and version is missing",
                "the trigger that notes deleted tasks is missing",
                "the index idx_tasks_due_date is missing",
                "the index idx_tasks_user_idempotency_key is missing",
            ],
            "{}",
            layout.name
        );
        for difference in &found {
            database.apply_fix(difference).await;
        }
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.catalog().await, adopted, "{}", layout.name);
        assert_eq!(database.row("select count(*) from tasks").await, rows, "{}", layout.name);
    }
}

#[tokio::test]
async fn orphans_block_the_foreign_key_until_deleted() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        let name = database
            .row("select conname from pg_constraint where conrelid = 'tasks'::regclass and contype = 'f'")
            .await;
        database.run(&format!("alter table tasks drop constraint {name}")).await;
        delete_user_unchecked(&database, layout).await;

        let [orphans] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert!(orphans.description().starts_with("150 tasks are of users that public."), "{}", orphans.description());
        delete_orphans(&database, orphans).await;
        let [missing] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert_eq!(missing.description(), "user_id has no foreign key", "{}", layout.name);
        database.apply_fix(missing).await;
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
    }
}

#[tokio::test]
async fn orphans_are_found_behind_a_foreign_key() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        delete_user_unchecked(&database, layout).await;
        let [orphans] = &database.verify().await.differences[..] else { unreachable!("{}", layout.name) };
        assert!(orphans.description().starts_with("150 tasks are of users that public."), "{}", orphans.description());
        delete_orphans(&database, orphans).await;
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.row("select count(*) from tasks").await, "2850", "{}", layout.name);
    }
}

/// A program of PostgreSQL, where Debian installs it. `None` if there is none for this server.
async fn client_program(database: &Database, name: &str) -> Option<PathBuf> {
    let major: u32 = database.row("select current_setting('server_version_num')::int / 10000").await.parse().ok()?;
    let versioned =
        (major..major + 4).map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")));
    versioned.into_iter().find(|program| program.exists())
}

/// Programs that dump a database and restore it.
struct DumpPrograms {
    pg_dump: PathBuf,
    psql: PathBuf,
}

impl DumpPrograms {
    /// `None` if there are none for this server, which is reported.
    async fn find(database: &Database) -> Option<Self> {
        let programs = (client_program(database, "pg_dump").await, client_program(database, "psql").await);
        let (Some(pg_dump), Some(psql)) = programs else {
            dev::testing::report_skipped("there is no pg_dump for this server");
            return None;
        };
        Some(Self { pg_dump, psql })
    }

    async fn copy(&self, database: &Database, restored: &Database) {
        let dump = Command::new(&self.pg_dump).arg(&database.url).output().expect("a dump");
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(database.row("select current_database()").await);
        std::fs::write(&file, dump.stdout).expect("a file");
        let mut restore = Command::new(&self.psql);
        restore.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file"]).arg(&file).arg(&restored.url);
        let restore = restore.output().expect("psql");
        assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
        std::fs::remove_file(file).expect("the file");
    }
}

/// What a client follows: the epoch, the tasks and the records of deleted ones with their transactions.
async fn recorded_changes(database: &Database) -> Vec<String> {
    database
        .rows(
            "select epoch::text, '', '' from tasks_api.sync_epoch
            union all select 'tombstone', task_id, deleted_in::text from tasks_api.task_tombstones
            union all select 'task', id::text, changed_in::text from tasks
            order by 1, 2, 3",
        )
        .await
}

#[tokio::test]
async fn a_restored_dump_has_everything() {
    let fresh = Database::with_a_task().await;
    let adopted = Database::with_rows(&LAYOUTS[3]).await;
    adopted.up().await.expect("a table to adopt");
    adopted.run("delete from tasks where id < 10; update tasks set completed = true where id < 20").await;
    let upgraded = Database::with_a_task().await;
    while upgraded.row("select to_regnamespace('tasks_api')").await != "null" {
        upgraded.down().await.expect("a migration to revert");
    }
    upgraded.up().await.expect("an upgrade");
    let Some(programs) = DumpPrograms::find(&fresh).await else { return };

    for database in [fresh, adopted, upgraded] {
        let restored = Database::with_sql("").await;
        programs.copy(&database, &restored).await;
        assert_eq!(restored.differences().await, [""; 0]);
        assert_eq!(restored.up().await.expect("nothing is missing"), no_changes());
        // PostgreSQL prints the conditions of a restored check with other casts.
        let objects = async |database: &Database| -> Vec<String> {
            database.catalog().await.into_iter().filter(|line| !line.starts_with("constraint")).collect()
        };
        assert_eq!(objects(&restored).await, objects(&database).await);
        assert_eq!(recorded_changes(&restored).await, recorded_changes(&database).await);
    }
}

#[tokio::test]
async fn a_dump_restored_into_another_server_needs_a_new_epoch() {
    let database = Database::with_a_task().await;
    let Some(programs) = DumpPrograms::find(&database).await else { return };
    // So that the new server has given fewer numbers.
    database
        .run(
            "do $$ begin
                for number in 1..20000 loop
                    perform pg_current_xact_id();
                    commit;
                end loop;
            end $$",
        )
        .await;
    database
        .run(
            "insert into tasks (user_id, title) values ('ann', 'Deleted');
            delete from tasks where title = 'Deleted';
            update tasks set completed = true",
        )
        .await;
    let server = TestServer::start().await;
    let url = server.postgres().url();
    let restored = Database { client: connect(&url).await, url };
    programs.copy(&database, &restored).await;
    assert_eq!(recorded_changes(&restored).await, recorded_changes(&database).await);
    let found = restored.verify().await.differences;
    let [ahead] = &found[..] else { unreachable!("{found:#?}") };
    assert!(ahead.description().ends_with("the database was restored into it"), "{}", ahead.description());
    assert_eq!(ahead.fix(), "before the functions get requests, run: migrate new-epoch");

    let renewed = migrations::new_epoch(&restored.url).await.expect("an epoch");
    assert_eq!((renewed.cleared_tasks, renewed.deleted_tombstones), (1, 1));
    assert_eq!(restored.differences().await, [""; 0]);
    // The restored triggers record changes as before.
    restored.run("update tasks set completed = false").await;
    assert_eq!(restored.row("select changed_in < pg_current_xact_id() from tasks").await, "t");
    server.stop().await;
}
