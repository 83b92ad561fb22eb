//! `smoke` at a terminal, against an API that works, and against one that does not.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use dev::services::database::{connect, new_user};
use dev::testing::stack::{Settings, Stack};
use reqwest::Client;
use tokio::sync::OnceCell;

use crate::binary;

async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    let start = || async { Stack::start_async(Settings::new(env!("CARGO_BIN_EXE_dev"))).await.unwrap() };
    STACK.get_or_init(start).await
}

/// Somebody who has tasks.
struct User {
    id: String,
    database: tokio_postgres::Client,
}

impl User {
    async fn new() -> Self {
        let database = connect(stack().await.database_url()).await.unwrap();
        let id = new_user(&database).await.unwrap().id;
        // Whoever tries it in earnest has tasks of their own.
        let own = "insert into tasks (user_id, title) select $1, 'Mine' from generate_series(1, 150)";
        database.execute(own, &[&id]).await.unwrap();
        Self { id, database }
    }

    /// How many there are beside their own.
    async fn tasks(&self) -> i64 {
        let row = self.database.query_one("select count(*) - 150 from tasks where user_id = $1", &[&self.id]).await;
        row.unwrap().get(0)
    }

    async fn smoke(&self, url: &str) -> Output {
        self.smoke_with(&stack().await.token(&self.id), url).await
    }

    async fn smoke_with(&self, token: &str, url: &str) -> Output {
        let mut command = tokio::process::Command::new(binary("smoke"));
        command.env("URL", url).env("TOKEN", token).kill_on_drop(true).output().await.unwrap()
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

/// An API that is broken at one place: the requests for which `breaks` is true get 500, the others pass.
#[derive(Clone)]
struct Broken {
    breaks: fn(&str, &str, u32) -> bool,
    count: Arc<AtomicU32>,
    /// Whether the request reaches the API before its answer is lost.
    after: bool,
}

async fn broken(breaks: fn(&str, &str, u32) -> bool, after: bool) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = Broken { breaks, count: Arc::default(), after };
    let router = Router::new().fallback(pass_on).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn pass_on(State(broken): State<Broken>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let number = broken.count.fetch_add(1, Ordering::Relaxed) + 1;
    let failure = || Response::builder().status(500).body(Body::from("broken")).unwrap();
    let breaks = (broken.breaks)(parts.method.as_str(), path, number);
    if breaks && !broken.after {
        return failure();
    }
    let request = Client::new().request(parts.method, format!("{}{path}", stack().await.base_url()));
    let answer = request.headers(parts.headers).body(body).send().await.unwrap();
    if breaks {
        return failure();
    }
    let mut response = Response::builder().status(answer.status());
    response.headers_mut().unwrap().extend(answer.headers().clone());
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

#[tokio::test]
async fn ten_requests_try_a_good_api_and_leave_nothing_behind() {
    let user = User::new().await;
    let output = user.smoke(stack().await.base_url()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output.stdout);
    let statuses: Vec<_> = lines.iter().map(|line| &line[..3]).collect();
    assert_eq!(statuses, ["200", "200", "401", "201", "200", "200", "200", "200", "204", "404"], "{lines:?}");
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn a_deployment_that_requires_if_match_is_tried_too() {
    let user = User::new().await;
    let settings = Settings::new(env!("CARGO_BIN_EXE_dev")).with_database(stack().await.database_url());
    let strict = Stack::start_async(settings.with("REQUIRE_IF_MATCH", "1")).await.unwrap();
    let output = user.smoke_with(&strict.token(&user.id), strict.base_url()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn a_broken_operation_is_named_and_the_task_deleted() {
    let user = User::new().await;
    let url = broken(|_, path, _| path.ends_with("/complete"), false).await;
    let output = user.smoke(&url).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = lines(&output.stderr).join("\n");
    assert!(error.starts_with("PATCH /api/tasks/"), "{error}");
    assert!(error.ends_with("/complete answered 500 instead of 200: broken"), "{error}");
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn a_task_is_deleted_though_nobody_was_told_its_id() {
    let user = User::new().await;
    let output = user.smoke(&broken(|method, _, _| method == "POST", true).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(lines(&output.stderr), ["POST /api/tasks answered 500 instead of 201: broken"]);
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn a_task_is_deleted_though_the_list_is_broken() {
    let user = User::new().await;
    let output = user.smoke(&broken(|method, path, _| method == "GET" && path.contains('?'), false).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn a_delete_that_fails_once_is_repeated() {
    let user = User::new().await;
    let output = user.smoke(&broken(|method, _, number| method == "DELETE" && number == 9, false).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(lines(&output.stderr)[0].starts_with("DELETE /api/tasks/"), "{output:?}");
    assert_eq!(user.tasks().await, 0);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_named() {
    let output = User::new().await.smoke("http://127.0.0.1:1").await;
    assert_eq!(output.status.code(), Some(1));
    let error = lines(&output.stderr).join("\n");
    assert!(error.starts_with("GET /health was not answered: "), "{error}");
}
