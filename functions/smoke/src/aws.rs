//! Requests to AWS, signed with Signature Version 4.
//!
//! Without the AWS SDK: for two calls it would multiply the build time.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::{Client, Response, redirect};

use crate::http::{client, root_cause};

/// A service of AWS.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// The name in signatures.
    name: &'static str,
    /// The environment variable with its URL. It is the one that AWS's own tools read.
    url_variable: &'static str,
}

pub(crate) const LAMBDA: Service = Service { name: "lambda", url_variable: "AWS_ENDPOINT_URL_LAMBDA" };
pub(crate) const CODEDEPLOY: Service = Service { name: "codedeploy", url_variable: "AWS_ENDPOINT_URL_CODEDEPLOY" };

/// A client of a service, with the credentials of the function's role.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    client: Client,
    service: Service,
    url: String,
    region: String,
    credentials: Credentials,
}

impl Endpoint {
    /// Takes the URL and the credentials from the variables that `required` looks up. A request may take as long as
    /// `timeout`.
    ///
    /// # Errors
    /// A sentence that names the missing variable.
    pub(crate) fn from_lookup(
        service: Service,
        timeout: Duration,
        required: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let url = required(service.url_variable)?.trim_end_matches('/').to_owned();
        let region = required("AWS_REGION")?;
        let (key_id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        let session_token = required("AWS_SESSION_TOKEN")?;
        let credentials = Credentials::new(key_id, secret, Some(session_token), None, "environment");
        Ok(Self { client: client(timeout, redirect::Policy::none())?, service, url, region, credentials })
    }

    /// Sends a request once. The path must be percent-encoded.
    ///
    /// # Errors
    /// Why there was no response.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: String) -> Result<Response, String> {
        let url = format!("{}{path}", self.url);
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| root_cause(&error))?;
        let signable =
            SignableRequest::new("POST", &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &params.into()));
        let (signature, _) = signed.map_err(|error| root_cause(&error))?.into_parts();
        let mut request = self.client.post(&url);
        for (name, value) in headers.iter().copied().chain(signature.headers()) {
            request = request.header(name, value);
        }
        request.body(body).send().await.map_err(|error| root_cause(&error))
    }
}
