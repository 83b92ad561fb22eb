//! The gateway: an HTTP server that treats requests as an API Gateway HTTP API does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE;
use jiff::Timestamp;

use super::cors::{Cors, is_preflight};
use super::event::{RequestContext, header_text, request_event};
use super::instances::{Instances, InvokeOutcome};
use super::response::{error_response, parse_response};
use super::routes::{Route, find};
use crate::process::LogOutput;

/// The request line and the headers together, in bytes.
const MAX_HEAD_SIZE: usize = 10_240;
/// The body, in bytes: what Lambda accepts.
const MAX_BODY_SIZE: usize = 6 * 1024 * 1024;

/// What the gateway decides with.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// The routes of the template.
    pub(crate) routes: Vec<Route>,
    /// The CORS rules of the template.
    pub(crate) cors: Option<Cors>,
    /// The functions.
    pub(crate) instances: Arc<Instances>,
    /// The port it listens on.
    pub(crate) port: u16,
    /// Where it says what it answered.
    pub(crate) output: Arc<LogOutput>,
}

/// The server for clients.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(serve).with_state(gateway)
}

async fn serve(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Infallible> {
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    let body = read(&parts, body).await;
    // A client that hangs up drops this future; the function finishes nevertheless.
    let answered = tokio::spawn(async move {
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let (response, function) = gateway.answer(parts, body, client).await;
        let (status, time) = (response.status().as_u16(), start.elapsed().as_millis());
        gateway.output.line(format!("{method} {path} {status} {time} ms {function}").as_bytes());
        response
    });
    Ok(answered.await.unwrap_or_else(|_| error_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")))
}

/// The body, or the answer that refuses it.
async fn read(parts: &Parts, body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let line = parts.method.as_str().len() + parts.uri.to_string().len() + "  HTTP/1.1\r\n".len();
    if line + headers.sum::<usize>() > MAX_HEAD_SIZE {
        return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large"));
    }
    let too_long = (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > MAX_BODY_SIZE) {
        return Err(too_long);
    }
    axum::body::to_bytes(body, MAX_BODY_SIZE).await.map_err(|_| too_long)
}

impl Gateway {
    /// The answer, and the name of the function that gave it.
    async fn answer(
        &self,
        parts: Parts,
        body: Result<Bytes, (StatusCode, &'static str)>,
        client: SocketAddr,
    ) -> (Response, String) {
        let request_id = request_id();
        let preflight = self.cors.is_some() && is_preflight(&parts.method, &parts.headers);
        let (mut response, function) = match body {
            Err((status, sentence)) => (error_response(status, sentence), "-".to_owned()),
            Ok(_) if preflight => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                (response, "-".to_owned())
            }
            Ok(body) => self.ask(&parts, &body, client, &request_id).await,
        };
        let headers = response.headers_mut();
        if let Some(cors) = &self.cors {
            let origin = parts.headers.get(ORIGIN);
            if preflight {
                cors.allow_preflight(origin, headers);
            } else {
                cors.allow(origin, headers);
            }
        }
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert("apigw-requestid", id);
        }
        (response, function)
    }

    async fn ask(&self, parts: &Parts, body: &Bytes, client: SocketAddr, request_id: &str) -> (Response, String) {
        let Some(found) = find(&self.routes, parts.method.as_str(), parts.uri.path()) else {
            return (error_response(StatusCode::NOT_FOUND, "Not Found"), "-".to_owned());
        };
        let function = found.route.function.clone();
        let now = Timestamp::now();
        let trace_id = parts.headers.get("x-amzn-trace-id").map_or_else(|| trace_id(now), header_text);
        let context = RequestContext { client, port: self.port, request_id, trace_id: &trace_id, now };
        let event = request_event(parts, body, &found, &context).to_string();
        let response = match self.instances.invoke(&function, event.into(), &trace_id).await {
            InvokeOutcome::Returned(payload) => parse_response(&payload).unwrap_or_else(|malformed| {
                self.output.line(format!("{function}: {malformed}").as_bytes());
                error_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }),
            // An HTTP API knows no 502 and no 504, which are those of a REST API.
            InvokeOutcome::Failed => error_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            InvokeOutcome::Unavailable => error_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        (response, function)
    }
}

/// Sixteen characters that look like the ids of the gateway: `JKJaXmPLvHcESHA=`.
fn request_id() -> String {
    BASE64_URL_SAFE.encode(&uuid::Uuid::new_v4().as_bytes()[..11])
}

fn trace_id(now: Timestamp) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", now.as_second(), &random[..24])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_the_gateway() {
        let id = request_id();
        assert!(id.len() == 16 && id.ends_with('='), "{id}");
        let trace = trace_id(Timestamp::from_second(0x5e67_22a7).expect("a time"));
        assert!(trace.starts_with("Root=1-5e6722a7-") && trace.len() == "Root=1-5e6722a7-".len() + 24, "{trace}");
    }

    #[tokio::test]
    async fn the_head_and_the_body_have_limits() {
        let with = |header: usize, path: usize| {
            let request = Request::get(format!("/{}", "p".repeat(path))).header("x", "v".repeat(header));
            request.body(()).expect("a request").into_parts().0
        };
        let status = |refusal: Result<Bytes, (StatusCode, _)>| refusal.err().map(|(status, _)| status.as_u16());
        assert_eq!(status(read(&with(10_000, 10), Body::empty()).await), None);
        assert_eq!(status(read(&with(10_240, 0), Body::empty()).await), Some(431));
        assert_eq!(status(read(&with(0, 10_240), Body::empty()).await), Some(431));
        assert_eq!(status(read(&with(0, 0), Body::from(vec![0; MAX_BODY_SIZE])).await), None);
        assert_eq!(status(read(&with(0, 0), Body::from(vec![0; MAX_BODY_SIZE + 1])).await), Some(413));
    }
}
