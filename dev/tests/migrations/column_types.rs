//! The trigger and the checks beside columns of any type and kind: what the other back end writes goes on working.

use crate::kit::{Database, connect};
use dev::testing::database::LAYOUTS;

/// Types of columns, each with a value and another one.
const TYPES: [(&str, &str, &str); 16] = [
    ("json", "'{\"a\": 1}'", "'{\"a\": 2}'"),
    ("jsonb", "'{\"a\": 1}'", "'{\"a\": 2}'"),
    ("json[]", "array['1']::json[]", "array['2']::json[]"),
    ("xml", "'<a/>'", "'<b/>'"),
    ("point", "'(1,2)'", "'(1,3)'"),
    ("polygon", "'((0,0),(1,1))'", "'((0,0),(1,2))'"),
    ("circle", "'<(0,0),1>'", "'<(0,0),2>'"),
    ("path", "'[(0,0),(1,1)]'", "'[(0,0),(1,2)]'"),
    ("tsvector", "'a b'", "'a c'"),
    ("numeric", "1.0", "1.00"),
    ("double precision", "'NaN'", "0"),
    ("bytea", r"'\x01'", r"'\x02'"),
    ("json_of_owner", "'{}'", "'[]'"),
    ("pair", "row('{}', '(1,2)')", "row('{}', '(1,3)')"),
    ("int4range", "'[1,2)'", "'[1,3)'"),
    ("text", "repeat('long ', 5000)", "repeat('longer ', 5000)"),
];

/// Types that the tables below use.
const OWN_TYPES: &str = "create domain json_of_owner as json check (value::text <> '');
    create type pair as (left_part json, right_part point)";

/// A database with the tables of a SQLModel back end, one task, and what `sql` adds. It is adopted.
async fn adopted_with(sql: &str) -> Database {
    let database = Database::with_layout(&LAYOUTS[3]).await;
    database.run(OWN_TYPES).await;
    database.run(LAYOUTS[3].users).await;
    database
        .run("insert into tasks (user_id, title, completed, updated_at) values ('user-1', 'Buy milk', false, now())")
        .await;
    database.run(sql).await;
    database.up().await.unwrap_or_else(|error| unreachable!("{sql}: {error}"));
    database
}

/// Runs an update of the other back end, and returns by how much the version of the task has advanced.
async fn advance(database: &Database, update: &str) -> i64 {
    let version = async || database.row("select version from tasks").await.parse::<i64>().expect("a number");
    let before = version().await;
    database.run(update).await;
    version().await - before
}

#[tokio::test]
async fn updates_work_beside_columns_of_any_type() {
    for (name, value, other) in TYPES {
        let database =
            adopted_with(&format!("alter table tasks add column extra {name}; update tasks set extra = {value}")).await;
        assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1, "{name}");
        assert_eq!(advance(&database, "update tasks set title = title").await, 0, "{name}");
        assert_eq!(advance(&database, "update tasks set extra = extra").await, 0, "{name}");
        assert_eq!(advance(&database, &format!("update tasks set extra = {value}")).await, 0, "{name}");
        assert_eq!(advance(&database, &format!("update tasks set extra = {other}")).await, 1, "{name}");
        assert_eq!(database.differences().await, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn updates_work_beside_columns_of_extensions() {
    for (extension, name, value, other) in [
        ("hstore", "hstore", "'a=>1'", "'a=>2'"),
        ("citext", "citext", "'a'", "'A'"),
        ("ltree", "ltree", "'a.b'", "'a.c'"),
    ] {
        let probe = Database::with_sql("").await;
        let available = format!("select count(*) from pg_available_extensions where name = '{extension}'");
        if probe.row(&available).await == "0" {
            continue;
        }
        let sql = format!("create extension {extension}; alter table tasks add column extra {name} default {value}");
        let database = adopted_with(&sql).await;
        assert_eq!(advance(&database, "update tasks set extra = extra").await, 0, "{name}");
        assert_eq!(advance(&database, &format!("update tasks set extra = {other}")).await, 1, "{name}");
    }
}

#[tokio::test]
async fn generated_columns_do_not_count_as_changes() {
    let search = "add column search tsvector generated always as (to_tsvector('simple', title)) stored";
    let length = "add column \"Length of title\" int not null generated always as (char_length(title)) stored";
    let twice = "add column extra json, add column twice text generated always as (title || title) stored";
    for columns in [search, length, twice, &format!("{search}, {length}, {twice}")] {
        let database = adopted_with(&format!("alter table tasks {columns}")).await;
        assert_eq!(advance(&database, "update tasks set title = title").await, 0, "{columns}");
        assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1, "{columns}");
        assert_eq!(advance(&database, "update tasks set completed = not completed").await, 1, "{columns}");
        assert_eq!(advance(&database, "update tasks set completed = completed").await, 0, "{columns}");
    }
    // A domain that refuses null: the update works, and counts as a change.
    let database = adopted_with(
        "create domain word as text not null;
        alter table tasks add column shout word generated always as (upper(title)) stored",
    )
    .await;
    assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1);
    database.run("update tasks set title = title").await;
}

