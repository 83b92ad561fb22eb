//! The paths, headers and environment variables of the Lambda Runtime API, version 2018-06-01, and of the part of the
//! Extensions API, version 2020-01-01, that an extension without events uses.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::aws::identity::function_arn;

/// `GET`: waits for the next event. The response carries [`invocation_headers`].
pub(crate) const NEXT_INVOCATION: &str = "/2018-06-01/runtime/invocation/next";
/// `POST`: the response of the function to an event.
pub(crate) const INVOCATION_RESPONSE: &str = "/2018-06-01/runtime/invocation/{request_id}/response";
/// `POST`: the function failed.
pub(crate) const INVOCATION_ERROR: &str = "/2018-06-01/runtime/invocation/{request_id}/error";
/// `POST`: the function could not start. The process ends afterwards.
pub(crate) const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";
/// `POST`: registers an extension. The response carries [`EXTENSION_ID`].
pub(crate) const REGISTER_EXTENSION: &str = "/2020-01-01/extension/register";
/// `GET`: waits for the next event of an extension.
pub(crate) const NEXT_EXTENSION_EVENT: &str = "/2020-01-01/extension/event/next";

/// The header with the id of an extension.
pub(crate) const EXTENSION_ID: &str = "lambda-extension-identifier";

/// The version of a function without a published version.
pub(crate) const LATEST_VERSION: &str = "$LATEST";

/// The headers that accompany an event.
pub(crate) fn invocation_headers(
    function: &str,
    request_id: &str,
    deadline: SystemTime,
    trace_id: &str,
) -> [(&'static str, String); 5] {
    let deadline_ms = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", request_id.to_owned()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", function_arn(function)),
        ("lambda-runtime-trace-id", trace_id.to_owned()),
    ]
}

/// The variables without which the runtime does not start. `runtime_api` is `host:port`, or a URL if it has a path.
pub(crate) fn environment(function: &str, memory_mb: u64, runtime_api: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", LATEST_VERSION.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string()),
    ]
}
