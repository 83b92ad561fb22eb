//! How many bytes of write-ahead log a write causes. Each index adds a record of its own.
//!
//! The bytes depend neither on the machine nor on its load. The server is private, and with `full_page_writes = off` they
//! do not depend on checkpoints either.

use dev::services::database::new_user;
use dev::testing::client::TestResponse;
use dev::testing::database::{TestDatabase, TestServer};
use dev::testing::function::{Function, event};
use dev::tokens::mint;
use serde_json::{Value, json};

const SECRET: &str = "the secret of a test, which is long enough";

/// The number of requests whose average is taken.
const REQUESTS: usize = 500;

/// The largest average of each write: some 50 bytes above what was measured. Another index adds 80 bytes, and more if the id
/// of the user is longer. Most of what a delete logs is the record of the deleted task and its entry in an index.
struct Limits {
    create: u64,
    update: u64,
    complete: u64,
    delete: u64,
}

/// Nobody else writes to the database.
struct QuietDatabase {
    database: TestDatabase,
    user: String,
}

impl QuietDatabase {
    async fn with_user(server: &TestServer, id: &str) -> Self {
        let database = TestDatabase::migrated_on(server).await;
        database.run("alter table tasks set (autovacuum_enabled = off)").await;
        database
            .run(&format!(r#"insert into "user" (id, name, email) values ('{id}', '{id}', '{id}@example.com')"#))
            .await;
        Self { database, user: id.to_owned() }
    }

    /// Sends the requests to a function. Returns its responses, and the average number of bytes of a request.
    async fn send(&self, name: &str, requests: &[(&str, String, Value)]) -> (Vec<TestResponse>, u64) {
        let variables = [("DATABASE_URL", self.database.url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
        let mut function = Function::start_built(name, &variables).await;
        let token = mint(SECRET, &self.user);
        let mut responses = Vec::new();
        let start = self.position().await;
        for (number, (method, path, body)) in requests.iter().enumerate() {
            let mut event = event(method, path);
            event["headers"]["authorization"] = format!("Bearer {token}").into();
            event["headers"]["content-type"] = "application/json".into();
            event["body"] = body.to_string().into();
            // A second request with the same id is taken for a retry.
            event["requestContext"]["requestId"] = format!("JKJaXmPLvHc{number:04}=").into();
            if let Some(id) = path.split('/').nth(3) {
                event["pathParameters"] = json!({"id": id});
            }
            let response = function.invoke(&event).await;
            let response = response.unwrap_or_else(|error| unreachable!("{error}: {}", function.output()));
            assert!((200..300).contains(&response.status), "{response:?}");
            responses.push(response);
        }
        let bytes = self.position().await - start;
        (responses, bytes / requests.len() as u64)
    }

    /// How many bytes the server has logged.
    async fn position(&self) -> u64 {
        let position = self.database.number("select (pg_current_wal_insert_lsn() - '0/0')::bigint").await;
        position.try_into().expect("a number of bytes")
    }
}

#[tokio::test]
async fn writes_log_few_bytes() {
    let server = TestServer::start().await;
    let any = TestDatabase::migrated_on(&server).await;
    let id_of_better_auth = new_user(&any.client).await.expect("a user").id;
    for (user, limits) in [
        ("user-1", Limits { create: 1080, update: 1040, complete: 1100, delete: 330 }),
        (id_of_better_auth.as_str(), Limits { create: 1440, update: 1280, complete: 1360, delete: 390 }),
    ] {
        let quiet = QuietDatabase::with_user(&server, user).await;
        let create = |number: usize| {
            let body = json!({"title": format!("Buy {number} apples"), "priority": "low", "due_date": "2026-11-21"});
            ("POST", "/api/tasks".to_owned(), body)
        };
        let (created, create) = quiet.send("create-task", &(0..REQUESTS).map(create).collect::<Vec<_>>()).await;
        let to_each = |method, suffix: &str, body: Value| {
            let path = |task: &TestResponse| format!("/api/tasks/{}{suffix}", task.json["id"]);
            created.iter().map(|task| (method, path(task), body.clone())).collect::<Vec<_>>()
        };
        let (_, update) = quiet.send("update-task", &to_each("PUT", "", json!({"title": "Buy pears"}))).await;
        let (_, complete) = quiet.send("complete-task", &to_each("PATCH", "/complete", Value::Null)).await;
        let (_, delete) = quiet.send("delete-task", &to_each("DELETE", "", Value::Null)).await;
        assert!(
            create <= limits.create
                && update <= limits.update
                && complete <= limits.complete
                && delete <= limits.delete,
            "{user}: create {create}, update {update}, complete {complete}, delete {delete}"
        );
        println!("{user}: create {create}, update {update}, complete {complete}, delete {delete}");
    }
    server.stop().await;
}
