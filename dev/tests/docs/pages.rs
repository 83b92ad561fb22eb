//! The pages in Chromium: `drive.mjs` says what they must show. Pictures of them are in `target/docs`.

use dev::testing::browser::run_script;
use dev::testing::stack::{Settings, Stack};

/// Reads the pages of a stack with these settings, and sends requests from them.
async fn use_in_browser(settings: &[(&str, &str)]) {
    let settings = settings.iter().fold(Settings::new(), |settings, (name, value)| settings.with(name, value));
    let stack = Stack::start_async(settings).await.unwrap_or_else(|error| panic!("{error}"));
    let user = &stack.ready().users[0];
    let token = stack.token(&user.id);
    let variables = [("API_URL", stack.base_url()), ("TOKEN", token.as_str())];
    if let Err(problem) = run_script("docs/drive.mjs", None, "docs", &variables).await {
        panic!("{problem}\n{}", stack.logs());
    }
}

#[tokio::test]
async fn documentation_is_read_and_tried_in_a_browser() {
    use_in_browser(&[]).await;
}
