//! Running commands, and reading what they print.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use tokio::process::Command;

use crate::process::{Process, ProcessGroup};

/// The program `cargo`: the one that runs this process, or the one on the `PATH`.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a command to its end. Its standard output goes to standard error. `None` if the command fails.
pub(crate) async fn run(command: Command) -> Option<()> {
    let group = ProcessGroup::new().ok()?;
    let mut grouped = group.command(command.as_std().get_program());
    grouped.args(command.as_std().get_args());
    for (name, value) in command.as_std().get_envs() {
        match value {
            Some(value) => grouped.env(name, value),
            None => grouped.env_remove(name),
        };
    }
    if let Some(folder) = command.as_std().get_current_dir() {
        grouped.current_dir(folder);
    }
    let process = Process::start(grouped.stdin(Stdio::null()).stdout(std::io::stderr())).ok()?;
    process.wait().await.filter(ExitStatus::success).map(drop)
}

/// The standard output of a command. `None` if the command fails.
pub(crate) async fn output(command: &mut Command) -> Option<String> {
    let Output { status, stdout, .. } = command.stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    status.success().then(|| String::from_utf8_lossy(&stdout).into_owned())
}

/// The major version in the output of `--version`: 17 of `postgres (PostgreSQL) 17.5 (Debian 17.5-1)`.
pub(crate) fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The entries of a folder; none if it cannot be read.
pub(crate) fn children(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Whether this is a file with a permission to execute it.
pub(crate) fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read_from_the_output_of_postgres() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres", None),
        ] {
            assert_eq!(major_version(text), major, "{text}");
        }
    }
}
