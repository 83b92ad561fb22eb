//! The schema that the migrations create in an empty database, and their reverts.

use std::collections::BTreeSet;

use migrations::{MigrateError, Options};

use crate::kit::{Database, MIGRATIONS, USER_TABLE, migration_names, no_changes};

/// The numbers of the migrations.
fn all_versions() -> Vec<i64> {
    let files = std::fs::read_dir(dev::workspace::root().join("migrations")).expect("the files of the migrations");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut versions: Vec<i64> =
        names.filter(|name| name.ends_with(".up.sql")).map(|name| name[..4].parse().expect("a number")).collect();
    versions.sort_unstable();
    versions
}

#[tokio::test]
async fn up_applies_every_migration_once() {
    let database = Database::with_sql(USER_TABLE).await;
    let report = database.up().await.expect("a fresh database");
    assert_eq!(migration_names(&report), MIGRATIONS);
    assert_eq!(report.migrations.iter().map(|migration| migration.version).collect::<Vec<_>>(), all_versions());
    assert_eq!(database.up().await.expect("the same again"), no_changes());
}

#[tokio::test]
async fn down_reverts_one_migration_and_up_reapplies_it() {
    let database = Database::with_sql(USER_TABLE).await;
    let mut before = Vec::new();
    database.up().await.expect("a fresh database");
    for name in MIGRATIONS.iter().rev() {
        before.push(database.catalog().await);
        assert_eq!(migration_names(&database.down().await.expect("a migration to revert")), [*name]);
    }
    assert_eq!(database.down().await.expect("no migration is left"), no_changes());
    assert!(!database.catalog().await.iter().any(|line| line.contains("tasks")));

    assert_eq!(migration_names(&database.up().await.expect("once more")), MIGRATIONS);
    assert_eq!(database.catalog().await, before[0]);

    // Each revert leads to the same catalog as before.
    for expected in &before[1..] {
        database.down().await.expect("a migration to revert");
        assert_eq!(database.catalog().await, *expected);
    }
    database.down().await.expect("the first migration");
    database.up().await.expect("once more");
    assert_eq!(database.catalog().await, before[0]);
}

#[tokio::test]
async fn tasks_survive_reverting_all_later_migrations() {
    const TASKS: &str = "select id, user_id, title, version, created_at, updated_at from tasks order by id";
    let database = Database::with_a_task().await;

    for name in MIGRATIONS[3..].iter().rev() {
        database.run("insert into tasks (user_id, title) values ('ann', 'Sweep')").await;
        assert_eq!(migration_names(&database.down().await.expect("a migration to revert")), [*name]);
    }
    database.down().await.expect("without the trigger");
    database.run("insert into tasks (user_id, title) values ('ann', 'Bake bread')").await;
    database.down().await.expect("without the indexes");
    database.run("insert into tasks (user_id, title) values ('ann', 'Call Bob')").await;
    let tasks = database.rows(TASKS).await;
    assert_eq!(tasks.len(), MIGRATIONS.len());

    assert_eq!(migration_names(&database.up().await.expect("with all")), MIGRATIONS[1..]);
    assert_eq!(database.rows(TASKS).await, tasks);
    database.run("update tasks set completed = true").await;
    assert_eq!(database.rows("select distinct version from tasks").await, ["2"]);
}

#[tokio::test]
async fn down_refuses_to_delete_tasks() {
    let database = Database::with_a_task().await;
    for name in MIGRATIONS[1..].iter().rev() {
        assert_eq!(migration_names(&database.down().await.expect("a migration to revert")), [*name]);
    }
    let sentence = database.down().await.expect_err("there is a task").to_string();
    assert!(sentence.starts_with("dropping the table tasks would lose what 1 tasks hold"), "{sentence}");
    assert_eq!(database.row("select count(*) from tasks").await, "1");

    database.run("delete from tasks").await;
    database.down().await.expect("an empty table");
}

#[tokio::test]
async fn an_edited_migration_is_detected_before_any_change() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.run(r"update tasks_api._sqlx_migrations set checksum = '\x00' where version = 2").await;
    let before = database.catalog().await;
    for result in [database.up().await, database.down().await] {
        let sentence = result.expect_err("an edited file").to_string();
        assert!(sentence.starts_with("Migration 2 (task indexes) was edited after it was applied"), "{sentence}");
    }
    assert_eq!(database.catalog().await, before);
}

#[tokio::test]
async fn an_older_release_ignores_and_keeps_newer_migrations() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.run(r"insert into tasks_api._sqlx_migrations values (9999, 'tags', now(), true, '\x00', 0)").await;
    assert_eq!(database.up().await.expect("nothing that this release knows is missing"), no_changes());
    let error = database.down().await.expect_err("only the newer release can revert it");
    assert!(matches!(error, MigrateError::UnknownMigration { version: 9999 }), "{error}");
}

#[tokio::test]
async fn concurrent_runs_apply_each_migration_once() {
    let database = Database::with_sql(USER_TABLE).await;
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { migrations::up(&url, &Options::default()).await })
        })
        .collect();
    let mut versions = Vec::new();
    for run in runs {
        let report = run.await.expect("no panic").expect("each waits for the one before");
        versions.extend(report.migrations.into_iter().map(|migration| migration.version));
    }
    versions.sort_unstable();
    assert_eq!(versions, all_versions());
}

