//! Databases that were laid out by somebody else: the type of a column decides what an id looks like.

use serde_json::{Value, json};

use crate::adopted_layouts::{LAYOUTS, Layout};
use crate::kit::{Api, Caller, Id, api};

/// The columns that all layouts have alike, with the type of their times.
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
             idempotency_key text,
             last_request text,
             unique (user_id, idempotency_key))"
    )
}

/// A new database on the common server.
async fn new_database(name: &str) -> (String, tokio_postgres::Client) {
    let common = api();
    common.sql().await.batch_execute(&format!("create database {name}")).await.expect("a database");
    let url = common.stack().database_url().replace("/todo?", &format!("/{name}?"));
    let sql = dev::services::database::connect(&url).await.expect("the database");
    (url, sql)
}

/// A stack on a new database, and a user of it.
async fn with_tables(name: &str, user_id: &str, tables: &str) -> (Caller, tokio_postgres::Client) {
    let (url, sql) = new_database(name).await;
    sql.batch_execute(tables).await.expect("tables");
    let fences = include_str!("../../../migrations/0012_task_fences.up.sql");
    sql.batch_execute(fences).await.expect("a table beside tasks");
    sql.batch_execute(&format!("insert into users values ('{user_id}')")).await.expect("a user");
    (Api::own(&url, &[]).await.caller(user_id), sql)
}

/// Does with a task all that can be done, and returns its id.
async fn life_of_a_task(ada: &Caller, sql: &tokio_postgres::Client, foreign_ids: &[&str]) -> Value {
    let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21T17:30:00+02:00"});
    let answer = ada.post("/api/tasks", &body).await.is(201);
    let (task, location) = (answer.json.clone(), answer.header("location").expect("where it is").to_owned());
    assert_eq!(task["due_date"], "2026-11-21T15:30:00.000000Z");
    let stored = "select to_char(due_date, 'YYYY-MM-DD HH24:MI:SS'), abs(extract(epoch from created_at - (now() at time
                  zone 'utc'))) < 60 from tasks";
    sql.batch_execute("set time zone 'UTC'").await.expect("a setting");
    let row = sql.query_one(stored, &[]).await.expect("the task");
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("2026-11-21 15:30:00", true));

    assert_eq!(ada.get(&location).await.is(200).json, task);
    assert_eq!(ada.get("/api/tasks?sort=due_date&status=pending").await.is(200).json, json!([task]));
    let changed = ada.put(&location, &json!({"title": "Buy oat milk", "due_date": null})).await.is(200);
    assert_eq!(
        (&changed["title"], &changed["due_date"], &changed["id"]),
        (&json!("Buy oat milk"), &json!(null), &task["id"])
    );
    sql.batch_execute("update tasks set completed = null").await.expect("an older back end");
    assert_eq!(ada.get(&location).await.is(200)["completed"], false);
    assert_eq!(ada.patch(&format!("{location}/toggle"), &json!({})).await.is(200)["completed"], true);
    for id in foreign_ids {
        ada.get(&format!("/api/tasks/{id}")).await.is(404);
        ada.patch(&format!("/api/tasks/{id}"), &json!({"title": "t"})).await.is(404);
        ada.delete(&format!("/api/tasks/{id}")).await.is(404);
    }
    let other = ada.api.caller("nobodyWithThisIdIsInTheTable00001");
    other.post("/api/tasks", &body).await.is(401);
    other.get(&location).await.is(404);
    other.delete(&location).await.is(404);
    ada.delete(&location).await.is(204);
    ada.get(&location).await.is(404);
    task["id"].clone()
}

