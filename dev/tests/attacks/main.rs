//! Attacks on identity: hundreds of tokens, and places to put them, sent to a real function.
//!
//! [`cases`] has the requests that need no preparation, [`key_sources`] and [`live_sessions`] those in which something
//! changes while the function runs. Whoever finds a new way to look like somebody else adds it to [`cases`].

mod case;
mod cases;
mod database;
mod function;
mod key_sources;
mod keys;
mod live_sessions;
mod token;
mod trap;

use std::collections::BTreeSet;

use case::{Case, Expected, Setup};
use database::Database;
use function::{StatusFor, bearing, list_tasks};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_good_tokens_are_accepted_and_no_bad_one_leaves_a_trace() {
    let mut cases = cases::all();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut names = BTreeSet::new();
    let repeated: Vec<&str> = cases.iter().map(|case| case.name.as_str()).filter(|name| !names.insert(*name)).collect();
    assert!(repeated.is_empty(), "two cases have one name: {repeated:#?}");

    let database = Database::new().await;
    case::fill(&database, &cases).await;
    let mut setups = JoinSet::new();
    for setup in Setup::ALL {
        let own: Vec<Case> = cases.extract_if(.., |case| case.setup == setup).collect();
        setups.spawn(failures(setup, own, database.url.clone()));
    }
    let failures = setups.join_all().await.concat();
    assert!(failures.is_empty(), "{} wrong answers:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(trap::visitors(), 0, "a URL in a token or a key was visited");
}

/// The runtime, the driver and the HTTP client have much to say when they are asked for it.
#[tokio::test]
async fn no_level_of_logging_shows_a_token() {
    let database = Database::new().await;
    case::fill(&database, &[]).await;
    let variables = Setup::Everything.variables(&database.url);
    let mut told = Vec::new();
    for level in ["error", "info", "debug", "trace"] {
        let variables = variables.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<(&str, &str)> = variables.chain([("AWS_LAMBDA_LOG_LEVEL", level)]).collect();
        let jwt = token::by_secret(token::hs256(), token::claims());
        let signed = token::signed_session(case::SESSION, token::SECRET);
        for (form, token) in [("a JWT", jwt.as_str()), ("a session token", case::SESSION), ("a signed one", &signed)] {
            let mut function = list_tasks(&variables).await;
            assert_eq!(function.status_for(token).await, 200, "{level}, {form}");
            let printed = function.kill().await;
            let is_told = secrets(&bearing(token)).iter().any(|secret| printed.contains(secret));
            told.extend(is_told.then(|| format!("{form} at {level}")));
        }
    }
    assert!(told.is_empty(), "in the log: {told:?}");
}

/// Sends the cases one after the other to one process, and after each a good token.
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
        for (what, event, expected) in [("", &event, &case.expected), (", then a good token", &good.0, &good.1)] {
            let complaint = match function.invoke(event).await {
                Ok(answer) => expected.complaint(&answer),
                Err(silence) => Some(silence.to_string()),
            };
            failures.extend(complaint.map(|complaint| format!("{}{what}: {complaint}", case.name)));
        }
        if !function.is_running() {
            failures.push(format!("{}: the process ended: {}", case.name, function.output()));
            function = list_tasks(&variables).await;
        }
    }
    let printed = function.kill().await;
    let told = sent.iter().find(|secret| printed.contains(secret.as_str()));
    failures.extend(told.map(|secret| format!("{setup:?}: the log has {secret:?}")));
    failures.extend(printed.contains("panicked").then(|| format!("{setup:?}: a panic: {printed}")));
    failures
}

/// What of an event must not be in a log: the parts of its token that are long enough to be found by no accident.
fn secrets(event: &serde_json::Value) -> Vec<String> {
    let authorization = event["headers"]["authorization"].as_str().unwrap_or_default();
    let parts = authorization.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_');
    parts.filter(|part| part.len() >= 20).chain([token::SECRET]).map(str::to_owned).collect()
}
