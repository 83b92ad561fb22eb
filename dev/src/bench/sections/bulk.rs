//! Many tasks in one request, compared with as many requests.

use std::sync::LazyLock;

use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::link::Link;
use crate::bench::operation::{CREATE_TASK, Operation, Tasks};
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::{Metric, Runner};
use crate::bench::statistics::duration_text;
use crate::bench::subjects::Subjects;

use std::time::Duration;

/// The operations of a request, which is the most that one can have.
const OPERATIONS: usize = 100;
/// A bulk request compared with as many requests as it has operations.
const GOAL: Goal = Goal::AtMost(0.05);
/// The row of the write-ahead log, whose details are bytes.
const WAL: &str = "write-ahead log";
/// The fewest bulk requests in a block. PostgreSQL plans a prepared statement anew for its first five executions.
const REQUESTS_MIN: usize = 20;
/// Within one region of AWS.
const ROUND_TRIP: Duration = Duration::from_millis(1);

/// The same new task as that of [`CREATE_TASK`], many times.
static BODY: LazyLock<String> = LazyLock::new(|| {
    let create = CREATE_TASK.body.replacen('{', r#"{"op": "create", "#, 1);
    format!(r#"{{"operations": [{}]}}"#, vec![create; OPERATIONS].join(", "))
});

/// A request with [`OPERATIONS`] creates, compared with as many requests that create one task.
pub(in crate::bench) fn bulk(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let mut section = Section::new(
        format!("A request that creates {OPERATIONS} tasks ÷ {OPERATIONS} requests"),
        "Without TLS. Details: the request / one of the others.",
    );
    let bulk = Operation {
        function: "bulk-tasks",
        method: "POST",
        path: "/api/tasks/bulk",
        body: &BODY,
        status: 200,
        tasks: Tasks::Some(0),
        statement: "",
        goal: None,
    };
    let user = subjects.user_of(CREATE_TASK.function);
    let authentication = subjects.env.hs256(&user.account);
    let link = Link::start(subjects.env.address, ROUND_TRIP)?;
    let near = (subjects.env.address.port(), runner.effort.requests);
    let distant = (link.port(), runner.effort.distant_requests);
    let places = [("latency, on this machine", near), ("latency, 1 ms away", distant)];
    for (place, (port, requests)) in places {
        let measure = |operation: &Operation, requests: usize| {
            let function = subjects.function(operation, &authentication, port, TlsMode::Disabled);
            let event = || subjects.env.event(operation, 0, Some(&authentication.token));
            runner.compare([&function], requests, event)
        };
        let (many, one) =
            (measure(&bulk, (requests / OPERATIONS).max(REQUESTS_MIN))?, measure(&CREATE_TASK, requests)?);
        let mut row = |name: &str, metric: Metric, goal: Option<Goal>| {
            let (many, one) = (many.median(metric, 0), one.median(metric, 0));
            let details = match name {
                WAL => format!("{many:.0} B / {one:.0} B"),
                _ => format!("{} / {}", duration_text(many), duration_text(one)),
            };
            section.row(name, many / (one * OPERATIONS as f64), Unit::Ratio, goal, details);
        };
        row(place, |cost| cost.latency, Some(GOAL));
        if port == subjects.env.address.port() {
            row("processor time", |cost| cost.processor_time, Some(GOAL));
            row("PostgreSQL's processor time", |cost| cost.server_time, None);
            row(WAL, |cost| cost.wal, None);
        }
    }
    Ok(section)
}
