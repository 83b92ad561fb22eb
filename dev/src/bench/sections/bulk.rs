//! Many tasks in one request, compared with as many requests.

use std::sync::LazyLock;

use crate::bench::env::TlsMode;
use crate::bench::error::BenchError;
use crate::bench::link::Link;
use crate::bench::operation::{CREATE_TASK, Operation, Tasks};
use crate::bench::report::{Goal, Section, Unit};
use crate::bench::runner::{Cost, Runner};
use crate::bench::sections::million::RequestCost;
use crate::bench::statistics::duration_text;
use crate::bench::subjects::Subjects;

use std::time::Duration;

/// The operations of a request, which is the most that one can have.
const OPERATIONS: usize = 100;
/// A bulk request compared with as many requests as it has operations.
const GOAL: Goal = Goal::AtMost(0.05);
/// The fewest bulk requests in a block. PostgreSQL plans a prepared statement anew for its first five executions.
const REQUESTS_MIN: usize = 20;
/// The round trips to the database, in milliseconds: within one region of AWS, and between neighbouring ones.
const DISTANCES: [u64; 2] = [1, 5];

/// The same new task as that of [`CREATE_TASK`], many times.
static BODY: LazyLock<String> = LazyLock::new(|| {
    let create = CREATE_TASK.body.replacen('{', r#"{"op": "create", "#, 1);
    format!(r#"{{"operations": [{}]}}"#, vec![create; OPERATIONS].join(", "))
});

/// A request with [`OPERATIONS`] creates, compared with as many requests that create one task.
pub(in crate::bench) fn bulk(runner: &Runner, subjects: &Subjects) -> Result<Section, BenchError> {
    let mut section = Section::new(
        format!("A request that creates {OPERATIONS} tasks ÷ {OPERATIONS} requests"),
        "Without TLS. Details: the request / one of the others. The price is that of AWS and Neon with the database 1 ms \
         away, without starts.",
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
    let measure = |operation: &Operation, port: u16, requests: usize| {
        let function = subjects.function(operation, &authentication, port, TlsMode::Disabled);
        let event = || subjects.env.event(operation, 0, Some(&authentication.token));
        runner.compare([&function], requests, event)
    };
    let compare = |port: u16, requests: usize| -> Result<[Cost; 2], BenchError> {
        let many = measure(&bulk, port, (requests / OPERATIONS).max(REQUESTS_MIN))?;
        Ok([many.typical(0), measure(&CREATE_TASK, port, requests)?.typical(0)])
    };
    let mut row = |name: &str, [many, one]: [f64; 2], goal: Option<Goal>, text: fn(f64) -> String| {
        let details = format!("{} / {}", text(many), text(one));
        section.row(name, many / (one * OPERATIONS as f64), Unit::Ratio, goal, details);
    };
    let here = compare(subjects.env.address.port(), runner.effort.requests)?;
    row("latency, on this machine", here.map(|cost| cost.latency), Some(GOAL), duration_text);
    row("processor time", here.map(|cost| cost.processor_time), Some(GOAL), duration_text);
    row("PostgreSQL's processor time", here.map(|cost| cost.server_time), None, duration_text);
    row("write-ahead log", here.map(|cost| cost.wal), None, |bytes| format!("{bytes:.0} B"));
    for milliseconds in DISTANCES {
        let link = Link::start(subjects.env.address, Duration::from_millis(milliseconds))?;
        let distant = compare(link.port(), runner.effort.distant_requests)?;
        let name = format!("latency, {milliseconds} ms away");
        row(&name, distant.map(|cost| cost.latency), Some(GOAL), duration_text);
        if milliseconds == DISTANCES[0] {
            let price = |cost: Cost| RequestCost::from(cost).million();
            row("price of a million", distant.map(price), Some(GOAL), |dollars| format!("${dollars:.2}"));
        }
    }
    Ok(section)
}
