//! The pages in Chromium: `drive.mjs` says what they must show. Pictures of them are in folders of `target/docs`.

use dev::testing::browser::run_script;
use dev::testing::stack::{Settings, Stack};

/// Reads the pages of a stack with these settings, and sends requests from them. Without a token, somebody signs in on the
/// page.
async fn use_in_browser(name: &str, settings: &[(&str, &str)], has_token: bool) {
    let settings = settings.iter().fold(Settings::new(), |settings, (name, value)| settings.with(name, value));
    let stack = Stack::start_async(settings).await.unwrap_or_else(|error| panic!("{error}"));
    let token = if has_token { stack.token(&stack.ready().users[0].id) } else { String::new() };
    let variables = [("API_URL", stack.base_url()), ("TOKEN", token.as_str())];
    if let Err(problem) = run_script("docs/drive.mjs", None, &format!("docs/{name}"), &variables).await {
        panic!("{problem}\n{}", stack.logs());
    }
}

#[tokio::test]
async fn documentation_is_read_and_tried_in_a_browser() {
    use_in_browser("token", &[], true).await;
}

#[tokio::test]
async fn user_signs_in_on_the_page_in_a_browser() {
    let settings = [
        ("AUTH_MODE", "password"),
        ("TASK_LIST_SHAPE", "object"),
        ("TASK_JSON_CASE", "both"),
        ("TASK_TAGS", "objects"),
        ("TASK_FIELDS", "is_recurring,is_overdue"),
        ("TASK_EXTRA_FIELDS", "color"),
    ];
    use_in_browser("sign_in", &settings, false).await;
}
