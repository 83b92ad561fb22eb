//! Metrics: one JSON object per request in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Lambda's own metrics are about durations and errors; these are about the database. Counters that are zero are not
//! written, so a request on a healthy connection costs one metric. Statements are identified by name, without values.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::Context;
use serde_json::{Map, Value, json};

use crate::db::{ConnectReason, ConnectStats, DbStats};
use crate::http::{ApiError, OperatorAction};

/// Writes metrics into one namespace.
#[derive(Debug)]
pub(crate) struct Metrics {
    namespace: String,
    has_started: AtomicBool,
}

/// The metric definitions and the members of a line.
#[derive(Default)]
struct Line {
    definitions: Vec<Value>,
    members: Map<String, Value>,
}

impl Metrics {
    pub(crate) fn new(namespace: String) -> Self {
        Self { namespace, has_started: AtomicBool::new(false) }
    }

    /// Writes the metrics of a request.
    pub(crate) fn write(&self, stats: &DbStats, failure: Option<&ApiError>, context: &Context) {
        let is_first = !self.has_started.swap(true, Ordering::Relaxed);
        let line = self.line(stats, failure, is_first, context);
        // A request does not fail because standard output is closed.
        writeln!(std::io::stdout().lock(), "{line}").ok();
    }

    fn line(&self, stats: &DbStats, failure: Option<&ApiError>, is_first: bool, context: &Context) -> Value {
        let mut line = Line::default();
        line.count("ColdStarts", usize::from(is_first));
        if stats.time > Duration::ZERO {
            line.milliseconds("DatabaseTime", stats.time);
        }
        line.connects(&stats.connects);
        line.count("Repeats", stats.retries.len());
        line.detail("repeated", &stats.retries);
        line.count("SlowQueries", stats.slow.len());
        line.detail("slow", &stats.slow);
        match failure.and_then(ApiError::operator_action) {
            Some(OperatorAction::Wait) => line.count("DatabaseUnavailable", 1),
            Some(OperatorAction::Scale) => line.count("DatabaseExhausted", 1),
            Some(OperatorAction::Fix) => line.count("NeedsFixing", 1),
            None => {}
        }
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        line.members.insert("function".to_owned(), context.env_config.function_name.clone().into());
        line.members.insert("request_id".to_owned(), context.request_id.clone().into());
        line.members.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(timestamp).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{
                    "Namespace": self.namespace,
                    // None: each value of a dimension is billed as a metric. The log can be queried by function.
                    "Dimensions": [[]],
                    "Metrics": line.definitions,
                }],
            }),
        );
        line.members.into()
    }
}

impl Line {
    fn count(&mut self, name: &'static str, count: usize) {
        if count > 0 {
            self.metric(name, "Count", count.into());
        }
    }

    fn milliseconds(&mut self, name: &'static str, duration: Duration) {
        self.metric(name, "Milliseconds", rounded(duration));
    }

    /// Number and duration of connects. Reasons and phases are members of the line, not metrics.
    fn connects(&mut self, connects: &[ConnectStats]) {
        self.count("Connects", connects.len());
        self.count("Reconnects", connects.iter().filter(|connect| connect.reason != ConnectReason::First).count());
        if connects.is_empty() {
            return;
        }
        let total = |connect: &ConnectStats| {
            let phases = connect.phases;
            phases.resolve + phases.tcp + phases.tls + phases.sign_in
        };
        self.milliseconds("ConnectTime", connects.iter().map(total).sum());
        let detail = |connect: &ConnectStats| {
            let phases = connect.phases;
            json!({
                "reason": connect.reason.as_str(),
                "resolve": rounded(phases.resolve),
                "tcp": rounded(phases.tcp),
                "tls": rounded(phases.tls),
                "sign_in": rounded(phases.sign_in),
            })
        };
        self.members.insert("connects".to_owned(), connects.iter().map(detail).collect());
    }

    fn detail(&mut self, name: &'static str, words: &[&'static str]) {
        if !words.is_empty() {
            self.members.insert(name.to_owned(), words.into());
        }
    }

    fn metric(&mut self, name: &'static str, unit: &'static str, value: Value) {
        self.definitions.push(json!({"Name": name, "Unit": unit}));
        self.members.insert(name.to_owned(), value);
    }
}

/// In milliseconds, to a hundredth.
fn rounded(duration: Duration) -> Value {
    ((duration.as_secs_f64() * 100_000.0).round() / 100.0).into()
}
