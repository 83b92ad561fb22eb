//! A request to the API and its response, however they are transported.

use reqwest::Method;
use serde_json::Value;

use crate::operation::Operation;

/// One request.
pub(crate) struct Request<'a> {
    pub(crate) operation: &'static Operation,
    /// Replaces `{id}` in the path.
    pub(crate) id: Option<&'a str>,
    /// Without `?`; may be empty.
    pub(crate) query: &'static str,
    /// The bearer token.
    pub(crate) token: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

/// The response to a [`Request`].
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Empty when there is no such header.
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl<'a> Request<'a> {
    pub(crate) fn new(operation: &'static Operation) -> Self {
        Self { operation, id: None, query: "", token: None, body: None }
    }

    pub(crate) fn with_id(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    pub(crate) fn with_query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(crate) fn path(&self) -> String {
        self.operation.path.replace("{id}", self.id.unwrap_or_default())
    }

    /// The value of `If-Match`, for a deployment that requires the header: any version.
    pub(crate) fn if_match(&self) -> Option<&'static str> {
        [Method::PATCH, Method::DELETE].contains(&self.operation.method).then_some("*")
    }

    /// The path and the query.
    pub(crate) fn path_and_query(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path(), self.query)
    }
}
