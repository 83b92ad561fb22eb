//! Fetches a JWKS document over HTTP, for an auth service with another database.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_tls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda_http::http::{StatusCode, Uri};

use super::key_set::KeySet;
use crate::tls::TlsRoots;

/// From the first packet to the last.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// The size of some hundred keys.
const DOCUMENT_MAX_BYTES: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the key set did not come within 2 s")]
    Timeout,
    #[error("the TLS library cannot be initialized")]
    Tls(#[source] native_tls::Error),
    #[error("the request for the key set failed")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the request for the key set was answered with {0}")]
    Status(StatusCode),
    #[error("the response is not a key set")]
    NotAKeySet,
}

/// Fetches a key set. Redirects are not followed: only this URL is trusted.
pub(super) async fn keys(url: &Uri, roots: &TlsRoots) -> Result<KeySet, FetchError> {
    let get_with_fallback = async {
        match get(url.clone(), roots).await {
            Err(error) if roots.fall_back_to_system_roots(&error) => get(url.clone(), roots).await,
            outcome => outcome,
        }
    };
    tokio::time::timeout(FETCH_TIMEOUT, get_with_fallback).await.unwrap_or(Err(FetchError::Timeout))
}

async fn get(url: Uri, roots: &TlsRoots) -> Result<KeySet, FetchError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let tls = roots.connector().await.map_err(FetchError::Tls)?.clone();
    // No pooled connection: there is one request in many minutes, and the function is frozen in between.
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpsConnector::from((http, tls.into())));
    let response = client.get(url).await.map_err(|error| FetchError::Request(error.into()))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), DOCUMENT_MAX_BYTES).collect().await.map_err(FetchError::Request)?;
    KeySet::parse(&body.to_bytes()).ok_or(FetchError::NotAKeySet)
}
