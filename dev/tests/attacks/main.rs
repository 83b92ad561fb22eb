//! Attacks on authentication: hundreds of tokens, in many places of a request, sent to a real function.
//!
//! [`cases`] contains the requests that need no preparation. In [`key_sources`] and [`live_sessions`] something changes
//! while the function runs. A new way to impersonate a user belongs in [`cases`].

mod case;
mod cases;
mod connection;
mod database;
mod function;
mod key_server;
mod key_sources;
mod keys;
mod live_sessions;
mod refusals;
mod start;
mod table_forms;
mod table_problems;
mod token;
mod trap;
mod unusual_keys;

use std::collections::BTreeSet;

use case::{Case, Expected, Setup};
use database::AuthDatabase;
use function::{StatusFor, bearing, list_tasks};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_valid_tokens_are_accepted_and_none_is_logged() {
    let mut cases = cases::all();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut names = BTreeSet::new();
    let repeated: Vec<&str> = cases.iter().map(|case| case.name.as_str()).filter(|name| !names.insert(*name)).collect();
    assert!(repeated.is_empty(), "two cases have the same name: {repeated:#?}");

    let database = AuthDatabase::new().await;
    case::fill(&database, &cases).await;
    let mut setups = JoinSet::new();
    for setup in Setup::ALL {
        let own: Vec<Case> = cases.extract_if(.., |case| case.setup == setup).collect();
        setups.spawn(failures(setup, own, database.url().to_owned()));
    }
    let failures = setups.join_all().await.concat();
    assert!(failures.is_empty(), "{} wrong responses:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(trap::connections(), 0, "a URL in a token or a key was called");
}

/// At the level `trace` the runtime, the driver and the HTTP client log much more.
#[tokio::test]
async fn no_log_level_shows_a_token() {
    let database = AuthDatabase::new().await;
    case::fill(&database, &[]).await;
    let variables = Setup::Everything.variables(database.url());
    let mut logged = Vec::new();
    for level in ["error", "info", "debug", "trace"] {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<(&str, &str)> = variables.chain([("AWS_LAMBDA_LOG_LEVEL", level)]).collect();
        let jwt = token::by_secret(token::hs256(), token::claims());
        let signed = token::signed_session(case::SESSION, token::SECRET);
        for (form, token) in [("a JWT", jwt.as_str()), ("a session token", case::SESSION), ("a signed one", &signed)] {
            let mut function = list_tasks(&variables).await;
            assert_eq!(function.status_for(token).await, 200, "{level}, {form}");
            let printed = function.kill().await;
            let is_logged = secrets(&bearing(token)).iter().any(|secret| printed.contains(secret));
            logged.extend(is_logged.then(|| format!("{form} at {level}")));
        }
    }
    assert!(logged.is_empty(), "in the log: {logged:?}");
}

/// Sends the cases to one process, and a valid token after each of them. Returns what went wrong.
async fn failures(setup: Setup, cases: Vec<Case>, database_url: String) -> Vec<String> {
    let variables = setup.variables(&database_url);
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut function = list_tasks(&variables).await;
    let good = (bearing(&setup.good_token()), Expected::TasksOf(token::ADA.to_owned()));
    let mut failures = Vec::new();
    let mut sent = BTreeSet::new();
    for case in cases {
        let event = (case.event)();
        sent.extend(secrets(&event));
        for (what, event, expected) in [("", &event, &case.expected), (", then a valid token", &good.0, &good.1)] {
            let mismatch = match function.invoke(event).await {
                Ok(response) => expected.mismatch(&response),
                Err(error) => Some(error.to_string()),
            };
            failures.extend(mismatch.map(|mismatch| format!("{}{what}: {mismatch}", case.name)));
        }
        if !function.is_running() {
            failures.push(format!("{}: the process ended: {}", case.name, function.output()));
            function = list_tasks(&variables).await;
        }
    }
    let printed = function.kill().await;
    let logged = sent.iter().find(|secret| printed.contains(secret.as_str()));
    failures.extend(logged.map(|secret| format!("{setup:?}: the log has {secret:?}")));
    failures.extend(printed.contains("panicked").then(|| format!("{setup:?}: a panic: {printed}")));
    failures
}

/// What a log must not contain: the parts of the token that are too long to be there by chance.
fn secrets(event: &serde_json::Value) -> Vec<String> {
    let authorization = event["headers"]["authorization"].as_str().unwrap_or_default();
    let parts = authorization.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_');
    parts.filter(|part| part.len() >= 20).chain([token::SECRET, token::OWN_SECRET]).map(str::to_owned).collect()
}
