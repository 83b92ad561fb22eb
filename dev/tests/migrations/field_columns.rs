//! Columns of tags, category, completion and recurrence that a back end has made before.

use crate::kit::{Database, USER_TABLE, no_changes};

/// The tables of a back end with further columns.
fn tables(columns: &str) -> String {
    format!(
        "{USER_TABLE};
        create type kind as enum ('home', 'work');
        create table tasks (id serial primary key, user_id text not null references \"user\" on delete cascade,
            title text not null, completed boolean not null default false, {columns});
        insert into \"user\" values ('ann');
        insert into tasks (user_id, title) values ('ann', 'Water')"
    )
}

/// What the notes say about a column that does not fit. Empty if they say nothing.
fn unfit(notes: &[String]) -> Vec<&str> {
    notes.iter().filter(|note| note.contains("which the functions cannot use")).map(String::as_str).collect()
}

/// Columns, and what is noted about them.
const COLUMNS: [(&str, &str); 23] = [
    (
        "tags json",
        "the column tasks.tags is of type json, which the functions cannot use: they leave it alone, and tags is off",
    ),
    ("tags varchar(100)", "tasks.tags is of type character varying(100)"),
    ("tags integer[]", "tasks.tags is of type integer[]"),
    ("tags text[] not null default '{}'", ""),
    ("tags varchar(20)[]", ""),
    ("category varchar(50) not null default 'general'", ""),
    ("category varchar(50) check (category in ('home', 'work'))", ""),
    ("category char(10)", ""),
    (
        "category integer",
        "tasks.category is of type integer, which the functions cannot use: they leave it alone, and the category",
    ),
    ("category kind", "tasks.category is of type kind"),
    ("category kind not null default 'home'", "tasks.category is of type kind"),
    ("tags json not null default '[\"a\"]', category integer not null default 7", "tasks.tags is of type json"),
    (
        "time_zone integer not null default 9, due_is_date text not null default 'no'",
        "tasks.time_zone is of type integer",
    ),
    ("completed_at timestamp", ""),
    ("completed_at timestamp check (completed_at is null or completed)", ""),
    ("completed_at date", "tasks.completed_at is of type date"),
    ("completed_at text", "tasks.completed_at is of type text"),
    ("status text not null default 'todo'", ""),
    ("recurrence varchar(20)", ""),
    ("recurrence jsonb", "tasks.recurrence is of type jsonb"),
    ("next_occurrence date", "tasks.next_occurrence is of type date"),
    ("recurrence_of uuid", "tasks.recurrence_of is of type uuid"),
    ("time_zone integer, due_is_date text", "tasks.time_zone is of type integer"),
];

#[tokio::test]
async fn columns_that_exist_are_used_or_left_alone() {
    for (columns, note) in COLUMNS {
        let database = Database::with_sql(&tables(columns)).await;
        let before = database.catalog().await;
        let plan = database.plan().await;
        assert_eq!(unfit(&plan.notes).is_empty(), note.is_empty(), "{columns}: {:?}", plan.notes);
        assert!(plan.notes.iter().any(|found| found.contains(note)) || note.is_empty(), "{columns}: {:?}", plan.notes);
        assert!(plan.to_string().contains(note));

        database.up().await.unwrap_or_else(|error| unreachable!("{columns}: {error}"));
        let after = database.catalog().await;
        for line in before.iter().filter(|line| line.starts_with("column")) {
            assert!(after.contains(line) || line.contains("tasks.completed"), "{columns}: {line}");
        }
        let verification = database.verify().await;
        assert_eq!(verification.differences, [], "{columns}");
        assert_eq!(unfit(&verification.notes), unfit(&plan.notes), "{columns}");

        // The old back end's statements, and what the triggers make of them.
        database
            .run(
                "insert into tasks (user_id, title) values ('ann', 'New'); update tasks set completed = true;
                update tasks set title = title || '!'; update tasks set completed = false; delete from tasks where title = 'New!'",
            )
            .await;
        assert_eq!(database.up().await.expect(columns), no_changes());

        database.down().await.expect(columns);
        assert_eq!(database.catalog().await, before, "{columns}");
        assert_eq!(database.row("select title, completed from tasks").await, "Water! | f", "{columns}");
    }
}