#[tokio::test]
async fn ids_in_uuid_columns_are_strings() {
    let user_id = "0b6ff4a5-6d1c-4f3e-9f3b-2f6a4f0e7a11";
    let tables = tables("uuid primary key default gen_random_uuid()", "uuid", "timestamptz");
    let (ada, sql) = with_tables("uuid_ids", user_id, &tables).await;
    let foreign = ["42", "abc", "0b6ff4a5-6d1c-4f3e-9f3b-2f6a4f0e7a11", "0b6ff4a5-6d1c-4f3e-9f3b"];
    let id = life_of_a_task(&ada, &sql, &foreign).await;
    assert!(id.as_str().is_some_and(|id| id.len() == 36 && id.matches('-').count() == 4), "{id}");
}

#[tokio::test]
async fn ids_in_text_columns_are_strings_and_times_without_a_zone_are_utc() {
    let id = "varchar(255) primary key default 'task-' || gen_random_uuid()";
    let tables = tables(id, "varchar(36)", "timestamp");
    let (ada, sql) = with_tables("text_ids", "D8OYpHXtea4Y1q4TUBTRpgTFV1YdC5uI", &tables).await;
    let id = life_of_a_task(&ada, &sql, &["42", "task-", "abc"]).await;
    assert!(id.as_str().is_some_and(|id| id.starts_with("task-")), "{id}");
}

#[tokio::test]
async fn ids_beyond_four_bytes_are_numbers() {
    let tables = tables("bigint primary key generated always as identity (start with 5000000000)", "text", "timestamp");
    let (ada, sql) = with_tables("big_ids", "ada", &tables).await;
    let id = life_of_a_task(&ada, &sql, &["42", "5000000001", "9223372036854775807", "9223372036854775808"]).await;
    assert_eq!(id, json!(5_000_000_000_i64));
}

/// A new database, filled by another back end and then adopted.
async fn adopted(name: &str, layout: &Layout) -> (String, tokio_postgres::Client) {
    let (url, sql) = new_database(&format!("{name}_{}", layout.name)).await;
    for statements in [layout.tables, layout.users, layout.tasks] {
        sql.batch_execute(statements).await.expect(layout.name);
    }
    migrations::up(&url, &migrations::Options::default()).await.expect(layout.name);
    (url, sql)
}

#[tokio::test]
async fn every_adopted_layout_serves_its_tasks() {
    for layout in &LAYOUTS {
        let (url, sql) = adopted("adopted", layout).await;
        let count = async |condition: &str| -> usize {
            let query = format!("select count(*) from tasks where user_id::text = $1 and {condition}");
            let count: i64 = sql.query_one(&query, &[&layout.user]).await.expect("a count").get(0);
            count.try_into().expect("not negative")
        };

        let ada = Api::own(&url, &[]).await.caller(layout.user);
        let length = async |query: &str| -> usize {
            let tasks = ada.get(&format!("/api/tasks?limit=1000{query}")).await.is(200).json;
            tasks.as_array().expect("tasks").len()
        };
        assert_eq!(length("").await, 150, "{}", layout.name);
        assert_eq!(length("&status=pending").await, count("completed is not true").await, "{}", layout.name);
        assert_eq!(length("&status=completed").await, count("completed").await, "{}", layout.name);
        for sort in ["created_at", "updated_at", "due_date", "title", "priority"] {
            assert_eq!(length(&format!("&sort={sort}&order=asc")).await, 150, "{}", layout.name);
        }

        let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21T17:30:00+02:00"});
        let answer = ada.post("/api/tasks", &body).await.is(201);
        let (task, location) = (answer.json.clone(), answer.header("location").expect("where it is").to_owned());
        assert_eq!(task["due_date"], "2026-11-21T15:30:00.000000Z", "{}", layout.name);
        assert_eq!(ada.get(&location).await.is(200).json, task);
        let changed = ada.put(&location, &json!({"title": "Buy oat milk"})).await.is(200).json;
        assert!(changed["updated_at"].as_str() > task["updated_at"].as_str(), "{}: {changed}", layout.name);
        assert_eq!(ada.patch(&format!("{location}/toggle"), &json!({})).await.is(200)["completed"], true);
        ada.delete(&location).await.is(204);
    }
}

