//! The Lambda Runtime API, version 2018-06-01, by which the functions ask for events and answer them; and of the
//! Extensions API, version 2020-01-01, what an extension takes that wants no events.
//!
//! The first segment of the path tells the instances apart.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::event::ACCOUNT;
use super::instances::{Instances, InvokeOutcome};

/// The largest answer of a function.
const MAX_RESPONSE_SIZE: usize = 6 * 1024 * 1024;

/// The instances, once they can be known: their environment names the port of this server.
pub(crate) type Known = Arc<OnceLock<Arc<Instances>>>;

/// The server for the functions.
pub(crate) fn router(instances: Known) -> Router {
    let invocation = "/{instance}/2018-06-01/runtime/invocation";
    Router::new()
        .route(&format!("{invocation}/next"), get(next))
        .route(&format!("{invocation}/{{request}}/response"), post(response))
        .route(&format!("{invocation}/{{request}}/error"), post(error))
        .route("/{instance}/2018-06-01/runtime/init/error", post(init_error))
        .route("/{instance}/2020-01-01/extension/register", post(register))
        .route("/{instance}/2020-01-01/extension/event/next", get(next_of_extension))
        .with_state(instances)
}

async fn next(State(instances): State<Known>, Path(id): Path<String>) -> Response {
    let Some(instance) = instances.get().and_then(|instances| instances.find(&id)) else { return unknown() };
    let Some(invocation) = instance.next().await else { return unknown() };
    let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{}", instance.name);
    let mut response = Response::new(Body::from(invocation.event));
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.request_id),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", invocation.trace_id),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn response(
    State(instances): State<Known>,
    Path((id, request_id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(instance) = instances.get().and_then(|instances| instances.find(&id)) else { return unknown() };
    let Ok(body) = axum::body::to_bytes(request.into_body(), MAX_RESPONSE_SIZE).await else {
        instance.complete(&request_id, InvokeOutcome::Failed);
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge");
    };
    accepted(instance.complete(&request_id, InvokeOutcome::Returned(body)))
}

async fn error(State(instances): State<Known>, Path((id, request_id)): Path<(String, String)>) -> Response {
    let Some(instance) = instances.get().and_then(|instances| instances.find(&id)) else { return unknown() };
    accepted(instance.complete(&request_id, InvokeOutcome::Failed))
}

/// The process that says this ends by itself, which is what counts.
async fn init_error() -> Response {
    accepted(true)
}

async fn register(State(instances): State<Known>, Path(id): Path<String>) -> Response {
    let Some(instance) = instances.get().and_then(|instances| instances.find(&id)) else { return unknown() };
    instance.note_extension();
    let told =
        serde_json::json!({ "functionName": instance.name, "functionVersion": "$LATEST", "handler": "bootstrap" });
    ([("lambda-extension-identifier", uuid::Uuid::new_v4().to_string())], json(StatusCode::OK, &told)).into_response()
}

/// There is never one.
async fn next_of_extension() -> Response {
    std::future::pending().await
}

fn accepted(known: bool) -> Response {
    if known {
        json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" }))
    } else {
        problem(StatusCode::BAD_REQUEST, "InvalidRequestID")
    }
}

fn unknown() -> Response {
    problem(StatusCode::FORBIDDEN, "InvalidInstance")
}

fn problem(status: StatusCode, kind: &str) -> Response {
    json(status, &serde_json::json!({ "errorMessage": kind, "errorType": kind }))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
