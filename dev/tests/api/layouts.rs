//! Databases of other back ends: the type of the column determines the format of ids.

use dev::services::database::connect;
use dev::testing::client::TaskId;
use dev::testing::database::{LAYOUTS, Layout, TestDatabase};
use serde_json::{Value, json};

use crate::kit::Api;

/// The tables with these column types, as they are after the migrations.
fn tables(id: &str, user_id: &str, time: &str) -> String {
    format!(
        "create table users (id {user_id} primary key);
         create table tasks (
             id {id},
             user_id {user_id} not null references users (id) on delete cascade,
             title varchar(255) not null,
             description text,
             completed boolean default false,
             due_date {time},
             priority varchar(20),
             created_at {time} default (now() at time zone 'utc'),
             updated_at {time} default (now() at time zone 'utc'),
             -- What adoption adds.
             version bigint not null default 1,
             due_date_marker timestamp,
             idempotency_key text,
             last_request text,
             changed_in xid8,
             unique (user_id, idempotency_key))"
    )
}

/// A stack on a database with these tables, for [`exercise`].
async fn start_with_tables(user_id: &str, tables: &str) -> (Api, TestDatabase) {
    let database = TestDatabase::empty().await;
    database.run(tables).await;
    let fences = include_str!("../../../migrations/0012_task_fences.up.sql");
    database.run(&format!("{fences}; create schema tasks_api; alter table task_fences set schema tasks_api")).await;
    database.run(include_str!("../../../migrations/0022_task_fields.up.sql")).await;
    database.run(include_str!("../../../migrations/0026_sign_in.up.sql")).await;
    database.run(include_str!("../../../migrations/0027_extra_members.up.sql")).await;
    database.run(&format!("insert into users values ('{user_id}')")).await;
    let api = Api::start(&database.url, &[]).await;
    (api, database)
}

/// Creates, reads, changes and deletes a task, and returns its id. There are no tasks with the `unknown_ids`.
async fn exercise(api: &Api, database: &TestDatabase, user_id: &str, unknown_ids: &[&str]) -> Value {
    let ada = api.user(user_id);
    let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21T17:30:00+02:00"});
    let response = ada.post("/api/tasks", &body).await.expect_status(201);
    let (task, location) = (response.json.clone(), response.header("location").expect("where it is").to_owned());
    assert_eq!(task["due_date"], "2026-11-21T15:30:00.000000Z");
    let stored = "select to_char(due_date, 'YYYY-MM-DD HH24:MI:SS'), abs(extract(epoch from created_at - (now() at time
                  zone 'utc'))) < 60 from tasks";
    database.run("set time zone 'UTC'").await;
    let row = database.client.query_one(stored, &[]).await.expect("the task");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("2026-11-21 15:30:00", true));

    assert_eq!(ada.get(&location).await.expect_status(200).json, task);
    assert_eq!(ada.get("/api/tasks?sort=due_date&status=pending").await.expect_status(200).json, json!([task]));
    let changed = ada.put(&location, &json!({"title": "Buy oat milk", "due_date": null})).await.expect_status(200);
    assert_eq!(
        (&changed["title"], &changed["due_date"], &changed["id"]),
        (&json!("Buy oat milk"), &json!(null), &task["id"])
    );
    // As an older back end stores it.
    database.run("update tasks set completed = null").await;
    assert_eq!(ada.get(&location).await.expect_status(200)["completed"], false);
    assert_eq!(ada.patch(&format!("{location}/toggle"), &json!({})).await.expect_status(200)["completed"], true);
    for id in unknown_ids {
        ada.get(&format!("/api/tasks/{id}")).await.expect_status(404);
        ada.patch(&format!("/api/tasks/{id}"), &json!({"title": "t"})).await.expect_status(404);
        ada.delete(&format!("/api/tasks/{id}")).await.expect_status(404);
    }
    let other = api.user("nobodyWithThisIdIsInTheTable00001");
    other.post("/api/tasks", &body).await.expect_status(401);
    other.get(&location).await.expect_status(404);
    other.delete(&location).await.expect_status(404);
    ada.delete(&location).await.expect_status(204);
    ada.get(&location).await.expect_status(404);
    task["id"].clone()
}

