//! One JSON object per line on standard output, which Lambda stores.

use std::error::Error;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{ApiError, Remedy};

/// Starts logging at `AWS_LAMBDA_LOG_LEVEL`, or at `info`.
///
/// Libraries never get below `info`: the runtime writes whole events at `trace`, and with them tokens and titles. Its
/// own subscriber parses filter directives, which costs every function a regular-expression engine.
pub(crate) fn start() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    let targets =
        Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(level.min(LevelFilter::INFO));
    tracing_subscriber::registry().with(json.with_span_list(false).with_target(false)).with(targets).init();
}

/// Writes why a request failed, once. A cause that the client is not told is told here, and so is what helps: `wait`,
/// `scale` or `fix`.
pub(crate) fn failure(error: &ApiError, request_id: &str) {
    let (status, code, cause) = (error.status(), error.code(), cause(error));
    if status >= 500 || matches!(error, ApiError::Refused(_)) {
        let (remedy, retry_after) = (error.remedy().map(Remedy::word), error.retry_after());
        tracing::error!(request_id, status, code, remedy, retry_after, cause, "request failed");
    } else {
        tracing::info!(request_id, status, code, cause, "request refused");
    }
}

/// The sources of an error, outermost first.
pub(crate) fn cause(error: &dyn Error) -> Option<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        // The driver would print the server's DETAIL too, which quotes rows and keys.
        let from_server = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error);
        if let Some(error) = from_server {
            let constraint = error.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
            causes.push(format!("{} {}{constraint}", error.code().code(), error.message()));
            break;
        }
        causes.push(error.to_string());
        next = error.source();
    }
    (!causes.is_empty()).then(|| causes.join(": "))
}
