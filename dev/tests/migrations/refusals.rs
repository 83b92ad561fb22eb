//! A table that cannot be adopted: the obstacles are explained, and nothing is changed.

use migrations::{MigrateError, Options};

use crate::kit::Database;
use dev::testing::database::LAYOUTS;

/// The error of adopting a layout that `sql` has changed. The plan fails with the same one.
async fn refusal(layout: usize, sql: &str, setting: &str) -> String {
    let database = Database::with_rows(&LAYOUTS[layout]).await;
    database.run(sql).await;
    let before = database.catalog().await;
    let sentence = database.up_with(setting).await.expect_err(sql).to_string();
    assert_eq!(database.catalog().await, before, "{sentence}");
    let options = Options { auth_user_table: Some(setting.to_owned()), ..Options::default() };
    let planned = migrations::plan(&database.url, &options).await.expect_err(sql).to_string();
    assert_eq!(planned, sentence);
    sentence
}

#[tokio::test]
async fn an_unusable_column_is_reported_with_its_fix() {
    for (layout, sql, fault) in [
        (0, "alter table tasks alter column due_date type date", "the column due_date is of type date"),
        (0, "alter table tasks rename column title to name", "the column title is missing"),
        (
            1,
            "alter table tasks alter column completed drop default, alter column completed type integer using 0",
            "the column completed is of type int4",
        ),
        (2, "alter table tasks add column version integer", "the column version is of type int4"),
        (
            2,
            "delete from tasks; alter table tasks alter column description set not null",
            "the column description takes no null and has no default",
        ),
        (
            3,
            "alter table tasks add column category text not null default ''; alter table tasks alter column category drop default",
            "the column category takes no null and has no default",
        ),
        (3, "alter table tasks alter column id drop default", "the column id has no default"),
        (
            4,
            "create type priorityenum as enum ('LOW', 'MEDIUM', 'HIGH');
            alter table tasks drop column priority, add column priority priorityenum",
            "the column priority is of type priorityenum",
        ),
    ] {
        let sentence = refusal(layout, sql, "").await;
        assert!(
            sentence.starts_with("The table tasks cannot be adopted as it is, and nothing was changed:"),
            "{sentence}"
        );
        assert!(sentence.contains(&format!("\n- {fault}")), "{sentence}");
        assert!(sentence.contains("\n  ") && sentence.contains("alter table tasks"), "{sentence}");
    }
}

#[tokio::test]
async fn a_python_enum_priority_is_converted_by_its_fix() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    database
        .run(
            "create type priorityenum as enum ('LOW', 'MEDIUM', 'HIGH');
            alter table tasks add column priority priorityenum not null default 'MEDIUM';
            update tasks set priority = 'HIGH' where id % 2 = 0",
        )
        .await;
    database.choose("the column priority is of type priorityenum", "rewrites the table").await;
    database.up().await.expect("a text");
    assert_eq!(database.differences().await, [""; 0]);
    assert_eq!(
        database.rows("select priority, count(*) from tasks group by priority order by priority").await,
        ["HIGH | 1500", "MEDIUM | 1500"]
    );
    // The old back end casts to its type, and its default stays.
    database
        .run(
            "insert into tasks (user_id, title, completed, priority)
            values ('user-1', 'Buy milk', false, 'LOW'::priorityenum);
            insert into tasks (user_id, title, completed) values ('user-1', 'Bake', false)",
        )
        .await;
    assert_eq!(database.rows("select priority from tasks where id > 3000 order by id").await, ["LOW", "MEDIUM"]);
    // So do its conditions, and its updates.
    for (condition, count) in [
        ("priority = 'LOW'::priorityenum", "1"),
        ("priority <> 'HIGH'::priorityenum", "1502"),
        ("priority in ('LOW'::priorityenum, 'HIGH'::priorityenum)", "1501"),
        ("priority = any (array['MEDIUM']::priorityenum[]::text[])", "1501"),
        ("priority = 'HIGH'", "1500"),
    ] {
        assert_eq!(database.row(&format!("select count(*) from tasks where {condition}")).await, count, "{condition}");
    }
    database.run("update tasks set priority = 'LOW'::priorityenum where priority = 'MEDIUM'::priorityenum").await;
}

