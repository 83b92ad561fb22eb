//! Scripts for Node that use pages in Chromium.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::install::find_chromium;
use crate::install::npm::FRONT_ENDS;
use crate::process::ProcessGroup;
use crate::testing::program::run_program;
use crate::workspace::root;

/// How long the users of all time zones may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs a script of `dev/tests`, which can import `front_ends/browser.mjs`. It also gets `CHROMIUM`, the program, and
/// `PICTURES`, the folder `pictures` of `target`.
///
/// # Errors
/// A page did not show what it must, or something else went wrong in it: what the script printed.
pub async fn run_script<V: AsRef<OsStr>>(
    script: impl AsRef<Path>,
    argument: Option<&str>,
    pictures: &str,
    variables: &[(&str, V)],
) -> Result<(), String> {
    FRONT_ENDS.folder().await.unwrap_or_else(|error| panic!("{error}"));
    let chromium = find_chromium().await.unwrap_or_else(|error| panic!("{error}"));
    let script = root().join("dev/tests").join(script);
    let group = ProcessGroup::new().expect("sh");
    let mut node = group.command("node");
    node.arg(&script)
        .args(argument)
        .current_dir(script.parent().expect("a folder"))
        .env("CHROMIUM", chromium)
        .env("PICTURES", root().join("target").join(pictures));
    for (name, value) in variables {
        node.env(name, value);
    }
    run_program(&mut node, RUN_TIMEOUT).await.map(drop)
}
