//! The plans of the statements of the functions, for a user with 100,000 of a million tasks.
//!
//! The requests go to the real functions, and PostgreSQL logs the plan of each statement with its costs. So the
//! statements, their parameters and the way they are prepared are those of real requests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod million;
mod plan;
mod write_ahead_log;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use dev::testing::client::TaskId;
use dev::testing::database::LAYOUTS;
use million::{DATED_TASKS, MillionTasks, TASKS_OF_USER};
use plan::Plan;
use serde_json::json;

/// The filters of the lists, and their names in the table.
const FILTERS: [(&str, &str); 13] = [
    ("", "list"),
    ("&status=pending", "list pending"),
    ("&status=completed", "list completed"),
    ("&priority=low", "list priority=low"),
    ("&priority=high", "list priority=high, 1 of 1000"),
    ("&priority=low&status=pending", "list priority=low pending"),
    ("&priority=high&status=completed", "list priority=high completed, 1 of 3000"),
    ("&overdue=true", "list overdue"),
    ("&due=week&tz=Europe/Berlin", "list due=week"),
    ("&tag=work,home", "list tag=work,home, 1 of 10"),
    ("&tag=rare", "list tag=rare, 1 of 1000"),
    ("&category=errand", "list category=errand, 1 of 100"),
    ("&search=no+such+words", "list of what is searched and not found"),
];
const SORTS: [&str; 5] = ["created", "updated", "due_date", "title", "priority"];

/// The number of tasks of a page.
const PAGE: u64 = 50;
/// One task more tells whether there is a next page.
const READ_FOR_PAGE: u64 = PAGE + 1;
/// After how many tasks a page by cursor starts, and how many it reads: in the middle, around the end of the tasks with a
/// due date, right there, among those without, and the last page.
const PAGE_STARTS: [(u64, u64); 5] = [
    (TASKS_OF_USER / 2, READ_FOR_PAGE),
    (DATED_TASKS - PAGE / 2, READ_FOR_PAGE),
    (DATED_TASKS, READ_FOR_PAGE),
    (TASKS_OF_USER - 2 * PAGE, READ_FOR_PAGE),
    (TASKS_OF_USER - PAGE, PAGE),
];
/// The maximum number of blocks for a page of 50 tasks from an index in the order of the page. Each task may be in a
/// block of its own, and finding the first takes a few. An index over all users would add the tasks of other users.
const MAX_PAGE_BLOCKS: u64 = 200;
/// The maximum number of blocks for one task. A changed task is added to every index.
const MAX_TASK_BLOCKS: u64 = 1000;
/// The maximum time in milliseconds. It is far above what a healthy server must reach (10, 20 and 50), because the
/// machine of the tests may be busy.
const MAX_TIME: f64 = 1000.0;

/// The results of all plans.
#[derive(Default)]
struct Findings {
    /// Milliseconds by operation and schema: the maximum of all plans.
    times: BTreeMap<String, BTreeMap<&'static str, f64>>,
    faults: Vec<String>,
}

#[tokio::test]
async fn every_statement_uses_an_index() {
    let mut findings = Findings::default();
    for layout in [None].into_iter().chain(LAYOUTS.iter().map(Some)) {
        let million = MillionTasks::with_layout(layout).await;
        check_task_statements(&million, &mut findings).await;
        check_list_statements(&million, &mut findings).await;
        check_tags(&million, &mut findings).await;
        check_pages_by_cursor(&million, &mut findings).await;
        check_changes(&million, &mut findings).await;
        // As the plan of a statement that is prepared once for all users.
        million.force_generic_plans().await;
        check_task_statements(&million, &mut findings).await;
        check_prepared_lists(&million, &mut findings).await;
        check_changes(&million, &mut findings).await;
        million.drop().await;
    }
    // Written directly, because the test harness hides what a test prints.
    std::io::stderr().write_all(findings.table().as_bytes()).expect("standard error");
    assert!(findings.faults.is_empty(), "{}", findings.faults.join("\n\n"));
}

