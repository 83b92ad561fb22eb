//! A client that knows the tasks of a user from their changes alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::response::TestResponse;
use super::task_id::TaskId;
use super::user::TestUser;

/// Keeps the tasks of a user by following sync tokens.
#[derive(Debug, Clone)]
pub struct Follower {
    /// The user who asks.
    pub user: TestUser,
    /// What the user has, as far as the client knows.
    pub tasks: BTreeMap<TaskId, Value>,
    /// The token of the last response. `None` before the first.
    pub token: Option<String>,
}

impl Follower {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(user: &TestUser) -> Self {
        Self { user: user.clone(), tasks: BTreeMap::new(), token: None }
    }

    /// A follower who has got everything.
    pub async fn started(user: &TestUser) -> Self {
        let mut follower = Self::new(user);
        follower.catch_up(1000).await;
        follower
    }

    /// The path of the next request.
    #[must_use]
    pub fn path(&self, limit: usize) -> String {
        let since = self.token.as_ref().map_or_else(String::new, |token| format!("&since={token}"));
        format!("/api/tasks/changes?limit={limit}{since}")
    }

    /// Gets one page, and does what a page with status 200 says. Starts again where the response says so.
    pub async fn next_page(&mut self, limit: usize) -> TestResponse {
        let response = self.user.get(&self.path(limit)).await;
        match response.status {
            200 => self.apply(&response.json, limit),
            410 => *self = Self::new(&self.user),
            _ => {}
        }
        response
    }

    /// Gets pages until there are no more. Returns the changes.
    pub async fn catch_up(&mut self, limit: usize) -> Vec<Value> {
        let mut changes = Vec::new();
        loop {
            let page = self.next_page(limit).await.expect_status(200).json;
            changes.extend(page["changes"].as_array().expect("an array").iter().cloned());
            if page["has_more"] == false {
                return changes;
            }
        }
    }

    fn apply(&mut self, page: &Value, limit: usize) {
        let changes = page["changes"].as_array().expect("an array");
        assert!(changes.len() <= limit, "{} changes of {limit}", changes.len());
        for change in changes {
            if change["op"] == "delete" {
                self.tasks.remove(&TaskId::from_task(change));
            } else {
                let task = &change["task"];
                assert_eq!(task["user_id"], self.user.id, "a task of another user");
                self.tasks.insert(TaskId::from_task(task), task.clone());
            }
        }
        self.token = Some(page["next"].as_str().expect("a token").to_owned());
    }
}
