//! Metrics and logs about the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dev::testing::client::TestResponse;
use dev::testing::fault_proxy::{Cut, Direction, End, Script};
use serde_json::{Value, json};

use crate::env::{ALL_OPERATIONS, ONE_OF_EACH_FUNCTION, Operation, TaskCase, TestEnv};

async fn start_with_metrics() -> TestEnv {
    TestEnv::start_cold(|settings| settings.with("METRICS_NAMESPACE", "todo-test")).await
}

/// Waits for the line of metrics of a request and returns it.
fn metrics_of(env: &TestEnv, request_id: &str) -> Value {
    let lines = |logs: &str| -> Vec<Value> {
        let lines = logs.lines().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok());
        lines.filter(|line: &Value| line["request_id"] == request_id && line["_aws"].is_object()).collect()
    };
    let logs = env.stack.logs_when(Duration::from_secs(5), |logs| !lines(logs).is_empty());
    let found = lines(&logs.unwrap_or_else(|| unreachable!("no metrics of {request_id}: {}", env.stack.logs())));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_embedded_metric_format(&found[0]);
    found[0].clone()
}

/// Asserts the format that CloudWatch requires. It silently ignores other lines.
fn assert_embedded_metric_format(line: &Value) {
    assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|time| time > 1_700_000_000_000), "{line}");
    let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else { unreachable!("{line}") };
    assert_eq!(directive["Namespace"], "todo-test");
    for dimension in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
        assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension} in {line}");
    }
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric} in {line}");
        assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
    }
}

fn names(line: &Value) -> BTreeSet<&str> {
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect()
}

async fn run_operation(env: &TestEnv, operation: Operation) -> (TaskCase, TestResponse) {
    let case = env.prepare(operation).await;
    let response = case.send().await;
    env.assert_done(&case, &response).await;
    (case, response)
}

#[tokio::test]
async fn healthy_request_has_only_database_time() {
    let env = start_with_metrics().await;
    env.assert_works(&ALL_OPERATIONS).await;
    for operation in ALL_OPERATIONS {
        let (_, response) = run_operation(&env, operation).await;
        let line = metrics_of(&env, response.request_id());
        let mut names = names(&line);
        // On a busy machine any statement may be slow.
        names.remove("SlowQueries");
        assert_eq!(names, BTreeSet::from(["DatabaseTime"]), "{line}");
        assert!(line["DatabaseTime"].as_f64().unwrap() > 0.0);
        assert_eq!(line["function"], operation.function());
    }
}

#[tokio::test]
async fn first_request_reports_the_connection_setup() {
    let env = start_with_metrics().await;
    let (_, response) = run_operation(&env, Operation::Create).await;
    let line = metrics_of(&env, response.request_id());
    assert!(names(&line).is_superset(&["ColdStarts", "ConnectTime", "Connects", "DatabaseTime"].into()), "{line}");
    assert_eq!((&line["Connects"], &line["connects"][0]["reason"]), (&json!(1), &json!("first")));
    let phases = ["resolve", "tcp", "tls", "sign_in"].map(|phase| line["connects"][0][phase].as_f64().unwrap());
    assert!((phases.iter().sum::<f64>() - line["ConnectTime"].as_f64().unwrap()).abs() < 0.1, "{line}");
    assert!(phases[3] > 0.0, "{line}");
}

#[tokio::test]
async fn reconnects_are_counted_with_their_reason() {
    let env = start_with_metrics().await;
    env.warm_up().await;
    env.close_connections(End::Close).await;
    let (_, response) = run_operation(&env, Operation::Update).await;
    let line = metrics_of(&env, response.request_id());
    assert_eq!((&line["Reconnects"], &line["connects"][0]["reason"]), (&json!(1), &json!("closed")), "{line}");
    assert_eq!(line["Repeats"], Value::Null);

    // The response of the next statement is lost.
    env.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset });
    let (_, response) = run_operation(&env, Operation::Update).await;
    let line = metrics_of(&env, response.request_id());
    assert_eq!((&line["Repeats"], &line["repeated"]), (&json!(1), &json!(["answer lost"])), "{line}");
    assert_eq!((&line["Reconnects"], &line["connects"][0]["reason"]), (&json!(1), &json!("failed")), "{line}");
}

