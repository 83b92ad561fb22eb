//! Logs: one JSON object per line on standard output, which Lambda stores.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::db::cause_chain;
use crate::http::{ApiError, OperatorAction};

/// Starts logging at `AWS_LAMBDA_LOG_LEVEL`, or at `info`.
///
/// Libraries log at `info` at most: at `trace` the runtime logs whole events, which contain tokens and titles. The
/// runtime's own subscriber is not used, because it parses filter directives with a regular-expression engine.
pub(crate) fn start() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    let targets =
        Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(level.min(LevelFilter::INFO));
    tracing_subscriber::registry().with(json.with_span_list(false).with_target(false)).with(targets).init();
}

/// Logs why a request failed, with the cause, which the client does not get, and with what an operator can do: `wait`,
/// `scale` or `fix`.
pub(crate) fn failure(error: &ApiError, request_id: &str) {
    let (status, code, cause) = (error.status(), error.code(), cause_chain(error));
    if status >= 500 || matches!(error, ApiError::DatabaseRule(..)) {
        let (remedy, retry_after) = (error.operator_action().map(OperatorAction::as_str), error.retry_after());
        tracing::error!(request_id, status, code, remedy, retry_after, cause, "request failed");
    } else {
        tracing::info!(request_id, status, code, cause, "request refused");
    }
}
