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
    /// Whether the task must be as it was inserted.
    requires_unchanged: bool,
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
        Self { operation, user, task, title, requires_unchanged: false, key: None }
    }

    /// Requires the task to be unchanged.
    pub(crate) fn if_unchanged(mut self) -> Self {
        self.requires_unchanged = true;
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
        // The operations of a bulk request have versions of their own.
        let if_match = (self.requires_unchanged && !self.is_bulk()).then_some("\"1\"");
        let request = if_match.iter().fold(request, |request: TestRequest, tag| request.header("if-match", tag));
        let request = self.key.iter().fold(request, |request, key| request.header("idempotency-key", key));
        self.user.send(request).await
    }

    /// Method, path and body of the request.
    pub(crate) fn request_parts(&self) -> (&'static str, String, Option<Value>) {
        let path = self.task_path();
        match self.operation {
            Operation::List => ("GET", "/api/tasks".to_owned(), None),
            Operation::Get => ("GET", path, None),
            Operation::Stats => ("GET", "/api/tasks/stats".to_owned(), None),
            Operation::Changes => ("GET", "/api/tasks/changes".to_owned(), None),
            Operation::Create => ("POST", path, Some(json!({"title": self.title}))),
            Operation::Update => ("PUT", path, Some(json!({"title": self.changed_title()}))),
            Operation::Toggle => ("PATCH", path + "/toggle", None),
            Operation::Complete => ("PATCH", path + "/complete", Some(json!({"completed": true}))),
            Operation::Delete => ("DELETE", path, None),
            Operation::Bulk | Operation::BulkEach => ("POST", "/api/tasks/bulk".to_owned(), Some(self.bulk_body())),
        }
    }

    pub(super) fn is_bulk(&self) -> bool {
        matches!(self.operation, Operation::Bulk | Operation::BulkEach)
    }

    /// The operations of a bulk request. Those on the same task are one change if they are atomic. Otherwise each would be
    /// a statement, so there is one, and another that fails.
    fn bulk_body(&self) -> Value {
        let mut update = json!({"op": "update", "id": self.task, "title": self.changed_title()});
        if self.requires_unchanged {
            update["version"] = json!(1);
        }
        let create = json!({"op": "create", "title": self.created_title()});
        if self.operation == Operation::Bulk {
            return json!({"operations": [create, update, {"op": "complete", "id": self.task}]});
        }
        json!({"atomic": false, "operations": [update, {"op": "delete", "id": i32::MAX}, create]})
    }

    /// The statuses of the operations of a bulk request.
    pub(super) fn bulk_statuses(&self) -> [u16; 3] {
        if self.operation == Operation::Bulk { [201, 200, 200] } else { [200, 404, 201] }
    }

    /// The path of the task, or of all tasks before the task is created.
    pub(crate) fn task_path(&self) -> String {
        format!("/api/tasks{}", self.task.map(|id| format!("/{id}")).unwrap_or_default())
    }

    fn changed_title(&self) -> String {
        format!("Changed: {}", self.title)
    }

    /// The title of the task that a bulk request creates.
    fn created_title(&self) -> String {
        format!("Created: {}", self.title)
    }

    /// The rows before the operation.
    pub(super) fn rows_before(&self) -> Vec<Row> {
        let row = |id| Row { id, title: self.title.clone(), completed: false, version: 1 };
        Vec::from_iter(self.task.map(row))
    }

    /// The rows after exactly one execution. A task that the operation creates has the last id of these rows.
    pub(super) fn rows_after(&self, rows: &[Row]) -> Vec<Row> {
        let new_id = rows.last().map(|row| row.id).unwrap_or_default();
        let id = self.task.unwrap_or(new_id);
        let changed = |completed| Row { id, title: self.changed_title(), completed, version: 2 };
        let created = || Row { id: new_id, title: self.created_title(), completed: false, version: 1 };
        match self.operation {
            Operation::Delete => Vec::new(),
            Operation::List | Operation::Get | Operation::Stats | Operation::Changes => self.rows_before(),
            Operation::Create => vec![Row { id, title: self.title.clone(), completed: false, version: 1 }],
            Operation::Update => vec![changed(false)],
            Operation::Toggle | Operation::Complete => {
                vec![Row { id, title: self.title.clone(), completed: true, version: 2 }]
            }
            Operation::Bulk => vec![changed(true), created()],
            Operation::BulkEach => vec![changed(false), created()],
        }
    }
}
