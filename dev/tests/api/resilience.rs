//! What happens when something breaks.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::kit::{Answer, Api, Call, Caller, Id, Proxy, api, children, good_body, path, routes};

/// Asserts that the database is said to be away, and when to try again.
#[track_caller]
fn is_unavailable(answer: Answer) {
    let answer = answer.problem(503, "database_unavailable", "The database is not available at the moment");
    let seconds: u32 = answer.header("retry-after").expect("a header").parse().expect("seconds");
    assert!((1..=30).contains(&seconds));
}

/// A request to every route that needs the database. Deletes come last, because all requests are about one task.
fn calls(ada: &Caller, id: &str) -> Vec<Call> {
    let routes = routes().into_iter().filter(|(_, path)| path != "/health");
    let call = |(method, route): (String, String)| {
        let body = good_body(&method, &route);
        ada.call(&method, &path(&route, &ada.id, id)).maybe_json(body.as_ref())
    };
    let mut calls: Vec<_> = routes.map(call).collect();
    calls.sort_by_key(|call| call.method == "DELETE");
    calls
}

#[tokio::test]
async fn while_the_database_is_away_every_operation_says_so_at_once() {
    let mut proxy = Proxy::before(api().stack().database_url()).await;
    let api = Api::own(proxy.database_url(), &[]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = ada.rows().await;

    proxy.stop().await;
    let calls = calls(&ada, &id);
    assert!(calls.len() >= 19);
    for call in calls {
        let start = Instant::now();
        is_unavailable(ada.send(call).await);
        assert!(start.elapsed() < Duration::from_secs(3));
    }
    // What needs no database is answered as ever.
    api.get("/health").await.is(200);
    api.get("/api/tasks").await.is(401);
    ada.post("/api/tasks", &json!({})).await.is(422);
    assert_eq!(ada.rows().await, before);

    proxy.restart().await;
    api.get("/health/ready").await.is(200);
    assert_eq!(ada.get("/api/tasks").await.is(200).ids().len(), 1);
    ada.put(&format!("/api/tasks/{id}"), &json!({"title": "Buy oat milk"})).await.is(200);
    ada.create(json!({"title": "Buy bread"})).await;
    ada.patch(&format!("/api/tasks/{id}/complete"), &json!({})).await.is(200);
    ada.delete(&format!("/api/tasks/{id}")).await.is(204);
    assert_eq!(ada.rows().await.len(), 1);
}

/// Neither an answer nor the end of the connection: only the clock helps.
#[tokio::test]
async fn a_database_that_is_silent_is_given_up() {
    let proxy = Proxy::before(api().stack().database_url()).await;
    let api = Api::own(proxy.database_url(), &[]).await;
    let ada = api.new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    proxy.hold(true);
    let start = Instant::now();
    let bread = json!({"title": "Buy bread"});
    // On connections that are open, and on ones that cannot be opened.
    let (list, created, ready, deleted) = tokio::join!(
        ada.get("/api/tasks"),
        ada.post("/api/tasks", &bread),
        api.get("/health/ready"),
        ada.delete(&path),
    );
    for answer in [list, created, ready, deleted] {
        is_unavailable(answer);
    }
    assert!(start.elapsed() < Duration::from_secs(14));
    proxy.hold(false);
    assert_eq!(ada.get("/api/tasks").await.is(200).status, 200);
    ada.create(json!({"title": "Buy butter"})).await;
}

#[tokio::test]
async fn connections_that_the_server_has_closed_are_opened_again() {
    let common = api();
    let name = "to_be_terminated";
    let url = format!("{}&application_name={name}", common.stack().database_url());
    let api = Api::own(&url, &[]).await;
    let ada = api.new_user().await;
    let sql = common.sql().await;
    for _ in 0..3 {
        let id = ada.create_id(json!({"title": "Buy milk"})).await;
        let calls = calls(&ada, &id);
        for call in calls.iter().filter(|call| call.method != "DELETE") {
            ada.send(call.clone()).await;
        }
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1";
        assert!(sql.query(terminate, &[&name]).await.expect("rows").len() >= 5);
        let remaining = "select from pg_stat_activity where application_name = $1";
        while !sql.query(remaining, &[&name]).await.expect("rows").is_empty() {
            tokio::task::yield_now().await;
        }
        // The functions must have heard of it, too, and they log when they have.
        let closed = |logs: &str| logs.matches("the database closed the connection").count();
        let heard = api.stack().logs_when(Duration::from_secs(5), |logs| closed(logs) >= 5);
        assert!(heard.is_some(), "{}", api.stack().logs());
        for call in calls {
            let answer = ada.send(call).await;
            let deleted_before = answer.status == 404 && answer.call.starts_with("DELETE");
            assert!(answer.status < 300 || deleted_before, "{} {}", answer.call, answer.json);
        }
    }
}

#[tokio::test]
async fn a_function_that_was_killed_while_idle_is_replaced() {
    let api = Api::own(api().stack().database_url(), &[]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    for call in calls(&ada, &id).into_iter().filter(|call| call.method != "DELETE") {
        let functions = functions(&api);
        assert_eq!(functions.len(), function_count());
        for function in &functions {
            function.kill();
        }
        while functions.iter().any(crate::kit::Process::is_running) {
            tokio::task::yield_now().await;
        }
        let answer = ada.send(call).await;
        assert!(answer.status < 300, "{} {}", answer.call, answer.json);
        // The others are back as well before the next round.
        for call in calls(&ada, &id).into_iter().filter(|call| call.method != "DELETE") {
            ada.send(call).await;
        }
        ada.delete("/api/tasks/0").await.is(404);
    }
}

fn functions(api: &Api) -> Vec<crate::kit::Process> {
    let names: Vec<String> = routes_functions();
    let of_the_stack = children(api.stack().ready().pid);
    of_the_stack.into_iter().filter(|process| names.contains(&process.name)).collect()
}

fn routes_functions() -> Vec<String> {
    shared::routes::ROUTES.iter().map(|route| route.function.to_owned()).collect()
}

/// How many functions a stack starts that serves one request per function at a time.
fn function_count() -> usize {
    let names: std::collections::BTreeSet<String> = routes_functions().into_iter().collect();
    assert!(names.len() >= 7, "{names:?}");
    names.len()
}

#[tokio::test]
async fn requests_at_the_same_time_are_served_by_several_instances() {
    let api = Api::own(api().stack().database_url(), &[]).await;
    let ada = api.new_user().await;
    let created = (0..20).map(|number| {
        let ada = ada.clone();
        tokio::spawn(async move { ada.create_id(json!({"title": number.to_string()})).await })
    });
    let mut ids = std::collections::BTreeSet::new();
    for id in created.collect::<Vec<_>>() {
        ids.insert(id.await.expect("an answer"));
    }
    assert_eq!(ids.len(), 20);
    let rows = ada.rows().await;
    let stored: std::collections::BTreeSet<String> = rows.iter().map(|row| Id::of(row).to_string()).collect();
    assert_eq!(stored, ids);
    let mut titles: Vec<i32> =
        rows.iter().map(|row| row["title"].as_str().and_then(|title| title.parse().ok()).expect("a number")).collect();
    titles.sort_unstable();
    assert_eq!(titles, (0..20).collect::<Vec<_>>());
    let instances = functions(&api).iter().filter(|process| process.name == "create-task").count();
    assert!((2..=10).contains(&instances), "{instances}");
}

#[tokio::test]
async fn an_instance_that_has_met_bad_requests_serves_the_next() {
    let api = Api::own(api().stack().database_url(), &[("LAMBDA_CONCURRENCY", "1")]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = functions(&api);
    assert_eq!(before.len(), function_count());
    let deep = "[".repeat(60_000);
    for _ in 0..3 {
        for call in calls(&ada, &id).into_iter().filter(|call| call.method != "DELETE") {
            let (method, path) = (call.method.as_str(), call.path.as_str());
            for bad in [
                Call::new(method, path),
                Call::new(method, path).header("authorization", b"Bearer \xff\xfe"),
                Call::new(method, path).header("authorization", "Bearer ".repeat(500)),
                ada.call(method, path).header("x-\u{78}", b"\x80\xff").header("cookie", "=;=;\"").body(&deep),
                ada.call(method, path).typed("application/json", b"\xff\xfe\x00"),
                ada.call(method, &format!("{path}?%ff=%00&&=&sort=%F0%9F&limit=%")).body("{}"),
                ada.call(method, path).header("host", "??").header("x-forwarded-for", "a,,b"),
            ] {
                let status = api.send(bad).await.status;
                assert!(status < 500, "{status}");
            }
            let answer = ada.send(call).await;
            assert!(answer.status < 300, "{} {}", answer.call, answer.json);
        }
    }
    assert_eq!(functions(&api), before);
    assert!(!api.stack().logs().contains("panicked"));
}

#[tokio::test]
async fn a_signal_stops_everything() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // With a PostgreSQL of its own, which must end as well.
        let stack = dev::testing::stack::Stack::start_async(crate::kit::settings()).await.expect("a stack");
        let children = children(stack.ready().pid);
        assert!(children.iter().any(|process| process.name == "postgres"));
        assert!(children.iter().filter(|process| routes_functions().contains(&process.name)).count() >= 7);
        stack.signal(signal).expect("a running stack");
        let status = tokio::task::spawn_blocking(|| stack.wait()).await.expect("a thread").expect("an end");
        assert!(status.success(), "{status}");
        gone(&children).await;
    }
}

#[tokio::test]
async fn a_stack_ends_with_who_started_it() {
    let api = Api::own(api().stack().database_url(), &[]).await;
    let children = children(api.stack().ready().pid);
    assert!(children.len() >= 7);
    let stack = api.into_stack();
    let status = tokio::task::spawn_blocking(|| stack.stop()).await.expect("a thread").expect("an end");
    assert!(status.success(), "{status}");
    gone(&children).await;
}

/// Waits until none of the processes runs, and fails when one still does after some seconds.
async fn gone(processes: &[crate::kit::Process]) {
    let end = Instant::now() + Duration::from_secs(5);
    while let Some(process) = processes.iter().find(|process| process.is_running()) {
        assert!(Instant::now() < end, "{process:?} is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The rows that were there when a request failed are there afterwards.
#[tokio::test]
async fn a_statement_that_waits_for_a_lock_does_not_get_lost() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let path = format!("/api/tasks/{}", Id::of(&task));
    let mut other = dev::services::database::connect(api.stack().database_url()).await.expect("the database");
    let transaction = other.transaction().await.expect("a transaction");
    let lock = "update tasks set title = 'Buy bread' where user_id::text = $1";
    transaction.execute(lock, &[&ada.id]).await.expect("a lock");
    let waiting = tokio::spawn({
        let (ada, path) = (ada.clone(), path.clone());
        async move { ada.patch(&path, &json!({"completed": true})).await.is(200).json }
    });
    let waits = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%update tasks%'";
    while api.sql().await.query(waits, &[]).await.expect("rows").is_empty() {
        tokio::task::yield_now().await;
    }
    transaction.commit().await.expect("an end");
    let changed: Value = waiting.await.expect("an answer");
    assert_eq!((&changed["title"], &changed["completed"]), (&json!("Buy bread"), &json!(true)));
    assert!(changed["updated_at"].as_str() > task["updated_at"].as_str());
}
