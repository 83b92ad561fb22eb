//! Chromium.

use std::path::PathBuf;

use super::apt::apt_get_install;
use super::command::is_program;
use super::error::ToolError;
use crate::workspace::{Lock, local};

/// The names of Chromium and of Chrome, which is the same for tests.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Finds the program on the `PATH`. Installs it if there is none.
pub(crate) async fn find_chromium() -> Result<PathBuf, ToolError> {
    if let Some(program) = present() {
        return Ok(program);
    }
    let _lock = Lock::take(local()?.join("install.lock")).await?;
    if present().is_none() {
        apt_get_install("Chromium", &["chromium"]).await;
    }
    present().ok_or(ToolError::NoChromium)
}

fn present() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let programs = PROGRAMS.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| is_program(program))
}
