//! A private PostgreSQL server.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use super::certificates::Certificates;
use crate::install::{PostgresPrograms, RunAs, ToolError};
use crate::process::{Process, ServerCleanup};
use crate::random::letters_and_digits;
use crate::workspace::{Lock, WorkspaceError, create_folder, local_folder, set_mode, temp_folder, write_private};

/// The name of the role and of the database.
const NAME: &str = "todo";
/// How long the server may take to start, including the recovery after a crash.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the server may take to stop. It does not wait for clients.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The private PostgreSQL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Another local stack uses it.
    #[error("another local stack runs in this workspace: stop it, or set DATABASE_URL to use a database of your own")]
    Busy,
    /// The programs are missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or folder cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A program cannot be run.
    #[error("{program} cannot be run: {cause}")]
    Run {
        /// The name of the program.
        program: &'static str,
        /// The error of the system.
        cause: io::Error,
    },
    /// `initdb` failed.
    #[error("PostgreSQL could not make its data folder: {0}")]
    Initdb(String),
    /// The server ended, or does not accept connections.
    #[error("PostgreSQL did not start: {0}")]
    Start(String),
    /// The database could not be created.
    #[error("PostgreSQL could not be set up: {0}")]
    SetUp(tokio_postgres::Error),
    /// No certificate could be made.
    #[error("no certificate could be made for PostgreSQL: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A database cluster in the sense of PostgreSQL: a data folder with everything a server needs, without a server.
#[derive(Debug)]
pub struct Cluster {
    programs: PostgresPrograms,
    run_as: Option<RunAs>,
    folder: ClusterFolder,
    password: String,
}

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    process: Process,
    cleanup: ServerCleanup,
    port: u16,
}

/// The folder of a cluster, with `data`, `tls`, `password` and `postgres.log`.
#[derive(Debug)]
pub struct ClusterFolder(Location);

#[derive(Debug)]
enum Location {
    Persistent { path: PathBuf, _lock: Lock },
    Temporary(tempfile::TempDir),
}

impl ClusterFolder {
    /// `.local/postgres`, or a folder outside of the workspace if the user that runs the server cannot enter that one.
    ///
    /// # Errors
    /// [`PostgresError::Busy`]; [`PostgresError::Workspace`].
    pub fn persistent() -> Result<Self, PostgresError> {
        let path = local_folder("postgres", RunAs::current().is_some())?;
        create_folder(&path)?;
        set_mode(&path, 0o755)?;
        let lock = Lock::try_take(&path.join("lock"))?.ok_or(PostgresError::Busy)?;
        Ok(Self(Location::Persistent { path, _lock: lock }))
    }

    /// A new folder, which is removed at the end of this process.
    ///
    /// # Errors
    /// [`PostgresError::Workspace`].
    pub fn temporary() -> Result<Self, PostgresError> {
        let parent = temp_folder();
        let folder = tempfile::Builder::new().prefix("dev-postgres-").tempdir_in(&parent);
        let folder = folder.map_err(WorkspaceError::at(&parent))?;
        set_mode(folder.path(), 0o755)?;
        Ok(Self(Location::Temporary(folder)))
    }

    fn path(&self) -> &Path {
        match &self.0 {
            Location::Persistent { path, .. } => path,
            Location::Temporary(folder) => folder.path(),
        }
    }

    fn is_temporary(&self) -> bool {
        matches!(self.0, Location::Temporary(_))
    }
}

impl Cluster {
    /// The cluster of the workspace, or with `ephemeral` one that is removed at the end of this process.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn new(ephemeral: bool) -> Result<Self, PostgresError> {
        Self::at(if ephemeral { ClusterFolder::temporary()? } else { ClusterFolder::persistent()? }).await
    }

    /// Finds the programs, and makes the data if there are none.
    ///
    /// # Errors
    /// [`PostgresError`]. No process keeps running, also if the future is dropped.
    pub async fn at(folder: ClusterFolder) -> Result<Self, PostgresError> {
        let run_as = RunAs::current();
        let data = folder.path().join("data");
        stop_leftover(&data).await;
        let programs = PostgresPrograms::find(run_as, &data).await?;
        let password_file = folder.path().join("password");
        if !data.is_dir() {
            let password = letters_and_digits(24);
            write_private(&password_file, &password)?;
            initdb(&programs, run_as, folder.path(), &password_file).await?;
        }
        let password = std::fs::read_to_string(&password_file).map_err(WorkspaceError::at(&password_file))?;
        let cluster = Self { programs, run_as, folder, password };
        cluster.write_certificates()?;
        Ok(cluster)
    }

    /// Starts the server, which is not [ready](Postgres::wait_until_ready) immediately.
    ///
    /// # Errors
    /// [`PostgresError::Run`].
    pub fn start(self) -> Result<Postgres, PostgresError> {
        let (process, cleanup, port) = self.spawn()?;
        Ok(Postgres { cluster: self, process, cleanup, port })
    }

    fn spawn(&self) -> Result<(Process, ServerCleanup, u16), PostgresError> {
        let failed = |cause| PostgresError::Run { program: "postgres", cause };
        let port = free_port().map_err(failed)?;
        let tls = self.folder.path().join("tls");
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            "max_connections=1000".to_owned(),
            "logging_collector=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", tls.join("server.crt").display()),
            format!("ssl_key_file={}", tls.join("server.key").display()),
        ];
        if self.folder.is_temporary() {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        }
        let log = self.log();
        let log = std::fs::File::create(&log).map_err(WorkspaceError::at(&log))?;
        let mut command = Command::new(self.programs.folder.join("postgres"));
        command.arg("-D").arg(self.data());
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        RunAs::apply(self.run_as, &mut command);
        // In a process group of its own: a Ctrl-C in the terminal must not stop it before the functions.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = Process::start(&mut command).map_err(failed)?;
        let folder = self.folder.is_temporary().then(|| self.folder.path());
        let cleanup = ServerCleanup::new(process.pid(), Signal::SIGINT, folder).map_err(failed)?;
        Ok((process, cleanup, port))
    }

    fn write_certificates(&self) -> Result<(), PostgresError> {
        let certificates = Certificates::make()?;
        let folder = self.folder.path().join("tls");
        create_folder(&folder)?;
        set_mode(&folder, 0o755)?;
        let authority = self.authority();
        std::fs::write(&authority, certificates.authority).map_err(WorkspaceError::at(&authority))?;
        for (name, content) in [("server.crt", certificates.server), ("server.key", certificates.key)] {
            let file = folder.join(name);
            write_private(&file, &content)?;
            change_owner(&file, self.run_as)?;
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("tls/ca.pem")
    }

    /// The last error in the log of the server, or its last line.
    fn last_error(&self) -> Option<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let errors = log.lines().rev().filter(|line| line.contains("FATAL: ") || line.contains("ERROR: "));
        let line = errors.chain(log.lines().rev()).next()?;
        let message = line.split_once("FATAL: ").map_or(line, |(_, message)| message);
        Some(message.trim().to_owned())
    }
}

