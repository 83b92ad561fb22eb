//! The HTTP client.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::request::TestRequest;
use super::response::TestResponse;

/// What every response must fulfil, whatever a test looks at. The error says what is wrong.
pub type ResponseCheck = fn(&TestRequest, &TestResponse) -> Result<(), String>;

/// Long enough for `cargo lambda watch` to compile a function.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs the connections. Tests that share a client have a runtime each, and the end of one would close connections that
/// another uses.
static CONNECTIONS: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap_or_else(|error| panic!("no runtime for connections: {error}"))
});

/// Sends requests to one server. Connections are reused.
#[derive(Debug, Clone)]
pub struct ApiClient {
    base_url: String,
    http: Client<HttpConnector, Full<Bytes>>,
    check: Option<ResponseCheck>,
    timeout: Duration,
}

impl ApiClient {
    /// A client of the server at this URL, which has no path.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { base_url: base_url.to_owned(), http, check: None, timeout: REQUEST_TIMEOUT }
    }

    /// Checks every response of [`ApiClient::send`].
    #[must_use]
    pub fn with_check(self, check: ResponseCheck) -> Self {
        Self { check: Some(check), ..self }
    }

    /// How long a response may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a request and checks the response. Panics if there is no response.
    pub async fn send(&self, request: TestRequest) -> TestResponse {
        let response = self.send_unchecked(request.clone()).await;
        if let Some(Err(problem)) = self.check.map(|check| check(&request, &response)) {
            panic!("the response to {}: {problem}\n{response:?}", response.request);
        }
        response
    }

    /// [`ApiClient::send`] without the check.
    pub async fn send_unchecked(&self, request: TestRequest) -> TestResponse {
        let name = format!("{} {}", request.method, request.path);
        let (http, request) = (self.http.clone(), request.to_http(&self.base_url));
        let exchange = CONNECTIONS.spawn(async move {
            let (parts, body) = http.request(request).await.map_err(|error| format!("{error:?}"))?.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            Ok::<_, String>((parts, body))
        });
        let Ok(exchange) = timeout(self.timeout, exchange).await else {
            panic!("{name}: no response within {:?}", self.timeout);
        };
        let exchange = exchange.unwrap_or_else(|error| Err(error.to_string()));
        let (parts, body) = exchange.unwrap_or_else(|error| panic!("{name}: {error}"));
        TestResponse::new(name, parts.status.as_u16(), parts.headers, body)
    }

    /// Sends a GET request without a token.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(TestRequest::new("GET", path)).await
    }
}
