//! The HTTP server of the Runtime API. One server serves many processes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::protocol::{
    EXTENSION_ID, INIT_ERROR, INVOCATION_ERROR, INVOCATION_RESPONSE, LATEST_VERSION, NEXT_EXTENSION_EVENT,
    NEXT_INVOCATION, REGISTER_EXTENSION, invocation_headers,
};
use super::session::{FunctionError, RuntimeSession};

use crate::sync::lock;

/// The largest response of a function, in bytes.
const MAX_RESPONSE_SIZE: usize = 6 * 1024 * 1024;

/// A running server on a free port of the loopback interface. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    sessions: Sessions,
    server: JoinHandle<io::Result<()>>,
}

/// By the first segment of the path. The key of the session without such a segment is empty.
type Sessions = Arc<Mutex<BTreeMap<String, Arc<RuntimeSession>>>>;

impl RuntimeApi {
    /// Starts the server, without any session.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let sessions = Sessions::default();
        let router = Router::new().merge(routes()).nest("/{instance}", routes()).with_state(Arc::clone(&sessions));
        let server = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { address, sessions, server })
    }

    /// Adds a session. `instance` must be unique and consist of letters and digits. It is empty for the only process
    /// of a server, which then gets `host:port` as its address, as in Lambda.
    pub(crate) fn add_session(&self, instance: &str, function: &str) -> Arc<RuntimeSession> {
        let session = Arc::new(RuntimeSession::new(function));
        lock(&self.sessions).insert(instance.to_owned(), Arc::clone(&session));
        session
    }

    /// Removes a session when its process has ended.
    pub(crate) fn remove_session(&self, instance: &str) {
        lock(&self.sessions).remove(instance);
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API` for the process of a session.
    pub(crate) fn address(&self, instance: &str) -> String {
        match instance {
            "" => self.address.to_string(),
            // The runtime accepts a path only in a URL with a scheme.
            instance => format!("http://{}/{instance}", self.address),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn routes() -> Router<Sessions> {
    Router::new()
        .route(NEXT_INVOCATION, get(next_invocation))
        .route(INVOCATION_RESPONSE, post(invocation_response))
        .route(INVOCATION_ERROR, post(invocation_error))
        .route(INIT_ERROR, post(init_error))
        .route(REGISTER_EXTENSION, post(register_extension))
        .route(NEXT_EXTENSION_EVENT, get(next_extension_event))
}

/// The session and the request id in the path, which is empty in paths without one.
struct Call {
    session: Arc<RuntimeSession>,
    request_id: String,
}

impl FromRequestParts<Sessions> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sessions: &Sessions) -> Result<Self, Response> {
        let parameters = Path::<HashMap<String, String>>::from_request_parts(parts, sessions).await;
        let mut parameters = parameters.map(|Path(parameters)| parameters).unwrap_or_default();
        let instance = parameters.remove("instance").unwrap_or_default();
        let request_id = parameters.remove("request_id").unwrap_or_default();
        match lock(sessions).get(&instance) {
            Some(session) => Ok(Self { session: Arc::clone(session), request_id }),
            None => Err(error_response(StatusCode::FORBIDDEN, "InvalidInstance")),
        }
    }
}

async fn next_invocation(Call { session, .. }: Call) -> Response {
    let Some(invocation) = session.next_invocation().await else {
        return error_response(StatusCode::FORBIDDEN, "InvalidInstance");
    };
    let headers =
        invocation_headers(session.function(), &invocation.request_id, invocation.deadline, &invocation.trace_id);
    let mut response = Response::new(Body::from(invocation.event));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn invocation_response(Call { session, request_id }: Call, request: Request) -> Response {
    let Ok(body) = axum::body::to_bytes(request.into_body(), MAX_RESPONSE_SIZE).await else {
        session.complete(&request_id, Err(FunctionError("the response is too large".to_owned())));
        return error_response(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge");
    };
    accepted(session.complete(&request_id, Ok(body)))
}

async fn invocation_error(Call { session, request_id }: Call, report: Bytes) -> Response {
    let report = String::from_utf8_lossy(&report).into_owned();
    accepted(session.complete(&request_id, Err(FunctionError(report))))
}

/// The report changes nothing: the process ends by itself afterwards, and that is what counts.
async fn init_error() -> Response {
    accepted(true)
}

async fn register_extension(Call { session, .. }: Call) -> Response {
    session.register_extension();
    let function = json!({
        "functionName": session.function(),
        "functionVersion": LATEST_VERSION,
        "handler": "bootstrap",
    });
    ([(EXTENSION_ID, uuid::Uuid::new_v4().to_string())], json_response(StatusCode::OK, &function)).into_response()
}

/// Never returns: the extensions of the functions register for no events.
async fn next_extension_event() -> Response {
    std::future::pending().await
}

fn accepted(is_pending: bool) -> Response {
    if is_pending {
        json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
    } else {
        error_response(StatusCode::BAD_REQUEST, "InvalidRequestID")
    }
}

fn error_response(status: StatusCode, kind: &str) -> Response {
    json_response(status, &json!({ "errorMessage": kind, "errorType": kind }))
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