impl Postgres {
    /// Waits until the server accepts connections, and creates the database if it is missing.
    ///
    /// # Errors
    /// [`PostgresError::Start`] and [`PostgresError::SetUp`].
    pub async fn wait_until_ready(&mut self) -> Result<(), PostgresError> {
        let end = Instant::now() + START_TIMEOUT;
        let mut restarts = 3;
        let client = loop {
            // A database that always exists.
            if let Ok((client, connection)) = tokio_postgres::connect(&self.url_of("postgres"), NoTls).await {
                tokio::spawn(connection);
                break client;
            }
            let ended = !self.process.is_running();
            let error = || self.cluster.last_error().unwrap_or_else(|| "it does not answer".to_owned());
            if ended && restarts > 0 && error().contains("could not create any TCP/IP sockets") {
                // Another process took the port between its choice and the start.
                restarts -= 1;
                (self.process, self.cleanup, self.port) = self.cluster.spawn()?;
            } else if ended || Instant::now() > end {
                return Err(PostgresError::Start(error()));
            }
            sleep(Duration::from_millis(20)).await;
        };
        let found = client.query_opt("select from pg_database where datname = $1", &[&NAME]).await;
        if found.map_err(PostgresError::SetUp)?.is_none() {
            client.batch_execute(&format!("create database {NAME}")).await.map_err(PostgresError::SetUp)?;
        }
        Ok(())
    }

    /// The URL of the database, without TLS. `sslmode=require` works too, see [`Postgres::ca_file`].
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// The certificate authority that a client must trust for TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.cluster.authority()
    }

    /// Stops the server and waits for its end. A temporary folder is removed.
    pub async fn stop(self) {
        self.process.stop(Signal::SIGINT, STOP_TIMEOUT).await;
    }

    fn url_of(&self, database: &str) -> String {
        let Self { cluster: Cluster { password, .. }, port, .. } = self;
        format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }
}

async fn initdb(
    programs: &PostgresPrograms,
    run_as: Option<RunAs>,
    folder: &Path,
    password_file: &Path,
) -> Result<(), PostgresError> {
    let unfinished = folder.join("data.new");
    let mut error = String::new();
    change_owner(password_file, run_as)?;
    // The locale of Neon is C.UTF-8, which not every system has.
    for locale in ["C.UTF-8", "en_US.UTF-8", "C"] {
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(WorkspaceError::at(&unfinished))?;
        }
        create_folder(&unfinished)?;
        set_mode(&unfinished, 0o700)?;
        change_owner(&unfinished, run_as)?;
        let mut command = Command::new(programs.folder.join("initdb"));
        command.arg("--pgdata").arg(&unfinished).arg("--pwfile").arg(password_file);
        command.args([
            "--username",
            NAME,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--no-sync",
            "--locale",
            locale,
        ]);
        RunAs::apply(run_as, &mut command);
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
        let output = output.map_err(|cause| PostgresError::Run { program: "initdb", cause })?;
        if output.status.success() {
            // Renamed last: an interrupted start leaves no incomplete database.
            return Ok(std::fs::rename(&unfinished, folder.join("data")).map_err(WorkspaceError::at(&unfinished))?);
        }
        error = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    let last = error.lines().rev().find(|line| !line.trim().is_empty());
    Err(PostgresError::Initdb(last.unwrap_or("initdb says nothing").to_owned()))
}

/// Stops the server of an earlier stack that was killed.
async fn stop_leftover(data: &Path) {
    let Ok(content) = std::fs::read_to_string(data.join("postmaster.pid")) else { return };
    let Some(pid) = content.lines().next().and_then(|line| line.trim().parse().ok()) else { return };
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        if !is_server_of(pid, data).await {
            return;
        }
        let _ = kill(Pid::from_raw(pid), signal);
        let end = Instant::now() + STOP_TIMEOUT;
        while is_server_of(pid, data).await && Instant::now() < end {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether the process is a server of this data folder, and not another process with the same id.
async fn is_server_of(pid: i32, data: &Path) -> bool {
    let output =
        Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).stdin(Stdio::null()).output().await;
    let command = match output {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(_) => std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default(),
    };
    command.contains(&data.display().to_string())
}

/// Makes a file or folder belong to the user that runs the server.
fn change_owner(path: &Path, run_as: Option<RunAs>) -> Result<(), PostgresError> {
    match run_as {
        Some(RunAs { user, group }) => Ok(chown(path, Some(user), Some(group)).map_err(WorkspaceError::at(path))?),
        None => Ok(()),
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
