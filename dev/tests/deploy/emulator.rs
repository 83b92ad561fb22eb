//! The binaries in the Runtime Interface Emulator of AWS, with events in the format of AWS.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use dev::aws::template::Template;
use dev::deploy::artifacts::binary_path;
use dev::install::python::SAM;
use dev::services::database::new_user;
use dev::testing::client::{ApiClient, TestRequest};
use dev::testing::database::{LAYOUTS, TestDatabase};
use dev::testing::processes::{descendants, reserve_port};
use dev::testing::wait::wait_until_within;
use dev::tokens;
use dev::workspace::root;
use migrations::State;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::OnceCell;

use crate::artifacts::build_functions;
use crate::output;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long the emulator may take to listen, and a function to respond.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A function in the emulator. Dropping it kills both.
pub(crate) struct Emulator {
    process: Child,
    /// So that no other emulator, which could start at the same time, gets them.
    _ports: [TcpSocket; 2],
    client: ApiClient,
}

/// A database with a user.
struct TestEnv {
    database: TestDatabase,
    user: String,
}

/// The output of `sam local generate-event`.
async fn generate_event(service: &str, kind: &str) -> Value {
    let mut sam = SAM.command("sam").await.unwrap();
    let text = output(sam.args(["local", "generate-event", service, kind]));
    serde_json::from_str(&text).unwrap()
}

async fn sample_event() -> Value {
    static EVENT: OnceCell<Value> = OnceCell::const_new();
    EVENT.get_or_init(|| generate_event("apigateway", "http-api-proxy")).await.clone()
}

/// The sample event with another request.
async fn event(route: &str, path: &str, parameters: Value, token: &str, body: Option<&str>) -> Value {
    let mut event = sample_event().await;
    event["routeKey"] = json!(route);
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!("");
    event["pathParameters"] = parameters;
    event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    event["headers"]["content-type"] = json!("application/json");
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(false);
    event["queryStringParameters"] = Value::Null;
    let context = &mut event["requestContext"];
    context["routeKey"] = json!(route);
    context["http"]["method"] = json!(route.split(' ').next().filter(|method| *method != "$default").unwrap_or("GET"));
    context["http"]["path"] = json!(path);
    event
}

impl TestEnv {
    /// A database with all migrations.
    async fn new() -> Self {
        Self::on(TestDatabase::migrated().await).await
    }

    async fn on(database: TestDatabase) -> Self {
        build_functions().await;
        let user = new_user(&database.client).await.unwrap().id;
        Self { database, user }
    }

    fn token(&self) -> String {
        tokens::mint(SECRET, &self.user)
    }

    async fn emulate(&self, function: &str) -> Emulator {
        let variables = [("DATABASE_URL", self.database.url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
        Emulator::start(function, &variables).await
    }
}

impl Emulator {
    /// Starts the emulator with a function and its environment variables.
    pub(crate) async fn start(function: &str, variables: &[(&str, &str)]) -> Self {
        let ports = [reserve_port(0).unwrap(), reserve_port(0).unwrap()];
        let [api, runtime] = ports.each_ref().map(|port| port.local_addr().unwrap().to_string());
        let mut command = Command::new(emulator().await);
        command
            .args(["--runtime-interface-emulator-address", &api, "--runtime-api-address", &runtime])
            .arg(binary_path(function))
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "15")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let process = command.spawn().unwrap();
        wait_until_within(TIMEOUT, "the emulator listens", async || tokio::net::TcpStream::connect(&api).await.is_ok())
            .await;
        Self { process, _ports: ports, client: ApiClient::new(&format!("http://{api}")).with_timeout(TIMEOUT) }
    }

    /// What the function returns. The emulator handles one event at a time, which `&mut` ensures.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Value {
        let request = TestRequest::new("POST", "/2015-03-31/functions/function/invocations").json(event);
        let response = self.client.send(request).await;
        serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{response:?}"))
    }