async fn check_task_statements(million: &MillionTasks, findings: &mut Findings) {
    let body = json!({"title": "Buy milk", "priority": "low", "due_date": "2026-11-21"});
    for _ in 0..3 {
        let (task, plans) = million.send("POST", "/api/tasks", Some(&body), 1).await;
        findings.check("create", million, &plans[0], &[]);
        let path = format!("/api/tasks/{}", TaskId::from_task(&task));
        let change = json!({"title": "Buy oat milk", "priority": null});
        let conditional = json!({"title": "Buy bread", "expected_updated_at": task["updated_at"]});
        for (operation, method, path, body) in [
            ("get", "GET", path.clone(), None),
            ("conditional update", "PUT", path.clone(), Some(&conditional)),
            ("update", "PUT", path.clone(), Some(&change)),
            ("complete", "PATCH", format!("{path}/complete"), None),
            ("delete", "DELETE", path.clone(), None),
        ] {
            let (_, plans) = million.send(method, &path, body, 1).await;
            findings.check(
                operation,
                million,
                &plans[0],
                &[Requirement::MaxBlocks(MAX_TASK_BLOCKS), Requirement::ByKey],
            );
        }
    }
}

/// The list of tags reads each task of the user once.
async fn check_tags(million: &MillionTasks, findings: &mut Findings) {
    let (tags, plans) = million.send("GET", "/api/tags", None, 1).await;
    let counts = tags.as_array().expect("an array").iter().map(|tag| tag["task_count"].as_u64().expect("a number"));
    assert_eq!(counts.sum::<u64>(), TASKS_OF_USER / 10 + TASKS_OF_USER / 1000, "{}", million.name);
    findings.check("tags", million, &plans[0], &[Requirement::ReadsTasksOnce]);
}

async fn check_prepared_lists(million: &MillionTasks, findings: &mut Findings) {
    let requirements =
        [Requirement::MaxBlocks(MAX_PAGE_BLOCKS), Requirement::NoSort, Requirement::ReadsOnly(READ_FOR_PAGE)];
    for list in [
        "sort=created&order=asc",
        "sort=created&order=desc",
        "sort=updated&order=asc",
        "sort=updated&order=desc",
        "sort=due_date&order=asc",
        "sort=created&order=asc&status=pending",
        "sort=created&order=desc&status=pending",
        "sort=created&order=asc&status=completed",
        "sort=created&order=desc&status=completed",
    ] {
        let (_, plans) = million.send("GET", &format!("/api/tasks?limit=50&{list}"), None, 2).await;
        let [list_plan, total] = plans.as_slice() else { unreachable!("a list and its total") };
        findings.check(&format!("prepared list, {list}"), million, list_plan, &requirements);
        findings.check(&format!("prepared total, {list}"), million, total, &[]);
        if list.contains("status") {
            // A third of the tasks is completed.
            check_page_by_cursor(million, findings, list, TASKS_OF_USER / 4, READ_FOR_PAGE).await;
        } else {
            for (start, read) in PAGE_STARTS {
                check_page_by_cursor(million, findings, list, start, read).await;
            }
        }
    }
}

/// A page by cursor reads as much at the end as at the start.
async fn check_pages_by_cursor(million: &MillionTasks, findings: &mut Findings) {
    for sort in SORTS {
        for order in ["asc", "desc"] {
            for (start, read) in PAGE_STARTS {
                check_page_by_cursor(million, findings, &format!("sort={sort}&order={order}"), start, read).await;
            }
        }
    }
}

