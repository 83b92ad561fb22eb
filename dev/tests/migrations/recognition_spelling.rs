//! Priorities that the table spells otherwise than the functions.

use dev::testing::function::{Function, event};
use dev::tokens::mint;
use serde_json::{Value, json};

use crate::kit::{Database, USER_TABLE, listed, no_changes};

const SECRET: &str = "the secret of a test, which is long enough";

/// A table with this column, in which ann has tasks of the priorities `rows`.
async fn tasks_with(priority: &str, rows: &[&str]) -> Database {
    let database = Database::with_sql(USER_TABLE).await;
    database
        .run(&format!(
            "insert into \"user\" values ('ann');
            create table tasks (
                id serial primary key,
                user_id text not null references \"user\" (id),
                title varchar(200) not null,
                priority {priority}
            )"
        ))
        .await;
    for (number, word) in rows.iter().enumerate() {
        let insert = format!("insert into tasks (user_id, title, priority) values ('ann', 'task {number}', '{word}')");
        database.run(&insert).await;
    }
    database
}

/// Creates a task with the function `create-task`, and returns its status and body.
async fn create(database: &Database, body: &Value) -> (u16, Value) {
    let variables = [("DATABASE_URL", database.url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    let mut function = Function::start_built("create-task", &variables).await;
    let mut event = event("POST", "/api/tasks");
    event["headers"]["authorization"] = format!("Bearer {}", mint(SECRET, "ann")).into();
    event["headers"]["content-type"] = "application/json".into();
    event["body"] = body.to_string().into();
    let response = function.invoke(&event).await.unwrap_or_else(|error| unreachable!("{error}: {}", function.output()));
    (response.status, response.json)
}

const CHECK: &str = "varchar(6) check (priority in ('LOW', 'MEDIUM', 'HIGH'))";

#[tokio::test]
async fn the_spelling_of_the_table_is_stored() {
    for (priority, rows, stored) in [
        ("varchar(6)", &["HIGH", "LOW"][..], "MEDIUM"),
        (CHECK, &[], "MEDIUM"),
        ("varchar(6) not null default 'LOW'", &["High"], "Medium"),
        ("text", &["Low", "High"], "Medium"),
        ("text", &["low"], "medium"),
        ("text", &[], "medium"),
    ] {
        let database = tasks_with(priority, rows).await;
        let before = database.catalog().await;
        database.up().await.expect(priority);
        assert_eq!(database.differences().await, [""; 0], "{priority}");
        assert_eq!(database.up().await.expect(priority), no_changes());

        let (status, created) = create(&database, &json!({"title": "New", "priority": "medium"})).await;
        assert_eq!(status, 201, "{priority}: {created}");
        assert_eq!(database.row("select priority from tasks where title = 'New'").await, stored, "{priority}");
        assert_eq!(listed(&database, "ann", "?priority=medium").await.len(), 1, "{priority}");

        database.run("delete from tasks where title = 'New'").await;
        migrations::down_discarding_data(&database.url).await.expect("an adoption to revert");
        assert_eq!(database.catalog().await, before, "{priority}");
    }
}

#[tokio::test]
async fn the_trigger_of_spellings_is_planned_and_verified() {
    let (by_hand, by_up) = (tasks_with(CHECK, &["HIGH"]).await, tasks_with(CHECK, &["HIGH"]).await);
    by_up.up().await.expect("a table to adopt");
    by_hand.run_plan().await;
    assert_eq!(by_hand.catalog().await, by_up.catalog().await);

    by_up.run("alter table tasks disable trigger zy_tasks_spell_priority").await;
    let found = by_up.verify().await.differences;
    assert_eq!(found[0].description(), "the trigger zy_tasks_spell_priority is disabled");
    by_up.apply_fix(&found[0]).await;
    by_up.run("drop trigger zy_tasks_spell_priority on tasks").await;
    let found = by_up.verify().await.differences;
    assert_eq!(found[0].description(), "the functions do not spell priorities as the table does: HIGH, LOW, MEDIUM");
    by_up.apply_fix(&found[0]).await;
    assert_eq!(by_up.differences().await, [""; 0]);
}

#[tokio::test]
async fn free_text_as_priority_stays_as_it_is() {
    let rows: Vec<String> = (0..40).map(|number| format!("HIGH {number}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let database = tasks_with("text", &rows).await;
    database.up().await.expect("a table to adopt");
    database.run("insert into tasks (user_id, title, priority) values ('ann', 't', 'high')").await;
    assert_eq!(database.row("select priority from tasks where title = 't'").await, "high");
}