#[tokio::test]
async fn slow_statement_is_logged_without_its_values() {
    let env = Arc::new(start_with_metrics().await);
    env.warm_up().await;
    let cases = env.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    env.database.lock_tasks().await;
    let responses = TestEnv::send_together(&cases);
    env.database.wait_for_blocked_statements(cases.len()).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    env.database.run("commit").await;
    for (case, response) in cases.iter().zip(&responses.await.unwrap()) {
        env.assert_done(case, response).await;
        let line = metrics_of(&env, response.request_id());
        let statement = match case.operation {
            Operation::Stats => "stats",
            Operation::Changes => "all changes",
            Operation::StopRecurrence => "stop recurrence",
            Operation::ListTags => "list tags",
            Operation::CreateTag => "create tag",
            Operation::RenameTag => "change tag",
            Operation::DeleteTag => "delete tag",
            Operation::AddTag => "add tags",
            Operation::RemoveTag => "remove tag",
            operation => operation.function().split('-').next().unwrap(),
        };
        assert_eq!((&line["SlowQueries"], &line["slow"]), (&json!(1), &json!([statement])), "{line}");
        assert!(line["DatabaseTime"].as_f64().unwrap() > 100.0, "{line}");
    }
    let logs = env.stack.logs();
    assert!(logs.lines().any(|line| line.contains("slow query") && line.contains("\"statement\":\"list\"")), "{logs}");
    assert!(!logs.contains("Task of"), "{logs}");
}

#[tokio::test]
async fn failures_report_the_operator_action() {
    let env = start_with_metrics().await;
    env.warm_up().await;
    let refuse = |state: &str, message: &str| Script::Refuse { state: state.to_owned(), message: message.to_owned() };
    for (script, status, retry_after, metric, remedy) in [
        (Script::End(End::Reset), 503, Some(1), "DatabaseUnavailable", "wait"),
        (refuse("57P03", "the database system is starting up"), 503, Some(1), "DatabaseUnavailable", "wait"),
        (refuse("53300", "sorry, too many clients already"), 503, Some(2), "DatabaseExhausted", "scale"),
        (refuse("XX000", "Check your quotas"), 503, Some(60), "DatabaseExhausted", "scale"),
        (refuse("28P01", "password authentication failed"), 500, None, "NeedsFixing", "fix"),
    ] {
        env.close_connections(End::Close).await;
        env.proxy.play_script(&script, 100);
        let case = env.prepare(Operation::Toggle).await;
        let response = case.send().await;
        assert_eq!((response.status, response.retry_after()), (status, retry_after), "{script:?}");
        env.assert_not_executed(&case).await;
        let line = metrics_of(&env, response.request_id());
        assert_eq!(line[metric], 1, "{line}");
        let is_expected = |line: &str| {
            line.contains(response.request_id())
                && line.contains(&format!("\"remedy\":\"{remedy}\""))
                && retry_after.is_none_or(|seconds| line.contains(&format!("\"retry_after\":{seconds}")))
        };
        let logs = env.stack.logs_when(Duration::from_secs(5), |logs| logs.lines().any(is_expected));
        assert!(logs.is_some(), "{}", env.stack.logs());
        env.proxy.clear_faults().unwrap();
    }
    run_operation(&env, Operation::Toggle).await;
}

#[tokio::test]
async fn no_namespace_means_no_metrics() {
    let env = TestEnv::start().await;
    let (_, response) = run_operation(&env, Operation::Create).await;
    let logged = env.stack.logs_when(Duration::from_secs(5), |logs| logs.contains("POST /api/tasks"));
    assert!(logged.is_some_and(|logs| !logs.contains("_aws")), "{}", response.request_id());
}
