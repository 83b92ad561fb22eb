//! The API behind its URL.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use reqwest::{Client, redirect};

use crate::http::{client, root_cause};
use crate::message::{Request, Response};

/// Longer than API Gateway waits for a function.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

/// A client of the API.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: Client,
    base_url: String,
}

impl Gateway {
    /// # Errors
    /// A sentence: TLS cannot be initialized.
    pub(crate) fn new(base_url: &str) -> Result<Self, String> {
        let client = client(REQUEST_TIMEOUT, redirect::Policy::default())?;
        Ok(Self { client, base_url: base_url.trim_end_matches('/').to_owned() })
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// Why there was no response.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        let url = format!("{}{}", self.base_url, request.path_and_query());
        let mut builder = self.client.request(request.operation.method.clone(), url);
        if let Some(token) = request.token {
            builder = builder.bearer_auth(token);
        }
        if let Some(versions) = request.if_match() {
            builder = builder.header(IF_MATCH, versions);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let response = builder.send().await.map_err(|error| root_cause(&error))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok(Response { status, content_type, text: response.text().await.map_err(|error| root_cause(&error))? })
    }
}
