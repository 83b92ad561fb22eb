//! The program `smoke` at a terminal, with an API that works and with a broken one.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use dev::services::database::{connect, new_user};
use dev::testing::binary;
use dev::testing::stack::{Settings, Stack};
use reqwest::Client;
use tokio::sync::OnceCell;

use crate::fake_aws::functions;

async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    let start = || async { Stack::start_async(Settings::new()).await.unwrap() };
    STACK.get_or_init(start).await
}

/// A user with 150 tasks of their own.
struct SmokeUser {
    id: String,
    database: tokio_postgres::Client,
}

impl SmokeUser {
    async fn new() -> Self {
        let database = connect(stack().await.database_url()).await.unwrap();
        let id = new_user(&database).await.unwrap().id;
        let own = "insert into tasks (user_id, title) select $1, 'Mine' from generate_series(1, 150)";
        database.execute(own, &[&id]).await.unwrap();
        Self { id, database }
    }

    /// How many tasks there are besides their own.
    async fn other_tasks(&self) -> i64 {
        let row = self.database.query_one("select count(*) - 150 from tasks where user_id = $1", &[&self.id]).await;
        row.unwrap().get(0)
    }

    async fn run_smoke(&self, url: &str) -> Output {
        self.run_smoke_with(&stack().await.token(&self.id), url).await
    }

    async fn run_smoke_with(&self, token: &str, url: &str) -> Output {
        let mut command = tokio::process::Command::new(binary("smoke"));
        command.env("URL", url).env("TOKEN", token).kill_on_drop(true).output().await.unwrap()
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

/// An API that responds to some requests with a token with 500, and forwards the others.
#[derive(Clone)]
struct BrokenApi {
    /// Whether to respond with 500: by method, path and number of the request with a token.
    breaks: fn(&str, &str, u32) -> bool,
    count: Arc<AtomicU32>,
    /// Whether these requests are forwarded before.
    forwards_all: bool,
}

/// Starts a broken API and returns its URL.
async fn start_broken_api(breaks: fn(&str, &str, u32) -> bool, forwards_all: bool) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = BrokenApi { breaks, count: Arc::default(), forwards_all };
    let router = Router::new().fallback(forward).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn forward(State(api): State<BrokenApi>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().as_str();
    let has_token = parts.headers.contains_key("authorization");
    let number = api.count.fetch_add(u32::from(has_token), Ordering::Relaxed) + 1;
    let failure = || Response::builder().status(500).body(Body::from("broken")).unwrap();
    let breaks = has_token && (api.breaks)(parts.method.as_str(), path, number);
    if breaks && !api.forwards_all {
        return failure();
    }
    let request = Client::new().request(parts.method, format!("{}{path}", stack().await.base_url()));
    let response = request.headers(parts.headers).body(body).send().await.unwrap();
    if breaks {
        return failure();
    }
    let mut forwarded = Response::builder().status(response.status());
    forwarded.headers_mut().unwrap().extend(response.headers().clone());
    forwarded.body(Body::from(response.bytes().await.unwrap())).unwrap()
}

/// The statuses of the responses to the requests of a run with a token: of health, of each function without a token, and of
/// each function with one.
pub(crate) fn smoke_statuses() -> Vec<&'static str> {
    let without_token = functions().len() - 1;
    let mut statuses = vec!["200", "200"];
    statuses.extend(std::iter::repeat_n("401", without_token));
    statuses.extend(["201", "200", "200", "200", "200", "200", "200", "200", "204", "404"]);
    statuses
}

#[tokio::test]
async fn working_api_passes_and_keeps_no_task() {
    let user = SmokeUser::new().await;
    let output = user.run_smoke(stack().await.base_url()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = lines(&output.stdout);
    let statuses: Vec<_> = lines.iter().map(|line| &line[..3]).collect();
    assert_eq!(statuses, smoke_statuses(), "{lines:?}");
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn api_that_requires_if_match_passes() {
    let user = SmokeUser::new().await;
    let settings = Settings::new().with_database(stack().await.database_url());
    let strict = Stack::start_async(settings.with("REQUIRE_IF_MATCH", "1")).await.unwrap();
    let output = user.run_smoke_with(&strict.token(&user.id), strict.base_url()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn broken_operation_is_named_and_task_is_deleted() {
    let user = SmokeUser::new().await;
    let url = start_broken_api(|_, path, _| path.ends_with("/complete"), false).await;
    let output = user.run_smoke(&url).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = lines(&output.stderr).join("\n");
    assert!(error.starts_with("PATCH /api/tasks/"), "{error}");
    assert!(error.ends_with("/complete answered 500 instead of 200: broken"), "{error}");
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn task_with_lost_create_response_is_deleted() {
    let user = SmokeUser::new().await;
    let output = user.run_smoke(&start_broken_api(|method, _, _| method == "POST", true).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(lines(&output.stderr), ["POST /api/tasks answered 500 instead of 201: broken"]);
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn task_is_deleted_when_the_list_fails() {
    let user = SmokeUser::new().await;
    let output =
        user.run_smoke(&start_broken_api(|method, path, _| method == "GET" && path.contains('?'), false).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn failed_delete_is_retried() {
    let user = SmokeUser::new().await;
    let output =
        user.run_smoke(&start_broken_api(|method, _, number| method == "DELETE" && number == 9, false).await).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(lines(&output.stderr)[0].starts_with("DELETE /api/tasks/"), "{output:?}");
    assert_eq!(user.other_tasks().await, 0);
}

#[tokio::test]
async fn unreachable_url_is_named() {
    let output = SmokeUser::new().await.run_smoke("http://127.0.0.1:1").await;
    assert_eq!(output.status.code(), Some(1));
    let error = lines(&output.stderr).join("\n");
    assert!(error.starts_with("GET /health was not answered: "), "{error}");
}