#[tokio::test]
async fn fitting_columns_are_written() {
    let database = Database::with_sql(&tables("tags varchar(9)[], completed_at timestamp, category char(4)")).await;
    database.up().await.expect("a table to adopt");
    database
        .run(
            "set timezone = 'Asia/Tokyo';
            update tasks set completed = true, tags = tasks_api.tags_for('{a,b}'::text[], tags),
                category = tasks_api.label_for('home'::text, category)",
        )
        .await;
    let read = "select tasks_api.as_tags(tags), tasks_api.as_label(category),
        tasks_api.as_instant(completed_at) between now() - interval '1 minute' and now() from tasks";
    assert_eq!(database.row(read).await, "{a,b} | home | t");
}

#[tokio::test]
async fn required_columns_of_other_types_have_their_defaults() {
    let columns = "tags json not null default '[\"a\"]', category kind not null default 'home'";
    let database = Database::with_sql(&tables(columns)).await;
    database.up().await.expect("a table to adopt");
    // As the functions insert it.
    database
        .run(
            "insert into tasks (user_id, title, tags, category) values ('ann', 'New', null, null);
            insert into tasks (user_id, title, tags) values ('ann', 'Old', '[\"b\"]')",
        )
        .await;
    let stored = "select tags, category from tasks where title in ('New', 'Old') order by title";
    assert_eq!(database.rows(stored).await, ["[\"a\"] | home", "[\"b\"] | home"]);
    database.run("alter table tasks disable trigger zx_tasks_store_default_of_category").await;
    let found = database.verify().await.differences;
    let expected = "the column category takes no null, and is of a type that the functions cannot use";
    assert!(found.iter().any(|difference| difference.description() == expected), "{found:#?}");
    for difference in &found {
        database.apply_fix(difference).await;
    }
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn unfit_columns_read_as_empty_and_keep_their_values() {
    let columns = "tags json default '[\"a\"]', category kind default 'home', completed_at text default 'never',
        time_zone integer default 9, due_is_date integer default 1";
    let database = Database::with_sql(&tables(columns)).await;
    database.up().await.expect("a table to adopt");
    let stored = "select tags, category, completed_at, time_zone, due_is_date from tasks";
    let before = database.row(stored).await;
    database
        .run(
            "update tasks set completed = true, tags = tasks_api.tags_for('{b}'::text[], tags),
                category = tasks_api.label_for('work'::text, category), time_zone = tasks_api.zone_for('UTC'::text, time_zone),
                due_is_date = tasks_api.flag_for(true, due_is_date)",
        )
        .await;
    assert_eq!(database.row(stored).await, before);
    let read = "select tasks_api.as_tags(tags), tasks_api.as_label(category), tasks_api.as_instant(completed_at),
        tasks_api.as_label(time_zone), tasks_api.as_flag(due_is_date) from tasks";
    assert_eq!(database.row(read).await, "null | null | null | null | null");
}

#[tokio::test]
async fn an_unknown_time_zone_is_refused() {
    let database = Database::with_a_task().await;
    database.run("update tasks set time_zone = tasks_api.zone_for('Europe/Berlin'::text, time_zone)").await;
    database.run("update tasks set time_zone = tasks_api.zone_for(null::text, time_zone)").await;
    let unknown = "update tasks set time_zone = tasks_api.zone_for('Mars/Olympus'::text, time_zone)";
    let error = database.client.batch_execute(unknown).await.expect_err("no such zone");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("22023"));
}

