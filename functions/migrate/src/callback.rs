//! The response to a request of CloudFormation, which is sent to a URL that the request names.
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>)

use std::error::Error;
use std::time::Duration;

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Request;
use bytes::Bytes;
use http_body_util::Full;
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::http::{Request as HttpRequest, StatusCode, Uri, header};
use serde::Serialize;

/// The name of the schema in its stack. It never changes: CloudFormation would delete a resource whose name changes.
const PHYSICAL_ID: &str = "tasks-schema";
/// How long one attempt to send the response may take, and how many there are.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
const SEND_ATTEMPTS: u32 = 3;
/// CloudFormation accepts 4096 bytes in all.
const REASON_MAX_CHARS: usize = 800;

/// Where the response to one request goes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Callback {
    url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

/// A response in the form that CloudFormation reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallbackResponse<'a> {
    status: &'static str,
    reason: &'a str,
    physical_resource_id: &'static str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

/// The response could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallbackError {
    /// The URL is invalid, or it is `http://` and leads over a network.
    #[error("CloudFormation's URL for the answer is not one of https")]
    Url,
    /// There was no response.
    #[error("CloudFormation cannot be reached")]
    Request(#[source] Box<dyn Error + Send + Sync>),
    /// The response was refused.
    #[error("CloudFormation answered with {0}")]
    Status(StatusCode),
    /// There was no response in time.
    #[error("CloudFormation did not answer in time")]
    Timeout,
}

impl CallbackError {
    fn request(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Request(error.into())
    }
}

impl Callback {
    /// A request of an unknown type has no callback that could be used: its URL is empty, and [`Callback::send`] fails.
    pub(crate) fn from_request(request: &Request) -> Self {
        let (url, stack_id, request_id, logical_resource_id) = match request {
            Request::Create(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            Request::Update(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            Request::Delete(of) => (&of.response_url, &of.stack_id, &of.request_id, &of.logical_resource_id),
            _ => return Self::default(),
        };
        Self {
            url: url.clone(),
            stack_id: stack_id.clone(),
            request_id: request_id.clone(),
            logical_resource_id: logical_resource_id.clone(),
        }
    }

    /// Reports success or failure, with a sentence in either case.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) async fn send(&self, outcome: Result<&str, &str>) -> Result<(), CallbackError> {
        let (status, reason) = match outcome {
            Ok(reason) => ("SUCCESS", reason),
            Err(reason) => ("FAILED", reason),
        };
        let reason: String = reason.chars().take(REASON_MAX_CHARS).collect();
        let response = CallbackResponse {
            status,
            reason: &reason,
            physical_resource_id: PHYSICAL_ID,
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
        };
        let body = serde_json::to_vec(&response).map_err(CallbackError::request)?;
        let mut sent = Err(CallbackError::Timeout);
        for _ in 0..SEND_ATTEMPTS {
            sent = tokio::time::timeout(SEND_TIMEOUT, self.put(&body)).await.unwrap_or(Err(CallbackError::Timeout));
            if sent.is_ok() {
                break;
            }
        }
        sent
    }

    async fn put(&self, body: &[u8]) -> Result<(), CallbackError> {
        let url: Uri = self.url.parse().map_err(|_| CallbackError::Url)?;
        let is_local = url.host().is_some_and(|host| host == "127.0.0.1");
        if url.scheme_str() != Some("https") && !is_local {
            return Err(CallbackError::Url);
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let tls = native_tls::TlsConnector::new().map_err(CallbackError::request)?;
        let client: Client<_, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build(HttpsConnector::from((connector, tls.into())));
        // The URL is signed for an empty content type.
        let request = HttpRequest::put(url)
            .header(header::CONTENT_TYPE, "")
            .body(Full::from(body.to_vec()))
            .map_err(CallbackError::request)?;
        let response = client.request(request).await.map_err(CallbackError::request)?;
        if response.status().is_success() { Ok(()) } else { Err(CallbackError::Status(response.status())) }
    }
}