#[tokio::test]
async fn a_refusal_mentions_changes_of_an_earlier_run() {
    let database = Database::with_rows(&LAYOUTS[0]).await;
    for statement in database.plan().await.changes.iter().take(4).flat_map(|change| &change.statements) {
        database.run(statement).await;
    }
    database.run("alter table tasks alter column due_date type date").await;
    let before = database.catalog().await;
    let sentence = database.up().await.expect_err("a date").to_string();
    let beginning = "The table tasks cannot be adopted as it is, and nothing more was changed; what an earlier run did \
                     does no harm:\n- the column due_date is of type date";
    assert!(sentence.starts_with(beginning), "{sentence}");
    assert_eq!(database.catalog().await, before);
}

#[tokio::test]
async fn all_obstacles_are_reported_at_once() {
    let sql = "alter table tasks alter column id drop default, alter column due_date type date";
    let sentence = refusal(0, sql, "").await;
    assert_eq!(sentence.matches("\n- ").count(), 2, "{sentence}");
}

#[tokio::test]
async fn orphans_are_counted_and_block_adoption() {
    let sql = r#"alter table tasks drop constraint fk_tasks_user, drop constraint tasks_user_id_fkey;
        delete from "user" where id in ('user-1', 'user-2')"#;
    let sentence = refusal(2, sql, "").await;
    assert!(sentence.contains("300 tasks are of users that public.\"user\" does not have"), "{sentence}");
    assert!(sentence.contains("delete from tasks where user_id is not null and not exists"), "{sentence}");

    let database = Database::with_rows(&LAYOUTS[2]).await;
    database.run(sql).await;
    database.up_with("none").await.expect("there is no foreign key to check");
    let options = Options { auth_user_table: Some("none".to_owned()), ..Options::default() };
    let verification = migrations::verify(&database.url, &options).await.expect("a database that can be read");
    assert_eq!(verification.differences, []);
    assert_eq!(
        verification.notes,
        [
            "there is no foreign key, and 300 tasks are of users that public.\"user\" does not have",
            "1000 tasks have no completed, and are read as pending",
            "428 tasks have no created_at, and are read as made when they last changed, or in 1970",
            "272 tasks have no updated_at, and are read as last changed when they were made, or in 1970",
            "sign-in was not checked, because none of AUTH_MODE, BETTER_AUTH_URL, BETTER_AUTH_SECRET, JWKS_URL and \
             JWKS_JSON is set",
        ]
    );

    // The statement that the error names.
    let database = Database::with_rows(&LAYOUTS[2]).await;
    database.run(sql).await;
    database
        .run(
            "delete from tasks where user_id is not null and not exists
            (select from public.\"user\" as users where users.id = tasks.user_id)",
        )
        .await;
    database.up().await.expect("no orphans are left");
    assert_eq!(database.foreign_keys().await.len(), 1);
}

#[tokio::test]
async fn incompatible_key_types_are_explained() {
    let sql = "alter table tasks drop constraint tasks_user_id_fkey; alter table users rename to people;
        create table users (id uuid primary key)";
    let sentence = refusal(3, sql, "").await;
    assert!(sentence.contains("tasks.user_id is of type varchar, and public.users.id of type uuid"), "{sentence}");
    assert!(sentence.contains("AUTH_USER_TABLE"), "{sentence}");
}

#[tokio::test]
async fn a_missing_user_table_names_the_setting() {
    let sql = "alter table tasks drop constraint tasks_user_id_fkey; drop table users";
    let sentence = refusal(3, sql, "").await;
    assert!(sentence.contains("or to none for no foreign key"), "{sentence}");
    let sentence = refusal(3, sql, "people").await;
    assert!(sentence.starts_with("AUTH_USER_TABLE says people, and there is no such table"), "{sentence}");
}

#[tokio::test]
async fn the_setting_must_match_the_foreign_key() {
    let database = Database::with_rows(&LAYOUTS[4]).await;
    database.run("create schema neon_auth; create table neon_auth.user (id varchar(255) primary key)").await;
    let error = database.up_with("neon_auth.user").await.expect_err("another table");
    assert!(matches!(error, MigrateError::ConflictingUserTable { .. }), "{error}");
    assert!(error.to_string().contains("alter table tasks drop constraint tasks_user_id_fkey"), "{error}");
    database.up_with("public.users").await.expect("the same table");
}

#[tokio::test]
async fn the_setting_chooses_the_table_without_foreign_key() {
    let database = Database::with_rows(&LAYOUTS[4]).await;
    database
        .run(
            "alter table tasks drop constraint tasks_user_id_fkey;
            create schema neon_auth;
            create table neon_auth.user (id text primary key);
            insert into neon_auth.user select id from users",
        )
        .await;
    database.up_with("neon_auth.user").await.expect("a table in another schema");
    assert_eq!(
        database.foreign_keys().await,
        [r#"fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES neon_auth."user"(id) ON DELETE CASCADE"#]
    );
}

#[tokio::test]
async fn a_replaced_foreign_key_keeps_on_update_cascade() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    database
        .run(
            "alter table tasks drop constraint tasks_user_id_fkey,
            add constraint kept foreign key (user_id) references users (id) on update cascade",
        )
        .await;
    database.up().await.expect("a table to adopt");
    assert_eq!(
        database.foreign_keys().await,
        ["fk_tasks_user_id | FOREIGN KEY (user_id) REFERENCES users(id) ON UPDATE CASCADE ON DELETE CASCADE"]
    );
}

#[tokio::test]
async fn a_role_without_ownership_is_refused() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    let role = database.url.rsplit_once('/').and_then(|(_, name)| name.split_once('?')).expect("a URL").0;
    let role = format!("guest_of_{role}");
    database
        .run(&format!("create role {role} login password 'guest'; grant all on all tables in schema public to {role}"))
        .await;
    let (_, rest) = database.url.split_once('@').expect("a URL");
    let url = format!("postgres://{role}:guest@{rest}");
    let sentence = migrations::up(&url, &Options::default()).await.expect_err("not the owner").to_string();
    assert!(sentence.contains("this role may not alter the table tasks"), "{sentence}");
}

