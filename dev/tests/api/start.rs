//! A stack that cannot run does not start, and prints one line that explains why.

use std::collections::BTreeSet;
use std::net::TcpListener;

use dev::testing::new_database;
use dev::testing::stack::{Settings, Stack, StartError};

use crate::kit::api;

const PASSWORD: &str = "sekrit-pa55word";

/// Asserts that the start failed with one line, and returns it.
#[track_caller]
fn error_of(start: Result<Stack, StartError>) -> String {
    let StartError { status, stdout, stderr } = start.expect_err("it starts");
    assert!(status.is_some_and(|status| status.code().is_some_and(|code| code != 0)), "{status:?} {stderr}");
    assert_eq!(stdout, "");
    let message = stderr.trim_end_matches('\n');
    assert!(!message.is_empty() && !message.contains('\n'), "not one line: {stderr}");
    assert!(!message.contains(PASSWORD), "{message}");
    message.to_owned()
}

fn with_database() -> Settings {
    Settings::new().with_database(api().stack().database_url())
}

#[test]
fn invalid_settings_are_named() {
    for (name, value, message) in [
        ("TASK_TITLE_MAX", "256", "TASK_TITLE_MAX must be a number from 1 to 255"),
        ("TASK_TITLE_MAX", "0", "TASK_TITLE_MAX must be a number from 1 to 255"),
        ("TASK_DESCRIPTION_MAX", "many", "TASK_DESCRIPTION_MAX must be a number from 0 to 16000"),
        ("TASK_LIST_SHAPE", "tree", "TASK_LIST_SHAPE must be array or object"),
        ("TASK_JSON_CASE", "kebab", "TASK_JSON_CASE must be snake or both"),
        ("PORT", "abc", "PORT must be a whole number from 0 to 65535"),
        ("PORT", "65536", "PORT must be a whole number from 0 to 65535"),
        ("LAMBDA_CONCURRENCY", "0", "LAMBDA_CONCURRENCY must be a whole number from 1 to 1000"),
    ] {
        assert_eq!(error_of(Stack::start(with_database().with(name, value))), message);
    }
}

#[test]
fn short_secret_is_named_but_not_printed() {
    let message = error_of(Stack::start(with_database().with("BETTER_AUTH_SECRET", PASSWORD)));
    assert!(message.starts_with("BETTER_AUTH_SECRET is too short"), "{message}");
}

#[test]
fn missing_secret_of_a_front_end_is_named() {
    // Without `--ephemeral`, the database is one that a front end uses already.
    let arguments = ["serve", "--json", "--until-stdin-closes", "--port", "0"];
    let message = error_of(Stack::start(with_database().with_arguments(&arguments).with("AUTH_MODE", "jwks,hs256")));
    assert!(message.starts_with("AUTH_MODE has hs256, which needs BETTER_AUTH_SECRET"), "{message}");
}

/// The stack generates missing settings, so the functions are started without it.
#[test]
fn missing_setting_is_named() {
    let ready = api().stack().ready().clone();
    // The documentation reads neither of them.
    let functions = shared::routes::ROUTES.iter().map(|route| route.function).filter(|function| *function != "docs");
    let functions: BTreeSet<&str> = functions.collect();
    assert!(functions.len() >= 7, "{functions:?}");
    for function in functions {
        for (name, variables) in [
            ("DATABASE_URL", [("BETTER_AUTH_SECRET", ready.secret.as_str()), ("DATABASE_URL", "")]),
            ("BETTER_AUTH_SECRET", [("DATABASE_URL", ready.database_url.as_str()), ("AUTH_MODE", "hs256")]),
        ] {
            let mut command = std::process::Command::new(ready.functions_dir.join(function));
            let output = command.env_clear().envs(variables).output().expect("the function");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && stderr.lines().count() == 1, "{function}: {stderr}");
            assert!(stderr.starts_with(&format!("Error: {name} is not set")), "{function}: {stderr}");
            assert!(!stderr.contains(&ready.secret) && !stderr.contains(&ready.database_url), "{stderr}");
        }
    }
}

#[test]
fn invalid_database_url_is_explained_without_the_password() {
    for (url, message) in [
        (format!("ada:{PASSWORD}@127.0.0.1/todo"), "DATABASE_URL must begin with postgres:// or postgresql://"),
        (format!("mysql://ada:{PASSWORD}@127.0.0.1/todo"), "DATABASE_URL must begin with postgres:// or postgresql://"),
        (format!("postgres://ada:{PASSWORD}@127.0.0.1"), "DATABASE_URL names no database: it must end with /database"),
        (format!("postgres://ada:{PASSWORD}@/todo"), "DATABASE_URL names no host"),
        (
            format!("postgres://ada:{PASSWORD}@127.0.0.1:1/todo?sslmode=maybe"),
            "DATABASE_URL has an invalid value for sslmode",
        ),
    ] {
        assert_eq!(error_of(Stack::start(Settings::new().with_database(&url))), message);
    }
}

#[test]
fn origin_that_never_matches_is_rejected() {
    for origins in ["*", "https://*.vercel.app", "https://app.example.com,example.com"] {
        let message = error_of(Stack::start(with_database().with("CORS_ORIGINS", origins)));
        assert!(message.contains("CORS_ORIGINS"), "{message}");
    }
}

#[test]
fn used_port_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let arguments = ["serve", "--json", "--until-stdin-closes", "--ephemeral"];
    let by_setting = with_database().with_arguments(&arguments).with("PORT", &port);
    let by_argument = with_database().with_arguments(&[&arguments[..], &["--port", &port]].concat());
    for settings in [by_setting, by_argument] {
        let message = error_of(Stack::start(settings));
        assert!(message.starts_with(&format!("port {port} is taken")) && message.contains("PORT"), "{message}");
    }
}

#[test]
fn malformed_env_file_is_named_but_not_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".env"), format!("BETTER_AUTH_SECRET={PASSWORD} {PASSWORD}\n")).expect("a file");
    let message = error_of(Stack::start(with_database().in_folder(folder.path())));
    assert!(message.contains(".env"), "{message}");
}

#[tokio::test]
async fn missing_table_is_explained() {
    let url = new_database().await;
    let message = error_of(Stack::start_async(Settings::new().with_database(&url)).await);
    assert!(message.contains("make migrate"), "{message}");
}

/// The stack retries these errors for some seconds, so that the four starts run at the same time.
#[tokio::test]
async fn failed_connection_is_explained_without_the_password() {
    let url = api().stack().database_url().to_owned();
    let (before, after) = url.split_once('@').expect("a user");
    let (user, _) = before.rsplit_once(':').expect("a password");
    let start = |url: String| async move { error_of(Stack::start_async(Settings::new().with_database(&url)).await) };
    let (wrong_password, no_database, no_server, no_authority) = tokio::join!(
        start(format!("{user}:{PASSWORD}@{after}")),
        start(url.replace("/todo?", "/nowhere?")),
        start(format!("postgres://ada:{PASSWORD}@127.0.0.1:1/todo?sslmode=disable")),
        start(url.replace("sslmode=disable", "sslmode=require")),
    );
    for (message, cause) in [
        (wrong_password, "password authentication failed"),
        (no_database, "\"nowhere\" does not exist"),
        (no_server, "onnection refused"),
        (no_authority, "certificate verify failed"),
    ] {
        assert!(message.contains(cause), "{message}");
        let secret = url.split([':', '@']).nth(2).expect("the password");
        assert!(!message.contains(secret), "{message}");
    }
}
