//! One operation of one user, whose effect can be checked in the table.

use dev::testing::client::{TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};

use super::database::{FaultDatabase, Row};
use super::operation::Operation;

/// One operation of a user who has no task but the one that it is about.
pub(crate) struct TaskCase {
    pub(crate) operation: Operation,
    pub(crate) user: TestUser,
    /// The id of the task. `None` for [`Operation::Create`].
    pub(crate) task: Option<i32>,
    title: String,
    /// The value of `If-Match`.
    if_match: Option<&'static str>,
    /// The value of `Idempotency-Key`.
    pub(super) key: Option<String>,
}

impl TaskCase {
    /// Inserts the task that the operation is about.
    pub(super) async fn new(operation: Operation, user: TestUser, database: &FaultDatabase) -> Self {
        let title = format!("Task of {}", user.id);
        let task = if operation == Operation::Create {
            None
        } else {
            let insert = "insert into tasks (user_id, title) values ($1, $2) returning id";
            Some(database.owner.client.query_one(insert, &[&user.id, &title]).await.unwrap().get(0))
        };
        Self { operation, user, task, title, if_match: None, key: None }
    }

    /// Requires the task to be unchanged.
    pub(crate) fn if_unchanged(mut self) -> Self {
        self.if_match = Some("\"1\"");
        self
    }

    /// Gives the request a key, so that it can be repeated.
    pub(crate) fn with_key(mut self) -> Self {
        self.key = Some(format!("key of {}", self.user.id));
        self
    }

    /// Sends the request.
    pub(crate) async fn send(&self) -> TestResponse {
        let (method, path, body) = self.request_parts();
        self.send_request(method, &path, body.as_ref()).await
    }

    /// Sends another request as the same user, with the same `If-Match` and `Idempotency-Key`.
    pub(crate) async fn send_request(&self, method: &str, path: &str, body: Option<&Value>) -> TestResponse {
        let request = self.user.request(method, path).maybe_json(body);
        let request = self.if_match.iter().fold(request, |request: TestRequest, tag| request.header("if-match", tag));
        let request = self.key.iter().fold(request, |request, key| request.header("idempotency-key", key));
        self.user.send(request).await
    }

    /// Method, path and body of the request.
    pub(crate) fn request_parts(&self) -> (&'static str, String, Option<Value>) {
        let path = self.task_path();
        match self.operation {
            Operation::List => ("GET", "/api/tasks".to_owned(), None),
            Operation::Get => ("GET", path, None),
            Operation::Create => ("POST", path, Some(json!({"title": self.title}))),
            Operation::Update => ("PUT", path, Some(json!({"title": self.changed_title()}))),
            Operation::Toggle => ("PATCH", path + "/toggle", None),
            Operation::Complete => ("PATCH", path + "/complete", Some(json!({"completed": true}))),
            Operation::Delete => ("DELETE", path, None),
        }
    }

    /// The path of the task, or of all tasks before the task is created.
    pub(crate) fn task_path(&self) -> String {
        format!("/api/tasks{}", self.task.map(|id| format!("/{id}")).unwrap_or_default())
    }

    fn changed_title(&self) -> String {
        format!("Changed: {}", self.title)
    }

    /// The row before the operation.
    pub(super) fn row_before(&self) -> Option<Row> {
        self.task.map(|id| Row { id, title: self.title.clone(), completed: false, version: 1 })
    }

    /// The row after exactly one execution. A task that the operation creates has the id `new_id`.
    pub(super) fn row_after(&self, new_id: Option<i32>) -> Option<Row> {
        let (title, completed, version) = match self.operation {
            Operation::Delete => return None,
            Operation::List | Operation::Get | Operation::Create => (self.title.clone(), false, 1),
            Operation::Update => (self.changed_title(), false, 2),
            Operation::Toggle | Operation::Complete => (self.title.clone(), true, 2),
        };
        Some(Row { id: self.task.or(new_id).unwrap_or_default(), title, completed, version })
    }
}
