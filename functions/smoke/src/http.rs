//! The HTTP client, and its retries.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};

/// How often a request is sent that gets no response, or one with 5xx.
const MAX_ATTEMPTS: u32 = 3;
/// The time between two attempts, unless the response names a longer one.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A client whose requests may take as long as `timeout`.
///
/// # Errors
/// A sentence: TLS cannot be initialized.
pub(crate) fn client(timeout: Duration, redirects: redirect::Policy) -> Result<Client, String> {
    let client = Client::builder().timeout(timeout).redirect(redirects).build();
    client.map_err(|error| format!("no HTTP client: {}", root_cause(&error)))
}

/// Repeats a request that got no response, or one with 5xx, up to [`MAX_ATTEMPTS`]. One that got 429 is repeated without
/// limit: the caller sets a timeout.
///
/// # Errors
/// Why the last attempt got no response.
pub(crate) async fn with_retries(send: impl AsyncFn() -> Result<Response, String>) -> Result<Response, String> {
    let mut failures = 0;
    loop {
        let outcome = send().await;
        let delay = match &outcome {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => retry_after(response.headers()),
            Ok(response) if !response.status().is_server_error() => return outcome,
            _ if failures + 1 == MAX_ATTEMPTS => return outcome,
            _ => {
                failures += 1;
                RETRY_DELAY
            }
        };
        tokio::time::sleep(delay).await;
    }
}

/// `Retry-After`, or Better Auth's `X-Retry-After`, in seconds; at least [`RETRY_DELAY`].
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
    let requested =
        headers.get(RETRY_AFTER).and_then(seconds).or_else(|| headers.get("x-retry-after").and_then(seconds));
    requested.map_or(RETRY_DELAY, |seconds| Duration::from_secs(seconds).max(RETRY_DELAY))
}

/// The innermost source of an error: reqwest's own messages do not say why.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.last().map_or_else(|| error.to_string(), ToString::to_string)
}
