//! Failures of the database and of functions.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dev::aws::template::Template;
use dev::testing::client::{TaskId, TestRequest, TestResponse, TestUser};
use dev::testing::fault_proxy::{Direction, Flow};
use dev::testing::processes::{Process, descendants};
use dev::testing::stack::Settings;
use dev::workspace::root;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::kit::{Api, api, database, is_document, path, proxied_database, routes, valid_body};

const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

/// Asserts that the response is a 503 with `Retry-After`.
#[track_caller]
fn assert_unavailable(response: TestResponse) {
    let response = response.expect_problem(503, "database_unavailable", "The database is not available at the moment");
    let seconds: u32 = response.header("retry-after").expect("a header").parse().expect("seconds");
    assert!((1..=30).contains(&seconds));
}

/// A request to every route that uses the database. Deletes come last, because all requests are about one task.
fn requests(ada: &TestUser, id: &str) -> Vec<TestRequest> {
    let routes = routes().into_iter().filter(|(_, path)| path != "/health" && !is_document(path));
    let request = |(method, route): (String, String)| {
        let body = valid_body(&method, &route);
        ada.request(&method, &path(&route, &ada.id, id)).maybe_json(body.as_ref())
    };
    let mut requests: Vec<_> = routes.map(request).collect();
    requests.sort_by_key(|request| request.method == "DELETE");
    requests
}

#[tokio::test]
async fn unreachable_database_returns_503_immediately() {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, &[]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = database::rows_of(&ada).await;

    proxy.shut_down().await.expect("closed connections");
    let requests = requests(&ada, &id);
    assert!(requests.len() >= 19);
    for request in requests {
        let start = Instant::now();
        assert_unavailable(ada.send(request).await);
        assert!(start.elapsed() < Duration::from_secs(3));
    }
    // Requests that do not reach the database work.
    api.client.get("/health").await.expect_status(200);
    api.client.get("/api/tasks").await.expect_status(401);
    ada.post("/api/tasks", &json!({})).await.expect_status(422);
    assert_eq!(database::rows_of(&ada).await, before);

    proxy.clear_faults().expect("its own port");
    api.client.get("/health/ready").await.expect_status(200);
    assert_eq!(ada.get("/api/tasks").await.expect_status(200).ids().len(), 1);
    ada.put(&format!("/api/tasks/{id}"), &json!({"title": "Buy oat milk"})).await.expect_status(200);
    ada.create(json!({"title": "Buy bread"})).await;
    ada.patch(&format!("/api/tasks/{id}/complete"), &json!({})).await.expect_status(200);
    ada.delete(&format!("/api/tasks/{id}")).await.expect_status(204);
    assert_eq!(database::rows_of(&ada).await.len(), 1);
}

/// The database neither responds nor closes the connection, so that only a timeout helps.
#[tokio::test]
async fn unresponsive_database_returns_503() {
    let (proxy, proxied_url) = proxied_database().await;
    let api = Api::start(&proxied_url, &[]).await;
    let ada = api.new_user().await;
    let path = ada.create_path(json!({"title": "Buy milk"})).await;
    for direction in DIRECTIONS {
        proxy.set_flow(direction, Flow::Stall);
    }
    let start = Instant::now();
    let bread = json!({"title": "Buy bread"});
    // On open connections, and on connections that cannot be opened.
    let (list, created, ready, deleted) = tokio::join!(
        ada.get("/api/tasks"),
        ada.post("/api/tasks", &bread),
        api.client.get("/health/ready"),
        ada.delete(&path),
    );
    for response in [list, created, ready, deleted] {
        assert_unavailable(response);
    }
    assert!(start.elapsed() < Duration::from_secs(14));
    for direction in DIRECTIONS {
        proxy.set_flow(direction, Flow::Pass);
    }
    assert_eq!(ada.get("/api/tasks").await.expect_status(200).status, 200);
    ada.create(json!({"title": "Buy butter"})).await;
}

/// Whether the database has done what the request asks for. The task does not recur, which the database has to find out too.
fn is_done(response: &TestResponse) -> bool {
    response.status < 300 || (response.status == 409 && response["code"] == "not_recurring")
}

