//! The packages of a folder with a lock file of npm.

use std::path::Path;

use tokio::process::Command;

use super::command::{major_version, output, run};
use super::error::ToolError;
use super::versions::OLDEST_NODE;
use crate::workspace::{Lock, local};

/// Installs the packages that the lock file in `folder` names, if they are missing or out of date. `what` they are is
/// printed.
pub(crate) async fn install_packages(what: &'static str, folder: &Path) -> Result<(), ToolError> {
    let node = output(Command::new("node").arg("--version")).await;
    let major = node.and_then(|text| major_version(text.trim().trim_start_matches('v')));
    if major.is_none_or(|major| major < OLDEST_NODE) {
        return Err(ToolError::NoNode(what));
    }
    let changed = |file: &str| std::fs::metadata(folder.join(file)).and_then(|data| data.modified()).ok();
    let is_installed = || changed("node_modules/.package-lock.json") >= changed("package-lock.json");
    let _lock = Lock::take(local()?.join("install.lock")).await?;
    if !is_installed() {
        eprintln!("Installing {what} from npm, once, into {}.", folder.display());
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        run(npm).await;
    }
    if is_installed() { Ok(()) } else { Err(ToolError::NoPackages { what, folder: folder.to_owned() }) }
}
