//! What responses and the table must be after a fault.

use dev::testing::client::TestResponse;
use serde_json::{Value, json};
use std::sync::Arc;

use super::database::Row;
use super::operation::{ONE_OF_EACH_FUNCTION, Operation};
use super::task_case::TaskCase;
use super::test_env::TestEnv;

impl TestEnv {
    /// Opens the connection of each function.
    pub(crate) async fn warm_up(&self) {
        self.assert_works(&ONE_OF_EACH_FUNCTION).await;
    }

    /// Sends a request of each operation, one after the other, and asserts that each is done.
    pub(crate) async fn assert_works(&self, operations: &[Operation]) {
        for case in self.prepare_all(operations).await {
            self.assert_done(&case, &case.send().await).await;
        }
    }

    /// Asserts that the operation was executed exactly once, and that the response says so.
    pub(crate) async fn assert_done(&self, case: &TaskCase, response: &TestResponse) {
        let message = format!("{:?}: {response:?}\n{}", case.operation, self.stack.logs());
        let status = match case.operation {
            Operation::Create => 201,
            Operation::Delete | Operation::DeleteTag | Operation::RemoveTag => 204,
            _ => 200,
        };
        assert_eq!(response.status, status, "{message}");
        let rows = self.assert_executed_once(case).await;
        let stored: Vec<Value> = rows.iter().map(|row| json!([row.id, row.title, row.completed])).collect();
        assert_eq!(found_tasks(case, response, &rows), stored, "{message}");
    }

    /// [`TestEnv::assert_done`] for each case.
    pub(crate) async fn assert_all_done(&self, cases: &[Arc<TaskCase>], responses: &[TestResponse]) {
        for (case, response) in cases.iter().zip(responses) {
            self.assert_done(case, response).await;
        }
    }

    /// Asserts that the rows are as one execution leaves them, and that there is no other row.
    pub(crate) async fn assert_executed_once(&self, case: &TaskCase) -> Vec<Row> {
        let rows = self.database.rows_of(&case.user).await;
        assert_eq!(rows, case.rows_after(&rows), "{:?}\n{}", case.operation, self.stack.logs());
        rows
    }

    /// Sends the request of a case with a key again, which was answered so, and asserts that it gets the same answer and is
    /// not executed again.
    pub(crate) async fn assert_replayed(&self, case: &TaskCase, first: &TestResponse) {
        let mut response = case.send().await;
        assert_eq!(response.header("idempotent-replayed"), Some("true"), "{response:?}\n{}", self.stack.logs());
        let mut first = first.clone();
        for response in [&mut response, &mut first] {
            response.headers.remove("idempotent-replayed");
            // Only the gateway adds it.
            response.headers.remove("vary");
        }
        assert_eq!(response.without_request_id(), first.without_request_id(), "{:?}", case.operation);
        self.assert_executed_once(case).await;
        let keys = format!("select count(*) from tasks_api.idempotency_keys where user_id = '{}'", case.user.id);
        assert_eq!(self.database.number(&keys).await, 1, "{:?}", case.operation);
    }

    /// Asserts that a request with a key was done by itself, and that a repeat gets the same answer.
    pub(crate) async fn assert_done_and_kept(&self, case: &TaskCase, response: &TestResponse) {
        self.assert_done(case, response).await;
        assert_eq!(response.header("idempotent-replayed"), None, "{:?}: {response:?}", case.operation);
        self.assert_replayed(case, response).await;
    }

    /// Asserts that a request with a key, which this response does not answer, is done once when it is repeated.
    pub(crate) async fn assert_repeat_is_done(&self, case: &TaskCase) {
        let response = case.send().await;
        self.assert_done(case, &response).await;
        self.assert_replayed(case, &response).await;
    }

    /// Asserts that the response is 409 because another request may be in progress.
    pub(crate) fn assert_in_progress(&self, response: &TestResponse) {
        let message = format!("{response:?}\n{}", self.stack.logs());
        assert_eq!((response.status, &response["code"]), (409, &json!("idempotency_in_progress")), "{message}");
        assert_eq!(response.retry_after(), Some(1), "{message}");
    }