#[tokio::test]
async fn closed_connections_are_reopened() {
    let common = api();
    let name = "to_be_terminated";
    let url = format!("{}&application_name={name}", common.stack().database_url());
    let api = Api::start(&url, &[]).await;
    let ada = api.new_user().await;
    let sql = database::connect().await;
    for _ in 0..3 {
        let id = ada.create_id(json!({"title": "Buy milk"})).await;
        let requests = requests(&ada, &id);
        for request in requests.iter().filter(|request| request.method != "DELETE") {
            ada.send(request.clone()).await;
        }
        let terminate = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1";
        assert!(sql.query(terminate, &[&name]).await.expect("rows").len() >= 5);
        let remaining = "select from pg_stat_activity where application_name = $1";
        while !sql.query(remaining, &[&name]).await.expect("rows").is_empty() {
            tokio::task::yield_now().await;
        }
        // The functions log when they notice that the connection is closed.
        let closed = |logs: &str| logs.matches("the database closed the connection").count();
        let heard = api.stack().logs_when(Duration::from_secs(5), |logs| closed(logs) >= 5);
        assert!(heard.is_some(), "{}", api.stack().logs());
        for request in requests {
            let response = ada.send(request).await;
            let deleted_before = response.status == 404 && response.request.starts_with("DELETE");
            assert!(is_done(&response) || deleted_before, "{} {}", response.request, response.json);
        }
    }
}

#[tokio::test]
async fn killed_function_is_replaced() {
    let api = Api::start(api().stack().database_url(), &[]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    for request in requests(&ada, &id).into_iter().filter(|request| request.method != "DELETE") {
        let processes = function_processes(&api);
        assert_eq!(processes.len(), function_count());
        for function in &processes {
            function.kill().await;
        }
        let response = ada.send(request).await;
        assert!(is_done(&response), "{} {}", response.request, response.json);
        // The other functions are restarted before the next round.
        for request in requests(&ada, &id).into_iter().filter(|request| request.method != "DELETE") {
            ada.send(request).await;
        }
        for mut request in requests(&ada, "0").into_iter().filter(|request| request.method == "DELETE") {
            request.path = request.path.replace("home", "never");
            ada.send(request).await.expect_status(404);
        }
        api.client.send(TestRequest::new("GET", "/openapi.json")).await.expect_status(200);
    }
}

fn function_processes(api: &Api) -> Vec<Process> {
    let names: Vec<String> = function_names();
    let of_the_stack = descendants(api.stack().ready().pid);
    of_the_stack.into_iter().filter(|process| names.contains(&process.name)).collect()
}

fn function_names() -> Vec<String> {
    let template = Template::read(root(), |_| None).expect("template.yaml");
    template.functions.into_iter().map(|function| function.name).collect()
}

/// How many processes of functions a stack with one instance of each function has.
fn function_count() -> usize {
    let names: BTreeSet<String> = function_names().into_iter().collect();
    assert!(names.len() >= 7, "{names:?}");
    names.len()
}

#[tokio::test]
async fn concurrent_requests_use_several_instances() {
    let api = Api::start(api().stack().database_url(), &[]).await;
    let ada = api.new_user().await;
    let created = (0..20).map(|number| {
        let ada = ada.clone();
        tokio::spawn(async move { ada.create_id(json!({"title": number.to_string()})).await })
    });
    let mut ids = BTreeSet::new();
    for id in created.collect::<Vec<_>>() {
        ids.insert(id.await.expect("a response"));
    }
    assert_eq!(ids.len(), 20);
    let rows = database::rows_of(&ada).await;
    let stored: BTreeSet<String> = rows.iter().map(|row| TaskId::from_task(row).to_string()).collect();
    assert_eq!(stored, ids);
    let mut titles: Vec<i32> =
        rows.iter().map(|row| row["title"].as_str().and_then(|title| title.parse().ok()).expect("a number")).collect();
    titles.sort_unstable();
    assert_eq!(titles, (0..20).collect::<Vec<_>>());
    let instances = function_processes(&api).iter().filter(|process| process.name == "create-task").count();
    assert!((2..=10).contains(&instances), "{instances}");
}

#[tokio::test]
async fn instance_survives_invalid_requests() {
    let api = Api::start(api().stack().database_url(), &[("LAMBDA_CONCURRENCY", "1")]).await;
    let ada = api.new_user().await;
    let id = ada.create_id(json!({"title": "Buy milk"})).await;
    let before = function_processes(&api);
    assert_eq!(before.len(), function_count());
    let deep = "[".repeat(60_000);
    for _ in 0..3 {
        for request in requests(&ada, &id).into_iter().filter(|request| request.method != "DELETE") {
            let (method, path) = (request.method.as_str(), request.path.as_str());
            for bad in [
                TestRequest::new(method, path),
                TestRequest::new(method, path).header("authorization", b"Bearer \xff\xfe"),
                TestRequest::new(method, path).header("authorization", "Bearer ".repeat(500)),
                ada.request(method, path).header("x-\u{78}", b"\x80\xff").header("cookie", "=;=;\"").body(&deep),
                ada.request(method, path).typed("application/json", b"\xff\xfe\x00"),
                ada.request(method, &format!("{path}?%ff=%00&&=&sort=%F0%9F&limit=%")).body("{}"),
                ada.request(method, path).header("host", "??").header("x-forwarded-for", "a,,b"),
            ] {
                let status = api.client.send(bad).await.status;
                assert!(status < 500, "{status}");
            }
            let response = ada.send(request).await;
            assert!(is_done(&response), "{} {}", response.request, response.json);
        }
    }
    assert_eq!(function_processes(&api), before);
    assert!(!api.stack().logs().contains("panicked"));
}

#[tokio::test]
async fn signal_stops_all_processes() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // This stack has its own PostgreSQL, which must stop as well.
        let stack = dev::testing::stack::Stack::start_async(Settings::new()).await.expect("a stack");
        let children = descendants(stack.ready().pid);
        assert!(children.iter().any(|process| process.name == "postgres"));
        assert!(children.iter().filter(|process| function_names().contains(&process.name)).count() >= 7);
        stack.signal(signal).expect("a running stack");
        let status = tokio::task::spawn_blocking(|| stack.wait()).await.expect("a thread").expect("an end");
        assert!(status.success(), "{status}");
        assert_all_end(&children).await;
    }
}

