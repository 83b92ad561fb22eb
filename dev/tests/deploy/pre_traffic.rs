//! `smoke` as CodeDeploy's hook: real versions of the functions, the real Better Auth and a real PostgreSQL, and a
//! server in the place of the two services of AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dev::install::python::SAM;
use dev::services::database::connect;
use dev::testing::function::{Function, InvokeError};
use dev::testing::stack::{Settings, Stack};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::binary;
use crate::emulator::Emulator;

const KEY: &str = "AKIDEXAMPLE";
const KEY_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const KEY_SESSION: &str = "IQoJb3JpZ2luX2VjEXAMPLE//session==";
const PASSWORD: &str = "correct horse battery staple";
/// The time of the function, as in `template.yaml`.
const TIME: Duration = Duration::from_secs(120);

/// A front end with its Better Auth, and a database.
struct Site {
    stack: Stack,
    auth_mode: &'static str,
}

/// The test user of a deployment.
struct User {
    id: String,
    email: String,
}

/// What is not as it should be.
#[derive(Default)]
struct Faults {
    /// A version that does its work and never answers.
    hangs: Option<&'static str>,
    /// A version that ends when it starts.
    crashes: Option<&'static str>,
    /// A version that cannot reach the database.
    fails: Option<&'static str>,
    /// How many invocations are turned away first because others run.
    throttles: AtomicU32,
    /// How many answers CodeDeploy does not take first, and with which status and error; without one it says nothing.
    closed_for: AtomicU32,
    closed_with: Option<(u16, &'static str)>,
}

/// Lambda, with versions of the functions, and CodeDeploy.
struct Aws {
    url: String,
    faults: Faults,
    versions: BTreeMap<&'static str, tokio::sync::Mutex<Function>>,
    /// Requests as they came.
    requests: Mutex<Vec<Value>>,
    told: Mutex<Vec<Value>>,
}

/// What a check has come to.
struct Outcome {
    /// What CodeDeploy was told.
    told: Vec<Value>,
    log: String,
    returned: Result<String, InvokeError>,
    took: Duration,
}

impl Site {
    async fn start(settings: &[(&str, &str)], auth_mode: &'static str) -> Self {
        let arguments = ["serve", "--json", "--until-stdin-closes", "--port", "0", "--ephemeral", "--better-auth"];
        let start = Settings::new(env!("CARGO_BIN_EXE_dev")).with_arguments(&arguments).with("AUTH_MODE", auth_mode);
        let start = settings.iter().fold(start, |start, (name, value)| start.with(name, value));
        Self { stack: Stack::start_async(start).await.unwrap(), auth_mode }
    }

    /// The one of most tests.
    async fn usual() -> &'static Self {
        static SITE: OnceCell<Site> = OnceCell::const_new();
        SITE.get_or_init(|| Self::start(&[], "jwks")).await
    }

    fn better_auth_url(&self) -> &str {
        self.stack.ready().better_auth_url.as_deref().unwrap()
    }

    async fn sign_up(&self) -> User {
        let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
        let url = format!("{}/api/auth/sign-up/email", self.better_auth_url());
        let body = json!({ "name": "Smoke", "email": email, "password": PASSWORD });
        let answer: Value = Client::new().post(url).json(&body).send().await.unwrap().json().await.unwrap();
        User { id: answer["user"]["id"].as_str().unwrap().to_owned(), email }
    }

