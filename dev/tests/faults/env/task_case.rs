//! One operation of one user, whose effect can be checked in the table.

use dev::testing::client::{TestRequest, TestResponse, TestUser};
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use super::database::{FaultDatabase, Row};
use super::operation::Operation;

/// The tag of the task of an operation on tags.
const TAG: &str = "home";
/// The tag that it gets.
const OTHER_TAG: &str = "work";

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
            let insert = "insert into tasks (user_id, title, tags, due_date, recurrence)
                values ($1, $2, $3, case when $4 then '2100-01-05 09:00Z'::timestamptz end, case when $4 then 'FREQ=DAILY' end)
                returning id";
            let tags = operation.is_about_tags().then(|| vec![TAG]);
            let params: [&(dyn ToSql + Sync); 4] = [&user.id, &title, &tags, &operation.is_about_series()];
            Some(database.owner.client.query_one(insert, &params).await.unwrap().get(0))
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
            Operation::Skip => ("POST", path + "/skip", None),
            Operation::StopRecurrence => ("POST", path + "/stop-recurrence", None),
            Operation::ListTags => ("GET", "/api/tags".to_owned(), None),
            Operation::CreateTag => ("POST", "/api/tags".to_owned(), Some(json!({"name": TAG, "color": "red"}))),
            Operation::RenameTag => ("PUT", format!("/api/tags/{TAG}"), Some(json!({"name": OTHER_TAG}))),
            Operation::DeleteTag => ("DELETE", format!("/api/tags/{TAG}"), None),
            Operation::AddTag => ("POST", path + "/tags", Some(json!({"tags": [OTHER_TAG]}))),
            Operation::RemoveTag => ("DELETE", format!("{path}/tags/{TAG}"), None),
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
        Vec::from_iter(self.task.map(|id| self.new_row(id)))
    }

    /// The row of a task before the operation.
    fn new_row(&self, id: i32) -> Row {
        let recurs = self.operation.is_about_series();
        let tags = if self.operation.is_about_tags() { vec![TAG.to_owned()] } else { Vec::new() };
        let due = recurs.then(|| "2100-01-05".to_owned());
        Row { id, title: self.title.clone(), completed: false, version: 1, tags, due, recurs }
    }

    /// The rows after exactly one execution. A task that the operation creates has the last id of these rows.
    pub(super) fn rows_after(&self, rows: &[Row]) -> Vec<Row> {
        let new_id = rows.last().map(|row| row.id).unwrap_or_default();
        let id = self.task.unwrap_or(new_id);
        let changed = |completed| Row { title: self.changed_title(), completed, version: 2, ..self.new_row(id) };
        let created = || Row { title: self.created_title(), ..self.new_row(new_id) };
        let with_tags = |tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            vec![Row { tags, version: 2, ..self.new_row(id) }]
        };
        match self.operation {
            Operation::Delete => Vec::new(),
            Operation::List
            | Operation::Get
            | Operation::Stats
            | Operation::Changes
            | Operation::ListTags
            | Operation::CreateTag => self.rows_before(),
            Operation::Create => vec![self.new_row(id)],
            Operation::Update => vec![changed(false)],
            Operation::Toggle | Operation::Complete => {
                vec![Row { completed: true, version: 2, ..self.new_row(id) }]
            }
            Operation::Bulk => vec![changed(true), created()],
            Operation::BulkEach => vec![changed(false), created()],
            Operation::Skip => vec![Row { due: Some("2100-01-06".to_owned()), version: 2, ..self.new_row(id) }],
            Operation::StopRecurrence => vec![Row { recurs: false, version: 2, ..self.new_row(id) }],
            Operation::RenameTag => with_tags(&[OTHER_TAG]),
            Operation::DeleteTag | Operation::RemoveTag => with_tags(&[]),
            Operation::AddTag => with_tags(&[TAG, OTHER_TAG]),
        }
    }
}
