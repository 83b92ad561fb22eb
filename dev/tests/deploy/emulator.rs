//! The programs as Lambda runs them: AWS's own Runtime Interface Emulator starts them and gives them events of AWS's form.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use dev::aws::template::Template;
use dev::deploy::artifacts::binary_path;
use dev::install::python::SAM;
use dev::services::database::{USER_TABLE, connect, new_user};
use dev::testing::new_database;
use dev::tokens;
use dev::workspace::root;
use migrations::State;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::artefacts::built;
use crate::output;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long the emulator may take to listen, and a function to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A function in the emulator. Dropping it ends both.
pub(crate) struct Emulator {
    process: Child,
    url: String,
    client: Client,
}

/// A database with a user.
struct Site {
    database_url: String,
    user: String,
}

/// What SAM makes for `sam local generate-event`.
async fn generate_event(service: &str, kind: &str) -> Value {
    let mut sam = SAM.command("sam").await.unwrap();
    let text = output(sam.args(["local", "generate-event", service, kind]));
    serde_json::from_str(&text).unwrap()
}

async fn sample_event() -> Value {
    static EVENT: OnceCell<Value> = OnceCell::const_new();
    EVENT.get_or_init(|| generate_event("apigateway", "http-api-proxy")).await.clone()
}

/// The sample with another request in it.
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

impl Site {
    /// One with the schema.
    async fn new() -> Self {
        let site = Self::without_schema().await;
        migrations::up(&site.database_url, &migrations::Options::default()).await.unwrap();
        site
    }

    async fn without_schema() -> Self {
        built().await;
        let database_url = new_database().await;
        let database = connect(&database_url).await.unwrap();
        database.batch_execute(USER_TABLE).await.unwrap();
        let user = new_user(&database).await.unwrap().id;
        Self { database_url, user }
    }

    fn token(&self) -> String {
        tokens::mint(SECRET, &self.user)
    }