    /// Whether the operation was executed. Asserts that it was not executed twice.
    pub(crate) async fn was_executed(&self, case: &TaskCase) -> bool {
        if self.database.rows_of(&case.user).await == case.rows_before() && self.count_made_tags(case).await == 0 {
            return false;
        }
        self.assert_executed_once(case).await;
        true
    }

    /// Asserts that the tables are as they were before the operation.
    pub(crate) async fn assert_not_executed(&self, case: &TaskCase) {
        let rows = self.database.rows_of(&case.user).await;
        assert_eq!(rows, case.rows_before(), "{:?}\n{}", case.operation, self.stack.logs());
        assert_eq!(self.count_made_tags(case).await, 0, "{:?}\n{}", case.operation, self.stack.logs());
    }

    /// How many tags have a row of their own. Only making a tag makes one.
    async fn count_made_tags(&self, case: &TaskCase) -> i64 {
        let made = format!("select count(*) from tasks_api.task_tags where user_id = '{}'", case.user.id);
        self.database.number(&made).await
    }

    /// Asserts that the response is a 503 with `Retry-After`, whether or not the operation was executed.
    pub(crate) fn assert_unavailable(&self, response: &TestResponse) {
        let message = format!("{response:?}\n{}", self.stack.logs());
        assert_eq!((response.status, &response["code"]), (503, &json!("database_unavailable")), "{message}");
        assert!(response.retry_after().is_some_and(|seconds| (1..=2).contains(&seconds)), "{message}");
    }

    /// Asserts that the response is a 503 with `Retry-After`, and that the operation was not executed.
    pub(crate) async fn assert_unavailable_and_not_executed(&self, case: &TaskCase, response: &TestResponse) {
        self.assert_unavailable(response);
        self.assert_not_executed(case).await;
    }

    /// Asserts that the operation was done, or that the response is a 503. Then it was executed once or not at all.
    pub(crate) async fn assert_done_or_unavailable(&self, case: &TaskCase, response: &TestResponse) {
        if response.status != 503 {
            return self.assert_done(case, response).await;
        }
        self.assert_unavailable(response);
        self.was_executed(case).await;
    }
}

/// Id, title and `completed` of the tasks in a response, in the order of the ids.
fn found_tasks(case: &TaskCase, response: &TestResponse, rows: &[Row]) -> Vec<Value> {
    let mut tasks: Vec<&Value> = match case.operation {
        Operation::List => response.tasks(),
        Operation::Changes => {
            let changes = response["changes"].as_array().into_iter().flatten();
            changes.map(|change| &change["task"]).collect()
        }
        Operation::Stats => {
            // It tells only how many there are.
            let pending = rows.iter().filter(|row| !row.completed).count();
            assert_eq!(
                (&response["total"], &response["pending"]),
                (&json!(rows.len()), &json!(pending)),
                "{response:?}"
            );
            return rows.iter().map(|row| json!([row.id, row.title, row.completed])).collect();
        }
        Operation::ListTags | Operation::CreateTag | Operation::RenameTag => {
            let tags = if case.operation == Operation::ListTags { &response.json[0] } else { &response.json };
            let expected = (&json!(rows[0].tags[0]), &json!(rows.len()));
            assert_eq!((&tags["name"], &tags["task_count"]), expected, "{response:?}");
            return rows.iter().map(|row| json!([row.id, row.title, row.completed])).collect();
        }
        Operation::DeleteTag | Operation::RemoveTag => {
            assert_eq!(response.json, json!(null));
            return rows.iter().map(|row| json!([row.id, row.title, row.completed])).collect();
        }
        Operation::Delete => Vec::new(),
        Operation::Bulk | Operation::BulkEach => {
            let results = response["results"].as_array().expect("results");
            let statuses: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
            assert_eq!(statuses, case.bulk_statuses(), "{response:?}");
            results.iter().filter_map(|result| result.get("task")).collect()
        }
        _ => vec![&response.json],
    };
    tasks.sort_by_key(|task| task["id"].as_i64());
    let mut found: Vec<Value> =
        tasks.into_iter().map(|task| json!([task["id"], task["title"], task["completed"]])).collect();
    // Operations of a bulk request on the same task answer the same.
    found.dedup();
    found
}
