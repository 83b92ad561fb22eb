//! What a handler may answer.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use crate::config::TaskShape;
use crate::error::{ApiError, Failure, Problem};
use crate::event::Event;
use crate::precondition;
use crate::task::{Task, TaskJson, TaskPage, TaskPageJson};

/// An answer, without what every answer has.
#[derive(Debug)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Task(Task),
    Tasks(TaskPage),
    Health(Health),
    Nothing,
}

#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

/// 201 with the task, and where it is.
#[must_use]
pub fn created(task: Task) -> Response {
    Response { status: 201, content: Content::Task(task) }
}

/// 200 with the task.
#[must_use]
pub fn task(task: Task) -> Response {
    Response { status: 200, content: Content::Task(task) }
}

/// 200 with a list of tasks.
#[must_use]
pub fn tasks(page: TaskPage) -> Response {
    Response { status: 200, content: Content::Tasks(page) }
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    Response { status: 204, content: Content::Nothing }
}

/// 200 with `{"status": …}`.
#[must_use]
pub fn health(status: &'static str) -> Response {
    Response { status: 200, content: Content::Health(Health { status }) }
}

/// The answer to one event, on its way to the gateway.
pub(crate) struct Answer<'a> {
    request_id: &'a str,
    /// The event's path, in the characters that a header may hold.
    path: String,
    is_read: bool,
    if_none_match: Option<String>,
    shape: TaskShape,
    status: u16,
    headers: HeaderMap,
    body: Option<String>,
}

/// Lambda hands over 6 MB, of which headers need some.
const BODY_LIMIT: usize = 6 * 1024 * 1024 - 32 * 1024;

/// What a URL's path cannot hold as it is. `%` can: it is there already where the path came encoded.
const NOT_IN_A_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'\\');

impl<'a> Answer<'a> {
    pub(crate) fn to(event: &Event, request_id: &'a str, shape: TaskShape) -> Self {
        let mut answer = Self {
            request_id,
            path: utf8_percent_encode(&event.raw_path, NOT_IN_A_PATH).to_string(),
            is_read: event.request_context.http.method == "GET",
            if_none_match: event.header("if-none-match").map(str::to_owned),
            shape,
            status: 500,
            headers: HeaderMap::new(),
            body: None,
        };
        answer.header("x-request-id", request_id);
        answer
    }

    /// Writes what the handler answered.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a page of tasks that Lambda would not hand over.
    pub(crate) fn respond(&mut self, response: &Response) -> Result<(), ApiError> {
        self.status = response.status;
        match &response.content {
            Content::Task(task) => self.json("application/json", &TaskJson(task, self.shape)),
            Content::Tasks(page) => self.json("application/json", &TaskPageJson(page, self.shape)),
            Content::Health(health) => self.json("application/json", health),
            Content::Nothing => {}
        }
        if let (201, Content::Task(task)) = (response.status, &response.content) {
            let location = format!("{}/{}", self.path, task.id);
            self.header("location", &location);
        }
        if self.is_read {
            self.header("cache-control", "private, no-cache");
        }
        if self.is_too_large() {
            let detail = "limit must be smaller: these tasks are more than the 6 MB of one answer".to_owned();
            return Err(ApiError::Invalid(vec![Failure { field: "limit", detail }]));
        }
        let etag = match (&response.content, &self.body) {
            (Content::Task(task), _) => precondition::of_version(task.version),
            (Content::Tasks(_), Some(body)) => precondition::of_body(body),
            _ => return Ok(()),
        };
        self.header("etag", &etag);
        if self.is_read && self.if_none_match.as_deref().is_some_and(|known| precondition::is_known(known, &etag)) {
            self.status = 304;
            self.headers.remove("content-type");
            self.body = None;
        }
        Ok(())
    }

    /// The body travels as a string of JSON, in which each quote and backslash takes two bytes.
    fn is_too_large(&self) -> bool {
        let body = self.body.as_deref().unwrap_or_default().as_bytes();
        let escaped = || body.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        body.len() > BODY_LIMIT / 2 && body.len() + escaped() > BODY_LIMIT
    }

    /// Writes a problem document.
    pub(crate) fn fail(&mut self, error: &ApiError) {
        self.status = error.status();
        self.json("application/problem+json", &Problem { error, request_id: self.request_id });
        match error {
            ApiError::Unauthenticated(_) => self.header("www-authenticate", "Bearer"),
            ApiError::MethodNotAllowed(methods) => self.header("allow", methods),
            _ => {}
        }
        if let Some(seconds) = error.retry_after() {
            self.header("retry-after", &seconds.to_string());
        }
    }

    pub(crate) fn finish(self) -> ApiGatewayV2httpResponse {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = self.status.into();
        response.headers = self.headers;
        response.body = self.body.map(Body::Text);
        response
    }

    fn json(&mut self, content_type: &'static str, value: &impl Serialize) {
        self.header("content-type", content_type);
        self.body = Some(serde_json::to_string(value).expect("a map with text keys, of texts, numbers and booleans"));
    }

    /// A value that no header can hold is left out; the body says the same.
    fn header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }
}
