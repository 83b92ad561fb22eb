//! A PgBouncer of our own before a PostgreSQL, in transaction mode as on Neon's pooled hosts.

use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::certificates::Certificates;
use crate::install::{PgBouncerProgram, RunAs, ToolError};
use crate::process::{Process, ServerCleanup, reserve_port};
use crate::workspace::{WorkspaceError, temp_folder};

/// How long it may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How many statements it tracks for a connection, where it does.
const TRACKED_STATEMENTS: u32 = 200;

/// Why there is no PgBouncer.
#[derive(Debug, thiserror::Error)]
pub enum PgBouncerError {
    /// The program is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Files and folders.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// It cannot be run.
    #[error("PgBouncer cannot be run: {0}")]
    Run(#[from] io::Error),
    /// No certificate.
    #[error("no certificate could be made for PgBouncer: {0}")]
    Certificate(#[from] rcgen::Error),
    /// It ended or does not listen.
    #[error("PgBouncer did not start: {0}")]
    Start(String),
}

/// What it is told in its configuration.
#[derive(Debug, Clone)]
pub struct PgBouncerSettings {
    /// Where PostgreSQL listens on this machine.
    pub server_port: u16,
    /// The one role that may sign in, on both sides.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Connections to PostgreSQL at most.
    pub server_connections: u32,
    /// Connections of clients at most.
    pub client_connections: u32,
    /// How long a statement waits for a connection to PostgreSQL before its client is turned away; whole seconds.
    pub query_wait_timeout: Duration,
    /// Whether prepared statements follow their client from one connection to another, see [`can_track_statements`].
    pub tracks_statements: bool,
}

/// A running PgBouncer, which is killed when this is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    program: PgBouncerProgram,
    settings: PgBouncerSettings,
    folder: tempfile::TempDir,
    port: u16,
    /// Nobody else gets the port, also while it is down.
    _reserved: TcpSocket,
    /// None while it is down.
    process: Option<(Process, ServerCleanup)>,
}

impl PgBouncerSettings {
    /// Two connections to the server for many clients, who wait for them as long as it takes.
    pub fn new(server_port: u16, user: &str, password: &str) -> Self {
        Self {
            server_port,
            user: user.to_owned(),
            password: password.to_owned(),
            server_connections: 2,
            client_connections: 300,
            query_wait_timeout: Duration::from_secs(120),
            tracks_statements: false,
        }
    }
}

/// Whether the PgBouncer of this machine tracks prepared statements.
///
/// # Errors
/// [`PgBouncerError::Tool`]; [`PgBouncerError::Workspace`].
pub async fn can_track_statements() -> Result<bool, PgBouncerError> {
    Ok(PgBouncerProgram::find(RunAs::current()).await?.tracks_statements())
}

impl PgBouncer {
    /// Starts it on a free port and waits until it listens.
    ///
    /// # Errors
    /// [`PgBouncerError`].
    pub async fn start(settings: PgBouncerSettings) -> Result<Self, PgBouncerError> {
        let run_as = RunAs::current();
        let program = PgBouncerProgram::find(run_as).await?;
        let parent = temp_folder();
        let folder = tempfile::Builder::new().prefix("dev-pgbouncer-").tempdir_in(&parent);
        // Nobody else can enter it.
        let folder = folder.map_err(WorkspaceError::at(&parent))?;
        if let Some(RunAs { user, group }) = run_as {
            chown(folder.path(), Some(user), Some(group)).map_err(WorkspaceError::at(folder.path()))?;
        }
        let certificates = Certificates::make()?;
        let password = format!("\"{}\" \"{}\"\n", settings.user, settings.password);
        for (name, content) in [
            ("ca.pem", certificates.authority),
            ("server.crt", certificates.server),
            ("server.key", certificates.key),
            ("users", password),
        ] {
            write(&folder.path().join(name), &content)?;
        }
        let reserved = reserve_port(0)?;
        let port = reserved.local_addr()?.port();
        let mut pgbouncer = Self { program, settings, folder, port, _reserved: reserved, process: None };
        pgbouncer.restart().await?;
        Ok(pgbouncer)
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that a client must trust for TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Lets so many clients in, from the next start on.
    pub fn allow_clients(&mut self, connections: u32) {
        self.settings.client_connections = connections;
    }

    /// Kills it, as a host that fails does: nobody is told anything, and what the server executes goes on.
    pub async fn kill(&mut self) {
        if let Some((process, _cleanup)) = self.process.take() {
            process.stop(Signal::SIGKILL, START_TIMEOUT).await;
        }
    }

    /// Starts it on its old port, after [`PgBouncer::kill`], and waits until it listens.
    ///
    /// # Errors
    /// [`PgBouncerError`].
    pub async fn restart(&mut self) -> Result<(), PgBouncerError> {
        let configuration = self.folder.path().join("pgbouncer.ini");
        write(&configuration, &self.configuration())?;
        let log = self.folder.path().join("log");
        let output = std::fs::File::create(&log).map_err(WorkspaceError::at(&log))?;
        let mut command = Command::new(&self.program.path);
        command.arg(&configuration);
        RunAs::apply(RunAs::current(), &mut command);
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let process = Process::start(&mut command)?;
        // It keeps nothing, so there is nothing that it should finish.
        let cleanup = ServerCleanup::new(process.pid(), Signal::SIGKILL, Some(self.folder.path()))?;
        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if !process.is_running() || Instant::now() > end {
                return Err(PgBouncerError::Start(std::fs::read_to_string(&log).unwrap_or_default()));
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.process = Some((process, cleanup));
        Ok(())
    }

    fn configuration(&self) -> String {
        let Self { settings, port, folder, .. } = self;
        let PgBouncerSettings { server_port, server_connections, client_connections, .. } = settings;
        let folder = folder.path().display();
        let wait = settings.query_wait_timeout.as_secs();
        // Older ones do not know the setting.
        let tracked = if settings.tracks_statements { TRACKED_STATEMENTS } else { 0 };
        let tracking = if self.program.tracks_statements() {
            format!("max_prepared_statements = {tracked}")
        } else {
            String::new()
        };
        format!(
            "[databases]
             * = host=127.0.0.1 port={server_port}

             [pgbouncer]
             listen_addr = 127.0.0.1
             listen_port = {port}
             unix_socket_dir =
             auth_type = scram-sha-256
             auth_file = {folder}/users
             client_tls_sslmode = allow
             client_tls_cert_file = {folder}/server.crt
             client_tls_key_file = {folder}/server.key
             pool_mode = transaction
             default_pool_size = {server_connections}
             max_client_conn = {client_connections}
             query_wait_timeout = {wait}
             ; The default is longer than a request may take.
             server_login_retry = 1
             {tracking}
            "
        )
    }
}

fn write(path: &Path, content: &str) -> Result<(), WorkspaceError> {
    std::fs::write(path, content).map_err(WorkspaceError::at(path))
}
