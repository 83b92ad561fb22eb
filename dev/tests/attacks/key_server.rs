//! A server of public keys, which can fail in many ways.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::keys::ED25519;

/// How the server responds.
#[derive(Debug, Clone)]
pub(crate) enum KeyResponse {
    /// With a set of these keys.
    Keys(Value),
    /// With this status and this text.
    Text(u16, String),
    /// With this text, without a content length.
    Chunks(String),
    /// With this status and this location.
    Redirect(u16, String),
    /// Later than the function waits.
    Slow,
    /// With the headers, and then with the end of the connection.
    Disconnect,
}

/// A server of public keys on this machine.
pub(crate) struct KeyServer {
    /// The URL of the keys.
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    response: Mutex<KeyResponse>,
    requests: AtomicUsize,
}

impl KeyServer {
    pub(crate) async fn start(response: KeyResponse) -> Self {
        let state = Arc::new(State { response: Mutex::new(response), requests: AtomicUsize::new(0) });
        let routes = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/api/auth/jwks", listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { url, state }
    }

    /// Responds to later requests in this way.
    pub(crate) fn respond(&self, response: KeyResponse) {
        *self.state.response.lock().expect("no panic") = response;
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

async fn respond(extract::State(state): extract::State<Arc<State>>) -> Response {
    state.requests.fetch_add(1, Ordering::SeqCst);
    let response = state.response.lock().expect("no panic").clone();
    let json = [(CONTENT_TYPE, "application/json")];
    match response {
        KeyResponse::Keys(keys) => (json, json!({"keys": keys}).to_string()).into_response(),
        KeyResponse::Text(status, text) => (status_code(status), json, text).into_response(),
        KeyResponse::Chunks(text) => {
            let chunks: Vec<Result<String, std::io::Error>> =
                text.as_bytes().chunks(1000).map(|chunk| Ok(String::from_utf8_lossy(chunk).into_owned())).collect();
            (json, Body::from_stream(futures_util::stream::iter(chunks))).into_response()
        }
        KeyResponse::Redirect(status, url) => (status_code(status), [(LOCATION, url)]).into_response(),
        KeyResponse::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        KeyResponse::Disconnect => {
            let nothing: Result<String, std::io::Error> = Err(std::io::ErrorKind::ConnectionReset.into());
            Body::from_stream(futures_util::stream::iter([nothing])).into_response()
        }
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

/// Every way in which a server can fail to respond with keys.
pub(crate) fn failing_responses() -> Vec<(&'static str, KeyResponse)> {
    let keys = json!([ED25519.jwk_with(&json!({"kid": "ed"}))]);
    let set = json!({"keys": keys}).to_string();
    let large = json!({"keys": keys, "x": "x".repeat(64 * 1024)}).to_string();
    vec![
        ("slow", KeyResponse::Slow),
        ("disconnecting", KeyResponse::Disconnect),
        ("more than 64 KiB", KeyResponse::Text(200, large.clone())),
        ("more than 64 KiB in chunks", KeyResponse::Chunks(large)),
        ("not JSON", KeyResponse::Text(200, "<!doctype html><title>Sign in</title>".to_owned())),
        ("nothing", KeyResponse::Text(200, String::new())),
        ("half a set", KeyResponse::Text(200, set[..set.len() - 1].to_owned())),
        ("a set in UTF-16", KeyResponse::Text(200, set.chars().flat_map(|letter| [letter, '\0']).collect())),
        ("an array", KeyResponse::Text(200, keys.to_string())),
        ("no keys", KeyResponse::Text(200, "{}".to_owned())),
        ("keys in an object", KeyResponse::Text(200, json!({"keys": {"ed": keys[0]}}).to_string())),
        ("deep", KeyResponse::Text(200, format!("{{\"keys\":{}", "[".repeat(60_000)))),
        ("201", KeyResponse::Text(201, set.clone())),
        ("204", KeyResponse::Text(204, String::new())),
        ("304", KeyResponse::Text(304, String::new())),
        ("401", KeyResponse::Text(401, set.clone())),
        ("404", KeyResponse::Text(404, set.clone())),
        ("429", KeyResponse::Text(429, set.clone())),
        ("500", KeyResponse::Text(500, set.clone())),
        ("503", KeyResponse::Text(503, set)),
    ]
}