/// The back end that made a layout, with its own statements. It believes in its own clock.
struct OldBackEnd {
    sql: tokio_postgres::Client,
    layout: &'static Layout,
}

impl OldBackEnd {
    async fn start(url: &str, layout: &'static Layout) -> Self {
        let sql = dev::services::database::connect(url).await.expect("the database");
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

    async fn update(&self, id: &Id, title: &str, time: &str) {
        self.run(&format!("execute old_update('{id}', '{title}', '{time}')")).await;
    }

    async fn delete(&self, id: &Id) {
        self.run(&format!("execute old_delete('{id}')")).await;
    }

    /// Title, whether it is completed and when it changed, as far as the back end sees the task.
    async fn sees(&self, id: &Id) -> Option<(String, bool, String)> {
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
async fn an_old_back_end_and_the_functions_change_the_same_tasks_in_turn() {
    for layout in &LAYOUTS {
        let name = layout.name;
        let (url, sql) = adopted("in_turn", layout).await;
        let old = OldBackEnd::start(&url, layout).await;
        let ada = Api::own(&url, &[]).await.caller(layout.user);
        let titled = async |title: &str| {
            let tasks = ada.get("/api/tasks?sort=updated&limit=1000").await.is(200);
            let found: Vec<Value> = tasks.tasks().into_iter().filter(|task| task["title"] == title).cloned().collect();
            <[Value; 1]>::try_from(found).unwrap_or_else(|found| panic!("{name}: {found:?}"))
        };
        let version = async |id: &Id| -> i64 {
            let statement = "select version from tasks where id::text = $1";
            sql.query_one(statement, &[&id.to_string()]).await.expect("the task").get(0)
        };

        old.insert("Old", "2025-11-21 02:51:49.233112").await;
        let [task] = titled("Old").await;
        assert_eq!(task["updated_at"], "2025-11-21T02:51:49.233112Z", "{name}");
        let (id, path) = (Id::of(&task), format!("/api/tasks/{}", Id::of(&task)));
        let (_, _, first) = old.sees(&id).await.expect("its own task");

        ada.put(&path, &json!({"title": "New"})).await.is(200);
        let changed = ada.patch(&format!("{path}/complete"), &json!({})).await.is(200).json;
        assert!(changed["updated_at"].as_str() > task["updated_at"].as_str(), "{name}: {changed}");
        let (title, completed, second) = old.sees(&id).await.expect("its own task");
        assert_eq!((title.as_str(), completed), ("New", true), "{name}");
        assert!(second > first, "{name}: {second} after {first}");

        // What it says of the time is not believed: this one is long past.
        old.update(&id, "Old again", "2001-01-01 00:00:00").await;
        let again = ada.get(&path).await.is(200).json;
        assert_eq!((&again["title"], &again["completed"]), (&json!("Old again"), &json!(true)), "{name}");
        assert!(again["updated_at"].as_str() > changed["updated_at"].as_str(), "{name}: {again}");
        assert_eq!(version(&id).await, 4, "{name}");
        let (_, _, third) = old.sees(&id).await.expect("its own task");
        assert!(third > second, "{name}: {third} after {second}");

        let theirs = ada.create(json!({"title": "Theirs", "priority": "high", "due_date": "2026-11-21"})).await;
        let their_id = Id::of(&theirs);
        assert!(
            old.sees(&their_id).await.is_some_and(|(title, completed, _)| title == "Theirs" && !completed),
            "{name}"
        );
        old.update(&their_id, "Ours", "2001-01-01 00:00:00").await;
        let [ours] = titled("Ours").await;
        assert_eq!((&ours["priority"], &ours["due_date"]), (&theirs["priority"], &theirs["due_date"]), "{name}");
        assert_eq!(version(&their_id).await, 2, "{name}");

        old.delete(&their_id).await;
        ada.get(&format!("/api/tasks/{their_id}")).await.is(404);
        ada.delete(&path).await.is(204);
        assert_eq!(old.sees(&id).await, None, "{name}");
    }
}
