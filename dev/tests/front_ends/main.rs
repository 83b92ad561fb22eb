//! Front ends in a browser, each like many in the field: with Better Auth's own client, and the API at another origin.
//!
//! A test serves the front end in the folder of its name and uses it in Chromium, as a new user in each of three time
//! zones: `scenario.mjs` says what the pages must show. Nothing else may go wrong either, such as an error in the
//! console or a request to a third origin. Pictures of the pages are in `target/front_ends`.
//!
//! The front end in `examples/nextjs` is built as for production. `example.mjs` uses it.
#![allow(clippy::panic, reason = "this is how a test fails")]

use dev::services::database::connect;
use dev::testing::better_auth::BetterAuthStack;
use dev::testing::example::Example;
use dev::testing::front_end::FrontEnd;

/// Uses the front end in this folder, with these settings of the API.
async fn use_in_browser(folder: &'static str, settings: &[(&str, &str)]) {
    let front_end = FrontEnd::new(folder);
    let origin = front_end.origin();
    let common = [
        ("CORS_ORIGINS", origin.as_str()),
        ("BETTER_AUTH_URL", &origin),
        ("BETTER_AUTH_SECRET", "a secret of the front end and the API"),
    ];
    let env = BetterAuthStack::start(&[&common, settings].concat()).await;
    if let Err(problem) = front_end.run(&env).await {
        panic!("{problem}\n{}", env.stack.logs());
    }
}

#[tokio::test]
async fn session_tokens_with_lists_as_objects_in_a_browser() {
    let settings = [("AUTH_MODE", "session"), ("SESSIONS_ONLY", "1"), ("TASK_LIST_SHAPE", "object")];
    use_in_browser("session_tokens", &settings).await;
}

#[tokio::test]
async fn own_tokens_with_spread_forms_in_a_browser() {
    let settings = [
        ("AUTH_MODE", "hs256"),
        ("TASK_JSON_CASE", "both"),
        ("TASK_PRIORITIES", "low,medium,high,urgent"),
        ("TASK_PRIORITY_DEFAULT", "medium"),
    ];
    use_in_browser("own_tokens", &settings).await;
}

#[tokio::test]
async fn jwks_tokens_with_camel_case_in_a_browser() {
    use_in_browser("jwks_tokens", &[("AUTH_MODE", "jwks"), ("TASK_JSON_CASE", "both")]).await;
}

#[tokio::test]
async fn nextjs_example_in_a_browser() {
    let example = Example::build().await;
    let settings = example.api_settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let env = BetterAuthStack::start(&settings).await;
    if let Err(problem) = example.run(&env).await {
        panic!("{problem}\n{}", env.stack.logs());
    }
    let database = connect(env.stack.database_url()).await.expect("the database of the stack");
    let query = r#"select u.name || ': ' || t.title from tasks t join "user" u on u.id = t.user_id order by t.id"#;
    let rows = database.query(query, &[]).await.expect("the tables of the stack");
    let stored: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Each exactly once, although some were sent twice, and none for another user.
    let expected = [
        "Ada: Call the bank",
        "Ada: Buy milk",
        "Ada: Post the letter",
        "Ada: Feed the cat",
        "Ada: Sharpen the pencils",
        "Ada: Book the train",
        "Ada: Thank Grace",
        "Alan: Write to Ada",
    ];
    assert_eq!(stored, expected);
}
