//! What the functions tell a dashboard: a line of JSON per request in CloudWatch's embedded metric format
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! Lambda's own metrics have durations and errors; these have the database. What did not happen is not written, so a
//! request on a healthy connection costs one number. No value of a statement is in here, only its name.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_http::Context;
use serde_json::{Map, Value, json};

use crate::db::{Connect, Reason, Tally};
use crate::error::{ApiError, Remedy};

/// Writes metrics into one namespace.
#[derive(Debug)]
pub(crate) struct Metrics {
    namespace: String,
    has_started: AtomicBool,
}

/// Names and values of a line, as the format has them.
#[derive(Default)]
struct Line {
    definitions: Vec<Value>,
    members: Map<String, Value>,
}

impl Metrics {
    pub(crate) fn new(namespace: String) -> Self {
        Self { namespace, has_started: AtomicBool::new(false) }
    }

    /// Writes what a request has cost.
    pub(crate) fn write(&self, tally: &Tally, failure: Option<&ApiError>, context: &Context) {
        let is_first = !self.has_started.swap(true, Ordering::Relaxed);
        let line = self.line(tally, failure, is_first, context);
        // A closed standard output is no reason to fail a request.
        writeln!(std::io::stdout().lock(), "{line}").ok();
    }

    fn line(&self, tally: &Tally, failure: Option<&ApiError>, is_first: bool, context: &Context) -> Value {
        let mut line = Line::default();
        line.count("ColdStarts", usize::from(is_first));
        if tally.time > Duration::ZERO {
            line.milliseconds("DatabaseTime", tally.time);
        }
        line.connects(&tally.connects);
        line.count("Repeats", tally.repeats.len());
        line.detail("repeated", &tally.repeats);
        line.count("SlowQueries", tally.slow.len());
        line.detail("slow", &tally.slow);
        match failure.and_then(ApiError::remedy) {
            Some(Remedy::Wait) => line.count("DatabaseUnavailable", 1),
            Some(Remedy::Scale) => line.count("DatabaseExhausted", 1),
            Some(Remedy::Fix) => line.count("NeedsFixing", 1),
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
                    // None: each value of a dimension is a metric of its own to pay for. The log can be asked by function.
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

    /// How often and how long; why and in which phase are for searching the log, and cost no metric.
    fn connects(&mut self, connects: &[Connect]) {
        self.count("Connects", connects.len());
        self.count("Reconnects", connects.iter().filter(|connect| connect.reason != Reason::First).count());
        if connects.is_empty() {
            return;
        }
        let total = |connect: &Connect| {
            let phases = connect.phases;
            phases.resolve + phases.tcp + phases.tls + phases.sign_in
        };
        self.milliseconds("ConnectTime", connects.iter().map(total).sum());
        let detail = |connect: &Connect| {
            let phases = connect.phases;
            json!({
                "reason": connect.reason.word(),
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
