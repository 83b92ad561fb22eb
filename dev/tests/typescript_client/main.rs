//! The client in `clients/typescript`: its own tests against a local stack, and what its package contains.
#![allow(clippy::panic, reason = "this is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dev::testing::binary;
use dev::testing::database::{LAYOUTS, TestDatabase};
use dev::testing::stack::{Settings, Stack};
use dev::testing::typescript_client::TypescriptClient;
use tokio::process::Command;

/// Runs a command, which must succeed.
async fn run(client: &TypescriptClient, command: Command) -> String {
    client.run(command).await.unwrap_or_else(|printed| panic!("{printed}"))
}

/// The files of a folder with their contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a readable folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            let name = path.strip_prefix(folder).expect("a path in the folder").to_owned();
            files.insert(name, std::fs::read_to_string(&path).expect("a readable file"));
        }
    }
    files
}

#[tokio::test]
async fn generated_code_is_that_of_the_contract() {
    let client = TypescriptClient::install().await;
    let output = tempfile::tempdir().expect("a folder");
    let mut generator = client.command("npm");
    generator.args(["run", "generate"]).env("OUTPUT", output.path());
    run(&client, generator).await;
    let (expected, committed) = (files(output.path()), files(&client.folder().join("src/generated")));
    assert!(expected.len() > 10, "{:?}", expected.keys());
    for name in expected.keys().chain(committed.keys()) {
        let is_current = expected.get(name) == committed.get(name);
        assert!(is_current, "src/generated/{} is out of date: run `make client`", name.display());
    }
}

#[tokio::test]
async fn source_is_typed_and_formatted() {
    let client = TypescriptClient::build().await;
    for arguments in [&["tsc", "--noEmit"][..], &["prettier", "--check", "."]] {
        let (program, arguments) = arguments.split_first().expect("a program");
        let mut command = client.command(program);
        command.args(arguments);
        run(&client, command).await;
    }
}

#[tokio::test]
async fn package_is_small_and_can_be_installed() {
    let client = TypescriptClient::build().await;
    let mut node = client.command("node");
    node.args(["--test", "--test-reporter=spec", "tests/package/*.test.ts"]);
    // The output has the sizes.
    println!("{}", run(&client, node).await);
}

/// Runs tests of the client in these files against the API on this database, with further variables.
async fn test_with_api(files: &str, settings: Settings, variables: &[(&str, &str)]) {
    let client = TypescriptClient::build().await;
    let stack = Stack::start_async(settings).await.unwrap_or_else(|error| panic!("{error}"));
    let mut node = client.command("node");
    node.args(["--test", "--test-reporter=spec", files])
        .env("API_URL", stack.base_url())
        .env("DATABASE_URL", stack.database_url())
        .env("SECRET", stack.secret())
        .env("MIGRATE", binary("migrate"))
        .envs(variables.iter().copied());
    if let Err(printed) = client.run(node).await {
        panic!("{printed}\n{}", stack.logs());
    }
}

#[tokio::test]
async fn client_works_with_the_api_under_faults() {
    let new_user = r#"insert into "user" (id, name, email) values ($1::text, 'A user', $1 || '@example.com')"#;
    test_with_api("tests/api/*.test.ts", Settings::new(), &[("NEW_USER", new_user)]).await;
}

#[tokio::test]
async fn collection_works_with_ids_of_the_client() {
    let layout = LAYOUTS.iter().find(|layout| layout.name == "text_ids").expect("a layout with ids of text");
    let database = TestDatabase::adopted(layout).await;
    let variables = [("NEW_USER", layout.new_user), ("CLIENT_IDS", "1")];
    let settings = Settings::new().with_database(&database.url);
    test_with_api("tests/api/collection.test.ts", settings, &variables).await;
}
