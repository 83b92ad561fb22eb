//! How PostgreSQL carries out what the functions send, for a user with a hundred thousand tasks among a million.
//!
//! The real functions are asked, and the server itself writes down each plan with what it took: the statements, their
//! parameters and the way in which they are prepared are those of a request.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod million;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use layouts::LAYOUTS;
use million::Million;
use plan::Plan;
use reqwest::Method;
use serde_json::{Value, json};

/// What the lists are asked for, and what it is called in the table.
const FILTERS: [(&str, &str); 9] = [
    ("", "list"),
    ("&status=pending", "list pending"),
    ("&status=completed", "list completed"),
    ("&priority=low", "list priority=low"),
    ("&priority=high", "list priority=high, 1 of 1000"),
    ("&priority=low&status=pending", "list priority=low pending"),
    ("&priority=high&status=completed", "list priority=high completed, 1 of 3000"),
    ("&overdue=true", "list overdue"),
    ("&search=no+such+words", "list of what is searched and not found"),
];
const SORTS: [&str; 5] = ["created", "updated", "due_date", "title", "priority"];

/// What a page of 50 may touch when it is read from an index that has its order: each task may be in a block of its own,
/// and finding the first takes some. An index of all users would bring other users' tasks in between.
const BLOCKS_OF_A_PAGE: u64 = 200;
/// What one task may touch. A changed one is entered into every index.
const BLOCKS_OF_A_TASK: u64 = 1000;
/// Milliseconds far beyond what is demanded of a healthy server (10, 20 and 50), because the machine may be busy.
const GENEROUS: f64 = 1000.0;

/// What was seen.
#[derive(Default)]
struct Findings {
    /// Milliseconds by operation and schema: the longest of all plans.
    times: BTreeMap<String, BTreeMap<&'static str, f64>>,
    faults: Vec<String>,
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let mut findings = Findings::default();
    for layout in [None].into_iter().chain(LAYOUTS.iter().map(Some)) {
        let million = Million::laid_out(layout).await;
        of_one_task(&million, &mut findings).await;
        of_lists(&million, &mut findings).await;
        million.drop().await;
    }
    // Past the harness, which keeps to itself what a test prints.
    std::io::stderr().write_all(findings.table().as_bytes()).expect("standard error");
    assert!(findings.faults.is_empty(), "{}", findings.faults.join("\n\n"));
}

async fn of_one_task(million: &Million, findings: &mut Findings) {
    let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21"});
    for _ in 0..3 {
        let (task, plans) = million.ask(Method::POST, "/api/tasks", Some(&body), 1).await;
        findings.note("create", million, &plans[0], &[]);
        let path = match &task["id"] {
            Value::String(id) => format!("/api/tasks/{id}"),
            id => format!("/api/tasks/{id}"),
        };
        let change = json!({"title": "Buy oat milk", "priority": null});
        let conditional = json!({"title": "Buy bread", "expected_updated_at": task["updated_at"]});
        for (operation, method, path, body) in [
            ("get", Method::GET, path.clone(), None),
            ("conditional update", Method::PUT, path.clone(), Some(&conditional)),
            ("update", Method::PUT, path.clone(), Some(&change)),
            ("complete", Method::PATCH, format!("{path}/complete"), None),
            ("delete", Method::DELETE, path.clone(), None),
        ] {
            let (_, plans) = million.ask(method, &path, body, 1).await;
            findings.note(operation, million, &plans[0], &[Demand::AtMost(BLOCKS_OF_A_TASK)]);
        }
    }
}

async fn of_lists(million: &Million, findings: &mut Findings) {
    let mut statements = BTreeSet::new();
    for (filter, operation) in FILTERS {
        for sort in SORTS {
            for order in ["asc", "desc"] {
                let path = format!("/api/tasks?sort={sort}&order={order}&limit=50{filter}");
                let (_, plans) = million.ask(Method::GET, &path, None, 2).await;
                let [list, total] = plans.as_slice() else { unreachable!("a list and its total") };
                statements.insert(list.query().to_owned());
                let has_an_index = filter.is_empty() || (sort == "created" && filter.starts_with("&status"));
                let demands = [Demand::AtMost(BLOCKS_OF_A_PAGE), Demand::NoSort];
                let demands = if has_an_index { &demands[..] } else { &[] };
                findings.note(&format!("{operation} by {sort}"), million, list, demands);
                if (sort, order) == ("created", "desc") {
                    findings.note(&format!("{operation}: total"), million, total, &[]);
                }
            }
        }
    }
    assert_eq!(statements.len(), SORTS.len() * 2, "each order has a statement");
    // Where a page is far away, sorting is quicker than counting up to it.
    for (page, operation, demands) in [
        ("limit=1000", "list of 1000", &[Demand::NoSort][..]),
        ("limit=50&offset=50000", "list from the 50000th on", &[]),
    ] {
        let (_, plans) = million.ask(Method::GET, &format!("/api/tasks?{page}"), None, 2).await;
        findings.note(operation, million, &plans[0], demands);
    }
}

/// What a plan has to keep, beside never reading the whole table.
enum Demand {
    NoSort,
    /// Blocks that it may touch.
    AtMost(u64),
}

impl Findings {
    fn note(&mut self, operation: &str, million: &Million, plan: &Plan, demands: &[Demand]) {
        let is_kept = |demand: &Demand| match demand {
            Demand::NoSort => !plan.sorts(),
            Demand::AtMost(blocks) => plan.blocks() <= *blocks,
        };
        let is_generous = plan.milliseconds() < GENEROUS;
        if plan.reads_the_whole_table() || !is_generous || !demands.iter().all(is_kept) {
            self.faults.push(format!("{}: {operation}: {plan}", million.name));
        }
        let longest = self.times.entry(operation.to_owned()).or_default().entry(million.name).or_default();
        *longest = longest.max(plan.milliseconds());
    }

    fn table(&self) -> String {
        let schemas: BTreeSet<&str> = self.times.values().flat_map(BTreeMap::keys).copied().collect();
        let mut table = format!("\nmilliseconds in the database, the longest of both directions\n{:<60}", "");
        for schema in &schemas {
            let _ = write!(table, "{:>13}", schema.chars().take(12).collect::<String>());
        }
        for (operation, times) in &self.times {
            let _ = write!(table, "\n{operation:<60}");
            for schema in &schemas {
                let _ = write!(table, "{:>13.2}", times[schema]);
            }
        }
        table + "\n"
    }
}