#[tokio::test]
async fn uuid_ids_are_strings() {
    let user_id = "0b6ff4a5-6d1c-4f3e-9f3b-2f6a4f0e7a11";
    let tables = tables("uuid primary key default gen_random_uuid()", "uuid", "timestamptz");
    let (api, database) = start_with_tables(user_id, &tables).await;
    let foreign = ["42", "abc", "0b6ff4a5-6d1c-4f3e-9f3b-2f6a4f0e7a11", "0b6ff4a5-6d1c-4f3e-9f3b"];
    let id = exercise(&api, &database, user_id, &foreign).await;
    assert!(id.as_str().is_some_and(|id| id.len() == 36 && id.matches('-').count() == 4), "{id}");
}

#[tokio::test]
async fn text_ids_are_strings_and_local_times_are_utc() {
    let id = "varchar(255) primary key default 'task-' || gen_random_uuid()";
    let tables = tables(id, "varchar(36)", "timestamp");
    let (api, database) = start_with_tables("D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", &tables).await;
    let user_id = "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI";
    let id = exercise(&api, &database, user_id, &["42", "task-", "abc"]).await;
    assert!(id.as_str().is_some_and(|id| id.starts_with("task-")), "{id}");
}

#[tokio::test]
async fn bigint_ids_are_numbers() {
    let tables = tables("bigint primary key generated always as identity (start with 5000000000)", "text", "timestamp");
    let (api, database) = start_with_tables("ada", &tables).await;
    let user_id = "ada";
    let id =
        exercise(&api, &database, user_id, &["42", "5000000001", "9223372036854775807", "9223372036854775808"]).await;
    assert_eq!(id, json!(5_000_000_000_i64));
}

#[tokio::test]
async fn functions_serve_every_adopted_layout() {
    for layout in &LAYOUTS {
        let database = TestDatabase::adopted(layout).await;
        let count = async |condition: &str| -> usize {
            let query = format!("select count(*) from tasks where user_id::text = $1 and {condition}");
            let count: i64 = database.client.query_one(&query, &[&layout.user]).await.expect("a count").get(0);
            count.try_into().expect("not negative")
        };

        let api = Api::start(&database.url, &[]).await;
        let ada = api.user(layout.user);
        let length = async |query: &str| -> usize {
            let tasks = ada.get(&format!("/api/tasks?limit=1000{query}")).await.expect_status(200).json;
            tasks.as_array().expect("tasks").len()
        };
        assert_eq!(length("").await, 150, "{}", layout.name);
        assert_eq!(length("&status=pending").await, count("completed is not true").await, "{}", layout.name);
        assert_eq!(length("&status=completed").await, count("completed").await, "{}", layout.name);
        for sort in ["created_at", "updated_at", "due_date", "title", "priority"] {
            assert_eq!(length(&format!("&sort={sort}&order=asc")).await, 150, "{}", layout.name);
        }

        let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21T17:30:00+02:00"});
        let response = ada.post("/api/tasks", &body).await.expect_status(201);
        let (task, location) = (response.json.clone(), response.header("location").expect("where it is").to_owned());
        assert_eq!(task["due_date"], "2026-11-21T15:30:00.000000Z", "{}", layout.name);
        assert_eq!(ada.get(&location).await.expect_status(200).json, task);
        let changed = ada.put(&location, &json!({"title": "Buy oat milk"})).await.expect_status(200).json;
        assert!(changed["updated_at"].as_str() > task["updated_at"].as_str(), "{}: {changed}", layout.name);
        assert_eq!(ada.patch(&format!("{location}/toggle"), &json!({})).await.expect_status(200)["completed"], true);
        ada.delete(&location).await.expect_status(204);
    }
}

/// The back end that created a layout, with its own statements. It sends times of its own clock.
struct OldBackEnd {
    sql: tokio_postgres::Client,
    layout: &'static Layout,
}

impl OldBackEnd {
    async fn start(url: &str, layout: &'static Layout) -> Self {
        let sql = connect(url).await.expect("the database");
        for (name, statement) in [
            ("old_insert", layout.insert),
            ("old_update", layout.update),
            ("old_select", layout.select),
            ("old_delete", layout.delete),
        ] {
            sql.batch_execute(&format!("prepare {name} as {statement}")).await.expect(statement);
        }
        Self { sql, layout }
    }

    async fn insert(&self, title: &str, time: &str) {
        let id = if self.layout.makes_ids { format!(", '{title}'") } else { String::new() };
        self.run(&format!("execute old_insert('{}', '{title}', '{time}'{id})", self.layout.user)).await;
    }