    async fn emulate(&self, function: &str) -> Emulator {
        let variables = [("DATABASE_URL", self.database_url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
        Emulator::start(function, &variables).await
    }
}

impl Emulator {
    /// Starts it for a function with these settings.
    pub(crate) async fn start(function: &str, variables: &[(&str, &str)]) -> Self {
        let (api, runtime) = (free_port(), free_port());
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
        let url = format!("http://{api}/2015-03-31/functions/function/invocations");
        let end = Instant::now() + LIMIT;
        while tokio::net::TcpStream::connect(&api).await.is_err() {
            assert!(Instant::now() < end, "the emulator does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, url, client: Client::builder().timeout(LIMIT).build().unwrap() }
    }

    /// What the function returns. The emulator takes one event at a time, which `&mut` ensures.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Value {
        let response = self.client.post(&self.url).json(event).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"))
    }

    /// The process of the function.
    fn function(&self) -> Option<Pid> {
        let processes = output(Command::new("ps").args(["-A", "-o", "pid=,ppid="]));
        let mut pairs = processes.lines().filter_map(|line| line.trim().split_once(' '));
        let emulator = self.process.id().to_string();
        pairs.find(|(_, parent)| parent.trim() == emulator).map(|(pid, _)| Pid::from_raw(pid.parse().unwrap()))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        // The emulator gives the function a group of its own.
        if let Some(function) = self.function() {
            let _ = nix::sys::signal::kill(function, Signal::SIGKILL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// The emulator, which SAM brings along.
async fn emulator() -> PathBuf {
    let folder = SAM.folder().await.unwrap();
    let script = "import samcli.local.rapid as rapid; print(rapid.__path__[0])";
    let package = output(Command::new(folder.join("bin/python")).args(["-c", script]));
    PathBuf::from(package.trim()).join(format!("aws-lambda-rie-{}", std::env::consts::ARCH))
}

fn free_port() -> String {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string()
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default()
}

#[tokio::test]
async fn every_function_answers_every_route_of_it() {
    let site = Site::new().await;
    let token = site.token();
    let mut create = site.emulate("create-task").await;
    let template = Template::read(root(), |_| None).unwrap();
    for function in &template.functions {
        let mut emulator = site.emulate(&function.name).await;
        for route in template.routes.iter().filter(|route| route.function == function.name) {
            let milk = Some(r#"{"title":"Buy milk"}"#);
            let milk = event("POST /api/tasks", "/api/tasks", Value::Null, &token, milk).await;
            let task = body(&create.invoke(&milk).await);
            let id = task["id"].as_i64().unwrap().to_string();
            let path = route.key.split_once(' ').map_or("/elsewhere", |(_, path)| path);
            let path = path.replace("{id}", &id).replace("{user_id}", &site.user);
            let parameters = json!({ "id": id, "user_id": site.user });
            let (status, sent) = match function.name.as_str() {
                "create-task" => (201, Some(r#"{"title":"Buy bread"}"#)),
                "update-task" => (200, Some(r#"{"title":"Buy butter"}"#)),
                "delete-task" => (204, None),
                "health" if route.is_fallback() => (404, None),
                _ => (200, None),
            };
            let answer = emulator.invoke(&event(&route.key, &path, parameters, &token, sent).await).await;
            assert_eq!(answer["statusCode"], status, "{}: {answer}", route.key);
            let told = body(&answer);
            match function.name.as_str() {
                "create-task" => assert_eq!(told["title"], "Buy bread"),
                "get-task" => assert_eq!(told, task),
                "update-task" => assert_eq!((&told["id"], &told["title"]), (&task["id"], &json!("Buy butter"))),
                "complete-task" => assert_eq!((&told["id"], &told["completed"]), (&task["id"], &json!(true))),
                "list-tasks" => assert!(told.as_array().unwrap().contains(&task)),
                "delete-task" => assert_eq!(answer.get("body").and_then(Value::as_str).unwrap_or_default(), ""),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn the_schema_is_made_for_cloudformation() {
    let site = Site::without_schema().await;
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let take = async move |answer: Bytes| tell.send(answer).await.unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut event = generate_event("cloudformation", "create-request").await;
    event["ResponseURL"] = json!(format!("http://{}/answer", listener.local_addr().unwrap()));
    event["ServiceToken"] = json!("arn:aws:lambda:us-east-1:123456789012:function:migrate");
    tokio::spawn(axum::serve(listener, Router::new().fallback(take)).into_future());
    site.emulate("migrate").await.invoke(&event).await;
    let answer: Value = serde_json::from_slice(&told.recv().await.unwrap()).unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["RequestId"], event["RequestId"], "{answer}");
    let steps = migrations::status(&site.database_url).await.unwrap();
    assert!(steps.iter().all(|step| matches!(step.state, State::Applied { .. })), "{steps:?}");
}

#[tokio::test]
async fn nobody_gets_in_without_a_good_token() {
    let site = Site::new().await;
    let mut emulator = site.emulate("list-tasks").await;
    // AWS's sample carries claims of an authorizer, which this API has none of and must not believe.
    let foreign = tokens::mint("another secret, which is as long as this one", &site.user);
    let answer = emulator.invoke(&event("GET /api/tasks", "/api/tasks", Value::Null, &foreign, None).await).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let good = event("GET /api/tasks", "/api/tasks", Value::Null, &site.token(), None).await;
    assert_eq!(emulator.invoke(&good).await["statusCode"], 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let site = Site::new().await;
    let token = site.token();
    let mut emulator = site.emulate("create-task").await;
    for (padding, status) in [(64 * 1024 + 1, 413), (6 * 1024 * 1024 - 8192, 413), (60 * 1024, 201)] {
        let sent = format!(r#"{{"title":"Buy milk"{}}}"#, " ".repeat(padding - 20));
        let event = event("POST /api/tasks", "/api/tasks", Value::Null, &token, Some(&sent)).await;
        assert_eq!(emulator.invoke(&event).await["statusCode"], status, "{padding} bytes");
    }
}

#[tokio::test]
async fn lambda_lets_a_function_say_goodbye_to_the_database() {
    let site = Site::new().await;
    let mut emulator = site.emulate("list-tasks").await;
    let list = event("GET /api/tasks", "/api/tasks", Value::Null, &site.token(), None).await;
    assert_eq!(emulator.invoke(&list).await["statusCode"], 200);
    let database = connect(&site.database_url).await.unwrap();
    let number = async |sql: &str| -> i64 { database.query_one(sql, &[]).await.unwrap().get(0) };
    // It ends the function like Lambda: by SIGKILL, but for one with an extension.
    nix::sys::signal::kill(Pid::from_raw(emulator.process.id().cast_signed()), Signal::SIGTERM).unwrap();
    let end = Instant::now() + LIMIT;
    while number("select count(*) - 1 from pg_stat_activity where datname = current_database()").await > 0 {
        assert!(Instant::now() < end, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let abandoned = "select sessions_abandoned from pg_stat_database where datname = current_database()";
    assert_eq!(number(abandoned).await, 0);
}
