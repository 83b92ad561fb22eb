//! A JWKS document over HTTP, for a sign-in service with another database.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::http::{StatusCode, Uri};

use super::KeySet;
use crate::error::ApiError;
use crate::tls::Trust;

/// From the first packet to the last.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// A hundred keys fit; a page that is no JWKS may not.
const SIZE_LIMIT: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the key set did not come within 2 s")]
    TimeLimit,
    #[error("the TLS library cannot be set up")]
    Tls(#[source] native_tls::Error),
    #[error("the request for the key set failed")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the request for the key set was answered with {0}")]
    Status(StatusCode),
    #[error("the answer to the request for the key set is not one")]
    NotAKeySet,
}

/// Fetches a key set. Redirects are not followed: the place is part of the trust.
///
/// # Errors
/// [`ApiError::SignInUnavailable`], with the cause for the log.
pub(super) async fn keys(url: &Uri, trust: &Trust) -> Result<KeySet, ApiError> {
    let get_twice = async {
        match get(url.clone(), trust).await {
            Err(error) if trust.widen_after(&error) => get(url.clone(), trust).await,
            outcome => outcome,
        }
    };
    let fetched = tokio::time::timeout(TIME_LIMIT, get_twice).await;
    fetched.unwrap_or(Err(FetchError::TimeLimit)).map_err(|error| ApiError::SignInUnavailable(error.into()))
}

async fn get(url: Uri, trust: &Trust) -> Result<KeySet, FetchError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let tls = trust.connector().await.map_err(FetchError::Tls)?.clone();
    // One request in many minutes: a connection that is kept open would only freeze with the function.
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpsConnector::from((http, tls.into())));
    let response = client.get(url).await.map_err(|error| FetchError::Request(error.into()))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), SIZE_LIMIT).collect().await.map_err(FetchError::Request)?;
    KeySet::parse(&body.to_bytes()).ok_or(FetchError::NotAKeySet)
}
