//! What a dashboard and an operator are told of the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dev::testing::fault_proxy::{Cut, Direction, End, Script};
use serde_json::{Value, json};

use crate::site::{ALL, Case, ONE_OF_EACH_FUNCTION, Operation, Reply, Site};

async fn site_with_metrics() -> Site {
    Site::start_cold(|settings| settings.with("METRICS_NAMESPACE", "todo-test")).await
}

/// The lines of metrics of a request, as soon as there is one.
fn metrics_of(site: &Site, request_id: &str) -> Value {
    let lines = |logs: &str| -> Vec<Value> {
        let lines = logs.lines().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok());
        lines.filter(|line: &Value| line["request_id"] == request_id && line["_aws"].is_object()).collect()
    };
    let logs = site.stack.logs_when(Duration::from_secs(5), |logs| !lines(logs).is_empty());
    let found = lines(&logs.unwrap_or_else(|| unreachable!("no metrics of {request_id}: {}", site.stack.logs())));
    assert_eq!(found.len(), 1, "{found:?}");
    is_in_the_embedded_metric_format(&found[0]);
    found[0].clone()
}

/// What CloudWatch demands of a line; one that is wrong is ignored without a word.
fn is_in_the_embedded_metric_format(line: &Value) {
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

async fn done(site: &Site, operation: Operation) -> (Case, Reply) {
    let case = site.prepare(operation).await;
    let reply = case.send(site).await;
    case.is_done(site, &reply).await;
    (case, reply)
}

#[tokio::test]
async fn a_request_on_a_healthy_connection_has_one_metric() {
    let site = site_with_metrics().await;
    site.warm_up().await;
    for operation in ALL {
        let (_, reply) = done(&site, operation).await;
        let line = metrics_of(&site, &reply.request_id);
        let mut names = names(&line);
        // On a busy machine any statement may be slow.
        names.remove("SlowQueries");
        assert_eq!(names, BTreeSet::from(["DatabaseTime"]), "{line}");
        assert!(line["DatabaseTime"].as_f64().unwrap() > 0.0);
        assert_eq!(line["function"], operation.function());
    }
}

#[tokio::test]
async fn the_first_request_tells_how_the_connection_was_made() {
    let site = site_with_metrics().await;
    let (_, reply) = done(&site, Operation::Create).await;
    let line = metrics_of(&site, &reply.request_id);
    assert!(names(&line).is_superset(&["ColdStarts", "ConnectTime", "Connects", "DatabaseTime"].into()), "{line}");
    assert_eq!((&line["Connects"], &line["connects"][0]["reason"]), (&json!(1), &json!("first")));
    let phases = ["resolve", "tcp", "tls", "sign_in"].map(|phase| line["connects"][0][phase].as_f64().unwrap());
    assert!((phases.iter().sum::<f64>() - line["ConnectTime"].as_f64().unwrap()).abs() < 0.1, "{line}");
    assert!(phases[3] > 0.0, "{line}");
}

#[tokio::test]
async fn a_connection_that_had_to_be_replaced_is_counted_with_the_reason() {
    let site = site_with_metrics().await;
    site.warm_up().await;
    site.end_all(End::Close).await;
    let (_, reply) = done(&site, Operation::Update).await;
    let line = metrics_of(&site, &reply.request_id);
    assert_eq!((&line["Reconnects"], &line["connects"][0]["reason"]), (&json!(1), &json!("closed")), "{line}");
    assert_eq!(line["Repeats"], Value::Null);

    // The answer of the one after is lost on its way.
    site.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset });
    let (_, reply) = done(&site, Operation::Update).await;
    let line = metrics_of(&site, &reply.request_id);
    assert_eq!((&line["Repeats"], &line["repeated"]), (&json!(1), &json!(["answer lost"])), "{line}");
    assert_eq!((&line["Reconnects"], &line["connects"][0]["reason"]), (&json!(1), &json!("failed")), "{line}");
}

#[tokio::test]
async fn a_slow_statement_is_named_and_its_values_are_not() {
    let site = Arc::new(site_with_metrics().await);
    site.warm_up().await;
    let cases = site.prepare_all(&ONE_OF_EACH_FUNCTION).await;
    site.database.run("begin; lock table tasks in access exclusive mode").await;
    let replies = site.send_together(&cases);
    site.database.until_waiting(6).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    site.database.run("commit").await;
    for (case, reply) in cases.iter().zip(&replies.await.unwrap()) {
        case.is_done(&site, reply).await;
        let line = metrics_of(&site, &reply.request_id);
        let statement = case.operation.function().split('-').next().unwrap();
        assert_eq!((&line["SlowQueries"], &line["slow"]), (&json!(1), &json!([statement])), "{line}");
        assert!(line["DatabaseTime"].as_f64().unwrap() > 100.0, "{line}");
    }
    let logs = site.stack.logs();
    assert!(logs.lines().any(|line| line.contains("slow query") && line.contains("\"statement\":\"list\"")), "{logs}");
    assert!(!logs.contains("Task of"), "{logs}");
}

#[tokio::test]
async fn an_operator_is_told_whether_to_wait_to_scale_or_to_fix() {
    let site = site_with_metrics().await;
    site.warm_up().await;
    let refuse = |state: &str, message: &str| Script::Refuse { state: state.to_owned(), message: message.to_owned() };
    for (script, status, retry_after, metric, remedy) in [
        (Script::End(End::Reset), 503, Some(1), "DatabaseUnavailable", "wait"),
        (refuse("57P03", "the database system is starting up"), 503, Some(1), "DatabaseUnavailable", "wait"),
        (refuse("53300", "sorry, too many clients already"), 503, Some(2), "DatabaseExhausted", "scale"),
        (refuse("XX000", "Check your quotas"), 503, Some(60), "DatabaseExhausted", "scale"),
        (refuse("28P01", "password authentication failed"), 500, None, "NeedsFixing", "fix"),
    ] {
        site.end_all(End::Close).await;
        site.proxy.play_script(&script, 100);
        let case = site.prepare(Operation::Toggle).await;
        let reply = case.send(&site).await;
        assert_eq!((reply.status, reply.retry_after), (status, retry_after), "{script:?}");
        case.is_undone(&site).await;
        let line = metrics_of(&site, &reply.request_id);
        assert_eq!(line[metric], 1, "{line}");
        let told = |line: &str| {
            line.contains(&reply.request_id)
                && line.contains(&format!("\"remedy\":\"{remedy}\""))
                && retry_after.is_none_or(|seconds| line.contains(&format!("\"retry_after\":{seconds}")))
        };
        let logs = site.stack.logs_when(Duration::from_secs(5), |logs| logs.lines().any(told));
        assert!(logs.is_some(), "{}", site.stack.logs());
        site.proxy.clear_faults().unwrap();
    }
    done(&site, Operation::Toggle).await;
}

#[tokio::test]
async fn without_a_namespace_there_are_no_metrics() {
    let site = Site::start().await;
    let (_, reply) = done(&site, Operation::Create).await;
    let logged = site.stack.logs_when(Duration::from_secs(5), |logs| logs.contains("POST /api/tasks"));
    assert!(logged.is_some_and(|logs| !logs.contains("_aws")), "{}", reply.request_id);
}
