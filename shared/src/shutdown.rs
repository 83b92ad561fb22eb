//! The end of the process, in time to close the connection.
//!
//! Lambda kills a process without a word, and the server keeps its connection until it finds out. Only a process with an
//! extension gets `SIGTERM` first, and then 500 ms. So one is registered from within, which wants no events.
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>)

use lambda_http::http::{HeaderValue, Method, StatusCode, request::Builder};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use tokio::signal::unix::{SignalKind, signal};

/// No other extension of a function may have this name.
const NAME: &str = "tasks";

/// Registers the extension. It must not be cut off: Lambda gives no request to a function that has an extension which
/// does not ask for events.
pub(crate) async fn announce() {
    let client = PooledClient::builder().build();
    match register(&client).await {
        // It is never answered, so it costs nothing but a waiting connection to Lambda's own agent.
        Ok(id) => drop(tokio::spawn(async move { next_event(&client, id).await })),
        // Then the end comes unannounced.
        Err(error) => tracing::warn!(error, "no extension: the connection will stay open on the server at the end"),
    }
}

/// The identifier of the extension.
async fn register(client: &PooledClient) -> Result<HeaderValue, BoxError> {
    let request = at(Method::POST, "register").header("lambda-extension-name", NAME);
    let response = client.call(request.body(Body::from(r#"{"events":[]}"#))?).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("Lambda answered {}", response.status()).into());
    }
    response.headers().get("lambda-extension-identifier").cloned().ok_or_else(|| "Lambda gave no identifier".into())
}

async fn next_event(client: &PooledClient, id: HeaderValue) -> Result<(), BoxError> {
    let request = at(Method::GET, "event/next").header("lambda-extension-identifier", id);
    client.call(request.body(Body::empty())?).await.map(drop)
}

fn at(method: Method, path: &str) -> Builder {
    build_request().method(method).uri(format!("/2020-01-01/extension/{path}"))
}

/// Returns when the process is asked to end.
pub(crate) async fn told() {
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        // Then the end comes unannounced.
        Err(_) => std::future::pending().await,
    }
}
