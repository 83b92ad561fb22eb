//! Tasks of other back ends that have other names: tables, columns, and marks of deleted rows.

use migrations::Options;
use serde_json::{Value, json};

use crate::kit::{Database, USER_TABLE, connect, listed, no_changes, sql_of_choice};

/// A database with the users `ann` and `bob` in which `sql` has been run.
async fn with_users(sql: &str) -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    database.run("insert into \"user\" values ('ann'), ('bob')").await;
    database.run(sql).await;
    database
}

/// A table as an old back end makes it, without its name.
const COLUMNS: &str = "(
    id serial primary key,
    user_id text not null references \"user\" (id),
    title varchar(200) not null,
    description text,
    completed boolean not null default false,
    created_at timestamp not null default now(),
    updated_at timestamp not null default now()
)";

/// A table `tasks` with these columns besides id, user and title.
async fn tasks_with(columns: &str) -> Database {
    with_users(&format!(
        "create table tasks (
            id serial primary key,
            user_id text not null references \"user\" (id),
            title varchar(200) not null,
            {columns}
        )"
    ))
    .await
}

fn titles(tasks: &[Value], completed: bool) -> Vec<&str> {
    tasks.iter().filter(|task| task["completed"] == completed).filter_map(|task| task["title"].as_str()).collect()
}

#[tokio::test]
async fn no_empty_tasks_beside_a_table_of_another_name() {
    for table in
        ["task", "todos", "todo", "todo_items", "todo_item", "\"Task\"", "\"Todo\"", "\"TodoItem\"", "app_task"]
    {
        let database = with_users(&format!("create table {table} {COLUMNS}")).await;
        database
            .run(&format!("insert into {table} (user_id, title) values ('ann', 'Buy milk'), ('bob', 'Bake')"))
            .await;
        let before = database.catalog().await;
        let sentence = database.up().await.expect_err(table).to_string();
        let beginning = format!(
            "A new table tasks would be empty, and this database seems to have tasks elsewhere. Nothing was changed:\n\
             - the table {table} has 2 rows and the columns id, user_id, title, description, completed, created_at, \
             updated_at\n  if it has the tasks: alter table {table} rename to tasks;\n"
        );
        assert!(sentence.starts_with(&beginning), "{sentence}");
        let planned = migrations::plan(&database.url, &Options::default()).await.expect_err(table).to_string();
        assert_eq!(planned, sentence);
        assert_eq!(database.catalog().await, before);
        let differences = database.differences().await;
        assert!(differences[0] == "there is no table tasks" && differences[1].contains(table), "{differences:?}");

        database.choose(table, "if it has the tasks").await;
        database.up().await.expect(table);
        assert_eq!(database.differences().await, [""; 0], "{table}");
        assert_eq!(titles(&listed(&database, "ann", "").await, false), ["Buy milk"], "{table}");
    }
}

