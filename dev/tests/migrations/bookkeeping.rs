//! The schema of our own, and the tables that earlier releases had in the schema of `tasks`.

use migrations::{MigrateError, Options};

use crate::kit::{Database, MIGRATIONS, USER_TABLE, connect, migration_names, no_changes};
use dev::testing::database::LAYOUTS;

/// The tables, views, sequences and functions of the schema `public`.
async fn objects(database: &Database) -> Vec<String> {
    database
        .rows(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind not in ('i', 'c')
            union all
            select proname || '()' from pg_proc where pronamespace = 'public'::regnamespace
            order by 1",
        )
        .await
}

/// A database as the release before the schema `tasks_api` leaves it.
async fn of_earlier_release() -> Database {
    let database = Database::with_a_task().await;
    while database.row("select to_regnamespace('tasks_api')").await != "null" {
        database.down().await.expect("a migration to revert");
    }
    database
}

/// A URL of the database for another role, which exists.
fn url_for(database: &Database, role: &str) -> String {
    let (_, rest) = database.url.split_once('@').expect("a URL");
    format!("postgres://{role}:guest@{rest}")
}

/// A role that owns nothing. Its name contains that of the database.
async fn new_role(database: &Database) -> String {
    let role = format!("guest_of_{}", database.row("select current_database()").await);
    database.run(&format!("create role {role} login password 'guest'")).await;
    role
}

#[tokio::test]
async fn only_tasks_is_in_the_schema_of_tasks() {
    let database = Database::with_a_task().await;
    assert_eq!(objects(&database).await, ["tasks", "tasks_id_seq", "user"]);

    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        let before = objects(&database).await;
        database.up().await.expect(layout.name);
        assert_eq!(objects(&database).await, before, "{}", layout.name);
        database.down().await.expect(layout.name);
        assert_eq!(database.row("select to_regnamespace('tasks_api')").await, "null", "{}", layout.name);
    }
}

#[tokio::test]
async fn down_returns_to_the_tables_of_the_earlier_release() {
    let database = of_earlier_release().await;
    assert_eq!(
        objects(&database).await,
        ["_sqlx_migrations", "task_fences", "tasks", "tasks_id_seq", "tasks_note_change()", "user"]
    );
    let before = database.catalog().await;
    assert_eq!(database.row("select max(version) from _sqlx_migrations").await, "12");
    let statuses = migrations::status(&database.url).await.expect("a database that can be read");
    assert!(matches!(statuses[11].state, migrations::State::Applied { .. }), "{:?}", statuses[11]);

    assert_eq!(migration_names(&database.up().await.expect("an upgrade")), MIGRATIONS[12..]);
    assert_eq!(database.differences().await, [""; 0]);
    while database.row("select to_regnamespace('tasks_api')").await != "null" {
        database.down().await.expect("a migration to revert");
    }
    assert_eq!(database.catalog().await, before);
}

