//! A request before it is sent.

use axum::body::Bytes;
use axum::http::{HeaderValue, Request};
use http_body_util::Full;
use serde_json::Value;

/// A request. A header does not replace an earlier one of the same name: both are sent.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// Such as `GET`.
    pub method: String,
    /// The path with the query, percent-encoded. It is sent unchanged.
    pub path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl TestRequest {
    /// A request without headers and without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds `Authorization: Bearer <token>`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the body without a content type.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        self
    }

    /// Sets the body and adds its content type.
    #[must_use]
    pub fn typed(self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", content_type).body(body)
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.typed("application/json", body.to_string())
    }

    /// Sets a JSON body if there is one.
    #[must_use]
    pub fn maybe_json(self, body: Option<&Value>) -> Self {
        match body {
            Some(body) => self.json(body),
            None => self,
        }
    }

    /// The headers, in the order in which they were added.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The body, which may be empty.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn to_http(&self, base_url: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(format!("{base_url}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(name, HeaderValue::from_bytes(value).expect("a header value"));
        }
        request.body(Full::from(self.body.clone())).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}
