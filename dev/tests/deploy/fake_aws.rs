//! A server in place of Lambda and CodeDeploy, which runs real functions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dev::generate::Api;
use dev::testing::better_auth::BetterAuthStack;
use dev::testing::function::{Function, InvokeError};
use serde_json::{Value, json};

const KEY: &str = "AKIDEXAMPLE";
pub(crate) const KEY_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const KEY_SESSION: &str = "IQoJb3JpZ2luX2VjEXAMPLE//session==";
/// The timeout of the hook, as in `template.yaml`.
pub(crate) const HOOK_TIMEOUT: Duration = Duration::from_secs(120);

/// The faults of a deployment.
#[derive(Default)]
pub(crate) struct Faults {
    /// A function that handles its events and never responds.
    pub(crate) hangs: Option<&'static str>,
    /// A function that exits when it starts.
    pub(crate) crashes: Option<&'static str>,
    /// A function that cannot reach the database.
    pub(crate) fails: Option<&'static str>,
    /// How many invocations are still to be refused because of too many concurrent ones.
    pub(crate) throttles: AtomicU32,
    /// How many reports CodeDeploy still does not accept.
    pub(crate) refused_reports: AtomicU32,
    /// The status and the error for these reports. `None`: there is no response.
    pub(crate) refusal: Option<(u16, &'static str)>,
}

/// Lambda, with the new versions of the functions, and CodeDeploy.
pub(crate) struct FakeAws {
    pub(crate) url: String,
    pub(crate) faults: Faults,
    pub(crate) versions: BTreeMap<&'static str, tokio::sync::Mutex<Function>>,
    /// All requests to both services.
    pub(crate) requests: Mutex<Vec<Value>>,
    /// What the hook has reported to CodeDeploy.
    pub(crate) reports: Mutex<Vec<Value>>,
}

/// The result of one run of the hook.
pub(crate) struct HookRun {
    /// What it has reported to CodeDeploy.
    pub(crate) reports: Vec<Value>,
    pub(crate) log: String,
    pub(crate) returned: Result<String, InvokeError>,
    pub(crate) duration: Duration,
}

impl FakeAws {
    /// Starts the new versions of the functions, and the two services.
    pub(crate) async fn start(better_auth: &BetterAuthStack, auth_mode: &str, faults: Faults) -> Arc<Self> {
        let settings = [("BETTER_AUTH_URL", better_auth.auth_url()), ("AUTH_MODE", auth_mode)];
        Self::start_with(better_auth.stack.database_url(), &settings, functions(), faults).await
    }

    /// [`FakeAws::start`] for a deployment with these functions, this database and these settings.
    pub(crate) async fn start_with(
        database_url: &str,
        settings: &[(&str, &str)],
        functions: BTreeSet<&'static str>,
        faults: Faults,
    ) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut versions = BTreeMap::new();
        for function in functions {
            let (server, _) = database_url.rsplit_once('/').unwrap();
            let nowhere = format!("{server}/nowhere?sslmode=disable");
            let url = if faults.fails == Some(function) { &nowhere } else { database_url };
            let mut variables = [&[("DATABASE_URL", url), ("REQUIRE_IF_MATCH", "1")], settings].concat();
            if faults.crashes == Some(function) {
                variables.push(("AUTH_MODE", "nonsense"));
            }
            let version = Function::start_built(function, &variables).await;
            versions.insert(function, tokio::sync::Mutex::new(version));
        }
        let aws = Arc::new(Self { url, faults, versions, requests: Mutex::default(), reports: Mutex::default() });
        let router = Router::new()
            .route("/2015-03-31/functions/{arn}/invocations", post(invoke))
            .route("/", post(accept_report))
            .with_state(Arc::clone(&aws));
        tokio::spawn(axum::serve(listener, router).into_future());
        aws
    }

