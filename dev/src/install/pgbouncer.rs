//! The program of PgBouncer.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tokio::process::Command;

use super::apt::{APT_GET, apt_get_install, debian_mirror};
use super::command::{is_program, output, run};
use super::error::ToolError;
use super::run_as::RunAs;
use super::versions::{OLDEST_PGBOUNCER, OLDEST_TRACKING_PGBOUNCER, PGBOUNCER_SUITE, PGBOUNCER_VERSION, Version};
use crate::workspace::{Lock, WorkspaceError, create_folder, local, local_folder};

/// The keys with which Debian signs its packages.
const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// PgBouncer, the connection pooler of Neon's pooled hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PgBouncerProgram {
    /// The program.
    pub(crate) path: PathBuf,
    version: Version,
}

impl PgBouncerProgram {
    /// Finds the newest version on this machine if it tracks prepared statements. Otherwise builds Neon's version from
    /// Debian's source. If that fails, an older version is used, and installed if there is none.
    pub(crate) async fn find(run_as: Option<RunAs>) -> Result<Self, ToolError> {
        if let Some(found) = Self::newest(run_as).await.filter(Self::tracks_statements) {
            return Ok(found);
        }
        let _lock = Lock::take(local()?.join("install.lock")).await?;
        // Another process may have installed it while this one waited for the lock.
        if let Some(found) = Self::newest(run_as).await.filter(Self::tracks_statements) {
            return Ok(found);
        }
        if build_from_debian().await?.is_none() {
            eprintln!("PgBouncer {PGBOUNCER_VERSION} cannot be built here.");
            if Self::newest(run_as).await.is_none() {
                apt_get_install("PgBouncer", &["pgbouncer"]).await;
            }
        }
        Self::newest(run_as).await.ok_or(ToolError::NoPgBouncer)
    }

    /// Whether this version tracks prepared statements, and knows the setting for it.
    pub(crate) fn tracks_statements(&self) -> bool {
        self.version >= OLDEST_TRACKING_PGBOUNCER
    }

    async fn newest(run_as: Option<RunAs>) -> Option<Self> {
        let path = std::env::var_os("PATH");
        let built = install_folder().ok();
        // Debian installs it into a folder that is not on the `PATH` of other users than root.
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

fn install_folder() -> Result<PathBuf, WorkspaceError> {
    local_folder("pgbouncer", RunAs::current().is_some())
}

async fn build_from_debian() -> Result<Option<()>, ToolError> {
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
    let folder = install_folder()?;
    eprintln!("Building PgBouncer {PGBOUNCER_VERSION}, once, in {}.", folder.display());
    let work = folder.join("build");
    let downloads = work.join("apt");
    for name in ["lists/partial", "cache/archives/partial"] {
        create_folder(&downloads.join(name))?;
    }
    let sources = downloads.join("sources.list");
    let source = format!("deb-src [signed-by={DEBIAN_KEYS}] {mirror} {PGBOUNCER_SUITE} main\n");
    std::fs::write(&sources, source).map_err(WorkspaceError::at(&sources))?;

    // The configuration and the lists are separate from those of the system: nothing there changes, and it takes no root.
    let apt_get = |arguments: &[&str]| {
        let mut apt = Command::new(APT_GET);
        let downloads = downloads.display();
        apt.arg("-qq").args(arguments).current_dir(&work);
        for option in [
            format!("Dir::Etc::sourcelist={downloads}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={downloads}/lists"),
            format!("Dir::Cache={downloads}/cache"),
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
    // Moved into place last: an interrupted build leaves no incomplete program.
    let program = folder.join("pgbouncer");
    std::fs::rename(code.join("pgbouncer"), &program).map_err(WorkspaceError::at(&program))?;
    std::fs::remove_dir_all(&work).map_err(WorkspaceError::at(&work))?;
    Ok(Some(()))
}

/// The version in the first line of `PgBouncer 1.24.1`: 1 and 24.
fn version(text: &str) -> Option<Version> {
    let mut numbers = text.lines().next()?.strip_prefix("PgBouncer ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_output_of_pgbouncer() {
        for (text, expected) in [
            ("PgBouncer 1.24.1\nlibevent 2.1.12-stable\n", Some((1, 24))),
            ("PgBouncer 1.18.0", Some((1, 18))),
            ("PgBouncer", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }
}
