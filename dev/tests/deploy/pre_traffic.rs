//! `smoke` as the pre-traffic hook of CodeDeploy: with real functions, the real Better Auth and a real PostgreSQL, and
//! with a server in place of Lambda and CodeDeploy.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dev::install::python::SAM;
use dev::services::database::connect;
use dev::testing::better_auth::{BetterAuthStack, PASSWORD, SignedUpUser};
use dev::testing::database::{LAYOUTS, TestDatabase};
use dev::testing::function::InvokeError;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::emulator::Emulator;
use crate::fake_aws::{FakeAws, Faults, HOOK_TIMEOUT, HookRun, KEY_SECRET, KEY_SESSION, functions, hook_event};
use crate::smoke::smoke_statuses;

/// A stack with Better Auth, whose database the deployed functions use.
struct DeploymentEnv {
    better_auth: BetterAuthStack,
    auth_mode: &'static str,
}

impl DeploymentEnv {
    async fn start(variables: &[(&str, &str)], auth_mode: &'static str) -> Self {
        let variables = [variables, &[("AUTH_MODE", auth_mode)]].concat();
        Self { better_auth: BetterAuthStack::start(&variables).await, auth_mode }
    }

    /// The one that most tests share.
    async fn shared() -> &'static Self {
        static ENV: OnceCell<DeploymentEnv> = OnceCell::const_new();
        ENV.get_or_init(|| Self::start(&[], "jwks")).await
    }

    async fn sign_up(&self) -> SignedUpUser {
        self.better_auth.sign_up("smoke").await
    }

    /// How many tasks a user has, and how many sessions besides that of the sign-up.
    async fn remaining(&self, user: &SignedUpUser) -> (i64, i64) {
        let count = r#"
            select (select count(*) from tasks where user_id = $1), (select count(*) - 1 from session where "userId" = $1)
        "#;
        let database = connect(self.better_auth.stack.database_url()).await.unwrap();
        let row = database.query_one(count, &[&user.id]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// AWS with new versions of the functions, which get no traffic yet.
    async fn deploy(&self, faults: Faults) -> Arc<FakeAws> {
        FakeAws::start(&self.better_auth, self.auth_mode, faults).await
    }

    /// The variables for the test user, as in `template.yaml`.
    fn user_variables<'a>(&'a self, user: &'a SignedUpUser) -> [(&'a str, &'a str); 4] {
        let Self { auth_mode, .. } = self;
        let url = ("BETTER_AUTH_URL", self.better_auth.auth_url());
        [("SMOKE_EMAIL", &user.email), ("SMOKE_PASSWORD", PASSWORD), url, ("AUTH_MODE", auth_mode)]
    }
}