#[tokio::test]
async fn a_view_serves_the_old_back_end_under_the_old_name() {
    let database = with_users(&format!(
        "create table todos {COLUMNS}; insert into todos (user_id, title) values ('ann', 'Buy milk')"
    ))
    .await;
    let role = format!("old_of_{}", database.row("select current_database()").await);
    database
        .run(&format!(
            "create role {role};
            grant select, insert, update, delete on todos to {role};
            grant usage on sequence todos_id_seq to {role}"
        ))
        .await;
    let old = connect(&database.url).await;
    database.choose("todos", "continues to use it as todos").await;
    database.up().await.expect("a table to adopt");
    old.batch_execute(&format!("set role {role}")).await.expect("the old back end's role");

    let id: i32 = old
        .query_one(
            "insert into todos (user_id, title, completed) values ('ann', 'Bake', false) returning todos.id",
            &[],
        )
        .await
        .expect("an insert")
        .get(0);
    old.execute("update todos set completed = true, updated_at = now() where todos.id = $1", &[&id])
        .await
        .expect("update");
    old.execute("delete from todos where title = 'Buy milk'", &[]).await.expect("a delete");
    let rows = old.query("select id, title, completed from todos where user_id = 'ann'", &[]).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.get::<_, &str>(1)).collect::<Vec<_>>(), ["Bake"]);
    let tasks = listed(&database, "ann", "").await;
    assert_eq!((titles(&tasks, true), titles(&tasks, false)), (vec!["Bake"], vec![]));
    assert_eq!(database.row("select version from tasks").await, "2");
    assert_eq!(database.up().await.expect("nothing is left to do"), no_changes());
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_table_of_prisma_keeps_its_names_in_a_view() {
    let database = with_users(
        r#"create table "Task" (
            id text primary key,
            title text not null,
            completed boolean not null default false,
            "dueDate" timestamp(3),
            "userId" text not null references "user" (id),
            "createdAt" timestamp(3) not null default current_timestamp,
            "updatedAt" timestamp(3) not null
        );
        insert into "Task" values ('t1', 'Buy milk', true, '2026-11-21 17:30', 'ann', now(), now())"#,
    )
    .await;
    database.choose("\"Task\"", "continues to use it").await;
    let differences = database.refusal().await;
    assert_eq!(differences.len(), 4, "{differences:#?}");
    for (column, name) in
        [("user_id", "userId"), ("due_date", "dueDate"), ("created_at", "createdAt"), ("updated_at", "updatedAt")]
    {
        let sql =
            sql_of_choice(&differences, &format!("the column {column} is missing"), &format!("\"{name}\" is the same"));
        assert_eq!(sql, format!("alter table tasks rename column \"{name}\" to {column};"));
        database.run(sql).await;
    }
    database.up().await.expect("the names of the functions");
    assert_eq!(database.differences().await, [""; 0]);
    let tasks = listed(&database, "ann", "").await;
    assert_eq!(titles(&tasks, true), ["Buy milk"]);
    assert!(tasks[0]["due_date"].as_str().is_some_and(|due| due.starts_with("2026-11-21T17:30:00")), "{tasks:?}");
    database
        .run(
            r#"insert into "Task" (id, title, "userId", "updatedAt") values ('t2', 'Bake', 'ann', now());
            update "Task" set "dueDate" = '2026-11-22', completed = true where id = 't2'"#,
        )
        .await;
    assert_eq!(titles(&listed(&database, "ann", "").await, true).len(), 2);
}

#[tokio::test]
async fn the_setting_asks_for_a_new_table() {
    let database =
        with_users(&format!("create table todos {COLUMNS}; insert into todos (user_id, title) values ('ann', 't')"))
            .await;
    let with = |name: &str| Options { task_table: Some(name.to_owned()), ..Options::default() };
    let sentence = migrations::up(&database.url, &with("Todos")).await.expect_err("no such choice").to_string();
    assert_eq!(
        sentence,
        "TASK_TABLE must be tasks, which asks for a new table beside those that exist: the functions use no other name. To \
         use the table \"Todos\", rename it: alter table \"Todos\" rename to tasks"
    );
    migrations::up(&database.url, &with("tasks")).await.expect("a new table");
    let verification = migrations::verify(&database.url, &with("tasks")).await.expect("a database that can be read");
    assert_eq!(verification.differences, []);
    // Without the setting the full table is still named.
    let differences = database.differences().await;
    assert!(differences[0].starts_with("tasks has no rows, and the table todos has 1 rows"), "{differences:?}");
    database.run("insert into tasks (user_id, title) values ('ann', 'Buy milk')").await;
    assert_eq!(database.differences().await, [""; 0]);
}

#[tokio::test]
async fn an_empty_tasks_of_another_program_is_named() {
    let database = with_users(&format!(
        "create table tasks {COLUMNS}; create table todos {COLUMNS}; insert into todos (user_id, title) values ('ann', 't')"
    ))
    .await;
    database.choose("tasks has no rows, and the table todos has 1 rows", "if it has the tasks").await;
    database.up().await.expect("the full table");
    assert_eq!(titles(&listed(&database, "ann", "").await, false), ["t"]);
}