/// The page after the first `start` tasks of a list, which must read that many tasks; by title and priority, all of the user.
async fn check_page_by_cursor(million: &MillionTasks, findings: &mut Findings, list: &str, start: u64, read: u64) {
    let before = format!("/api/tasks?{list}&limit={PAGE}&offset={}", start - PAGE);
    let (page, _) = million.send("GET", &before, None, 2).await;
    let cursor = page["next_cursor"].as_str().expect("a next page");
    let (_, plans) = million.send("GET", &format!("/api/tasks?limit={PAGE}&cursor={cursor}"), None, 2).await;
    let requirements = if list.contains("title") || list.contains("priority") {
        &[Requirement::ReadsTasksOnce][..]
    } else {
        &[Requirement::ReadsPage(read)]
    };
    findings.check(&format!("page by cursor, {list}"), million, &plans[0], requirements);
}

/// Each page reads its own changes and one more, whatever else has changed, before or since.
async fn check_changes(million: &MillionTasks, findings: &mut Findings) {
    let start = million.send("GET", "/api/tasks/changes?limit=1", None, 1).await.0;
    let before = million.token_now(&start);
    // In one transaction, so that the numbers of the rows are equal.
    million.change_tasks(5000).await;
    let since = million.token_now(&million.send("GET", "/api/tasks/changes?limit=1", None, 1).await.0);
    million.change_tasks(120).await;
    million.record_deletes(120).await;
    let mut requests = vec![("load", String::new()), ("changes of 5000", before), ("changes of 240", since)];
    for (operation, since) in &mut requests {
        let mut returned = 0;
        for page in 0..6 {
            let path = format!("/api/tasks/changes?limit={PAGE}&since={since}");
            let (response, plans) = million.send("GET", &path, None, 1).await;
            let changes = response["changes"].as_array().expect("an array").len() as u64;
            let read = changes + u64::from(response["has_more"] == true);
            let requirements = [Requirement::MaxBlocks(MAX_PAGE_BLOCKS), Requirement::ReadsOnly(read)];
            findings.check(&format!("{operation}, page {page}"), million, &plans[0], &requirements);
            returned += changes;
            *since = response["next"].as_str().expect("a token").to_owned();
            if response["has_more"] == false {
                break;
            }
        }
        let expected = if *operation == "changes of 240" { 240 } else { 6 * PAGE };
        assert_eq!(returned, expected, "{}: {operation}", million.name);
    }
    // The tasks without a transaction number come after the last task with one.
    let start = million.send("GET", "/api/tasks/changes?limit=1", None, 1).await.0;
    let token = million.token_before_last_number(&start).await;
    let (response, plans) =
        million.send("GET", &format!("/api/tasks/changes?limit={PAGE}&since={token}"), None, 1).await;
    let numbered = response["changes"].as_array().expect("an array").iter().filter(|change| change["txid"].is_string());
    assert_eq!(numbered.count(), 1, "{}", million.name);
    let requirements = [Requirement::MaxBlocks(MAX_PAGE_BLOCKS), Requirement::ReadsOnly(READ_FOR_PAGE)];
    findings.check("load, where numbers end", million, &plans[0], &requirements);
    let next = response["next"].as_str().expect("a token");
    let (_, plans) = million.send("GET", &format!("/api/tasks/changes?limit={PAGE}&since={next}"), None, 1).await;
    findings.check("load, without numbers", million, &plans[0], &requirements);
}

