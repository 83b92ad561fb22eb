//! Requests to AWS, signed by Signature Version 4.
//!
//! Two calls are not worth the SDK, which would multiply the time of a build.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use reqwest::{Client, Response, redirect};

use crate::http::{causes, client};

/// A service of AWS.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// In signatures.
    name: &'static str,
    /// The variable with its URL, which AWS's own programs read too.
    endpoint: &'static str,
}

pub(crate) const LAMBDA: Service = Service { name: "lambda", endpoint: "AWS_ENDPOINT_URL_LAMBDA" };
pub(crate) const CODEDEPLOY: Service = Service { name: "codedeploy", endpoint: "AWS_ENDPOINT_URL_CODEDEPLOY" };

/// A service, with the credentials of the function's role.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    client: Client,
    service: Service,
    url: String,
    region: String,
    credentials: Credentials,
}

impl Endpoint {
    /// The variables name where the service is, and who asks; an answer may take as long as `limit`.
    ///
    /// # Errors
    /// A sentence that names the variable which is missing.
    pub(crate) fn of(
        service: Service,
        limit: Duration,
        required: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let url = required(service.endpoint)?.trim_end_matches('/').to_owned();
        let region = required("AWS_REGION")?;
        let (key, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        let session = required("AWS_SESSION_TOKEN")?;
        let credentials = Credentials::new(key, secret, Some(session), None, "environment");
        Ok(Self { client: client(limit, redirect::Policy::none())?, service, url, region, credentials })
    }

    /// Sends a request once. The path has its percent signs already.
    ///
    /// # Errors
    /// Why there was no answer.
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
            .map_err(|error| causes(&error))?;
        let signable =
            SignableRequest::new("POST", &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &params.into()));
        let (signature, _) = signed.map_err(|error| causes(&error))?.into_parts();
        let mut request = self.client.post(&url);
        for (name, value) in headers.iter().copied().chain(signature.headers()) {
            request = request.header(name, value);
        }
        request.body(body).send().await.map_err(|error| causes(&error))
    }
}