#[tokio::test]
async fn tasks_of_another_schema_are_named() {
    for table in ["tasks", "todos"] {
        let database = with_users(&format!(
            "create schema app; create table app.{table} {COLUMNS}; insert into app.{table} (user_id, title) values ('ann', 't')"
        ))
        .await;
        database
            .choose(&format!("the table app.{table} has 1 rows"), &format!("continues to use it as app.{table}"))
            .await;
        database.up().await.expect(table);
        database.run(&format!("insert into app.{table} (user_id, title) values ('ann', 'u')")).await;
        assert_eq!(titles(&listed(&database, "ann", "").await, false), ["u", "t"]);
    }
}

#[tokio::test]
async fn tables_of_other_things_are_no_tasks() {
    let database = with_users(
        "create table celery_tasks (id serial primary key, payload text);
        insert into celery_tasks (payload) values ('x');
        create table todo_lists (id serial, user_id text, title text);
        create table items (id serial, user_id text, title text);
        create schema queue;
        create table queue.tasks (id serial, identifier text)",
    )
    .await;
    database.up().await.expect("a new table");
}

#[tokio::test]
async fn a_column_of_another_name_is_renamed_with_consent() {
    for (column, name, kind, value, shown) in [
        ("is_completed", "completed", "boolean not null default false", "true", json!(true)),
        ("\"isCompleted\"", "completed", "boolean not null default false", "true", json!(true)),
        ("done", "completed", "boolean", "true", json!(true)),
        ("complete", "completed", "boolean", "true", json!(true)),
        ("is_done", "completed", "boolean", "true", json!(true)),
        ("completed_flag", "completed", "boolean", "true", json!(true)),
        ("\"dueDate\"", "due_date", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("due", "due_date", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("due_at", "due_date", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("deadline", "due_date", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("details", "description", "text", "'Words'", json!("Words")),
        ("notes", "description", "text", "'Words'", json!("Words")),
        ("body", "description", "text", "'Words'", json!("Words")),
        ("content", "description", "text", "'Words'", json!("Words")),
        ("importance", "priority", "text", "'high'", json!("high")),
        ("created", "created_at", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("inserted_at", "created_at", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("\"createdAt\"", "created_at", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("modified_at", "updated_at", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
        ("last_updated", "updated_at", "timestamptz", "'2026-11-21T17:30:00Z'", json!("2026-11-21T17:30:00.000000Z")),
    ] {
        let database = tasks_with(&format!("{column} {kind}")).await;
        database.run(&format!("insert into tasks (user_id, title, {column}) values ('ann', 't', {value})")).await;
        let missing = format!("the column {name} is missing, and may have another name: {column} (");
        database.choose(&missing, &format!("if {column} is the same")).await;
        database.up().await.expect(column);
        assert_eq!(listed(&database, "ann", "").await[0][name], shown, "{column}");

        let database = tasks_with(&format!("{column} {kind}")).await;
        database.choose(&missing, "if it is something else").await;
        database.up().await.expect(column);
        assert_eq!(database.differences().await, [""; 0], "{column}");
    }
}

#[tokio::test]
async fn titles_and_owners_of_other_names_are_renamed() {
    for (title, owner) in [("name", "owner_id"), ("task", "author_id"), ("text", "owner"), ("content", "\"userId\"")] {
        let database = with_users(&format!(
            "create table tasks (id serial primary key, {owner} text not null references \"user\" (id), {title} text not null);
            insert into tasks ({owner}, {title}) values ('ann', 'Buy milk')"
        ))
        .await;
        assert_eq!(database.refusal().await.len(), 2);
        database.choose("the column title is missing", &format!("if {title} is the same")).await;
        database.choose("the column user_id is missing", &format!("if {owner} is the same")).await;
        database.up().await.expect(title);
        assert_eq!(titles(&listed(&database, "ann", "").await, false), ["Buy milk"]);
    }
}

#[tokio::test]
async fn every_column_that_may_be_meant_is_named() {
    let database = tasks_with("done boolean, is_completed boolean, body text, notes text").await;
    let differences = database.refusal().await;
    let descriptions: Vec<&str> = differences.iter().map(migrations::Difference::description).collect();
    assert_eq!(
        descriptions,
        [
            "the column description is missing, and may have another name: notes (text), body (text)",
            "the column completed is missing, and may have another name: is_completed (bool), done (bool)",
        ]
    );
    database.run(sql_of_choice(&differences, "completed", "if done is the same")).await;
}

#[tokio::test]
async fn words_of_a_status_fill_completed() {
    for kind in ["text not null default 'todo'", "varchar(20)", "taskstatus"] {
        let database = tasks_with("created_at timestamp default now(), updated_at timestamp default now()").await;
        database
            .run(&format!(
                "create type taskstatus as enum ('todo', 'in_progress', 'Done');
                alter table tasks add column status {kind};
                create function touch() returns trigger language plpgsql as
                    $$ begin new.updated_at := '2030-01-01'; return new; end $$;
                create trigger touch before update on tasks for each row execute function touch();
                insert into tasks (user_id, title, status) values
                    ('ann', 'a', 'todo'), ('ann', 'b', 'in_progress'), ('ann', 'c', 'Done'), ('ann', 'd', 'Done')"
            ))
            .await;
        let description = "the column completed is missing, and status may tell whether a task is completed: Done (2 rows), \
                           in_progress (1 rows), todo (1 rows)";
        database.choose(description, "if 'Done' means completed").await;
        database.up().await.expect(kind);
        let tasks = listed(&database, "ann", "?sort=title").await;
        assert_eq!((titles(&tasks, true), titles(&tasks, false)), (vec!["c", "d"], vec!["a", "b"]), "{kind}");
        assert_eq!(database.row("select count(*) from tasks where updated_at < '2030-01-01'").await, "4");
        database.run("insert into tasks (user_id, title, status) values ('ann', 'e', 'todo')").await;
    }
}

#[tokio::test]
async fn a_completion_time_fills_completed() {
    let database = tasks_with("completed_at timestamp").await;
    database
        .run("insert into tasks (user_id, title, completed_at) values ('ann', 'a', null), ('ann', 'b', now())")
        .await;
    database.choose("completed_at may tell whether a task is completed", "if it tells that").await;
    database.up().await.expect("a table to adopt");
    assert_eq!(titles(&listed(&database, "ann", "").await, true), ["b"]);
}

#[tokio::test]
async fn completed_wins_over_a_status_beside_it() {
    for (column, kind, values) in [
        ("is_completed", "boolean", ["true", "false", "false"]),
        ("done", "integer", ["1", "0", "0"]),
        ("status", "text", ["'done'", "'todo'", "'open'"]),
        ("completed_at", "timestamp", ["now()", "null", "now()"]),
    ] {
        let database = tasks_with(&format!("completed boolean not null default false, {column} {kind}")).await;
        let [first, second, third] = values;
        database
            .run(&format!(
                "insert into tasks (user_id, title, completed, {column})
                values ('ann', 'a', true, {first}), ('ann', 'b', true, {second}), ('ann', 'c', false, {third})"
            ))
            .await;
        database.up().await.expect(column);
        assert_eq!(titles(&listed(&database, "ann", "?sort=title").await, true), ["a", "b"], "{column}");
        let verification = database.verify().await;
        assert_eq!(verification.differences, []);
        let note = format!("in 1 tasks completed and {column} differ; the functions use completed");
        assert!(verification.notes.contains(&note), "{:?}", verification.notes);
    }
}

#[tokio::test]
async fn rows_marked_as_deleted_stop_the_adoption() {
    for (column, kind, set) in [
        ("deleted_at", "timestamp", "now()"),
        ("\"deletedAt\"", "timestamptz", "now()"),
        ("is_deleted", "boolean not null default false", "true"),
        ("deleted", "integer not null default 0", "1"),
    ] {
        let description = format!("1 tasks are marked as deleted by {column}");
        for (choice, kept, shown) in [
            ("to keep them", "1", vec!["b"]),
            ("to delete them", "0", vec!["b"]),
            ("to show them again", "0", vec!["a", "b"]),
        ] {
            let database = tasks_with(&format!("{column} {kind}")).await;
            database
                .run(&format!(
                    "insert into tasks (user_id, title, {column}) values ('ann', 'a', {set});
                    insert into tasks (user_id, title) values ('ann', 'b');
                    create table tasks_deleted (note text)"
                ))
                .await;
            database.choose(&description, choice).await;
            database.up().await.expect(choice);
            let kept_rows = "select count(*) from pg_class where relname = 'tasks_deleted_2'";
            assert_eq!(database.row(kept_rows).await, kept, "{choice}");
            assert_eq!(titles(&listed(&database, "ann", "?sort=title").await, false), shown, "{choice}");
            if kept == "1" {
                assert_eq!(database.rows("select title from tasks_deleted_2").await, ["a"]);
            }
        }
    }
}

#[tokio::test]
async fn rows_that_refer_to_deleted_tasks_are_named() {
    let database = tasks_with("deleted_at timestamp").await;
    database
        .run(
            "create table reminders (task_id integer references tasks (id));
            create table steps (task_id integer references tasks (id) on delete cascade);
            insert into tasks (user_id, title, deleted_at) values ('ann', 'a', now());
            insert into reminders select id from tasks;
            insert into steps select id from tasks",
        )
        .await;
    let condition = "to delete them; delete the rows of reminders that refer to them first; rows of steps that refer to \
                     them are deleted or changed with them";
    let refusal = database.refusal().await;
    let delete = sql_of_choice(&refusal, "1 tasks are marked as deleted by deleted_at", condition);
    assert!(database.client.batch_execute(delete).await.is_err(), "a row refers to the task");
    database.run("delete from reminders").await;
    database.run(delete).await;
    database.up().await.expect("no deleted task");
}

#[tokio::test]
async fn a_status_without_finished_words_leaves_tasks_pending() {
    let database = tasks_with("status text").await;
    database.run("insert into tasks (user_id, title, status) values ('ann', 'a', 'shelved')").await;
    let description = "the column completed is missing, and status may tell whether a task is completed";
    database.choose(description, "if no word means completed").await;
    database.up().await.expect("a column");
    assert_eq!(titles(&listed(&database, "ann", "").await, false), ["a"]);
}

#[tokio::test]
async fn rows_deleted_later_are_a_difference() {
    let database = tasks_with("deleted_at timestamp, archived boolean not null default false").await;
    database.run("insert into tasks (user_id, title, archived) values ('ann', 'a', true)").await;
    database.up().await.expect("a table to adopt");
    let verification = database.verify().await;
    assert_eq!(verification.differences, []);
    let notes = verification.notes.join("\n");
    assert!(notes.contains("no task is marked as deleted by deleted_at"), "{notes}");
    assert!(notes.contains("1 tasks have archived set, and are shown like all others"), "{notes}");

    database.run("update tasks set deleted_at = now()").await;
    let differences = database.verify().await.differences;
    assert!(differences[0].description().starts_with("1 tasks are marked as deleted by deleted_at"), "{differences:?}");
    database.run(sql_of_choice(&differences, "marked as deleted", "to keep them")).await;
    assert_eq!(database.differences().await, [""; 0]);
    assert_eq!(database.rows("select title from tasks_deleted").await, ["a"]);
}
