//! The new versions of the functions, which get no requests yet. Each is invoked with the event that API Gateway would
//! send.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Endpoint, LAMBDA};
use crate::environment::{required, variable};
use crate::functions::{FUNCTIONS, OPTIONAL_FUNCTIONS};
use crate::http::{root_cause, with_retries};
use crate::message::{Request, Response};
use crate::operation::Operation;

/// Longer than the longest timeout of a function in `template.yaml`.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(35);

/// Invokes the new versions.
#[derive(Debug)]
pub(crate) struct Versions {
    lambda: Endpoint,
    /// By the names in [`FUNCTIONS`], and in [`OPTIONAL_FUNCTIONS`] as far as they are deployed.
    arns: BTreeMap<&'static str, String>,
}

/// A response of a function, as API Gateway reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// What Lambda returns when a function fails instead of returning a response.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_message: String,
}

impl Versions {
    /// Reads the number of each version, `LIST_TASKS_VERSION` for `list-tasks`, and the start of all ARNs.
    ///
    /// # Errors
    /// A sentence that names the missing variable.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let name = |function: &str| format!("{}_VERSION", function.replace('-', "_").to_uppercase());
        let prefix = required("FUNCTION_ARN_PREFIX")?;
        let arn = |function: &str, version: &str| format!("{prefix}{function}:{version}");
        let mut arns = BTreeMap::new();
        for function in FUNCTIONS {
            arns.insert(*function, arn(function, &required(&name(function))?));
        }
        for function in OPTIONAL_FUNCTIONS {
            arns.extend(variable(&name(function)).map(|version| (*function, arn(function, &version))));
        }
        Ok(Self { lambda: Endpoint::from_lookup(LAMBDA, INVOKE_TIMEOUT, required)?, arns })
    }

    /// Whether this function was deployed.
    pub(crate) fn has(&self, function: &str) -> bool {
        self.arns.contains_key(function)
    }

    fn arn(&self, operation: &Operation) -> &str {
        self.arns.get(operation.function).map(String::as_str).unwrap_or_default()
    }

    /// The function and the number of its version: `tasks-prod-health:41`.
    pub(crate) fn name(&self, operation: &Operation) -> &str {
        let arn = self.arn(operation);
        arn.split_once(":function:").map_or(arn, |(_, name)| name)
    }

    /// Invokes the function once, and again while Lambda itself does not respond, fails or throttles the call.
    ///
    /// # Errors
    /// Why the function returned no response.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        let arn = utf8_percent_encode(self.arn(request.operation), NON_ALPHANUMERIC);
        let path = format!("/2015-03-31/functions/{arn}/invocations");
        let event = event(request).to_string();
        let response = with_retries(async || self.lambda.post(&path, &[], event.clone()).await).await?;
        let (status, has_failed) = (response.status(), response.headers().contains_key("x-amz-function-error"));
        let text = response.text().await.map_err(|error| root_cause(&error))?;
        if !status.is_success() {
            return Err(format!("Lambda answered {status}: {text}"));
        }
        if has_failed {
            let FunctionError { error_message } = serde_json::from_str(&text).unwrap_or_default();
            return Err(format!("the function failed: {error_message}"));
        }
        parse(&text).ok_or_else(|| "the function returned what the gateway does not understand".to_owned())
    }
}

/// The event of API Gateway for the request, in payload format 2.0.
fn event(request: &Request<'_>) -> Value {
    let Operation { method, path: route, .. } = request.operation;
    let (route_key, path) = (format!("{method} {route}"), request.path());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": { "host": "pre-traffic.invalid", "x-forwarded-proto": "https" },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "pre-traffic",
            "domainName": "pre-traffic.invalid",
            "domainPrefix": "pre-traffic",
            "http": {
                "method": method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "smoke",
            },
            "requestId": String::from_iter(std::iter::repeat_with(fastrand::alphanumeric).take(15)),
            "routeKey": route_key,
            "stage": "$default",
            "timeEpoch": u64::try_from(now.as_millis()).unwrap_or_default(),
        },
        "isBase64Encoded": false,
    });
    if let Some(id) = request.id.filter(|_| route.contains("{id}")) {
        event["pathParameters"] = json!({ "id": id });
    }
    if let Some(token) = request.token {
        event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    }
    if let Some(versions) = request.if_match() {
        event["headers"]["if-match"] = json!(versions);
    }
    if let Some(body) = &request.body {
        event["headers"]["content-type"] = json!("application/json");
        event["body"] = json!(body.to_string());
    }
    event
}

fn parse(text: &str) -> Option<Response> {
    let FunctionResponse { status_code, headers, body, is_base64_encoded } = serde_json::from_str(text).ok()?;
    let body = body.unwrap_or_default();
    let text = if is_base64_encoded { String::from_utf8(BASE64_STANDARD.decode(body).ok()?).ok()? } else { body };
    let content_type = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    Some(Response { status: status_code, content_type: content_type.unwrap_or_default().1, text })
}
