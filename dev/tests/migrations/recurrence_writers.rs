//! Programs that write recurring tasks with few privileges, odd values or a table that has changed: their statements never fail
//! because of the triggers.

use crate::kit::{Database, USER_TABLE, connect};
use crate::other_back_end::OtherBackEnd;

/// A migrated database with the user `ann` and one daily task: number 1.
async fn with_a_daily_task() -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    database.up().await.expect("a fresh database");
    database
        .run(
            "insert into \"user\" values ('ann');
            insert into tasks (user_id, title, due_date, recurrence) values ('ann', 'Water', '2100-01-05 09:00Z', 'FREQ=DAILY')",
        )
        .await;
    database
}

const TOGGLE: &str = "update tasks set completed = not completed where id = 1";
const SUCCESSORS: &str = "select count(*) from tasks where recurrence_of = 1";

#[tokio::test]
async fn a_role_with_rights_on_tasks_alone_completes() {
    let database = with_a_daily_task().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    database.run(&format!("revoke insert, delete, truncate on tasks from {}", back_end.role)).await;
    back_end.run(TOGGLE).await;
    assert_eq!(database.row(SUCCESSORS).await, "1");
    back_end.run(TOGGLE).await;
    assert_eq!(database.row(SUCCESSORS).await, "0");
    database.run(&format!("grant insert on tasks to {}", back_end.role)).await;
    back_end.run("insert into tasks (user_id, title, recurrence) values ('ann', 'New', 'FREQ=DAILY')").await;
    assert_eq!(database.row("select due_is_date from tasks where title = 'New'").await, "t");
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn row_security_does_not_lose_the_successor() {
    let database = with_a_daily_task().await;
    let back_end = OtherBackEnd::new(&database, "\"user\"").await;
    database
        .run(&format!(
            "alter table tasks enable row level security;
            create policy existing on tasks to {} using (true) with check (completed)",
            back_end.role
        ))
        .await;
    back_end.run("update tasks set completed = true").await;
    assert_eq!(database.row(SUCCESSORS).await, "1");
    back_end.drop_role(&database).await;
}

#[tokio::test]
async fn the_triggers_ignore_the_search_path() {
    let database = with_a_daily_task().await;
    database
        .run(
            "create schema trap;
            create function trap.now() returns timestamptz language sql as $$ select timestamptz '1999-01-01' $$;
            create function trap.timezone(text, timestamptz) returns timestamp language sql as
                $$ select timestamp '1999-01-01' $$;
            create function trap.concat(text, integer) returns text language sql as $$ select 'trap' $$;
            create function trap.same(text, text) returns boolean language sql as 'select false';
            create operator trap.= (leftarg = text, rightarg = text, function = trap.same);
            create table trap.pg_attribute (attrelid oid, attname name, attgenerated text, attnotnull boolean);
            set search_path = trap, public, pg_catalog;
            update tasks set completed = true;
            set search_path = public",
        )
        .await;
    assert_eq!(database.row(SUCCESSORS).await, "1");
    let completed =
        "select completed_at > '2020-01-01', to_char(next_occurrence at time zone 'UTC', 'YYYY-MM-DD') from tasks
        where id = 1";
    assert_eq!(database.row(completed).await, "t | 2100-01-06");
}

#[tokio::test]
async fn values_of_other_programs_do_no_harm() {
    for (change, successors) in [
        ("time_zone = 'Mars/Olympus'", "1"),
        ("time_zone = ''", "1"),
        ("recurrence = 'daily'", "0"),
        ("recurrence = 'RRULE:FREQ=DAILY'", "0"),
        ("recurrence = 'FREQ=DAILY;INTERVAL=99999999999'", "0"),
        ("recurrence = 'FREQ=DAILY;INTERVAL=0'", "0"),
        ("recurrence = 'FREQ=DAILY;UNTIL=20260231'", "0"),
        ("recurrence = 'FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31', due_date = '2100-02-01'", "0"),
        ("recurrence = ''", "0"),
        ("due_date = 'infinity'", "0"),
        ("due_date = '-infinity'", "0"),
        ("due_date = '4713-01-01 BC'", "1"),
        ("due_date = '294276-12-31'", "0"),
        ("due_is_date = true", "1"),
        ("recurrence_start = 'infinity'", "1"),
        ("next_occurrence = now()", "1"),
    ] {
        let database = with_a_daily_task().await;
        database.run(&format!("update tasks set {change}; {TOGGLE}")).await;
        assert_eq!(database.row("select completed from tasks where id = 1").await, "t", "{change}");
        assert_eq!(database.row(SUCCESSORS).await, successors, "{change}");
        database.run(TOGGLE).await;
        assert_eq!(
            database.row("select completed, completed_at from tasks where id = 1").await,
            "f | null",
            "{change}"
        );
    }
}

#[tokio::test]
async fn rules_of_the_table_do_not_fail_a_completion() {
    for (rule, successors) in [
        ("create unique index titles on tasks (user_id, title)", "0"),
        ("alter table tasks add column project text not null default 'inbox'", "1"),
        ("alter table tasks add column project text; alter table tasks add check (project is not null) not valid", "0"),
        ("alter table tasks drop column category, drop column completed_at", "1"),
        ("alter table tasks drop column recurrence_of", ""),
        ("alter table tasks drop column due_is_date, drop column due_date_marker", "0"),
        ("drop index idx_tasks_user_idempotency_key", "0"),
        (
            "create function refuse() returns trigger language plpgsql as 'begin raise exception ''enough''; end';
            create trigger refuse before insert on tasks for each row execute function refuse()",
            "0",
        ),
    ] {
        let database = with_a_daily_task().await;
        let complete = if rule.contains("project is not null") {
            "update tasks set completed = true, project = 'x'"
        } else {
            TOGGLE
        };
        database.run(&format!("{rule}; {complete}")).await;
        assert_eq!(database.row("select completed from tasks where id = 1").await, "t", "{rule}");
        if !successors.is_empty() {
            assert_eq!(database.row(SUCCESSORS).await, successors, "{rule}");
        }
    }
}

#[tokio::test]
async fn rows_that_refer_to_a_successor_keep_it() {
    for on_delete in ["", "on delete cascade", "on delete set null"] {
        let database = with_a_daily_task().await;
        database.run(&format!("create table steps (task_id integer references tasks {on_delete}); {TOGGLE}")).await;
        database.run(&format!("insert into steps select id from tasks where recurrence_of = 1; {TOGGLE}")).await;
        assert_eq!(database.row(SUCCESSORS).await, "1", "{on_delete}");
        assert_eq!(database.row("select completed from tasks where id = 1").await, "f", "{on_delete}");
        database.run(&format!("{TOGGLE}; delete from steps; {TOGGLE}")).await;
        assert_eq!(database.row(SUCCESSORS).await, "0", "{on_delete}");
    }
}

#[tokio::test]
async fn sessions_outlive_other_types_of_columns() {
    let database = with_a_daily_task().await;
    let session = connect(&database.url).await;
    let toggle_twice = async |change: &str| {
        for (statement, expected) in [(TOGGLE, "1"), (TOGGLE, "0")] {
            session.batch_execute(statement).await.expect(change);
            assert_eq!(database.row(SUCCESSORS).await, expected, "{change}");
        }
    };
    toggle_twice("").await;
    for change in [
        "alter table tasks alter due_date type timestamp using due_date at time zone 'UTC'",
        "alter table tasks alter completed_at type timestamp using null",
        "alter table tasks alter time_zone type varchar(40)",
        "alter table tasks alter tags type varchar(40)[]",
        "alter table tasks alter due_date type timestamptz using due_date at time zone 'UTC'",
        "alter table tasks add column search text generated always as (upper(title)) stored",
    ] {
        database.run(change).await;
        toggle_twice(change).await;
    }
}

/// A column that takes no null is the other back end's, and keeps its value.
#[tokio::test]
async fn a_required_completion_time_stays() {
    let database = with_a_daily_task().await;
    database
        .run("update tasks set completed_at = '2020-01-01Z'; alter table tasks alter completed_at set not null")
        .await;
    database.run("update tasks set completed = true, recurrence = null; update tasks set completed = false").await;
    assert_eq!(database.row("select completed, completed_at > '2025-01-01' from tasks").await, "f | t");
}