    async fn update(&self, id: &TaskId, title: &str, time: &str) {
        self.run(&format!("execute old_update('{id}', '{title}', '{time}')")).await;
    }

    async fn delete(&self, id: &TaskId) {
        self.run(&format!("execute old_delete('{id}')")).await;
    }

    /// Title, completion and time of the last change, as the back end reads them. `None` if it does not find the task.
    async fn find(&self, id: &TaskId) -> Option<(String, bool, String)> {
        let select = format!("execute old_select('{}')", self.layout.user);
        let messages = self.sql.simple_query(&select).await.expect("rows");
        messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) if row.get("id") == Some(&id.to_string()) => {
                let text = |name| row.get(name).unwrap_or_default().to_owned();
                Some((text("title"), row.get("completed") == Some("t"), text("updated_at")))
            }
            _ => None,
        })
    }

    async fn run(&self, statement: &str) {
        self.sql.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

#[tokio::test]
async fn old_back_end_and_functions_share_tasks() {
    for layout in &LAYOUTS {
        let name = layout.name;
        let database = TestDatabase::adopted(layout).await;
        let old = OldBackEnd::start(&database.url, layout).await;
        let api = Api::start(&database.url, &[]).await;
        let ada = api.user(layout.user);
        let titled = async |title: &str| {
            let tasks = ada.get("/api/tasks?sort=updated&limit=1000").await.expect_status(200);
            let found: Vec<Value> = tasks.tasks().into_iter().filter(|task| task["title"] == title).cloned().collect();
            <[Value; 1]>::try_from(found).unwrap_or_else(|found| panic!("{name}: {found:?}"))
        };
        let version = async |id: &TaskId| -> i64 {
            let statement = "select version from tasks where id::text = $1";
            database.client.query_one(statement, &[&id.to_string()]).await.expect("the task").get(0)
        };

        old.insert("Old", "2025-11-21 02:51:49.233112").await;
        let [task] = titled("Old").await;
        assert_eq!(task["updated_at"], "2025-11-21T02:51:49.233112Z", "{name}");
        let (id, path) = (TaskId::from_task(&task), format!("/api/tasks/{}", TaskId::from_task(&task)));
        let (_, _, first) = old.find(&id).await.expect("its own task");

        ada.put(&path, &json!({"title": "New"})).await.expect_status(200);
        let changed = ada.patch(&format!("{path}/complete"), &json!({})).await.expect_status(200).json;
        assert!(changed["updated_at"].as_str() > task["updated_at"].as_str(), "{name}: {changed}");
        let (title, completed, second) = old.find(&id).await.expect("its own task");
        assert_eq!((title.as_str(), completed), ("New", true), "{name}");
        assert!(second > first, "{name}: {second} after {first}");

        // The trigger replaces the time that the back end sends, which is long past.
        old.update(&id, "Old again", "2001-01-01 00:00:00").await;
        let again = ada.get(&path).await.expect_status(200).json;
        assert_eq!((&again["title"], &again["completed"]), (&json!("Old again"), &json!(true)), "{name}");
        assert!(again["updated_at"].as_str() > changed["updated_at"].as_str(), "{name}: {again}");
        assert_eq!(version(&id).await, 4, "{name}");
        let (_, _, third) = old.find(&id).await.expect("its own task");
        assert!(third > second, "{name}: {third} after {second}");

        let theirs = ada.create(json!({"title": "Theirs", "priority": "high", "due_date": "2026-11-21"})).await;
        let their_id = TaskId::from_task(&theirs);
        assert!(
            old.find(&their_id).await.is_some_and(|(title, completed, _)| title == "Theirs" && !completed),
            "{name}"
        );
        old.update(&their_id, "Ours", "2001-01-01 00:00:00").await;
        let [ours] = titled("Ours").await;
        assert_eq!((&ours["priority"], &ours["due_date"]), (&theirs["priority"], &theirs["due_date"]), "{name}");
        assert_eq!(version(&their_id).await, 2, "{name}");

        old.delete(&their_id).await;
        ada.get(&format!("/api/tasks/{their_id}")).await.expect_status(404);
        ada.delete(&path).await.expect_status(204);
        assert_eq!(old.find(&id).await, None, "{name}");
    }
}
