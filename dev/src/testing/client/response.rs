//! The response to a request.

use std::ops::Index;

use axum::body::Bytes;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::task_id::TaskId;

/// The response to a request, from the gateway or from a function. Indexing it with a name gives a member of the JSON.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// The request, for messages: `GET /api/tasks`.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as bytes.
    pub body: Bytes,
    /// The body as JSON. Null if there is no body, or if it is not JSON. A task that a write answers is as reads answer it,
    /// without `txid`.
    pub json: Value,
    /// The member `txid` of a task that a write answers.
    pub transaction: Option<String>,
}

impl TestResponse {
    pub(super) fn new(request: String, status: u16, headers: HeaderMap, body: Bytes) -> Self {
        let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let task = json.as_object_mut().filter(|members| members.contains_key("user_id"));
        let transaction = task.and_then(|task| task.remove("txid")?.as_str().map(str::to_owned));
        Self { request, status, headers, body, json, transaction }
    }

    /// Parses what a function returns to API Gateway. A status that is missing is 0.
    #[must_use]
    pub fn from_payload(request: String, payload: &str) -> Self {
        let payload: Value = serde_json::from_str(payload).unwrap_or_default();
        let status = payload["statusCode"].as_u64().unwrap_or_default();
        let headers = payload["headers"].as_object().into_iter().flatten().map(|(name, value)| {
            let name = HeaderName::from_lowercase(name.as_bytes()).expect("a header name in lower case");
            let value = value.as_str().expect("a header value is a string");
            (name, HeaderValue::from_str(value).expect("a header value"))
        });
        let body = payload["body"].as_str().unwrap_or_default();
        let body = match payload["isBase64Encoded"] {
            Value::Bool(true) => BASE64_STANDARD.decode(body).expect("base64"),
            _ => body.as_bytes().to_vec(),
        };
        Self::new(request, u16::try_from(status).expect("an HTTP status"), headers.collect(), body.into())
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: impl AsRef<str>) -> Option<&str> {
        self.headers.get(name.as_ref()).map(|value| value.to_str().expect("a header of ASCII text"))
    }

    /// The value of `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.header(RETRY_AFTER).map(|seconds| seconds.parse().expect("a number of seconds"))
    }

    /// The value of `X-Request-Id`, by which the logs name the request. Empty if there is none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_default()
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.request, String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts that this is the problem with this status, code and sentence.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str, detail: &str) -> Self {
        let response = self.expect_status(status);
        let found = (response["code"].as_str(), response["detail"].as_str());
        assert_eq!(found, (Some(code), Some(detail)), "{}", response.request);
        response
    }

    /// Asserts status 422 with errors at exactly these places: `/title`.
    #[track_caller]
    pub fn expect_invalid_at(self, pointers: &[&str]) -> Self {
        let response = self.expect_status(422);
        let errors = response["errors"].as_array().into_iter().flatten();
        let found: Vec<&str> = errors.filter_map(|error| error["pointer"].as_str()).collect();
        assert_eq!(found, pointers, "{}: {}", response.request, response.json);
        response
    }

    /// The tasks in the response: a list as an array or as an object, or a single task. Lists of other things have none.
    #[must_use]
    pub fn tasks(&self) -> Vec<&Value> {
        let list = self.json.as_array().or_else(|| self.json.get("tasks")?.as_array());
        match list {
            Some(tasks) => tasks.iter().filter(|value| value.get("title").is_some()).collect(),
            None => Some(&self.json).filter(|value| value.get("user_id").is_some()).into_iter().collect(),
        }
    }

    /// The ids of the tasks, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<TaskId> {
        TaskId::from_tasks(self.tasks())
    }

    /// Status, headers and JSON without what differs between two requests, such as the request id.
    #[must_use]
    pub fn without_request_id(&self) -> (u16, Vec<(String, String)>, Value) {
        const OF_REQUEST: [&str; 4] = ["x-request-id", "apigw-requestid", "date", "content-length"];
        let headers = self.headers.iter().filter(|(name, _)| !OF_REQUEST.contains(&name.as_str()));
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned())).collect();
        headers.sort();
        let mut json = self.json.clone();
        if let Some(problem) = json.as_object_mut() {
            problem.remove("request_id");
        }
        (self.status, headers, json)
    }
}

impl Index<&str> for TestResponse {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}