/// Asserts that the requests are signed as the library of AWS signs them.
async fn assert_signed(requests: &[Value]) {
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
async fn working_versions_pass_and_keep_no_data() {
    let env = DeploymentEnv::shared().await;
    let user = env.sign_up().await;
    let aws = env.deploy(Faults::default()).await;
    let run = aws.run_hook(&env.user_variables(&user)).await;
    run.assert_reported("Succeeded");
    let lines = run.messages("INFO");
    let (last, requests) = lines.split_last().unwrap();
    assert_eq!(last, "the new versions work");
    let statuses: Vec<_> = requests.iter().map(|line| &line[..3]).collect();
    assert_eq!(statuses, smoke_statuses(), "{lines:?}");
    assert!(lines[0].starts_with("200 GET /health of tasks-prod-health:41 "), "{lines:?}");
    assert_eq!(env.remaining(&user).await, (0, 0));

    let requests = std::mem::take(&mut *aws.requests.lock().unwrap());
    // The report to CodeDeploy is one more.
    assert_eq!(requests.len(), smoke_statuses().len() + 1);
    assert_signed(&requests).await;
    let token = requests.iter().find_map(|request| {
        let event: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        Some(event["headers"]["authorization"].as_str()?.trim_start_matches("Bearer ").to_owned())
    });
    let token = token.expect("a request with a token");
    assert_eq!(token.split('.').count(), 3, "a JWT");
    for secret in [PASSWORD, KEY_SECRET, KEY_SESSION, &token, token.rsplit('.').next().unwrap()] {
        assert!(!run.log.contains(secret), "a secret is in the log");
    }
}

/// A deployment whose users sign in at the API: it has the functions for that too.
async fn deploy_with_accounts(faults: Faults) -> Arc<FakeAws> {
    let layout = LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").unwrap();
    let database = TestDatabase::adopted(layout).await;
    let settings = [("AUTH_MODE", "password"), ("AUTH_TOKEN_SECRET", "a secret of its own, which is long enough")];
    let functions = shared::routes::ROUTES.iter().map(|route| route.function).collect();
    FakeAws::start_with(&database.url, &settings, functions, faults).await
}

#[tokio::test]
async fn account_functions_are_checked_where_they_are_deployed() {
    let aws = deploy_with_accounts(Faults::default()).await;
    let run = aws.run_hook(&[]).await;
    run.assert_reported("Succeeded");
    let lines = run.messages("INFO");
    for (name, status) in [
        ("register", "422"),
        ("login", "401"),
        ("logout", "401"),
        ("me", "401"),
        ("change-password", "401"),
        ("delete-account", "401"),
    ] {
        let of_function = |line: &&String| line.contains(&format!(" of tasks-prod-{name}:41 "));
        let line = lines.iter().find(of_function).unwrap_or_else(|| panic!("{name}: {lines:?}"));
        assert!(line.starts_with(status), "{line}");
    }
    for faults in [
        Faults { crashes: Some("register"), ..Faults::default() },
        // Only the sign-in asks the database without a token.
        Faults { fails: Some("login"), ..Faults::default() },
    ] {
        let name = faults.crashes.or(faults.fails).unwrap();
        let run = deploy_with_accounts(faults).await.run_hook(&[]).await;
        run.assert_failed(&format!(" of tasks-prod-{name}:41 "));
    }
}

#[tokio::test]
async fn version_that_responds_with_500_fails() {
    let env = DeploymentEnv::shared().await;
    let user = env.sign_up().await;
    let aws = env.deploy(Faults { fails: Some("get-task"), ..Faults::default() }).await;
    let run = aws.run_hook(&env.user_variables(&user)).await;
    run.assert_failed(" of tasks-prod-get-task:41 answered 500 instead of 200");
    assert_eq!(env.remaining(&user).await, (0, 0));
}

#[tokio::test]
async fn version_that_crashes_fails() {
    let env = DeploymentEnv::shared().await;
    let user = env.sign_up().await;
    let aws = env.deploy(Faults { crashes: Some("complete-task"), ..Faults::default() }).await;
    let run = aws.run_hook(&env.user_variables(&user)).await;
    run.assert_failed("of tasks-prod-complete-task:41 was not answered: the function failed: Error: Runtime exited");
    assert_eq!(env.remaining(&user).await, (0, 0));
}

#[tokio::test]
async fn version_that_hangs_fails_before_the_timeout() {
    let env = DeploymentEnv::shared().await;
    for function in ["create-task", "update-task"] {
        let user = env.sign_up().await;
        let aws = env.deploy(Faults { hangs: Some(function), ..Faults::default() }).await;
        let timeout = Duration::from_secs(20);
        let run = aws.run_hook_within(timeout, &env.user_variables(&user)).await;
        assert!(run.duration < timeout, "{:?}: {}", run.duration, run.log);
        run.assert_failed(&format!(" of tasks-prod-{function}:41 was not answered: the time for the check was up"));
        assert_eq!(env.remaining(&user).await, (0, 0));
    }
}

#[tokio::test]
async fn without_test_user_every_version_must_require_a_token() {
    let env = DeploymentEnv::shared().await;
    let aws = env.deploy(Faults::default()).await;
    // A deployment sets variables without a value to an empty string.
    let run = aws.run_hook(&[("SMOKE_EMAIL", ""), ("SMOKE_PASSWORD", ""), ("BETTER_AUTH_URL", "")]).await;
    run.assert_reported("Succeeded");
    let lines = run.messages("INFO");
    for function in functions() {
        assert!(lines.iter().any(|line| line.contains(&format!(" of tasks-prod-{function}:41 "))), "{lines:?}");
    }
    // All but `health`, which is public.
    let rejected = lines.iter().filter(|line| line.starts_with("401 ")).count();
    assert_eq!(rejected, functions().len() - 1, "{lines:?}");

    let aws = env.deploy(Faults { crashes: Some("delete-task"), ..Faults::default() }).await;
    aws.run_hook(&[]).await.assert_failed("DELETE /api/tasks/1 of tasks-prod-delete-task:41 was not answered");
}

#[tokio::test]
async fn wrong_password_fails_with_an_explanation() {
    let env = DeploymentEnv::shared().await;
    let user = env.sign_up().await;
    let aws = env.deploy(Faults::default()).await;
    let [email, _, url, mode] = env.user_variables(&user);
    let run = aws.run_hook(&[email, ("SMOKE_PASSWORD", "another one than this"), url, mode]).await;
    run.assert_failed("Better Auth does not let the test user in: 401 Unauthorized, Invalid email or password");
    assert!(!run.log.contains("another one than this"));
}

#[tokio::test]
async fn invalid_settings_are_named() {
    let env = DeploymentEnv::shared().await;
    let aws = env.deploy(Faults::default()).await;
    let (email, password) = (("SMOKE_EMAIL", "a@b.test"), ("SMOKE_PASSWORD", "s3cr3t"));
    for (variables, sentence) in [
        (vec![email], "SMOKE_PASSWORD is not set"),
        (vec![email, password], "BETTER_AUTH_URL is not set"),
        (vec![email, password, ("BETTER_AUTH_URL", "http://app.example.com")], "BETTER_AUTH_URL must be https"),
        (vec![email, password, ("BETTER_AUTH_URL", "app")], "BETTER_AUTH_URL must be a URL"),
        (vec![email, password, ("BETTER_AUTH_URL", "http://127.0.0.1:1")], "Better Auth did not answer"),
        (vec![("GET_TASK_VERSION", "")], "GET_TASK_VERSION is not set"),
    ] {
        aws.run_hook(&variables).await.assert_failed(sentence);
    }
}

#[tokio::test]
async fn session_token_is_sufficient() {
    // Without the plugin jwt() there is no other token. With it, AUTH_MODE may still require this one.
    for settings in [&[("SESSIONS_ONLY", "1")][..], &[]] {
        let env = DeploymentEnv::start(settings, "session").await;
        let user = env.sign_up().await;
        let aws = env.deploy(Faults::default()).await;
        aws.run_hook(&env.user_variables(&user)).await.assert_reported("Succeeded");
        assert_eq!(env.remaining(&user).await, (0, 0));
    }
    let env = DeploymentEnv::start(&[("SESSIONS_ONLY", "1")], "jwks,session").await;
    let user = env.sign_up().await;
    env.deploy(Faults::default()).await.run_hook(&env.user_variables(&user)).await.assert_reported("Succeeded");
}

#[tokio::test]
async fn rate_limited_sign_in_is_retried() {
    let env = DeploymentEnv::start(&[("SIGN_IN_WINDOW", "3")], "jwks").await;
    let user = env.sign_up().await;
    let sign_in = async || env.better_auth.sign_in(&user).await;
    let aws = env.deploy(Faults::default()).await;
    let began = Instant::now();
    assert_eq!([sign_in().await, sign_in().await, sign_in().await, sign_in().await], [200, 200, 200, 429]);
    aws.run_hook(&env.user_variables(&user)).await.assert_reported("Succeeded");
    assert!(began.elapsed() >= Duration::from_secs(3), "it did not wait");
}

#[tokio::test]
async fn throttled_invocation_is_retried() {
    let env = DeploymentEnv::shared().await;
    let faults = Faults::default();
    faults.throttles.store(2, Ordering::SeqCst);
    env.deploy(faults).await.run_hook(&[]).await.assert_reported("Succeeded");
}

#[tokio::test]
async fn failed_report_to_codedeploy_is_retried() {
    let env = DeploymentEnv::shared().await;
    for (refusal, reason) in [(Some((500, "InternalFailure")), "InternalFailure"), (None, "CodeDeploy did not answer")]
    {
        let aws = env.deploy(Faults { refusal, ..Faults::default() }).await;
        aws.faults.refused_reports.store(2, Ordering::SeqCst);
        aws.run_hook(&[]).await.assert_reported("Succeeded");
        // If CodeDeploy never accepts the report, the hook fails, and Lambda invokes it again.
        aws.faults.refused_reports.store(3, Ordering::SeqCst);
        let HookRun { reports, returned, .. } = aws.run_hook(&[]).await;
        assert!(reports.is_empty());
        assert!(matches!(&returned, Err(InvokeError::Failed(report)) if report.contains(reason)), "{returned:?}");
    }
}

#[tokio::test]
async fn duplicate_report_to_codedeploy_is_no_error() {
    let env = DeploymentEnv::shared().await;
    let refusal = Some((400, "LifecycleEventAlreadyCompletedException"));
    let aws = env.deploy(Faults { refusal, ..Faults::default() }).await;
    aws.faults.refused_reports.store(1, Ordering::SeqCst);
    let run = aws.run_hook(&[]).await;
    assert!(run.returned.is_ok() && run.reports.is_empty(), "{:?}", run.returned);
}

#[tokio::test]
async fn hook_runs_in_the_emulator() {
    crate::artifacts::build_functions().await;
    let env = DeploymentEnv::shared().await;
    let user = env.sign_up().await;
    let aws = env.deploy(Faults::default()).await;
    let mut variables = aws.variables();
    variables.push(("AWS_LAMBDA_FUNCTION_TIMEOUT".to_owned(), HOOK_TIMEOUT.as_secs().to_string()));
    variables.extend(env.user_variables(&user).map(|(name, value)| (name.to_owned(), value.to_owned())));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Emulator::start("smoke", &variables).await.invoke(&hook_event()).await;
    let reports = std::mem::take(&mut *aws.reports.lock().unwrap());
    assert_eq!(reports.iter().map(|report| &report["status"]).collect::<Vec<_>>(), ["Succeeded"]);
    assert_eq!(env.remaining(&user).await, (0, 0));
}