    /// The process of the function.
    fn function(&self) -> Option<Pid> {
        descendants(self.process.id()).first().map(|function| Pid::from_raw(function.pid))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        // The emulator starts the function in a process group of its own.
        if let Some(function) = self.function() {
            let _ = nix::sys::signal::kill(function, Signal::SIGKILL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// The path of the emulator, which is part of SAM.
async fn emulator() -> PathBuf {
    let folder = SAM.folder().await.unwrap();
    let script = "import samcli.local.rapid as rapid; print(rapid.__path__[0])";
    let package = output(Command::new(folder.join("bin/python")).args(["-c", script]));
    PathBuf::from(package.trim()).join(format!("aws-lambda-rie-{}", std::env::consts::ARCH))
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default()
}

/// Sign-up and sign-in, which only some deployments have. Each route has an account of its own.
#[tokio::test]
async fn every_account_function_handles_all_its_routes() {
    build_functions().await;
    let layout = LAYOUTS.iter().find(|layout| layout.name == "own_users_with_passwords").unwrap();
    let database = TestDatabase::adopted(layout).await;
    let variables = [("DATABASE_URL", database.url.as_str()), ("AUTH_MODE", "password"), ("AUTH_TOKEN_SECRET", SECRET)];
    let template = |mode: Option<&str>| {
        let mode = mode.map(str::to_owned);
        Template::read(root(), |name| mode.clone().filter(|_| name == "AUTH_MODE")).unwrap()
    };
    let (all, others) = (template(Some("password")), template(None));
    let functions: Vec<_> = all.functions.iter().filter(|function| !others.functions.contains(function)).collect();
    assert_eq!(functions.len(), 6);
    let mut register = Emulator::start("register", &variables).await;
    let mut number = 0;
    for function in functions {
        let mut emulator = Emulator::start(&function.name, &variables).await;
        for route in all.routes.iter().filter(|route| route.function == function.name) {
            number += 1;
            let mut sign_up = async |name: &str| {
                let account = format!(r#"{{"email":"{name}-{number}@example.com","password":"correct horse"}}"#);
                let mut event =
                    event("POST /api/auth/register", "/api/auth/register", Value::Null, "", Some(&account)).await;
                event["requestContext"]["http"]["sourceIp"] = json!(format!("192.0.2.{number}"));
                (body(&register.invoke(&event).await), account)
            };
            let (ada, account) = sign_up("ada").await;
            let token = ada["access_token"].as_str().unwrap();
            let (status, sent) = match function.name.as_str() {
                "register" => (201, Some(account.replace("ada", "eve"))),
                "login" => (200, Some(account)),
                "change-password" => {
                    (200, Some(r#"{"current_password":"correct horse","new_password":"battery staple"}"#.to_owned()))
                }
                "delete-account" => (204, Some(r#"{"password":"correct horse"}"#.to_owned())),
                _ => (200, None),
            };
            let path = route.key.split_once(' ').unwrap().1;
            let answer = emulator.invoke(&event(&route.key, path, Value::Null, token, sent.as_deref()).await).await;
            assert_eq!(answer["statusCode"], status, "{}: {answer}", route.key);
            let returned = body(&answer);
            match function.name.as_str() {
                "me" => assert_eq!(returned, ada["user"]),
                "login" => assert_eq!(returned["user"], ada["user"]),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn every_function_handles_all_its_routes() {
    let env = TestEnv::new().await;
    let token = env.token();
    let mut create = env.emulate("create-task").await;
    let template = Template::read(root(), |_| None).unwrap();
    for function in &template.functions {
        let mut emulator = env.emulate(&function.name).await;
        for route in template.routes.iter().filter(|route| route.function == function.name) {
            let milk = Some(r#"{"title":"Buy milk","tags":["home"],"recurrence":"daily"}"#);
            let milk = event("POST /api/tasks", "/api/tasks", Value::Null, &token, milk).await;
            let mut task = body(&create.invoke(&milk).await);
            task.as_object_mut().unwrap().remove("txid");
            let id = task["id"].as_i64().unwrap().to_string();
            let path = route.key.split_once(' ').map_or("/elsewhere", |(_, path)| path);
            let parameter = if path.contains("/tags/{id}") { "home" } else { &id };
            let path = path.replace("{id}", parameter).replace("{user_id}", &env.user).replace("{tag}", "home");
            let path = path.replace("{version}/{file}", "1/docs.css");
            let parameters = json!({ "id": parameter, "user_id": env.user, "tag": "home" });
            let (status, sent) = match function.name.as_str() {
                "create-task" => (201, Some(r#"{"title":"Buy bread"}"#)),
                "update-task" => (200, Some(r#"{"title":"Buy butter","tags":[]}"#)),
                "delete-task" | "delete-tag" | "remove-task-tag" => (204, None),
                "create-tag" | "update-tag" => (200, Some(r##"{"name":"Home","color":"#ff8800"}"##)),
                "add-task-tags" => (200, Some(r#"{"tags":["work"]}"#)),
                "bulk-tasks" => (200, Some(r#"{"operations":[{"op":"create","title":"Buy bread"}]}"#)),
                "health" if route.is_fallback() => (404, None),
                _ => (200, None),
            };
            let answer = emulator.invoke(&event(&route.key, &path, parameters, &token, sent).await).await;
            assert_eq!(answer["statusCode"], status, "{}: {answer}", route.key);
            let returned = body(&answer);
            match function.name.as_str() {
                "create-task" => assert_eq!(returned["title"], "Buy bread"),
                "get-task" => assert_eq!(returned, task),
                "update-task" => assert_eq!((&returned["id"], &returned["title"]), (&task["id"], &json!("Buy butter"))),
                "complete-task" => assert_eq!((&returned["id"], &returned["completed"]), (&task["id"], &json!(true))),
                "list-tasks" => assert!(returned.as_array().unwrap().contains(&task)),
                "skip-task" => assert_ne!(returned["due_date"], task["due_date"]),
                "stop-recurrence" => assert_eq!(returned["recurrence_rule"], Value::Null),
                "list-changes" => {
                    let changes = returned["changes"].as_array().unwrap();
                    assert!(changes.iter().any(|change| change["task"]["id"] == task["id"]), "{returned}");
                }
                "list-tags" => assert_eq!(returned[0]["id"], "home", "{returned}"),
                "update-tag" => assert_eq!(returned["color"], "#ff8800", "{returned}"),
                "add-task-tags" => assert_eq!(returned["tags"], json!(["home", "work"])),
                "task-stats" => assert!(returned["total"].as_i64() > Some(0), "{returned}"),
                "bulk-tasks" => assert_eq!(returned["results"][0]["task"]["title"], "Buy bread", "{returned}"),
                "delete-task" => assert_eq!(answer.get("body").and_then(Value::as_str).unwrap_or_default(), ""),
                _ => {}
            }
        }
    }
}

/// `--nocapture` prints how long the start took, with that of the emulator.
#[tokio::test]
async fn documentation_starts_without_a_database() {
    build_functions().await;
    let mut emulator = Emulator::start("docs", &[("BETTER_AUTH_SECRET", SECRET)]).await;
    let start = std::time::Instant::now();
    for path in ["/docs", "/docs/errors", "/openapi.json", "/docs/assets/1/swagger-ui-bundle.js"] {
        let mut event = event(&format!("GET {path}"), path, Value::Null, "", None).await;
        event["headers"]["accept-encoding"] = json!("gzip, br");
        let answer = emulator.invoke(&event).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(
            (&answer["headers"]["content-encoding"], &answer["isBase64Encoded"]),
            (&json!("gzip"), &json!(true))
        );
        let length = answer["body"].as_str().unwrap_or_default().len();
        println!("{path}: {length} bytes of base64, {} ms after the start", start.elapsed().as_millis());
    }
}

#[tokio::test]
async fn migrate_creates_the_schema_for_cloudformation() {
    let env = TestEnv::on(TestDatabase::with_users_table().await).await;
    let (sender, mut received) = tokio::sync::mpsc::channel(1);
    let receive = async move |response: Bytes| sender.send(response).await.unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut event = generate_event("cloudformation", "create-request").await;
    event["ResponseURL"] = json!(format!("http://{}/answer", listener.local_addr().unwrap()));
    event["ServiceToken"] = json!("arn:aws:lambda:us-east-1:123456789012:function:migrate");
    tokio::spawn(axum::serve(listener, Router::new().fallback(receive)).into_future());
    env.emulate("migrate").await.invoke(&event).await;
    let answer: Value = serde_json::from_slice(&received.recv().await.unwrap()).unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["RequestId"], event["RequestId"], "{answer}");
    let steps = migrations::status(&env.database.url).await.unwrap();
    assert!(steps.iter().all(|step| matches!(step.state, State::Applied { .. })), "{steps:?}");
}

#[tokio::test]
async fn invalid_token_is_rejected() {
    let env = TestEnv::new().await;
    let mut emulator = env.emulate("list-tasks").await;
    // The sample contains claims of an authorizer. This API has none, and must ignore them.
    let foreign = tokens::mint("another secret, which is as long as this one", &env.user);
    let answer = emulator.invoke(&event("GET /api/tasks", "/api/tasks", Value::Null, &foreign, None).await).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let good = event("GET /api/tasks", "/api/tasks", Value::Null, &env.token(), None).await;
    assert_eq!(emulator.invoke(&good).await["statusCode"], 200);
}

#[tokio::test]
async fn body_over_the_limit_is_too_large() {
    let env = TestEnv::new().await;
    let token = env.token();
    let mut emulator = env.emulate("create-task").await;
    for (padding, status) in [(64 * 1024 + 1, 413), (6 * 1024 * 1024 - 8192, 413), (60 * 1024, 201)] {
        let sent = format!(r#"{{"title":"Buy milk"{}}}"#, " ".repeat(padding - 20));
        let event = event("POST /api/tasks", "/api/tasks", Value::Null, &token, Some(&sent)).await;
        assert_eq!(emulator.invoke(&event).await["statusCode"], status, "{padding} bytes");
    }
}

#[tokio::test]
async fn function_closes_its_connection_on_shutdown() {
    let env = TestEnv::new().await;
    let mut emulator = env.emulate("list-tasks").await;
    let list = event("GET /api/tasks", "/api/tasks", Value::Null, &env.token(), None).await;
    assert_eq!(emulator.invoke(&list).await["statusCode"], 200);
    let database = &env.database;
    // It ends the function like Lambda: with SIGKILL, unless it has registered an extension.
    nix::sys::signal::kill(Pid::from_raw(emulator.process.id().cast_signed()), Signal::SIGTERM).unwrap();
    let open = "select count(*) - 1 from pg_stat_activity where datname = current_database()";
    wait_until_within(TIMEOUT, "the connection is closed", async || database.number(open).await == 0).await;
    let abandoned = "select sessions_abandoned from pg_stat_database where datname = current_database()";
    assert_eq!(database.number(abandoned).await, 0);
}
