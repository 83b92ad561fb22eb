//! Columns of types that the functions cannot use: the advice is executed, in several time zones.

use migrations::Difference;
use serde_json::{Value, json};

use crate::kit::{Database, USER_TABLE, listed, sql_of_choice};

/// A table `tasks` with these columns besides id, user and title, in a database of this time zone.
async fn tasks_with(columns: &str, zone: &str) -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    let name = database.row("select current_database()").await;
    database
        .run(&format!(
            "alter database {name} set timezone = '{zone}';
            set timezone = '{zone}';
            insert into \"user\" values ('ann');
            create table tasks (
                id serial primary key,
                user_id text not null references \"user\" (id),
                title text not null,
                {columns}
            )"
        ))
        .await;
    database
}

const ZONES: [&str; 3] = ["UTC", "America/New_York", "Asia/Tokyo"];

/// The values of a member, in the order of the titles.
async fn members(database: &Database, name: &str) -> Vec<Value> {
    listed(database, "ann", "?sort=title").await.iter().map(|task| task[name].clone()).collect()
}

#[tokio::test]
async fn converted_times_keep_day_and_instant() {
    for (kind, values, expected) in [
        ("date", ["'2026-12-05'", "null"], ["2026-12-05T00:00:00", ""]),
        ("text", ["'2026-12-05'", "''"], ["2026-12-05T00:00:00", ""]),
        ("varchar(40)", ["'2026-12-05T17:30'", "'2026-12-06'"], ["2026-12-05T17:30:00", "2026-12-06T00:00:00"]),
        ("text", ["'2026-12-05T17:30:00+02:00'", "'2026-12-06'"], ["2026-12-05T15:30:00", "2026-12-06T00:00:00"]),
        ("text", ["'2026-12-05T17:30:00.000Z'", "null"], ["2026-12-05T17:30:00", ""]),
        ("bigint", ["1796491800", "1796491800000"], ["2026-12-05T17:30:00", "2026-12-05T17:30:00"]),
    ] {
        for zone in ZONES {
            let database = tasks_with(&format!("due_date {kind}, created_at {kind}"), zone).await;
            let [first, second] = values;
            database
                .run(&format!(
                    "insert into tasks (user_id, title, due_date, created_at)
                    values ('ann', 'a', {first}, {first}), ('ann', 'b', {second}, {second})"
                ))
                .await;
            for column in ["due_date", "created_at"] {
                database.choose(&format!("the column {column} is of type"), "rewrites the table").await;
            }
            database.up().await.unwrap_or_else(|error| unreachable!("{kind}: {error}"));
            for column in ["due_date", "created_at"] {
                for (shown, expected) in members(&database, column).await.iter().zip(expected) {
                    let is_right = match (column, expected) {
                        ("due_date", "") => shown.is_null(),
                        (_, "") => true,
                        _ => shown.as_str().is_some_and(|shown| shown.starts_with(expected)),
                    };
                    assert!(is_right, "{kind} {column} in {zone}: {shown} instead of {expected}");
                }
            }
            assert_eq!(database.differences().await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn ambiguous_dates_get_no_sql() {
    for (kind, value, reason) in [
        ("text", "'05/12/2026'", "1 rows do not begin with a date such as 2026-11-21"),
        ("time", "'17:30'", "there is no conversion that keeps its values"),
    ] {
        let database = tasks_with(&format!("due_date {kind}"), "UTC").await;
        database.run(&format!("insert into tasks (user_id, title, due_date) values ('ann', 'a', {value})")).await;
        let [difference] = <[Difference; 1]>::try_from(database.refusal().await).expect("one difference");
        assert!(difference.choices().is_empty() && difference.fix().starts_with(reason), "{difference:?}");
    }
}

#[tokio::test]
async fn converted_flags_keep_their_meaning() {
    for (kind, finished, pending) in [
        ("integer not null default 0 check (completed in (0, 1))", "1", "0"),
        ("smallint default 0", "1", "0"),
        ("bigint", "1", "null"),
        ("text default 'no'", "'yes'", "'no'"),
        ("varchar(10)", "'True'", "''"),
        ("char(1) not null default 'N'", "'Y'", "'N'"),
        ("timestamp", "'2026-11-21'", "null"),
        ("flag default 'false'", "'true'", "'false'"),
    ] {
        let database = Database::with_sql(USER_TABLE).await;
        database.run("create type flag as enum ('true', 'false'); insert into \"user\" values ('ann')").await;
        database
            .run(&format!(
                "create table tasks (
                    id serial primary key, user_id text not null references \"user\" (id), title text not null,
                    completed {kind}
                );
                create index done on tasks (user_id) where completed is not null and completed <> {finished};
                insert into tasks (user_id, title, completed) values ('ann', 'a', {finished}), ('ann', 'b', {pending})"
            ))
            .await;
        database.choose("the column completed is of type", "rewrites the table").await;
        database.up().await.expect(kind);
        assert_eq!(members(&database, "completed").await, [json!(true), json!(false)], "{kind}");
        assert_eq!(database.differences().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_number_as_priority_gets_no_sql() {
    for (kind, value) in [("integer not null default 2", "3"), ("smallint", "3"), ("numeric", "3"), ("boolean", "true")]
    {
        let database = tasks_with(&format!("priority {kind}"), "UTC").await;
        database.run(&format!("insert into tasks (user_id, title, priority) values ('ann', 'a', {value})")).await;
        let [difference] = <[Difference; 1]>::try_from(database.refusal().await).expect("one difference");
        let expected = format!(
            "only you know which value is low, medium or high: store these words instead, or give the column another name; \
             stored are {value} (1 rows)"
        );
        assert_eq!(difference.fix(), expected);
        assert!(difference.choices().is_empty());
    }
}

#[tokio::test]
async fn a_required_column_without_default_gets_one() {
    let columns = "category text not null, position integer not null, tags text[] not null, meta jsonb not null,
        starred boolean not null, slug uuid not null, seen timestamp not null, weight numeric not null";
    for condition in ["to give it a default", "to allow tasks without it"] {
        let database = tasks_with(columns, "Asia/Tokyo").await;
        let differences = database.refusal().await;
        assert_eq!(differences.len(), 8, "{differences:#?}");
        for difference in &differences {
            database.run(sql_of_choice(&differences, difference.description(), condition)).await;
        }
        database.up().await.expect(condition);
        database.run("insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b')").await;
        assert_eq!(database.differences().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_required_key_gets_no_default_that_breaks_it() {
    let database = tasks_with("list_id integer not null, slug text not null unique", "UTC").await;
    let lists = "create table lists (id serial primary key);
        alter table tasks add foreign key (list_id) references lists (id)";
    database.run(lists).await;
    let differences = database.refusal().await;
    for difference in &differences {
        assert_eq!(difference.choices().len(), 1, "{difference:?}");
        database.run(sql_of_choice(&differences, difference.description(), "to allow tasks without it")).await;
    }
    database.up().await.expect("columns that may be null");
    database.run("insert into tasks (user_id, title) values ('ann', 'a'), ('ann', 'b')").await;
}

#[tokio::test]
async fn a_required_field_without_default_gets_a_choice() {
    for (column, conditions) in [
        ("description text", &["to give it a default", "to allow tasks without it"][..]),
        ("priority varchar(20)", &["to give it a default", "to allow tasks without it"]),
        ("due_date timestamp", &["to allow tasks without it"]),
    ] {
        for condition in conditions {
            let database = tasks_with(&format!("{column} not null"), "UTC").await;
            database.choose("takes no null and has no default", condition).await;
            database.up().await.expect(column);
            database.run("insert into tasks (user_id, title) values ('ann', 'a')").await;
        }
    }
}

#[tokio::test]
async fn a_field_with_a_default_stays_as_it_is() {
    let columns = "description text not null default '', priority varchar(20) not null default 'medium'";
    let database = tasks_with(columns, "UTC").await;
    database.up().await.expect("nothing has to be loosened");
    let not_null = "select count(*) from pg_attribute where attrelid = 'tasks'::regclass and attnotnull
        and attname in ('description', 'priority')";
    assert_eq!(database.row(not_null).await, "2");
}

#[tokio::test]
async fn an_id_without_default_is_numbered() {
    for kind in ["integer", "bigint"] {
        let database = Database::with_sql(USER_TABLE).await;
        database
            .run(&format!(
                "insert into \"user\" values ('ann');
                create table tasks (id {kind} primary key, user_id text references \"user\" (id), title text not null);
                insert into tasks values (41, 'ann', 'a')"
            ))
            .await;
        database.choose("the column id has no default", "to number new tasks").await;
        database.up().await.expect(kind);
        assert_eq!(database.row("insert into tasks (user_id, title) values ('ann', 'b') returning id").await, "42");
    }
}
