//! A user of the API.

use serde_json::{Value, json};

use super::api_client::ApiClient;
use super::request::TestRequest;
use super::response::TestResponse;
use super::task_id::TaskId;

/// A user with a token. Every task in the responses must belong to the user.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The client that sends the requests.
    pub client: ApiClient,
    /// The id of the user.
    pub id: String,
    /// The bearer token.
    pub token: String,
}

impl ApiClient {
    /// A user of this API. Neither the id nor the token need be valid.
    #[must_use]
    pub fn user(&self, id: &str, token: &str) -> TestUser {
        TestUser { client: self.clone(), id: id.to_owned(), token: token.to_owned() }
    }
}

impl TestUser {
    /// A request with the token of the user.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> TestRequest {
        TestRequest::new(method, path).bearer(&self.token)
    }

    /// Sends a request, usually one of [`TestUser::request`].
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        let response = self.client.send(request).await;
        for task in response.tasks() {
            assert_eq!(task["user_id"], json!(self.id), "{} returned a task of another user", response.request);
        }
        response
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(self.request("GET", path)).await
    }

    /// Sends a POST request with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send(self.request("POST", path).json(body)).await
    }

    /// Sends a PUT request with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> TestResponse {
        self.send(self.request("PUT", path).json(body)).await
    }

    /// Sends a PATCH request with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> TestResponse {
        self.send(self.request("PATCH", path).json(body)).await
    }

    /// Sends a DELETE request.
    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(self.request("DELETE", path)).await
    }

    /// Creates a task and returns it.
    pub async fn create(&self, body: Value) -> Value {
        self.post("/api/tasks", &body).await.expect_status(201).json
    }

    /// Creates a task and returns its id.
    pub async fn create_id(&self, body: Value) -> String {
        TaskId::from_task(&self.create(body).await).to_string()
    }

    /// Creates a task and returns its path: `/api/tasks/42`.
    pub async fn create_path(&self, body: Value) -> String {
        format!("/api/tasks/{}", self.create_id(body).await)
    }
}
