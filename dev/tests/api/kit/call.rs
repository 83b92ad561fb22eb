//! A request before it is sent.

use axum::body::Bytes;
use axum::http::{HeaderValue, Request};
use http_body_util::Full;
use serde_json::Value;

/// A request; a second header of the same name does not replace the first.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// With the query, percent-encoded, and sent exactly as it is.
    pub(crate) path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// A body, and no word about its type.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        self
    }

    pub(crate) fn typed(self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", content_type).body(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.typed("application/json", body.to_string())
    }

    pub(crate) fn maybe_json(self, body: Option<&Value>) -> Self {
        match body {
            Some(body) => self.json(body),
            None => self,
        }
    }

    pub(crate) fn request(&self, base_url: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method.as_str()).uri(format!("{base_url}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(name, HeaderValue::from_bytes(value).expect("a header value"));
        }
        request.body(Full::from(self.body.clone())).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}