    /// How many tasks a user has, and how many sessions beside that of the sign-up.
    async fn left_behind(&self, user: &User) -> (i64, i64) {
        let count = r#"
            select (select count(*) from tasks where user_id = $1), (select count(*) - 1 from session where "userId" = $1)
        "#;
        let database = connect(self.stack.database_url()).await.unwrap();
        let row = database.query_one(count, &[&user.id]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// AWS after new versions were made, which nobody calls yet.
    async fn deployed(&self, faults: Faults) -> Arc<Aws> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut versions = BTreeMap::new();
        for function in functions() {
            let nowhere = self.stack.database_url().replace("/todo", "/nowhere");
            let url = if faults.fails == Some(function) { &nowhere } else { self.stack.database_url() };
            let mode = if faults.crashes == Some(function) { "nonsense" } else { self.auth_mode };
            let variables = [
                ("DATABASE_URL", url),
                ("BETTER_AUTH_URL", self.better_auth_url()),
                ("AUTH_MODE", mode),
                ("REQUIRE_IF_MATCH", "1"),
            ];
            let version = Function::start(&binary(function), &variables).await;
            versions.insert(function, tokio::sync::Mutex::new(version.expect("run `cargo build --workspace`")));
        }
        let aws = Arc::new(Aws { url, faults, versions, requests: Mutex::default(), told: Mutex::default() });
        let router = Router::new()
            .route("/2015-03-31/functions/{arn}/invocations", post(invoke))
            .route("/", post(take))
            .with_state(Arc::clone(&aws));
        tokio::spawn(axum::serve(listener, router).into_future());
        aws
    }

    /// The variables of the test user, as in `template.yaml`.
    fn user_variables<'a>(&'a self, user: &'a User) -> [(&'a str, &'a str); 4] {
        let Self { auth_mode, .. } = self;
        let url = ("BETTER_AUTH_URL", self.better_auth_url());
        [("SMOKE_EMAIL", &user.email), ("SMOKE_PASSWORD", PASSWORD), url, ("AUTH_MODE", auth_mode)]
    }
}

impl Aws {
    /// The variables that Lambda and `template.yaml` set.
    fn variables(&self) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY_SECRET),
            ("AWS_SESSION_TOKEN", KEY_SESSION),
            ("AWS_REGION", "eu-central-1"),
            ("FUNCTION_ARN_PREFIX", "arn:aws:lambda:eu-central-1:123456789012:function:tasks-prod-"),
            ("AWS_ENDPOINT_URL_LAMBDA", &self.url),
            ("AWS_ENDPOINT_URL_CODEDEPLOY", &self.url),
        ];
        let versions = functions().into_iter().map(|function| {
            let variable = format!("{}_VERSION", function.replace('-', "_").to_uppercase());
            (variable, "41".to_owned())
        });
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(versions).collect()
    }

    /// Calls the hook as CodeDeploy does.
    async fn check(&self, user: &[(&str, &str)]) -> Outcome {
        self.check_within(TIME, user).await
    }

    async fn check_within(&self, time: Duration, user: &[(&str, &str)]) -> Outcome {
        let variables = self.variables();
        let mut variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        variables.extend(user);
        let mut hook = Function::start(&binary("smoke"), &variables).await.expect("run `cargo build --workspace`");
        let began = Instant::now();
        let returned = hook.invoke_raw(SystemTime::now() + time, &event().to_string()).await;
        let took = began.elapsed();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        Outcome { told, log: hook.kill().await, returned, took }
    }

    fn record(&self, service: &str, path: &str, headers: &HeaderMap, body: &str) {
        let headers: BTreeMap<_, _> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        self.requests.lock().unwrap().push(json!({
            "url": format!("{}{path}", self.url), "headers": headers, "body": body,
            "service": service, "region": "eu-central-1", "key": KEY, "secret": KEY_SECRET, "token": KEY_SESSION,
        }));
    }

    fn is_still(count: &AtomicU32) -> bool {
        count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turns| turns.checked_sub(1)).is_ok()
    }
}

/// The functions that CodeDeploy deploys.
fn functions() -> BTreeSet<&'static str> {
    shared::routes::ROUTES.iter().map(|route| route.function).collect()
}