    /// The variables that Lambda and `template.yaml` set.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY_SECRET),
            ("AWS_SESSION_TOKEN", KEY_SESSION),
            ("AWS_REGION", "eu-central-1"),
            ("FUNCTION_ARN_PREFIX", "arn:aws:lambda:eu-central-1:123456789012:function:tasks-prod-"),
            ("AWS_ENDPOINT_URL_LAMBDA", &self.url),
            ("AWS_ENDPOINT_URL_CODEDEPLOY", &self.url),
        ];
        let versions = self.versions.keys().map(|function| {
            let variable = format!("{}_VERSION", function.replace('-', "_").to_uppercase());
            (variable, "41".to_owned())
        });
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(versions).collect()
    }

    /// Invokes the hook as CodeDeploy does.
    pub(crate) async fn run_hook(&self, user: &[(&str, &str)]) -> HookRun {
        self.run_hook_within(HOOK_TIMEOUT, user).await
    }

    pub(crate) async fn run_hook_within(&self, timeout: Duration, user: &[(&str, &str)]) -> HookRun {
        let variables = self.variables();
        let mut variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        variables.extend(user);
        let mut hook = Function::start_built("smoke", &variables).await;
        let began = Instant::now();
        let returned = hook.invoke_raw(SystemTime::now() + timeout, &hook_event().to_string()).await;
        let duration = began.elapsed();
        let reports = std::mem::take(&mut *self.reports.lock().unwrap());
        HookRun { reports, log: hook.kill().await, returned, duration }
    }

    fn record(&self, service: &str, path: &str, headers: &HeaderMap, body: &str) {
        let headers: BTreeMap<_, _> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        self.requests.lock().unwrap().push(json!({
            "url": format!("{}{path}", self.url), "headers": headers, "body": body,
            "service": service, "region": "eu-central-1", "key": KEY, "secret": KEY_SECRET, "token": KEY_SESSION,
        }));
    }

    /// Whether the count was above zero. Decrements it.
    fn count_down(count: &AtomicU32) -> bool {
        count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |turns| turns.checked_sub(1)).is_ok()
    }
}

/// The functions that CodeDeploy deploys, without those that only some deployments have.
pub(crate) fn functions() -> BTreeSet<&'static str> {
    let api = Api::parse(include_str!("../../../openapi.yaml")).unwrap();
    let is_optional = |name: &str| {
        api.functions.iter().any(|function| function.name == name && function.settings.condition.is_some())
    };
    shared::routes::ROUTES.iter().map(|route| route.function).filter(|name| !is_optional(name)).collect()
}

/// The event of CodeDeploy for a hook.
pub(crate) fn hook_event() -> Value {
    json!({ "DeploymentId": "d-EXAMPLE11", "LifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi" })
}

/// The operation Invoke of Lambda.
async fn invoke(State(aws): State<Arc<FakeAws>>, Path(arn): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let event = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let event = String::from_utf8(event.into()).unwrap();
    aws.record("lambda", parts.uri.path(), &parts.headers, &event);
    if FakeAws::count_down(&aws.faults.throttles) {
        let reason = r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User"}"#;
        return (StatusCode::TOO_MANY_REQUESTS, reason).into_response();
    }
    // The event must fit the type of the event in the crate of AWS.
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

/// The operation `PutLifecycleEventHookExecutionStatus` of CodeDeploy.
async fn accept_report(State(aws): State<Arc<FakeAws>>, headers: HeaderMap, body: String) -> Response {
    aws.record("codedeploy", "/", &headers, &body);
    assert_eq!(headers["x-amz-target"], "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus");
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    if FakeAws::count_down(&aws.faults.refused_reports) {
        let Some((status, error)) = aws.faults.refusal else { return std::future::pending().await };
        let status = StatusCode::from_u16(status).unwrap();
        return (status, json!({ "__type": error }).to_string()).into_response();
    }
    aws.reports.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    json!({ "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi" }).to_string().into_response()
}

impl HookRun {
    /// The messages of this log level.
    pub(crate) fn messages(&self, level: &str) -> Vec<String> {
        let lines = self.log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        let wanted = lines.filter(|line| line["level"] == level);
        wanted.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn assert_reported(&self, status: &str) {
        let expected = json!({
            "deploymentId": "d-EXAMPLE11",
            "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi",
            "status": status,
        });
        assert_eq!(self.reports, [expected], "{}", self.log);
        assert!(self.returned.is_ok(), "{:?}", self.returned);
    }

    #[track_caller]
    pub(crate) fn assert_failed(&self, message: &str) {
        self.assert_reported("Failed");
        let errors = self.messages("ERROR");
        assert!(errors.len() == 1 && errors[0].contains(message), "{}", self.log);
    }
}
