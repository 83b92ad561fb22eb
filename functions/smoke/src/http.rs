//! The client of every request, and when one is sent again.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};

/// How often a request is sent that nobody answers, or that is answered with 5xx.
const TRIES: u32 = 3;
/// The time between two tries, unless the answer names another.
const PAUSE: Duration = Duration::from_secs(1);

/// A client whose requests may take as long as `limit`.
///
/// # Errors
/// There is none, as a sentence.
pub(crate) fn client(limit: Duration, redirects: redirect::Policy) -> Result<Client, String> {
    let client = Client::builder().timeout(limit).redirect(redirects).build();
    client.map_err(|error| format!("no HTTP client: {}", causes(&error)))
}

/// Sends a request again that nobody answered or that met a failing server, a few times; and one that came too early,
/// as long as the caller likes to wait.
///
/// # Errors
/// Why the last one was not answered.
pub(crate) async fn persistently(send: impl AsyncFn() -> Result<Response, String>) -> Result<Response, String> {
    let mut tries = 0;
    loop {
        let outcome = send().await;
        let wait = match &outcome {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => wait_asked_for(response.headers()),
            Ok(response) if !response.status().is_server_error() => return outcome,
            _ if tries + 1 == TRIES => return outcome,
            _ => {
                tries += 1;
                PAUSE
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// `Retry-After`, or as Better Auth has it `X-Retry-After`, in seconds.
fn wait_asked_for(headers: &HeaderMap) -> Duration {
    let seconds = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
    let asked = headers.get(RETRY_AFTER).and_then(seconds).or_else(|| headers.get("x-retry-after").and_then(seconds));
    asked.map_or(PAUSE, |seconds| Duration::from_secs(seconds).max(PAUSE))
}

/// The last of the sources of an error, which has the reason.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.last().map_or_else(|| error.to_string(), ToString::to_string)
}