/// PostgreSQL would find no function for the one, and refuse every value for the other.
#[tokio::test]
async fn columns_that_break_statements_get_a_choice() {
    for (column, description, condition) in [
        ("tags char(5)[]", "the column tags is of type character(5)[]", "with the old back end stopped"),
        (
            "category text generated always as (lower(title)) stored",
            "the column category is generated",
            "to keep what it holds now",
        ),
    ] {
        let database = Database::with_sql(&tables(column)).await;
        database.choose(description, condition).await;
        database.up().await.expect(column);
        assert_eq!(database.differences().await, [""; 0], "{column}");
    }
}

#[tokio::test]
async fn required_columns_get_a_choice() {
    for column in ["tags text[]", "tags json", "category varchar(50)", "category kind"] {
        let required = format!("{column} not null");
        let sql = tables(&required).replace("insert into tasks (user_id, title) values ('ann', 'Water')", "select 1");
        let database = Database::with_sql(&sql).await;
        let name = column.split_whitespace().next().expect("a name");
        database
            .choose(&format!("the column {name} takes no null and has no default"), "to allow tasks without it")
            .await;
        database.up().await.expect(column);
        assert_eq!(database.differences().await, [""; 0], "{column}");
    }
}

#[tokio::test]
async fn an_upgrade_keeps_columns_and_so_does_its_revert() {
    let database = Database::with_a_task().await;
    database.down_to("idempotency keys").await;
    database.run("alter table tasks add column tags json default '[1]', add column category text default 'home'").await;
    let before = database.catalog().await;
    database.up().await.expect("the rest");
    assert_eq!(unfit(&database.verify().await.notes).len(), 1);
    assert_eq!(database.differences().await, [""; 0]);
    database.down_to("idempotency keys").await;
    assert_eq!(database.catalog().await, before);
    assert_eq!(database.row("select tags, category from tasks").await, "[1] | home");
}

#[tokio::test]
async fn tasks_completed_earlier_get_no_note() {
    let database = Database::with_a_task().await;
    database.run("update tasks set completed = true; update tasks set completed_at = null").await;
    let notes = database.verify().await.notes;
    assert!(!notes.iter().any(|note| note.contains("completed_at")), "{notes:?}");
}

#[tokio::test]
async fn down_refuses_to_lose_tags() {
    let database = Database::with_a_task().await;
    database.run("update tasks set tags = '{home}'").await;
    database.down_to("task fields").await;
    let sentence = database.down().await.expect_err("tags would be lost").to_string();
    assert!(sentence.contains("tags, category and recurrence would lose what 1 tasks hold"), "{sentence}");
    migrations::down_discarding_data(&database.url).await.expect("the data may be lost");
    assert_eq!(database.row("select title from tasks").await, "Buy milk");
}

#[tokio::test]
async fn a_table_of_tags_stays_as_it_is() {
    let sql = "create table tags (id serial primary key, name text); insert into tags (name) values ('home')";
    let database = Database::with_sql(&format!("{}; {sql}", tables("priority text"))).await;
    let rows = "select ctid, xmin, * from tags";
    let before = database.rows(rows).await;
    database.up().await.expect("a table to adopt");
    assert_eq!(database.differences().await, [""; 0]);
    database.down().await.expect("an adoption");
    assert_eq!(database.rows(rows).await, before);
}

#[tokio::test]
async fn tags_go_with_their_user() {
    let database = Database::with_a_task().await;
    database.run("insert into tasks_api.task_tags (user_id, name, color) values ('ann', 'Home', '#00ff00')").await;
    let same = "insert into tasks_api.task_tags (user_id, name) values ('ann', 'hOME')";
    assert_eq!(database.violated_constraint(same).await, "task_tags_user_id_name");
    let stranger = "insert into tasks_api.task_tags (user_id, name) values ('stranger', 'Home')";
    assert_eq!(database.violated_constraint(stranger).await, "task_tags_user_id_fkey");
    database.run("delete from \"user\"").await;
    assert_eq!(database.row("select count(*) from tasks_api.task_tags").await, "0");
}