#[tokio::test]
async fn a_locked_table_stops_a_migration_quickly() {
    let database = Database::with_sql(USER_TABLE).await;
    database.run(r#"begin; lock table "user" in access exclusive mode"#).await;
    let error = database.up_with_short_timeout().await.expect_err("the table is locked");
    assert!(matches!(&error, MigrateError::LockTimeout(migration) if migration.version == 1), "{error}");
    database.run("rollback").await;
    assert_eq!(migration_names(&database.up().await.expect("the table is free")), MIGRATIONS);
}

#[tokio::test]
async fn the_statement_timeout_of_a_role_is_ignored() {
    let database = Database::with_sql(USER_TABLE).await;
    let name = database.row("select quote_ident(current_database())").await;
    // Nothing finishes in this time.
    database.run(&format!("alter database {name} set statement_timeout = '1ms'")).await;
    database.up().await.expect("the timeout is for requests");
}

#[tokio::test]
async fn constraints_reject_invalid_tasks() {
    let database = Database::with_a_task().await;
    for (column, value, constraint) in [
        ("title", "''", "ck_tasks_title_length"),
        ("description", "repeat('ä', 1001)", "ck_tasks_description_length"),
        ("priority", "'urgent'", "ck_tasks_priority"),
        ("priority", "'High'", "ck_tasks_priority"),
        ("priority", "''", "ck_tasks_priority"),
        ("user_id", "'nobody'", "fk_tasks_user_id"),
    ] {
        assert_eq!(
            database.violated_constraint(&format!("update tasks set {column} = {value}")).await,
            constraint,
            "{column}"
        );
    }
    for column in ["user_id", "title", "completed", "created_at", "updated_at", "version"] {
        let sql = format!("insert into tasks (user_id, title, {column}) values ('ann', 'Buy milk', null)")
            .replace("title, title", "title")
            .replace("user_id, title, user_id", "title, user_id");
        assert!(database.client.batch_execute(&sql).await.is_err(), "{column}");
    }
    let too_long = "update tasks set title = repeat('ä', 256)";
    assert!(database.client.batch_execute(too_long).await.is_err());
    database
        .run("update tasks set title = repeat('ä', 255), description = repeat('ä', 1000), priority = 'low', due_date = 'infinity'")
        .await;
}

#[tokio::test]
async fn a_migrated_database_passes_verify() {
    for setting in ["", "none"] {
        let database = Database::with_sql(USER_TABLE).await;
        database.up_with(setting).await.expect("a fresh database");
        let options = Options { auth_user_table: Some(setting.to_owned()), ..Options::default() };
        let verification = migrations::verify(&database.url, &options).await.expect("a database that can be read");
        assert_eq!(verification.differences, []);
    }
}

#[tokio::test]
async fn down_discarding_data_deletes_tasks() {
    let database = Database::with_a_task().await;
    for _ in &MIGRATIONS[1..] {
        database.down().await.expect("a migration to revert");
    }
    let report = migrations::down_discarding_data(&database.url).await.expect("the data may be lost");
    assert_eq!(migration_names(&report), [MIGRATIONS[0]]);
    assert_eq!(database.row("select to_regclass('tasks')").await, "null");
}

#[tokio::test]
async fn an_invalid_index_is_replaced() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    for _ in &MIGRATIONS[8..] {
        database.down().await.expect("a migration to revert");
    }
    database
        .run(
            "create index idx_tasks_user_priority on tasks (user_id);
            update pg_index set indisvalid = false where indexrelid = 'idx_tasks_user_priority'::regclass",
        )
        .await;
    assert_eq!(migration_names(&database.up().await.expect("the rest")), MIGRATIONS[8..]);
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn running_the_plan_equals_up() {
    let (by_hand, by_up) = (Database::with_sql(USER_TABLE).await, Database::with_sql(USER_TABLE).await);
    by_up.up().await.expect("a fresh database");
    by_hand.run_plan().await;
    assert_eq!(by_hand.catalog().await, by_up.catalog().await);
    assert_eq!(by_hand.up().await.expect("nothing is left to do"), no_changes());
    assert_eq!(by_hand.plan().await.to_string(), "-- There is nothing to do.\n");
}

#[tokio::test]
async fn index_and_constraint_names_are_stable() {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    let indexes: BTreeSet<_> = database
        .rows(
            r"select indexname, regexp_replace(substring(indexdef from '\(.*'), '\s+', ' ', 'g')
            from pg_indexes where tablename = 'tasks'",
        )
        .await
        .into_iter()
        .collect();
    let expected = [
        "idx_tasks_completed | (user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)",
        "idx_tasks_created_at | (user_id, created_at DESC, id DESC)",
        "idx_tasks_due_date | (user_id, due_date, id)",
        "idx_tasks_updated_at | (user_id, updated_at DESC, id DESC)",
        "idx_tasks_user_completed | (user_id, created_at DESC, id DESC) WHERE (completed IS TRUE)",
        "idx_tasks_user_id | (user_id, changed_in, id)",
        "idx_tasks_user_idempotency_key | (user_id, idempotency_key)",
        "tasks_pkey | (id)",
    ];
    assert_eq!(indexes, expected.map(str::to_owned).into());

    let constraints: BTreeSet<_> = database
        .rows("select conname from pg_constraint where conrelid = 'tasks'::regclass and contype <> 'n'")
        .await
        .into_iter()
        .collect();
    let expected =
        ["ck_tasks_description_length", "ck_tasks_priority", "ck_tasks_title_length", "fk_tasks_user_id", "tasks_pkey"];
    assert_eq!(constraints, expected.map(str::to_owned).into());
}
