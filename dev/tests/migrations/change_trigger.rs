//! The trigger that maintains `updated_at` and `version`.

use crate::kit::{Database, connect};

#[tokio::test]
async fn an_update_advances_updated_at_and_version() {
    let database = Database::with_a_task().await;
    assert_eq!(database.row("select version, updated_at = created_at from tasks").await, "1 | t");
    for (index, change) in
        ["title = 'Buy oat milk'", "description = ''", "completed = true", "priority = 'low'", "due_date = now()"]
            .iter()
            .enumerate()
    {
        let before = database.row("select updated_at from tasks").await;
        let after = format!("update tasks set {change} returning version, updated_at > '{before}'");
        assert_eq!(database.row(&after).await, format!("{} | t", index + 2), "{change}");
    }
}

#[tokio::test]
async fn an_update_without_changes_keeps_them() {
    let database = Database::with_a_task().await;
    let before = database.row("select version, updated_at from tasks").await;
    for same in ["title = title", "title = 'Buy milk', completed = false", "description = null"] {
        let after = format!("update tasks set {same} returning version, updated_at");
        assert_eq!(database.row(&after).await, before, "{same}");
    }
}

#[tokio::test]
async fn statements_cannot_set_updated_at_or_version() {
    let database = Database::with_a_task().await;
    let before = database.row("select version, updated_at from tasks").await;
    let only_them = "update tasks set version = 70, updated_at = '2001-01-01' returning version, updated_at";
    assert_eq!(database.row(only_them).await, before);
    let with_a_change = "update tasks set version = 70, updated_at = '2001-01-01', completed = true
        returning version, updated_at > created_at";
    assert_eq!(database.row(with_a_change).await, "2 | t");
}

#[tokio::test]
async fn sessions_outlive_a_change_of_a_column_type() {
    let database = Database::with_a_task().await;
    let session = connect(&database.url).await;
    session.batch_execute("update tasks set completed = true").await.expect("a change");
    for (column, type_name) in [
        ("title", "text"),
        ("description", "varchar(2000)"),
        ("due_date", "timestamp"),
        ("updated_at", "timestamp"),
        ("updated_at", "timestamptz"),
    ] {
        database.run(&format!("set timezone = 'UTC'; alter table tasks alter {column} type {type_name}")).await;
        let before = database.row("select version, updated_at from tasks").await;
        let (version, updated_at) = before.split_once(" | ").expect("two columns");
        session.batch_execute("update tasks set completed = not completed").await.expect("a change");
        let after = format!("select version - {version}, updated_at > '{updated_at}' from tasks");
        assert_eq!(database.row(&after).await, "1 | t", "{column} {type_name}");
    }
}

#[tokio::test]
async fn updated_at_never_decreases() {
    let database = Database::with_a_task().await;

    // Begins first and writes last.
    let slow = connect(&database.url).await;
    slow.batch_execute("begin; select now()").await.expect("a transaction");
    let intermediate = database.row("update tasks set completed = true returning updated_at").await;
    slow.batch_execute("update tasks set completed = false; commit").await.expect("a change");
    assert_eq!(database.row(&format!("select version, updated_at > '{intermediate}' from tasks")).await, "3 | t");

    // As if stored by a server whose clock was ahead.
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
async fn a_session_notes_changes_after_columns_get_other_types() {
    let database = Database::with_a_task().await;
    let other = connect(&database.url).await;
    // Plans the expressions of the trigger.
    database.run("set time zone 'Asia/Tokyo'; update tasks set title = 'version 2'").await;
    for (index, (column, kind)) in [
        ("title", "text"),
        ("priority", "text"),
        ("due_date", "timestamp"),
        ("updated_at", "timestamp"),
        ("version", "integer"),
        ("title", "varchar(300)"),
        ("updated_at", "timestamptz"),
    ]
    .iter()
    .enumerate()
    {
        let change = format!("set time zone 'UTC'; alter table tasks alter {column} type {kind}");
        other.batch_execute(&change).await.expect(column);
        let before = other.query_one("select updated_at::text from tasks", &[]).await.expect("a task");
        let before: String = before.get(0);
        let unchanged = database.row("update tasks set title = title returning version").await;
        assert_eq!(unchanged, (index + 2).to_string(), "{column} {kind}");
        let version = index + 3;
        let update = format!(
            "update tasks set title = 'version {version}'
            returning version, updated_at - '{before}' between interval '1 microsecond' and interval '1 hour'"
        );
        assert_eq!(database.row(&update).await, format!("{version} | t"), "{column} {kind}");
    }
}

#[tokio::test]
async fn changes_are_noted_after_a_column_is_dropped() {
    let database = Database::with_a_task().await;
    database.run("alter table tasks drop description, add shout text generated always as (upper(title)) stored").await;
    let update = |title| format!("update tasks set title = '{title}' returning version, updated_at > created_at");
    assert_eq!(database.row(&update("Buy oat milk")).await, "2 | t");
    assert_eq!(database.row(&update("Buy oat milk")).await, "2 | t");
    assert_eq!(database.row(&update("Buy rice")).await, "3 | t");
}

#[tokio::test]
async fn the_trigger_ignores_the_search_path() {
    let database = Database::with_a_task().await;
    database
        .run(
            "create schema trap;
            create function trap.now() returns timestamptz language sql as $$ select '2200-01-01'::timestamptz $$;
            create function trap.later(timestamptz, interval) returns timestamptz language sql as $$ select trap.now() $$;
            create operator trap.+ (leftarg = timestamptz, rightarg = interval, function = trap.later);
            create function trap.sum(bigint, integer) returns bigint language sql as 'select 70::bigint';
            create operator trap.+ (leftarg = bigint, rightarg = integer, function = trap.sum);
            create function trap.same(record, record) returns boolean language plpgsql as 'begin return true; end';
            create operator trap.*= (leftarg = record, rightarg = record, function = trap.same);
            set search_path = trap, public, pg_catalog;
            update tasks set completed = true",
        )
        .await;
    assert_eq!(database.row("select version, updated_at < '2200-01-01' from tasks").await, "2 | t");
}
