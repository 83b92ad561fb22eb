//! Secrets that must not be in outputs and responses, whatever fails.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dev::testing::database::TestServer;
use dev::testing::fault_proxy::{AuthRequest, Cut, Direction, End, Script};
use futures_util::future::{join, join_all};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::env::{DirectFunction, Operation, SECRET, TestEnv};

/// The password, encoded for a URL and decoded, and parts of it that identify it in any encoding.
const ENCODED: &str = "zebra%40%2F%20quagga";
const DECODED: &str = "zebra@/ quagga";
const PARTS: [&str; 3] = ["zebra", "quagga", SECRET];
/// Parts of the password in base64, at each of the three offsets that it can have in a longer text.
const IN_BASE64: [&str; 3] = ["emVicmFA", "plYnJhQ", "6ZWJyYU"];

/// A database URL, and the status of a request with it.
struct Scenario {
    name: &'static str,
    url: String,
    status: u16,
    script: Option<Script>,
}

fn assert_no_secrets(name: &str, text: &str) {
    for secret in PARTS.into_iter().chain(IN_BASE64) {
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{name}: {secret} is in {line:?}");
    }
}

/// A stack, and a role with the password.
async fn start_with_password() -> TestEnv {
    let env = TestEnv::start_cold(|settings| settings).await;
    env.database.run(&format!("alter role {} password '{DECODED}'", env.database.name)).await;
    env
}

fn scenarios(env: &TestEnv) -> Vec<Scenario> {
    let name = &env.database.name;
    let url = |location: &str, rest: &str| format!("postgres://{name}:{ENCODED}@{location}/{rest}");
    let here = format!("127.0.0.1:{}", env.proxy.port());
    let scripted = |name, script, status| Scenario {
        name,
        url: url(&here, &format!("{}?sslmode=disable", env.database.name)),
        status,
        script: Some(script),
    };
    let plain = |name, url, status| Scenario { name, url, status, script: None };
    let refusal = Script::Refuse { state: "XX000".to_owned(), message: "Couldn't connect to compute node".to_owned() };
    vec![
        plain("good", url(&here, &format!("{name}?sslmode=disable")), 200),
        plain("wrong password", url(&here, "todo?sslmode=disable&user=todo"), 500),
        plain("no such database", url(&here, "nowhere?sslmode=disable"), 500),
        plain("no such host", url("no-such-host.invalid", name), 503),
        plain("refused", url("127.0.0.1:1", &format!("{name}?sslmode=disable")), 503),
        plain("unknown authority", url(&here, &format!("{name}?sslmode=require")), 500),
        scripted("asked for the password", Script::RequestAuth(AuthRequest::CleartextPassword), 503),
        scripted("asked for its MD5", Script::RequestAuth(AuthRequest::Md5Password), 503),
        scripted("refused by a proxy", refusal, 503),
        scripted("ended", Script::End(End::Reset), 503),
    ]
}

#[tokio::test]
async fn responses_and_function_logs_contain_no_secrets() {
    let env = start_with_password().await;
    for Scenario { name, url, status, script } in scenarios(&env) {
        let variables = [("AWS_LAMBDA_LOG_LEVEL", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")];
        script.iter().for_each(|script| env.proxy.play_script(script, 100));
        let mut function = DirectFunction::start(Operation::List, &url, &variables).await;
        let case = env.prepare(Operation::List).await;
        let response = function.send(&case).await;
        assert_eq!(response.status, status, "{name}: {response:?}\n{}", function.0.output());
        env.proxy.clear_faults().unwrap();
        if status == 200 {
            // And with a connection that is lost during a statement.
            env.proxy.cut_next_statement(Cut { direction: Direction::ToClient, after_bytes: 0, end: End::Reset });
            assert_eq!(function.send(&case).await.status, 200);
        }
        assert_no_secrets(name, &format!("{response:?}"));
        let printed = function.0.kill().await;
        assert!(status == 200 || printed.contains("\"status\":"), "{name}: {printed}");
        assert_no_secrets(name, &printed);
    }
    let received = env.proxy.received();
    assert!(String::from_utf8_lossy(&received).contains(DECODED), "the password was never sent");
}

/// Runs a program. Returns whether it succeeded, and its output. A server is stopped as soon as it is ready.
async fn output_of(program: &str, arguments: &[&str], url: &str) -> (bool, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_dev")).with_file_name(program);
    let mut process = Command::new(binary)
        .args(arguments)
        // A folder without `.env`.
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .env_remove("DATABASE_URL_UNPOOLED")
        .envs([("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET), ("PORT", "0")])
        .envs([("AWS_LAMBDA_LOG_LEVEL", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let stdout = async {
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            stdin.take_if(|_| line.contains("http://"));
            text += &format!("{line}\n");
        }
        text
    };
    let (text, output) = timeout(Duration::from_secs(60), join(stdout, process.wait_with_output())).await.unwrap();
    let output = output.unwrap();
    (output.status.success(), text + &String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn other_programs_print_no_secrets() {
    let env = start_with_password().await;
    // The role must be allowed to change the schema.
    env.database.run(&format!("alter role {} superuser", env.database.name)).await;
    let scenarios = scenarios(&env).into_iter().filter(|scenario| scenario.script.is_none());
    let programs = scenarios.map(|Scenario { name, url, status, .. }| async move {
        let serve = ["serve", "--until-stdin-closes"];
        for (program, arguments) in [("migrate", &["up"][..]), ("dev", &serve)] {
            let (is_well, text) = output_of(program, arguments, &url).await;
            assert_eq!(is_well, status == 200, "{name}: {program}: {text}");
            assert!(!text.is_empty(), "{name}: {program} prints nothing");
            assert_no_secrets(&format!("{name}: {program}"), &text);
        }
    });
    join_all(programs).await;
}

#[tokio::test]
async fn errors_about_database_urls_contain_no_secrets() {
    let port = TestServer::shared().await.postgres().url();
    let port = port.split('/').nth(2).unwrap().rsplit(':').next().unwrap();
    let here = format!("127.0.0.1:{port}");
    for url in [
        format!("todo:{ENCODED}@{here}/todo"),
        format!("mysql://todo:{ENCODED}@{here}/todo"),
        format!("postgres://todo:{ENCODED}@{here}"),
        format!("postgres://todo:{ENCODED}@{here}/todo?flavour=sour"),
        format!("postgres://todo:{ENCODED}@{here}/todo?sslmode={ENCODED}"),
        format!("postgres://todo:{ENCODED}@127.0.0.1:{ENCODED}/todo"),
        format!("postgres://todo:{DECODED}@{here}/todo"),
        format!("postgres://todo:12#{DECODED}@{here}/todo"),
        format!("postgres://todo:12?{DECODED}@{here}/todo"),
        format!("postgres://{here}/todo?password={ENCODED}&flavour=sour"),
        format!("postgres://todo@{here}/todo?password={ENCODED}&sslmode=maybe"),
    ] {
        for (program, arguments) in [
            ("list-tasks", &[][..]),
            ("health", &[]),
            ("migrate", &["up"]),
            ("dev", &["serve", "--until-stdin-closes"]),
        ] {
            let (is_well, text) = output_of(program, arguments, &url).await;
            let is_named = text.contains("DATABASE_URL") || text.contains("database URL");
            assert!(!is_well && is_named, "{url}: {program}: {text}");
            assert_eq!(text.lines().count(), 1, "{url}: {program}: not one sentence: {text}");
            assert_no_secrets(&format!("{url}: {program}"), &text);
        }
    }
}
