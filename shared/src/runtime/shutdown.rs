//! The end of the process, with time to close the connection.
//!
//! Lambda kills a process without notice, and the server keeps its connection open until it notices. Only a function with
//! an extension gets `SIGTERM`, 500 ms earlier. So the process itself registers one, which subscribes to no events.
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>)

use lambda_http::http::{HeaderValue, Method, StatusCode, request::Builder};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use tokio::signal::unix::{SignalKind, signal};

/// The name of the extension, unique within a function.
const NAME: &str = "tasks";

/// Registers the extension. Must not be cancelled: Lambda sends no request to a function with an extension that does not
/// ask for events.
pub(super) async fn register_extension() {
    let client = PooledClient::builder().build();
    match register(&client).await {
        // This request is never answered. It costs one waiting connection to the local Extensions API.
        Ok(id) => drop(tokio::spawn(async move { next_event(&client, id).await })),
        // Then the process ends without SIGTERM.
        Err(error) => tracing::warn!(error, "no extension: the connection will stay open on the server at the end"),
    }
}

/// The identifier of the extension.
async fn register(client: &PooledClient) -> Result<HeaderValue, BoxError> {
    let builder = request(Method::POST, "register").header("lambda-extension-name", NAME);
    let response = client.call(builder.body(Body::from(r#"{"events":[]}"#))?).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("Lambda answered {}", response.status()).into());
    }
    response.headers().get("lambda-extension-identifier").cloned().ok_or_else(|| "Lambda gave no identifier".into())
}

async fn next_event(client: &PooledClient, id: HeaderValue) -> Result<(), BoxError> {
    let builder = request(Method::GET, "event/next").header("lambda-extension-identifier", id);
    client.call(builder.body(Body::empty())?).await.map(drop)
}

fn request(method: Method, path: &str) -> Builder {
    build_request().method(method).uri(format!("/2020-01-01/extension/{path}"))
}

/// Returns when the process receives `SIGTERM`.
pub(super) async fn sigterm() {
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}