#[tokio::test]
async fn stack_stops_when_stdin_closes() {
    let api = Api::start(api().stack().database_url(), &[]).await;
    let children = descendants(api.stack().ready().pid);
    assert!(children.len() >= 7);
    let stack = api.into_stack();
    let status = tokio::task::spawn_blocking(|| stack.stop()).await.expect("a thread").expect("an end");
    assert!(status.success(), "{status}");
    assert_all_end(&children).await;
}

/// Asserts that all processes end within some seconds.
async fn assert_all_end(processes: &[Process]) {
    let end = Instant::now() + Duration::from_secs(5);
    while let Some(process) = processes.iter().find(|process| process.is_running()) {
        assert!(Instant::now() < end, "{process:?} is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The update waits for the lock and keeps the change of the other transaction.
#[tokio::test]
async fn statement_waits_for_a_lock() {
    let api = api();
    let ada = api.new_user().await;
    let task = ada.create(json!({"title": "Buy milk"})).await;
    let path = format!("/api/tasks/{}", TaskId::from_task(&task));
    let mut other = dev::services::database::connect(api.stack().database_url()).await.expect("the database");
    let transaction = other.transaction().await.expect("a transaction");
    let lock = "update tasks set title = 'Buy bread' where user_id::text = $1";
    transaction.execute(lock, &[&ada.id]).await.expect("a lock");
    let waiting = tokio::spawn({
        let (ada, path) = (ada.clone(), path.clone());
        async move { ada.patch(&path, &json!({"completed": true})).await.expect_status(200).json }
    });
    let waits = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%update tasks%'";
    let sql = database::connect().await;
    while sql.query(waits, &[]).await.expect("rows").is_empty() {
        tokio::task::yield_now().await;
    }
    transaction.commit().await.expect("an end");
    let changed: Value = waiting.await.expect("a response");
    assert_eq!((&changed["title"], &changed["completed"]), (&json!("Buy bread"), &json!(true)));
    assert!(changed["updated_at"].as_str() > task["updated_at"].as_str());
}