/// What CodeDeploy calls a hook with.
fn event() -> Value {
    json!({ "DeploymentId": "d-EXAMPLE11", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi" })
}

/// Lambda's Invoke.
async fn invoke(State(aws): State<Arc<Aws>>, Path(arn): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let event = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let event = String::from_utf8(event.into()).unwrap();
    aws.record("lambda", parts.uri.path(), &parts.headers, &event);
    if Aws::is_still(&aws.faults.throttles) {
        let reason = r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User"}"#;
        return (StatusCode::TOO_MANY_REQUESTS, reason).into_response();
    }
    // AWS's own type of what its gateway sends.
    serde_json::from_str::<ApiGatewayV2httpRequest>(&event).unwrap();
    let prefix = "arn:aws:lambda:eu-central-1:123456789012:function:tasks-prod-";
    let function = arn.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(":41")).unwrap();
    let mut version = aws.versions[function].lock().await;
    match version.invoke_raw(SystemTime::now() + Duration::from_secs(15), &event).await {
        Ok(_) if aws.faults.hangs == Some(function) => std::future::pending().await,
        Ok(returned) => returned.into_response(),
        Err(_) => {
            let error =
                r#"{"errorType":"Runtime.ExitError","errorMessage":"Error: Runtime exited with error: exit status 1"}"#;
            ([("x-amz-function-error", "Unhandled")], error).into_response()
        }
    }
}

/// CodeDeploy's `PutLifecycleEventHookExecutionStatus`.
async fn take(State(aws): State<Arc<Aws>>, headers: HeaderMap, body: String) -> Response {
    aws.record("codedeploy", "/", &headers, &body);
    assert_eq!(headers["x-amz-target"], "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus");
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    if Aws::is_still(&aws.faults.closed_for) {
        let Some((status, error)) = aws.faults.closed_with else { return std::future::pending().await };
        let status = StatusCode::from_u16(status).unwrap();
        return (status, json!({ "__type": error }).to_string()).into_response();
    }
    aws.told.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    json!({ "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi" }).to_string().into_response()
}

impl Outcome {
    /// The messages of a level.
    fn messages(&self, level: &str) -> Vec<String> {
        let lines = self.log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        let wanted = lines.filter(|line| line["level"] == level);
        wanted.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn is(&self, status: &str) {
        let expected = json!({
            "deploymentId": "d-EXAMPLE11",
            "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi",
            "status": status,
        });
        assert_eq!(self.told, [expected], "{}", self.log);
        assert!(self.returned.is_ok(), "{:?}", self.returned);
    }

    #[track_caller]
    fn failed(&self, sentence: &str) {
        self.is("Failed");
        let errors = self.messages("ERROR");
        assert!(errors.len() == 1 && errors[0].contains(sentence), "{}", self.log);
    }
}

/// The requests are signed as AWS's own library signs them.
async fn are_signed(requests: &[Value]) {
    let mut python = SAM.command("python").await.unwrap();
    let script = dev::workspace::root().join("dev/tests/deploy/signatures.py");
    let mut python =
        python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = python.stdin.take().unwrap();
    for request in requests {
        writeln!(stdin, "{request}").unwrap();
    }
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn good_versions_pass_and_nothing_is_left_behind() {
    let site = Site::usual().await;
    let user = site.sign_up().await;
    let aws = site.deployed(Faults::default()).await;
    let outcome = aws.check(&site.user_variables(&user)).await;
    outcome.is("Succeeded");
    let lines = outcome.messages("INFO");
    let (last, requests) = lines.split_last().unwrap();
    assert_eq!(last, "the new versions work");
    let statuses: Vec<_> = requests.iter().map(|line| &line[..3]).collect();
    assert_eq!(statuses, ["200", "200", "401", "201", "200", "200", "200", "200", "204", "404"], "{lines:?}");
    assert!(lines[0].starts_with("200 GET /health of tasks-prod-health:41 "), "{lines:?}");
    assert_eq!(site.left_behind(&user).await, (0, 0));

    let requests = std::mem::take(&mut *aws.requests.lock().unwrap());
    assert_eq!(requests.len(), 11);
    are_signed(&requests).await;
    let token = requests.iter().find_map(|request| {
        let event: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        Some(event["headers"]["authorization"].as_str()?.trim_start_matches("Bearer ").to_owned())
    });
    let token = token.expect("a request with a token");
    assert_eq!(token.split('.').count(), 3, "a JWT");
    for secret in [PASSWORD, KEY_SECRET, KEY_SESSION, &token, token.rsplit('.').next().unwrap()] {
        assert!(!outcome.log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_version_that_answers_500_fails() {
    let site = Site::usual().await;
    let user = site.sign_up().await;
    let aws = site.deployed(Faults { fails: Some("get-task"), ..Faults::default() }).await;
    let outcome = aws.check(&site.user_variables(&user)).await;
    outcome.failed(" of tasks-prod-get-task:41 answered 500 instead of 200");
    assert_eq!(site.left_behind(&user).await, (0, 0));
}

#[tokio::test]
async fn a_version_that_crashes_fails() {
    let site = Site::usual().await;
    let user = site.sign_up().await;
    let aws = site.deployed(Faults { crashes: Some("complete-task"), ..Faults::default() }).await;
    let outcome = aws.check(&site.user_variables(&user)).await;
    outcome.failed("of tasks-prod-complete-task:41 was not answered: the function failed: Error: Runtime exited");
    assert_eq!(site.left_behind(&user).await, (0, 0));
}

#[tokio::test]
async fn a_version_that_hangs_fails_in_time() {
    let site = Site::usual().await;
    for function in ["create-task", "update-task"] {
        let user = site.sign_up().await;
        let aws = site.deployed(Faults { hangs: Some(function), ..Faults::default() }).await;
        let time = Duration::from_secs(20);
        let outcome = aws.check_within(time, &site.user_variables(&user)).await;
        assert!(outcome.took < time, "{:?}: {}", outcome.took, outcome.log);
        outcome.failed(&format!(" of tasks-prod-{function}:41 was not answered: the time for the check was up"));
        assert_eq!(site.left_behind(&user).await, (0, 0));
    }
}

#[tokio::test]
async fn without_a_test_user_every_version_has_to_ask_for_a_token() {
    let site = Site::usual().await;
    let aws = site.deployed(Faults::default()).await;
    // As a deployment sets what is not given.
    let outcome = aws.check(&[("SMOKE_EMAIL", ""), ("SMOKE_PASSWORD", ""), ("BETTER_AUTH_URL", "")]).await;
    outcome.is("Succeeded");
    let lines = outcome.messages("INFO");
    for function in functions() {
        assert!(lines.iter().any(|line| line.contains(&format!(" of tasks-prod-{function}:41 "))), "{lines:?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("401 ")).count(), 6, "{lines:?}");

    let aws = site.deployed(Faults { crashes: Some("delete-task"), ..Faults::default() }).await;
    aws.check(&[]).await.failed("DELETE /api/tasks/1 of tasks-prod-delete-task:41 was not answered");
}

#[tokio::test]
async fn a_wrong_password_fails_with_a_sentence() {
    let site = Site::usual().await;
    let user = site.sign_up().await;
    let aws = site.deployed(Faults::default()).await;
    let [email, _, url, mode] = site.user_variables(&user);
    let outcome = aws.check(&[email, ("SMOKE_PASSWORD", "another one than this"), url, mode]).await;
    outcome.failed("Better Auth does not let the test user in: 401 Unauthorized, Invalid email or password");
    assert!(!outcome.log.contains("another one than this"));
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_named() {
    let site = Site::usual().await;
    let aws = site.deployed(Faults::default()).await;
    let (email, password) = (("SMOKE_EMAIL", "a@b.test"), ("SMOKE_PASSWORD", "s3cr3t"));
    for (variables, sentence) in [
        (vec![email], "SMOKE_PASSWORD is not set"),
        (vec![email, password], "BETTER_AUTH_URL is not set"),
        (vec![email, password, ("BETTER_AUTH_URL", "http://app.example.com")], "BETTER_AUTH_URL must be https"),
        (vec![email, password, ("BETTER_AUTH_URL", "app")], "BETTER_AUTH_URL must be a URL"),
        (vec![email, password, ("BETTER_AUTH_URL", "http://127.0.0.1:1")], "Better Auth did not answer"),
        (vec![("GET_TASK_VERSION", "")], "GET_TASK_VERSION is not set"),
    ] {
        aws.check(&variables).await.failed(sentence);
    }
}

#[tokio::test]
async fn the_token_of_a_session_will_do() {
    // Without the plugin jwt() there is no other; with it, the functions may still want this one.
    for settings in [&[("SESSIONS_ONLY", "1")][..], &[]] {
        let site = Site::start(settings, "session").await;
        let user = site.sign_up().await;
        let aws = site.deployed(Faults::default()).await;
        aws.check(&site.user_variables(&user)).await.is("Succeeded");
        assert_eq!(site.left_behind(&user).await, (0, 0));
    }
    let site = Site::start(&[("SESSIONS_ONLY", "1")], "jwks,session").await;
    let user = site.sign_up().await;
    site.deployed(Faults::default()).await.check(&site.user_variables(&user)).await.is("Succeeded");
}

#[tokio::test]
async fn a_sign_in_waits_for_those_before() {
    let site = Site::start(&[("SIGN_IN_WINDOW", "3")], "jwks").await;
    let user = site.sign_up().await;
    let url = format!("{}/api/auth/sign-in/email", site.better_auth_url());
    let body = json!({ "email": user.email, "password": PASSWORD });
    let sign_in = async || Client::new().post(&url).json(&body).send().await.unwrap().status().as_u16();
    let aws = site.deployed(Faults::default()).await;
    let began = Instant::now();
    assert_eq!([sign_in().await, sign_in().await, sign_in().await, sign_in().await], [200, 200, 200, 429]);
    aws.check(&site.user_variables(&user)).await.is("Succeeded");
    assert!(began.elapsed() >= Duration::from_secs(3), "it has not waited");
}

#[tokio::test]
async fn a_busy_function_is_asked_again() {
    let site = Site::usual().await;
    let faults = Faults::default();
    faults.throttles.store(2, Ordering::SeqCst);
    site.deployed(faults).await.check(&[]).await.is("Succeeded");
}

#[tokio::test]
async fn codedeploy_is_told_again_until_it_listens() {
    let site = Site::usual().await;
    for (closed_with, reason) in
        [(Some((500, "InternalFailure")), "InternalFailure"), (None, "CodeDeploy did not answer")]
    {
        let aws = site.deployed(Faults { closed_with, ..Faults::default() }).await;
        aws.faults.closed_for.store(2, Ordering::SeqCst);
        aws.check(&[]).await.is("Succeeded");
        // Lambda calls again when it does not listen at all.
        aws.faults.closed_for.store(3, Ordering::SeqCst);
        let Outcome { told, returned, .. } = aws.check(&[]).await;
        assert!(told.is_empty());
        assert!(matches!(&returned, Err(InvokeError::Failed(report)) if report.contains(reason)), "{returned:?}");
    }
}

#[tokio::test]
async fn codedeploy_that_was_told_before_is_content() {
    let site = Site::usual().await;
    let closed_with = Some((400, "LifecycleEventAlreadyCompletedException"));
    let aws = site.deployed(Faults { closed_with, ..Faults::default() }).await;
    aws.faults.closed_for.store(1, Ordering::SeqCst);
    let outcome = aws.check(&[]).await;
    assert!(outcome.returned.is_ok() && outcome.told.is_empty(), "{:?}", outcome.returned);
}

#[tokio::test]
async fn it_runs_in_the_emulator() {
    crate::artefacts::built().await;
    let site = Site::usual().await;
    let user = site.sign_up().await;
    let aws = site.deployed(Faults::default()).await;
    let mut variables = aws.variables();
    variables.push(("AWS_LAMBDA_FUNCTION_TIMEOUT".to_owned(), TIME.as_secs().to_string()));
    variables.extend(site.user_variables(&user).map(|(name, value)| (name.to_owned(), value.to_owned())));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Emulator::start("smoke", &variables).await.invoke(&event()).await;
    let told = std::mem::take(&mut *aws.told.lock().unwrap());
    assert_eq!(told.iter().map(|answer| &answer["status"]).collect::<Vec<_>>(), ["Succeeded"]);
    assert_eq!(site.left_behind(&user).await, (0, 0));
}
