//! The API as far as it is tried: its operations, and the ways to it.

use reqwest::Method;
use serde_json::Value;

use crate::gateway::Gateway;
use crate::versions::Versions;

/// What can be asked for.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The crate in `functions`.
    pub(crate) function: &'static str,
    pub(crate) method: Method,
    /// As in `template.yaml`.
    pub(crate) path: &'static str,
}

pub(crate) const HEALTH: Operation = Operation { function: "health", method: Method::GET, path: "/health" };
pub(crate) const READY: Operation = Operation { function: "health", method: Method::GET, path: "/health/ready" };
pub(crate) const LIST: Operation = Operation { function: "list-tasks", method: Method::GET, path: "/api/tasks" };
pub(crate) const CREATE: Operation = Operation { function: "create-task", method: Method::POST, path: "/api/tasks" };
pub(crate) const GET: Operation = Operation { function: "get-task", method: Method::GET, path: "/api/tasks/{id}" };
pub(crate) const UPDATE: Operation =
    Operation { function: "update-task", method: Method::PATCH, path: "/api/tasks/{id}" };
pub(crate) const COMPLETE: Operation =
    Operation { function: "complete-task", method: Method::PATCH, path: "/api/tasks/{id}/complete" };
pub(crate) const DELETE: Operation =
    Operation { function: "delete-task", method: Method::DELETE, path: "/api/tasks/{id}" };

/// One request.
pub(crate) struct Request<'a> {
    pub(crate) operation: &'static Operation,
    /// What stands for `{id}`.
    pub(crate) id: Option<&'a str>,
    pub(crate) query: &'static str,
    pub(crate) token: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

/// How a request gets there.
#[derive(Debug)]
pub(crate) enum Way {
    /// As everybody's.
    Gateway(Gateway),
    /// Past the gateway, which still leads to the versions before.
    Versions(Versions),
}

impl<'a> Request<'a> {
    pub(crate) fn of(operation: &'static Operation) -> Self {
        Self { operation, id: None, query: "", token: None, body: None }
    }

    pub(crate) fn about(self, id: &'a str) -> Self {
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

    /// `If-Match`, for a deployment that requires it: whatever the version is.
    pub(crate) fn if_match(&self) -> Option<&'static str> {
        [Method::PATCH, Method::DELETE].contains(&self.operation.method).then_some("*")
    }

    /// The path and the query.
    pub(crate) fn target(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path(), self.query)
    }
}

impl Way {
    /// Asks once.
    ///
    /// # Errors
    /// Why there was no answer.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        match self {
            Self::Gateway(gateway) => gateway.send(request).await,
            Self::Versions(versions) => versions.send(request).await,
        }
    }

    /// What a person calls the request.
    pub(crate) fn name(&self, request: &Request<'_>) -> String {
        let name = format!("{} {}", request.operation.method, request.target());
        match self {
            Self::Gateway(_) => name,
            Self::Versions(versions) => format!("{name} of {}", versions.name(request.operation)),
        }
    }
}
