//! The API at its URL.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use reqwest::{Client, redirect};

use crate::api::{Request, Response};
use crate::http::{causes, client};

/// How long one request may take: longer than the gateway waits.
const REQUEST_LIMIT: Duration = Duration::from_secs(35);

/// Who answers at a URL.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: Client,
    url: String,
}

impl Gateway {
    /// # Errors
    /// There is no client, as a sentence.
    pub(crate) fn at(url: &str) -> Result<Self, String> {
        let client = client(REQUEST_LIMIT, redirect::Policy::default())?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        let url = format!("{}{}", self.url, request.target());
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
        let response = builder.send().await.map_err(|error| causes(&error))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok(Response { status, content_type, text: response.text().await.map_err(|error| causes(&error))? })
    }
}