#[tokio::test]
async fn an_upgrade_leaves_views_for_the_earlier_release() {
    let database = of_earlier_release().await;
    let role = new_role(&database).await;
    database
        .run(&format!(
            "grant select, insert, update, delete on tasks to {role};
            grant select, insert, delete on task_fences to {role}"
        ))
        .await;
    let old = connect(&url_for(&database, &role)).await;
    // As the functions of that release send it.
    let fence = "with expired as (delete from task_fences where made_at < now() - interval '1 hour')
        insert into task_fences (attempt) select 'request/' || number from generate_series(0, 1) as number
        on conflict do nothing";
    let write = "update tasks set title = 'Buy oat milk'
        where id = 1 and not exists (select from task_fences where attempt = 'request/1') returning id";
    old.batch_execute(&format!("prepare fence as {fence}; prepare write as {write}; execute write")).await.expect("12");

    database.up().await.expect("an upgrade");
    assert_eq!(
        database
            .rows("select relname, relkind from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'")
            .await,
        ["_sqlx_migrations | v", "task_fences | v"]
    );
    for _ in 0..2 {
        old.batch_execute("execute write; execute fence").await.expect("the views");
    }
    assert_eq!(database.rows("select attempt from tasks_api.task_fences order by 1").await, ["request/0", "request/1"]);
    assert!(old.query("execute write", &[]).await.expect("a fenced write").is_empty());
    // As the `migrate` of that release reads and writes it.
    assert_eq!(database.row("select count(*) from _sqlx_migrations").await, MIGRATIONS.len().to_string());
    database
        .run(
            r"insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (9999, 'tags', true, '\x00', -1)",
        )
        .await;
    assert_eq!(
        database
            .row("select installed_on > now() - interval '1 hour' from tasks_api._sqlx_migrations where version = 9999")
            .await,
        "t"
    );

    // The role of the functions of this release, without a grant by hand.
    let write = write.replace("task_fences", "tasks_api.task_fences");
    old.batch_execute(&write).await.expect("the usage of the schema");
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn the_plan_of_an_upgrade_equals_up() {
    let (by_hand, by_up) = (of_earlier_release().await, of_earlier_release().await);
    by_up.up().await.expect("an upgrade");
    by_hand.run_plan().await;
    assert_eq!(by_hand.catalog().await, by_up.catalog().await);
    assert_eq!(by_hand.up().await.expect("nothing is left to do"), no_changes());
    assert_eq!(by_hand.differences().await, [""; 0]);
}

#[tokio::test]
async fn concurrent_upgrades_wait_for_each_other() {
    let database = of_earlier_release().await;
    let run = || {
        let url = database.url.clone();
        tokio::spawn(async move { migrations::up(&url, &Options::default()).await })
    };
    let (first, second) = (run(), run());
    let applied =
        [first.await, second.await].map(|report| report.expect("no panic").expect("its turn").migrations.len());
    assert_eq!(applied.iter().sum::<usize>(), MIGRATIONS.len() - 12);
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn the_history_of_another_program_is_left_alone() {
    let foreign = r"create table _sqlx_migrations (version bigint primary key, description text not null,
            installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
            execution_time bigint not null);
        insert into _sqlx_migrations values
            (1, 'tasks', '2026-01-01', true, '\x01', 5), (20250101000000, 'orders', '2026-01-01', true, '\x02', 5)";
    let rows = "select * from _sqlx_migrations order by version";
    for (name, tables) in [("fresh", USER_TABLE), (LAYOUTS[3].name, LAYOUTS[3].tables)] {
        let database = Database::with_sql(tables).await;
        database.run(foreign).await;
        let before = (database.catalog().await, database.rows(rows).await);
        database.up().await.expect(name);
        assert_eq!(database.up().await.expect(name), no_changes(), "{name}");
        assert_eq!(database.differences().await, [""; 0], "{name}");
        assert_eq!(database.rows(rows).await, before.1, "{name}");
        while database.down().await.expect(name) != no_changes() {}
        assert_eq!((database.catalog().await, database.rows(rows).await), before, "{name}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_create_schemas_learns_the_grant() {
    for (name, tables) in [("fresh", USER_TABLE), (LAYOUTS[3].name, LAYOUTS[3].tables)] {
        let database = Database::with_sql("").await;
        let role = new_role(&database).await;
        database.run(&format!("grant create on schema public to {role}")).await;
        let url = url_for(&database, &role);
        connect(&url).await.batch_execute(tables).await.expect(name);
        let options = Options::default();
        let error = migrations::up(&url, &options).await.expect_err(name);
        assert_eq!(error.to_string(), migrations::plan(&url, &options).await.expect_err(name).to_string());
        let MigrateError::MissingGrant { grant } = error else { unreachable!("{name}: {error}") };
        assert_eq!(database.row("select to_regnamespace('tasks_api')").await, "null", "{name}");
        database.run(&grant).await;
        migrations::up(&url, &options).await.expect(name);

        // The owner of the database can create the schema instead.
        while migrations::down(&url).await.expect(name) != no_changes() {}
        let revoke = grant.replace("grant", "revoke").replace(" to ", " from ");
        database.run(&format!("{revoke}; create schema tasks_api authorization {role}")).await;
        migrations::up(&url, &options).await.expect(name);
        while migrations::down(&url).await.expect(name) != no_changes() {}

        database.run("drop schema if exists tasks_api; create schema tasks_api").await;
        let error = migrations::up(&url, &options).await.expect_err(name);
        let MigrateError::MissingGrant { grant } = error else { unreachable!("{name}: {error}") };
        assert_eq!(grant, format!("grant usage, create on schema tasks_api to {role}"));
        database.run(&grant).await;
        migrations::up(&url, &options).await.expect(name);
        database.run(&format!("drop owned by {role}; drop role {role}")).await;
    }
}

#[tokio::test]
async fn a_history_without_tasks_is_an_error() {
    let database = Database::with_a_task().await;
    database.run("alter table tasks rename to lost").await;
    let errors = [
        database.up().await.expect_err("no tasks"),
        database.down().await.expect_err("no tasks"),
        migrations::plan(&database.url, &Options::default()).await.expect_err("no tasks"),
    ];
    for error in errors {
        assert!(matches!(error, MigrateError::MissingTasks), "{error}");
    }
    database.run("alter table lost rename to tasks").await;
    assert_eq!(database.up().await.expect("nothing is missing"), no_changes());

    // What the error names for tasks that are given up.
    database.run("drop table tasks; drop schema tasks_api cascade").await;
    assert_eq!(migration_names(&database.up().await.expect("a fresh start")), MIGRATIONS);
}

#[tokio::test]
async fn a_lost_schema_is_restored_by_fixes_or_up() {
    for layout in &LAYOUTS {
        let database = Database::with_rows(layout).await;
        database.up().await.expect(layout.name);
        let adopted = database.catalog().await;
        database.run("drop schema tasks_api cascade").await;
        let found = database.verify().await.differences;
        let descriptions: Vec<_> = found.iter().map(|difference| difference.description()).collect();
        assert_eq!(
            descriptions,
            [
                "the schema tasks_api is missing",
                "functions in tasks_api are missing, or are other ones: all",
                "the table tasks_api.task_tombstones is missing",
                "the table tasks_api.sync_epoch is missing",
                "the trigger that keeps updated_at and version is missing",
                "the trigger that notes new tasks is missing",
                "the trigger that notes deleted tasks is missing",
                "the trigger that notes that the table was truncated is missing",
                "the trigger that notes the completion of new tasks is missing",
                "the trigger that notes the completion of tasks is missing",
                "the trigger that makes the successor of a recurring task is missing",
                "the trigger that writes members of the front end is missing",
                "the table tasks_api.idempotency_keys is missing",
                "the table tasks_api.task_tags is missing",
                "the tables of sign-in in tasks_api are missing",
                "the table tasks_api.task_fences is missing",
            ],
            "{}",
            layout.name
        );
        for difference in &found {
            database.apply_fix(difference).await;
        }
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);

        database.run("drop schema tasks_api cascade").await;
        database.up().await.expect(layout.name);
        assert_eq!(database.differences().await, [""; 0], "{}", layout.name);
        assert_eq!(database.catalog().await, adopted, "{}", layout.name);
    }
}
