//! The schema that the steps make on an empty database, and the way back.

use std::collections::BTreeSet;

use migrations::{MigrateError, Options};

use crate::kit::{Database, USER_TABLE, connect, names, nothing};

const STEPS: [&str; 12] = [
    "tasks",
    "task indexes",
    "task changes",
    "safe repeats",
    "task changes for all layouts",
    "index for updated order",
    "index for due date descending",
    "index for title order",
    "index for priority ascending",
    "index for priority descending",
    "index for pending",
    "task fences",
];

#[tokio::test]
async fn up_takes_every_step_once() {
    let database = Database::with(USER_TABLE).await;
    let report = database.up().await.expect("a fresh database");
    assert_eq!(names(&report), STEPS);
    assert_eq!(report.applied.iter().map(|step| step.version).collect::<Vec<_>>(), Vec::from_iter(1..=12));
    assert_eq!(database.up().await.expect("the same again"), nothing());
}

#[tokio::test]
async fn user_id_has_the_type_of_the_column_that_it_references() {
    for (table, id_type, key) in [
        (r#""user""#, "text", r#""user""#),
        ("users", "uuid", "users"),
        ("users", "character varying(255)", "users"),
        ("users", "character varying(36)", "users"),
        ("users", "integer", "users"),
    ] {
        let database = Database::with(&format!("create table {table} (id {id_type} primary key)")).await;
        database.up().await.expect("a table of users");
        assert_eq!(database.type_of_user_id().await, id_type);
        assert_eq!(
            database.foreign_keys().await,
            [format!("fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES {key}(id) ON DELETE CASCADE")]
        );
    }
}

#[tokio::test]
async fn better_auths_table_is_preferred_to_an_older_one() {
    let database = Database::with(&format!("{USER_TABLE}; create table users (id uuid primary key)")).await;
    database.up().await.expect("two tables of users");
    assert_eq!(database.type_of_user_id().await, "text");
}

#[tokio::test]
async fn the_setting_names_a_table_in_another_schema() {
    for name in ["neon_auth.user", r#"neon_auth."user""#, r#" "neon_auth"."user" "#] {
        let database = Database::with(
            r#"create schema neon_auth;
            create table neon_auth."user" (id uuid primary key);
            create table users (id text primary key)"#,
        )
        .await;
        database.up_with(name).await.expect(name);
        assert_eq!(database.type_of_user_id().await, "uuid");
        assert_eq!(
            database.foreign_keys().await,
            [r#"fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES neon_auth."user"(id) ON DELETE CASCADE"#]
        );
    }
}

#[tokio::test]
async fn a_name_that_needs_quotes_is_quoted() {
    let database = Database::with(r#"create table "App Users; --" (id text primary key)"#).await;
    database.up_with(r#""App Users; --""#).await.expect("an odd but good name");
    assert_eq!(
        database.foreign_keys().await,
        [r#"fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES "App Users; --"(id) ON DELETE CASCADE"#]
    );
}

#[tokio::test]
async fn none_is_for_no_foreign_key() {
    let database = Database::with(USER_TABLE).await;
    database.up_with("none").await.expect("no table is needed");
    assert_eq!(database.type_of_user_id().await, "text");
    assert_eq!(database.foreign_keys().await, [""; 0]);
    database.run("insert into tasks (user_id, title) values ('nobody', 'Buy milk')").await;
}

#[tokio::test]
async fn without_a_table_of_users_nothing_is_created() {
    let database = Database::with("").await;
    let sentence = database.up().await.expect_err("no table").to_string();
    assert!(sentence.contains("run Better Auth's migration first (npx @better-auth/cli migrate)"), "{sentence}");
    assert!(sentence.contains("AUTH_USER_TABLE"), "{sentence}");
    assert_eq!(database.catalogue().await, [""; 0]);

    for name in ["missing", "no such name", "a.b.c.d", "\"", "elsewhere.users"] {
        let error = database.up_with(name).await.expect_err(name);
        assert!(matches!(error, MigrateError::UnknownUserTable { .. }), "{error}");
    }
    assert_eq!(database.catalogue().await, [""; 0]);
}

#[tokio::test]
async fn a_table_that_cannot_be_referenced_is_explained() {
    for (sql, reason) in [
        ("create view users as select 1 as id", "it is not a table"),
        ("create table users (user_id text primary key)", "it has no column id"),
        ("create table users (id text)", "its column id is neither its primary key nor unique"),
        (
            "create table users (id text, tenant text, primary key (id, tenant))",
            "its column id is neither its primary key nor unique",
        ),
        (
            "create table users (id text); create unique index on users (id) where id <> ''",
            "its column id is neither its primary key nor unique",
        ),
    ] {
        let database = Database::with(sql).await;
        let before = database.catalogue().await;
        let sentence = database.up().await.expect_err(sql).to_string();
        assert!(sentence.contains(reason) && sentence.contains("public.users"), "{sentence}");
        assert_eq!(database.catalogue().await, before);
    }
}

#[tokio::test]
async fn down_takes_back_one_step_and_up_takes_it_again() {
    let database = Database::with(USER_TABLE).await;
    let mut before = Vec::new();
    database.up().await.expect("a fresh database");
    for name in STEPS.iter().rev() {
        before.push(database.catalogue().await);
        assert_eq!(names(&database.down().await.expect("the way back")), [*name]);
    }
    assert_eq!(database.down().await.expect("no step is left"), nothing());
    assert!(!database.catalogue().await.iter().any(|line| line.contains("tasks")));

    assert_eq!(names(&database.up().await.expect("once more")), STEPS);
    assert_eq!(database.catalogue().await, before[0]);

    // The way back leads through the same places.
    for after in &before[1..] {
        database.down().await.expect("the way back");
        assert_eq!(database.catalogue().await, *after);
    }
    database.up().await.expect("once more");
    assert_eq!(database.catalogue().await, before[0]);
}

#[tokio::test]
async fn tasks_outlive_the_steps_that_do_not_make_their_table() {
    const TASKS: &str = "select id, user_id, title, version, created_at, updated_at from tasks order by id";
    let database = Database::with_a_task().await;

    for step in STEPS[3..].iter().rev() {
        database.run("insert into tasks (user_id, title) values ('ann', 'Sweep')").await;
        assert_eq!(names(&database.down().await.expect("the way back")), [*step]);
    }
    database.down().await.expect("without the trigger");
    database.run("insert into tasks (user_id, title) values ('ann', 'Bake bread')").await;
    database.down().await.expect("without the indexes");
    database.run("insert into tasks (user_id, title) values ('ann', 'Call Bob')").await;
    let tasks = database.rows(TASKS).await;
    assert_eq!(tasks.len(), STEPS.len());

    assert_eq!(names(&database.up().await.expect("with all")), STEPS[1..]);
    assert_eq!(database.rows(TASKS).await, tasks);
    database.run("update tasks set completed = true").await;
    assert_eq!(database.rows("select distinct version from tasks").await, ["2"]);
}

#[tokio::test]
async fn down_does_not_delete_tasks() {
    let database = Database::with_a_task().await;
    for step in STEPS[1..].iter().rev() {
        assert_eq!(names(&database.down().await.expect("the way back")), [*step]);
    }
    let sentence = database.down().await.expect_err("there is a task").to_string();
    assert!(sentence.starts_with("dropping the table tasks would lose what 1 tasks hold"), "{sentence}");
    assert_eq!(database.row("select count(*) from tasks").await, "1");

    database.run("delete from tasks").await;
    database.down().await.expect("now it is empty");
}

#[tokio::test]
async fn an_edited_file_is_noticed_before_anything_is_done() {
    let database = Database::with(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.down().await.expect("the way back");
    database.run(r"update _sqlx_migrations set checksum = '\x00' where version = 2").await;
    let before = database.catalogue().await;
    for result in [database.up().await, database.down().await] {
        let sentence = result.expect_err("an edited file").to_string();
        assert!(sentence.starts_with("Migration 2 (task indexes) was edited after it was applied"), "{sentence}");
    }
    assert_eq!(database.catalogue().await, before);
}

#[tokio::test]
async fn an_older_release_lives_with_a_newer_schema_and_does_not_take_it_back() {
    let database = Database::with(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database.run(r"insert into _sqlx_migrations values (9999, 'tags', now(), true, '\x00', 0)").await;
    assert_eq!(database.up().await.expect("nothing that this release knows is missing"), nothing());
    let error = database.down().await.expect_err("only the newer release knows how");
    assert!(matches!(error, MigrateError::Newer { version: 9999 }), "{error}");
}

#[tokio::test]
async fn several_at_once_take_turns() {
    let database = Database::with(USER_TABLE).await;
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { migrations::up(&url, &Options::default()).await })
        })
        .collect();
    let mut steps = Vec::new();
    for run in runs {
        let report = run.await.expect("no panic").expect("each waits for its turn");
        steps.extend(report.applied.into_iter().map(|step| step.version));
    }
    steps.sort_unstable();
    assert_eq!(steps, Vec::from_iter(1..=12));
}

#[tokio::test]
async fn a_step_does_not_wait_long_for_a_table_in_use() {
    let database = Database::with(USER_TABLE).await;
    database.run(r#"begin; lock table "user" in access exclusive mode"#).await;
    let error = database.up_soon().await.expect_err("the table is locked");
    assert!(matches!(&error, MigrateError::Locked(step) if step.version == 1), "{error}");
    database.run("rollback").await;
    assert_eq!(names(&database.up().await.expect("the table is free")), STEPS);
}

#[tokio::test]
async fn a_role_with_a_short_statement_timeout_can_migrate() {
    let database = Database::with(USER_TABLE).await;
    let name = database.row("select quote_ident(current_database())").await;
    // Building an index would not be done in this time, nor would anything else.
    database.run(&format!("alter database {name} set statement_timeout = '1ms'")).await;
    database.up().await.expect("the time-out is for requests");
}

#[tokio::test]
async fn the_tasks_go_with_their_user() {
    let database = Database::with_a_task().await;
    database
        .run(
            "insert into \"user\" values ('bob');
            insert into tasks (user_id, title) values ('bob', 'Bake bread');
            delete from \"user\" where id = 'ann'",
        )
        .await;
    assert_eq!(database.rows("select user_id from tasks").await, ["bob"]);
}

#[tokio::test]
async fn the_database_refuses_what_no_task_can_be() {
    let database = Database::with_a_task().await;
    for (column, value, constraint) in [
        ("title", "''", "ck_tasks_title_length"),
        ("description", "repeat('ä', 1001)", "ck_tasks_description_length"),
        ("priority", "'urgent'", "ck_tasks_priority"),
        ("priority", "'High'", "ck_tasks_priority"),
        ("priority", "''", "ck_tasks_priority"),
        ("user_id", "'nobody'", "fk_tasks_user_id"),
    ] {
        assert_eq!(database.refused_by(&format!("update tasks set {column} = {value}")).await, constraint, "{column}");
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
async fn a_change_moves_updated_at_and_version() {
    let database = Database::with_a_task().await;
    assert_eq!(database.row("select version, updated_at = created_at from tasks").await, "1 | t");
    for (number, change) in
        ["title = 'Buy oat milk'", "description = ''", "completed = true", "priority = 'low'", "due_date = now()"]
            .iter()
            .enumerate()
    {
        let before = database.row("select updated_at from tasks").await;
        let after = format!("update tasks set {change} returning version, updated_at > '{before}'");
        assert_eq!(database.row(&after).await, format!("{} | t", number + 2), "{change}");
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_leaves_them() {
    let database = Database::with_a_task().await;
    let before = database.row("select version, updated_at from tasks").await;
    for same in ["title = title", "title = 'Buy milk', completed = false", "description = null"] {
        let after = format!("update tasks set {same} returning version, updated_at");
        assert_eq!(database.row(&after).await, before, "{same}");
    }
}

#[tokio::test]
async fn nobody_else_sets_them() {
    let database = Database::with_a_task().await;
    let before = database.row("select version, updated_at from tasks").await;
    let alone = "update tasks set version = 70, updated_at = '2001-01-01' returning version, updated_at";
    assert_eq!(database.row(alone).await, before);
    let with_a_change = "update tasks set version = 70, updated_at = '2001-01-01', completed = true
        returning version, updated_at > created_at";
    assert_eq!(database.row(with_a_change).await, "2 | t");
}

#[tokio::test]
async fn updated_at_never_goes_back() {
    let database = Database::with_a_task().await;

    // Begun first, and last to write.
    let slow = connect(&database.url).await;
    slow.batch_execute("begin; select now()").await.expect("a transaction");
    let between = database.row("update tasks set completed = true returning updated_at").await;
    slow.batch_execute("update tasks set completed = false; commit").await.expect("a change");
    assert_eq!(database.row(&format!("select version, updated_at > '{between}' from tasks")).await, "3 | t");

    // Stored by a server whose clock was ahead.
    database
        .run(
            "insert into tasks (user_id, title, updated_at) values ('ann', 'From the future', '2200-01-01 00:00Z');
            update tasks set completed = true where title = 'From the future'",
        )
        .await;
    assert_eq!(
        database.rows("select version from tasks where updated_at = '2200-01-01 00:00:00.000001Z'").await,
        ["2"]
    );
}

#[tokio::test]
async fn the_trigger_is_safe_from_the_search_path() {
    let database = Database::with_a_task().await;
    database
        .run(
            "create schema trap;
            create function trap.now() returns timestamptz language sql as $$ select '2200-01-01'::timestamptz $$;
            set search_path = trap, public, pg_catalog;
            update tasks set completed = true",
        )
        .await;
    assert_eq!(database.row("select version, updated_at < '2200-01-01' from tasks").await, "2 | t");
}

#[tokio::test]
async fn what_the_steps_make_is_what_the_functions_need() {
    for setting in ["", "none"] {
        let database = Database::with(USER_TABLE).await;
        database.up_with(setting).await.expect("a fresh database");
        let options = Options { auth_user_table: Some(setting.to_owned()) };
        let verification = migrations::verify(&database.url, &options).await.expect("a database that can be read");
        assert_eq!(verification.differences, []);
    }
}

#[tokio::test]
async fn down_deletes_tasks_only_when_that_is_said() {
    let database = Database::with_a_task().await;
    for _ in &STEPS[1..] {
        database.down().await.expect("the way back");
    }
    let report = migrations::down_discarding_data(&database.url, &Options::default()).await.expect("it is meant");
    assert_eq!(names(&report), [STEPS[0]]);
    assert_eq!(database.row("select to_regclass('tasks')").await, "null");
}

#[tokio::test]
async fn the_leftover_of_an_interrupted_index_is_replaced() {
    let database = Database::with(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    for _ in &STEPS[8..] {
        database.down().await.expect("the way back");
    }
    database
        .run(
            "create index idx_tasks_user_priority on tasks (user_id);
            update pg_index set indisvalid = false where indexrelid = 'idx_tasks_user_priority'::regclass",
        )
        .await;
    assert_eq!(names(&database.up().await.expect("the rest")), STEPS[8..]);
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn a_plan_for_a_fresh_database_leads_where_up_does() {
    let (by_hand, by_up) = (Database::with(USER_TABLE).await, Database::with(USER_TABLE).await);
    by_up.up().await.expect("a fresh database");
    by_hand.carry_out_plan().await;
    assert_eq!(by_hand.catalogue().await, by_up.catalogue().await);
    assert_eq!(by_hand.up().await.expect("all is done"), nothing());
    assert_eq!(by_hand.plan().await.to_string(), "-- There is nothing to do.\n");
}

#[tokio::test]
async fn names_are_those_that_other_programs_look_for() {
    let database = Database::with(USER_TABLE).await;
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
        "idx_tasks_completed | (completed)",
        "idx_tasks_created_at | (created_at DESC)",
        "idx_tasks_due_date | (due_date)",
        "idx_tasks_updated_at | (updated_at)",
        "idx_tasks_user_completed | (user_id, completed)",
        "idx_tasks_user_completed_newest | (user_id, completed, created_at DESC, id DESC)",
        "idx_tasks_user_due_date | (user_id, due_date, id)",
        "idx_tasks_user_due_date_desc | (user_id, due_date DESC NULLS LAST, id DESC)",
        "idx_tasks_user_id | (user_id)",
        "idx_tasks_user_idempotency_key | (user_id, idempotency_key)",
        "idx_tasks_user_newest | (user_id, created_at DESC, id DESC)",
        "idx_tasks_user_pending_newest | (user_id, created_at DESC, id DESC) WHERE (completed IS NOT TRUE)",
        "idx_tasks_user_priority | (user_id, ( CASE priority WHEN 'low'::text THEN 1 WHEN 'medium'::text THEN 2 WHEN 'high'::text THEN 3 ELSE NULL::integer END), id)",
        "idx_tasks_user_priority_desc | (user_id, ( CASE priority WHEN 'low'::text THEN 1 WHEN 'medium'::text THEN 2 WHEN 'high'::text THEN 3 ELSE NULL::integer END) DESC NULLS LAST, id DESC)",
        "idx_tasks_user_title | (user_id, lower((title)::text), id)",
        "idx_tasks_user_updated | (user_id, updated_at DESC, id DESC)",
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
