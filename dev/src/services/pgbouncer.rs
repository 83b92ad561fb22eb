//! A PgBouncer in front of a PostgreSQL, in transaction mode like Neon's pooled hosts.

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

/// How long it may take until it accepts connections.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How many prepared statements it tracks for a connection.
const TRACKED_STATEMENTS: u32 = 200;

/// PgBouncer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PgBouncerError {
    /// The program is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file or folder cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// It cannot be run.
    #[error("PgBouncer cannot be run: {0}")]
    Run(#[from] io::Error),
    /// No certificate could be made.
    #[error("no certificate could be made for PgBouncer: {0}")]
    Certificate(#[from] rcgen::Error),
    /// It ended, or does not accept connections. The text is its log.
    #[error("PgBouncer did not start: {0}")]
    Start(String),
}

/// The configuration.
#[derive(Debug, Clone)]
pub struct PgBouncerSettings {
    /// The port of PostgreSQL on this machine.
    pub server_port: u16,
    /// The only role that may sign in, to PgBouncer and to PostgreSQL.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The maximum number of connections to PostgreSQL.
    pub server_connections: u32,
    /// The maximum number of client connections.
    pub client_connections: u32,
    /// How long a statement may wait for a connection to PostgreSQL, in whole seconds. Then its client is disconnected.
    pub query_wait_timeout: Duration,
    /// Whether prepared statements follow their client from one connection to another. See [`can_track_statements`].
    pub tracks_statements: bool,
}

/// A running PgBouncer. Dropping it kills the process.
#[derive(Debug)]
pub struct PgBouncer {
    program: PgBouncerProgram,
    settings: PgBouncerSettings,
    folder: tempfile::TempDir,
    port: u16,
    /// Keeps the port while PgBouncer does not run.
    _reserved: TcpSocket,
    /// `None` while PgBouncer does not run.
    process: Option<(Process, ServerCleanup)>,
}

impl PgBouncerSettings {
    /// Two connections to PostgreSQL for many clients, which may wait long for one.
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
    /// Starts PgBouncer on a free port and waits until it accepts connections.
    ///
    /// # Errors
    /// [`PgBouncerError`].
    pub async fn start(settings: PgBouncerSettings) -> Result<Self, PgBouncerError> {
        let run_as = RunAs::current();
        let program = PgBouncerProgram::find(run_as).await?;
        let parent = temp_folder();
        let folder = tempfile::Builder::new().prefix("dev-pgbouncer-").tempdir_in(&parent);
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

    /// The port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate authority that a client must trust for TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Sets the maximum number of client connections, from the next start on.
    pub fn allow_clients(&mut self, connections: u32) {
        self.settings.client_connections = connections;
    }

    /// Sets [`PgBouncerSettings::query_wait_timeout`], from the next start on.
    pub fn set_query_wait_timeout(&mut self, timeout: Duration) {
        self.settings.query_wait_timeout = timeout;
    }

    /// Starts another PgBouncer with the same settings, which can take over.
    ///
    /// # Errors
    /// [`PgBouncerError`].
    pub async fn start_other(&self) -> Result<Self, PgBouncerError> {
        Self::start(self.settings.clone()).await
    }

    /// Kills PgBouncer, as if its host failed: clients get no error, and PostgreSQL goes on executing their statements.
    pub async fn kill(&mut self) {
        if let Some((process, _cleanup)) = self.process.take() {
            process.stop(Signal::SIGKILL, START_TIMEOUT).await;
        }
    }

    /// Starts PgBouncer again on its port, after [`PgBouncer::kill`], and waits until it accepts connections.
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
        // It has no state on disk, so it need not stop cleanly.
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
        // Older versions do not know the setting.
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