#[tokio::test]
async fn a_table_that_is_not_plain_is_refused() {
    let columns = "id serial primary key, user_id text references users (id), title text";
    for (kind, sql) in [
        ("a view", "create table other (id int, user_id text, title text); create view tasks as select * from other"),
        ("partitioned", "create table tasks (id int, user_id text, title text) partition by range (id)"),
        ("a parent", &format!("create table tasks ({columns}); create table urgent () inherits (tasks)")),
        ("a child", "create table things (id int, user_id text, title text); create table tasks () inherits (things)"),
    ] {
        let database = Database::with_sql("create table users (id text primary key)").await;
        database.run(sql).await;
        let sentence = database.up().await.expect_err(kind).to_string();
        assert!(sentence.contains("nothing was changed:\n- tasks is not a plain table"), "{kind}: {sentence}");
        assert_eq!(database.row("select to_regnamespace('tasks_api')").await, "null", "{kind}");
    }
}

#[tokio::test]
async fn a_rewrite_rule_is_refused_with_its_fix() {
    let sql = "create table log (id int); create rule \"Log\" as on update to tasks do also insert into log values (1)";
    let sentence = refusal(3, sql, "").await;
    assert!(
        sentence.contains("- tasks has the rule \"Log\", and PostgreSQL rewrites no statements like"),
        "{sentence}"
    );
    let (_, fix) = sentence.split_once("make it a trigger, then: ").expect("a fix");
    let database = Database::with_rows(&LAYOUTS[3]).await;
    database.run(sql).await;
    database.run(fix).await;
    database.up().await.expect("there is no rule");
}