#[tokio::test]
async fn virtual_generated_columns_do_not_count_as_changes() {
    let probe = Database::with_sql("").await;
    if probe.row("select current_setting('server_version_num')::int >= 180000").await != "t" {
        return dev::testing::report_skipped(
            "the server has no virtual generated columns: it is older than PostgreSQL 18",
        );
    }
    let database =
        adopted_with("alter table tasks add column twice text generated always as (title || title) virtual").await;
    assert_eq!(advance(&database, "update tasks set title = title").await, 0);
    assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1);
}

#[tokio::test]
async fn columns_may_be_added_and_dropped_after_adoption() {
    let database = adopted_with("alter table tasks add column extra json; alter table tasks add column old text").await;
    for (sql, expected) in [
        ("alter table tasks drop column old", 0),
        ("alter table tasks add column later json default '{}'", 0),
        ("alter table tasks add column number int generated by default as identity", 0),
        ("alter table tasks add column search tsvector generated always as (to_tsvector('simple', title)) stored", 0),
        ("alter table tasks rename column search to found", 0),
        ("alter table tasks alter column later type text", 0),
        ("alter table tasks drop column extra, drop column found", 0),
        ("alter table tasks alter column title type varchar(500), alter column title set default ''", 0),
        ("update tasks set later = 'other'", 1),
    ] {
        assert_eq!(advance(&database, sql).await, expected, "{sql}");
        assert_eq!(advance(&database, "update tasks set title = title").await, 0, "{sql}");
        assert_eq!(advance(&database, "update tasks set title = title || '!'").await, 1, "{sql}");
    }
}

#[tokio::test]
async fn updates_work_after_our_columns_were_dropped() {
    let now = "update tasks set title = title || '!', updated_at = '2026-01-01' returning title, updated_at";
    let database = adopted_with("").await;
    database.run("alter table tasks drop column version").await;
    assert_eq!(database.row(now).await, "Buy milk! | 2026-01-01 00:00:00");
    database.run("alter table tasks drop column updated_at").await;
    database.run("update tasks set title = 'Buy oat milk'").await;
    let differences = database.differences().await;
    assert!(differences.contains(&"the column version is missing".to_owned()), "{differences:?}");
}

#[tokio::test]
async fn triggers_of_the_other_back_end_keep_working() {
    let database = adopted_with(
        "create table audit (title text);
        create table statements (count int);
        create function note() returns trigger language plpgsql as $$
        begin
            new.updated_at := '2001-01-01';
            if new.title = 'refused' then
                return null;
            end if;
            return new;
        end $$;
        create function audit() returns trigger language plpgsql as $$
        begin
            insert into audit values (old.title || ' -> ' || new.title);
            return null;
        end $$;
        create function count_changed() returns trigger language plpgsql as $$
        begin
            insert into statements select count(*) from changed;
            return null;
        end $$;
        create trigger a before update on tasks for each row execute function note();
        create trigger zzz before update on tasks for each row execute function note();
        create trigger audit after update on tasks for each row execute function audit();
        create trigger count after update on tasks referencing new table as changed for each statement
            execute function count_changed()",
    )
    .await;
    assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1);
    assert_eq!(advance(&database, "update tasks set title = title").await, 0);
    assert_eq!(advance(&database, "update tasks set title = 'refused'").await, 0);
    assert_eq!(
        database.rows("select * from audit").await,
        ["Buy milk -> Buy oat milk", "Buy oat milk -> Buy oat milk"]
    );
    assert_eq!(database.rows("select * from statements").await, ["1", "1", "0"]);
}

#[tokio::test]
async fn replicated_tables_keep_working() {
    for sql in [
        "alter table tasks replica identity full",
        "alter table tasks add column extra json, replica identity using index tasks_pkey",
        "create publication all_tables for all tables",
        "create publication some_columns for table tasks",
    ] {
        let database = adopted_with(sql).await;
        assert_eq!(advance(&database, "update tasks set title = 'Buy oat milk'").await, 1, "{sql}");
        database.run("insert into tasks_api.task_fences values ('a'); delete from tasks_api.task_fences").await;
        database.run("delete from tasks").await;
    }
}

