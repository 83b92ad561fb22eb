//! The new versions of the functions, which nobody calls yet: each is invoked as the gateway will do it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Operation, Request, Response};
use crate::aws::{Endpoint, LAMBDA};
use crate::environment::{required, variable};
use crate::functions::{FUNCTIONS, OPTIONAL_FUNCTIONS};
use crate::http::{causes, persistently};

/// How long an invocation may take: longer than the longest time of a function in `template.yaml`.
const INVOKE_LIMIT: Duration = Duration::from_secs(35);

/// The versions, by the names of their functions.
#[derive(Debug)]
pub(crate) struct Versions {
    lambda: Endpoint,
    arns: BTreeMap<&'static str, String>,
}

/// What a function returns to the gateway.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Returned {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// What Lambda returns of a function that has failed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Failure {
    error_message: String,
}

impl Versions {
    /// The environment has the number of each, `LIST_TASKS_VERSION` of `list-tasks`, and what the ARNs begin with.
    ///
    /// # Errors
    /// A sentence that names the variable which is missing.
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
        Ok(Self { lambda: Endpoint::of(LAMBDA, INVOKE_LIMIT, required)?, arns })
    }

    fn arn(&self, operation: &Operation) -> &str {
        self.arns.get(operation.function).map(String::as_str).unwrap_or_default()
    }

    /// The function and the number of its version: `tasks-prod-health:41`.
    pub(crate) fn name(&self, operation: &Operation) -> &str {
        let arn = self.arn(operation);
        arn.split_once(":function:").map_or(arn, |(_, name)| name)
    }

    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        let arn = utf8_percent_encode(self.arn(request.operation), NON_ALPHANUMERIC);
        let path = format!("/2015-03-31/functions/{arn}/invocations");
        let event = event(request).to_string();
        // One that is busy with the requests of others is asked again.
        let answer = persistently(async || self.lambda.post(&path, &[], event.clone()).await).await?;
        let (status, has_failed) = (answer.status(), answer.headers().contains_key("x-amz-function-error"));
        let text = answer.text().await.map_err(|error| causes(&error))?;
        if !status.is_success() {
            return Err(format!("Lambda answered {status}: {text}"));
        }
        if has_failed {
            let Failure { error_message } = serde_json::from_str(&text).unwrap_or_default();
            return Err(format!("the function failed: {error_message}"));
        }
        read(&text).ok_or_else(|| "the function returned what the gateway does not understand".to_owned())
    }
}

/// The request as API Gateway tells a function of it, in payload format 2.0.
fn event(request: &Request<'_>) -> Value {
    let Operation { method, path: route, .. } = request.operation;
    let (key, path) = (format!("{method} {route}"), request.path());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
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
            "routeKey": key,
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

fn read(text: &str) -> Option<Response> {
    let Returned { status_code, headers, body, is_base64_encoded } = serde_json::from_str(text).ok()?;
    let body = body.unwrap_or_default();
    let text = if is_base64_encoded { String::from_utf8(BASE64_STANDARD.decode(body).ok()?).ok()? } else { body };
    let content_type = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    Some(Response { status: status_code, content_type: content_type.unwrap_or_default().1, text })
}