async fn check_list_statements(million: &MillionTasks, findings: &mut Findings) {
    let mut statements = BTreeSet::new();
    for (filter, operation) in FILTERS {
        for sort in SORTS {
            for order in ["asc", "desc"] {
                let path = format!("/api/tasks?sort={sort}&order={order}&limit=50{filter}");
                let (_, plans) = million.send("GET", &path, None, 2).await;
                let [list, total] = plans.as_slice() else { unreachable!("a list and its total") };
                statements.insert(list.query().to_owned());
                let requirements = match (filter, sort) {
                    ("", "title" | "priority") => &[Requirement::ReadsTasksOnce][..],
                    // The latest first: what is sorted are two parts of the page.
                    ("", "due_date") => {
                        &[Requirement::MaxBlocks(MAX_PAGE_BLOCKS), Requirement::ReadsOnly(READ_FOR_PAGE)]
                    }
                    ("", _) | ("&status=pending" | "&status=completed", "created") => &[
                        Requirement::MaxBlocks(MAX_PAGE_BLOCKS),
                        Requirement::NoSort,
                        Requirement::ReadsOnly(READ_FOR_PAGE),
                    ],
                    _ => &[],
                };
                findings.check(&format!("{operation} by {sort}"), million, list, requirements);
                if (sort, order) == ("created", "desc") {
                    findings.check(&format!("{operation}: total"), million, total, &[]);
                }
            }
        }
    }
    // A list has only the conditions that were requested, so each combination of conditions and order has a statement
    // of its own. The two filters by priority alone differ in a parameter only, as do those by tags: they share a
    // statement for each of the ten orders, so there are 13 * 10 - 20 = 110.
    let orders = SORTS.len() * 2;
    assert_eq!(statements.len(), (FILTERS.len() - 2) * orders, "each filter and order has a statement of its own");
    // For a page far from the start, sorting is faster than counting up to the page.
    for (page, operation, requirements) in [
        ("limit=1000", "list of 1000", &[Requirement::NoSort][..]),
        ("limit=50&offset=50000", "list from the 50000th on", &[]),
    ] {
        let (_, plans) = million.send("GET", &format!("/api/tasks?{page}"), None, 2).await;
        findings.check(operation, million, &plans[0], requirements);
    }
}

/// A requirement of a plan, in addition to those of every plan.
enum Requirement {
    NoSort,
    MaxBlocks(u64),
    /// Tasks are read by the primary key.
    ByKey,
    /// The scans read this number of tasks in all.
    ReadsOnly(u64),
    /// As `ReadsOnly`, from few blocks. The primary key and an index of the other back end that has the tasks of all users in
    /// the order of the page may be read instead: PostgreSQL expects the tasks of a user with a tenth of them all to be
    /// spread evenly.
    ReadsPage(u64),
    /// Each task of the user is read once. Where several processes read them, PostgreSQL rounds the numbers.
    ReadsTasksOnce,
}

impl Findings {
    fn check(&mut self, operation: &str, million: &MillionTasks, plan: &Plan, requirements: &[Requirement]) {
        let is_met = |requirement: &Requirement| match requirement {
            Requirement::NoSort => !plan.sorts(),
            Requirement::MaxBlocks(blocks) => plan.blocks() <= *blocks,
            Requirement::ByKey => plan.indexes_of_tasks().iter().all(|index| index.ends_with("_pkey")),
            Requirement::ReadsOnly(rows) => plan.rows_read() == *rows,
            Requirement::ReadsPage(rows) => {
                let reads = |is_index: &dyn Fn(&str) -> bool| plan.indexes_of_tasks().into_iter().any(is_index);
                let reads_all_users =
                    reads(&|index| million.indexes_of_other_back_end.iter().any(|other| other == index));
                let is_of_page = plan.rows_read() == *rows || reads(&|index| index.ends_with("_pkey"));
                reads_all_users || is_of_page && plan.blocks() <= MAX_PAGE_BLOCKS
            }
            Requirement::ReadsTasksOnce => plan.rows_read().abs_diff(TASKS_OF_USER) < 10,
        };
        let is_fast = plan.milliseconds() < MAX_TIME;
        if plan.reads_whole_table() || !is_fast || !requirements.iter().all(is_met) {
            self.faults.push(format!("{}: {operation}: {plan}", million.name));
        }
        let longest = self.times.entry(operation.to_owned()).or_default().entry(million.name).or_default();
        *longest = longest.max(plan.milliseconds());
    }

    fn table(&self) -> String {
        let schemas: BTreeSet<&str> = self.times.values().flat_map(BTreeMap::keys).copied().collect();
        let mut table = format!("\nmilliseconds in the database, the maximum of both directions\n{:<60}", "");
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