#[tokio::test]
async fn a_role_with_rights_on_tasks_alone_can_update() {
    let database = adopted_with("alter table tasks add column extra json").await;
    let role = format!("old_of_{}", database.row("select current_database()").await);
    database
        .run(&format!(
            "create role {role} login password 'guest';
            grant select, update (title) on tasks to {role}"
        ))
        .await;
    let (_, rest) = database.url.split_once('@').expect("a URL");
    let old = connect(&format!("postgres://{role}:guest@{rest}")).await;
    old.batch_execute("update tasks set title = 'Buy oat milk'").await.expect("a right to update titles");
    assert_eq!(database.row("select version from tasks").await, "2");
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn the_other_back_end_writes_what_it_always_wrote() {
    let sql = "alter table tasks alter column title type varchar(500), alter column description type text,
        add column priority varchar(20)";
    let database = adopted_with(sql).await;
    for write in [
        "insert into tasks (user_id, title, completed) values ('user-1', '', false)",
        "insert into tasks (user_id, title, completed) values ('user-1', repeat('ä', 500), false)",
        "insert into tasks (user_id, title, completed, description) values ('user-1', 'a', false, repeat('ä', 5000))",
        "insert into tasks (user_id, title, completed, priority) values ('user-1', 'a', false, 'urgent')",
        "insert into tasks (user_id, title, completed, priority) values ('user-1', 'a', false, '')",
    ] {
        database.run(write).await;
    }
    let checks = "select conname from pg_constraint where conrelid = 'tasks'::regclass and contype = 'c'";
    assert_eq!(database.rows(checks).await, [""; 0]);
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn a_column_that_adoption_adds_is_checked() {
    let database = adopted_with("").await;
    assert_eq!(database.violated_constraint("update tasks set priority = 'urgent'").await, "ck_tasks_priority");
    database.run("alter table tasks drop constraint ck_tasks_priority").await;
    assert_eq!(database.differences().await, ["the check ck_tasks_priority is missing"]);
}

#[tokio::test]
async fn long_titles_can_be_stored() {
    // Random letters, which PostgreSQL cannot compress. An entry of an index has 2704 bytes at most.
    let title = "(select string_agg(chr(19968 + (random() * 20000)::int), '') from generate_series(1, 2000))";
    for column_type in ["text", "varchar(2000)"] {
        let sql = format!("alter table tasks alter column title type {column_type}; update tasks set title = {title}");
        let database = adopted_with(&sql).await;
        let insert = format!("insert into tasks (user_id, title, completed) values ('user-1', {title}, false)");
        database.run(&insert).await;
        assert_eq!(database.differences().await, [""; 0], "{column_type}");
    }
}

#[tokio::test]
async fn statements_that_name_the_users_table_work_as_documented() {
    let database = adopted_with("").await;
    let (keys, tags) = ("tasks_api.idempotency_keys", "tasks_api.task_tags");
    database
        .run(&format!(
            "insert into {keys} (user_id, operation, key, fingerprint, request, answer)
            values ('user-1', 'create', 'k', '', 'r', '{{}}');
            insert into {tags} (user_id, name) values ('user-1', 'home')"
        ))
        .await;
    let count = format!("select (select count(*) from tasks) || ' ' || (select count(*) from {tags})");
    assert_eq!(database.row(&count).await, "1 1");
    assert!(database.client.batch_execute("truncate users, tasks").await.is_err(), "a foreign key refers to it");
    database.run(&format!("truncate users, tasks, {keys}, {tags}")).await;
    assert_eq!(database.row(&count).await, "0 0");

    database.run("drop table tasks").await;
    assert!(database.client.batch_execute("drop table users").await.is_err(), "a foreign key refers to it");
    database.run("drop table users cascade").await;
}

#[tokio::test]
async fn the_type_of_completed_changes_without_the_triggers() {
    let database = adopted_with("").await;
    let change = "alter table tasks alter column completed type boolean using not completed";
    let narrower = "alter table tasks alter column completed drop default, alter column completed type integer using 1";
    for statement in [change, narrower] {
        assert!(database.client.batch_execute(statement).await.is_err(), "{statement}: a trigger names it");
    }
    for trigger in ["zy_tasks_note_completed_insert", "zy_tasks_note_completion", "zy_tasks_make_successor"] {
        database.run(&format!("drop trigger {trigger} on tasks")).await;
    }
    database.run(change).await;
    let found = database.verify().await.differences;
    assert_eq!(found.len(), 3, "{found:#?}");
    for difference in &found {
        database.apply_fix(difference).await;
    }
    assert_eq!(database.differences().await, [""; 0]);
    database.run("update tasks set completed = not completed").await;
}
