//! Opens connections, phase by phase, each with a timeout of its own.
//!
//! The driver's `connect_timeout` covers TCP only: a server that accepts a connection and then sends nothing would block a
//! request forever. And the driver tries addresses one after the other: an unreachable first address would cost the whole
//! timeout.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database_url::DatabaseUrl;
use native_tls::TlsConnectorBuilder;
use postgres_native_tls::{TlsConnector, TlsStream, set_postgresql_alpn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::tls::TlsConnect;
use tokio_postgres::{Client, Config, NoTls};

use super::socket::{CountingStream, SocketProbe};
use super::statement_names::NamingStream;
use super::stats::ConnectPhases;
use crate::tls::{TlsRoots, message_contains};

/// Name resolution.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Establishing a TCP connection, for all addresses together.
const TCP_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one address is tried before the next is tried as well (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(150);
/// The TLS handshake, including PostgreSQL's request for it.
const TLS_TIMEOUT: Duration = Duration::from_millis(1500);
/// Signing in. Neon's proxy completes the earlier phases while the database is still suspended, so this phase includes
/// the start of the database. Giving up early would waste that wait.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(6);

/// Why no connection was opened, by the phase that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the host's name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("no address of the host accepts a connection")]
    Tcp(#[source] io::Error),
    #[error("the TLS library cannot be initialized")]
    TlsLibrary(#[source] native_tls::Error),
    #[error("the TLS handshake did not end in time")]
    Tls,
    #[error("the TLS handshake failed")]
    Handshake(#[source] tokio_postgres::Error),
    #[error("the server did not complete the sign-in in time")]
    SignIn,
    #[error("the server or the driver refused the connection")]
    Driver(#[source] tokio_postgres::Error),
    #[error("the connection was lost, and another one would not be in its transaction")]
    NotReplaced,
    #[error("the process is about to end")]
    Task(#[source] JoinError),
}

/// A connection that is signed in.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) probe: SocketProbe,
    /// Runs the driver's half of the connection, which reads and writes the socket.
    pub(super) driver_task: JoinHandle<()>,
    pub(super) phases: ConnectPhases,
}

/// Opens connections, and remembers how this server expects TLS to be started.
pub(super) struct Connector {
    config: Config,
    is_on_neon: bool,
    roots: TlsRoots,
    /// Set once direct TLS has failed. It saves a round trip with servers that support it; others reset the connection or
    /// hang.
    direct_failed: AtomicBool,
    /// Set once the server has refused TLS, where `sslmode=prefer` allows that.
    tls_refused: AtomicBool,
}

/// `sslmode=prefer` encrypts and does not verify, as in libpq. [`DatabaseUrl`] accepts it for the server of this machine
/// only, whose certificate is often signed by nobody, as that of Debian's PostgreSQL.
fn accept_any_certificate(builder: &mut TlsConnectorBuilder) {
    set_postgresql_alpn(builder);
    builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
}

impl Connector {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        Self {
            config: url.config().clone(),
            is_on_neon: url.is_on_neon(),
            roots: TlsRoots::new(match url.config().get_ssl_mode() {
                SslMode::Prefer => accept_any_certificate,
                _ => set_postgresql_alpn,
            }),
            direct_failed: AtomicBool::new(false),
            tls_refused: AtomicBool::new(false),
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<Connected, ConnectError> {
        match self.connect_with_fallback().await {
            Err(ConnectError::Handshake(error)) if self.roots.fall_back_to_system_roots(&error) => {
                self.connect_with_fallback().await
            }
            outcome => outcome,
        }
    }

    async fn connect_with_fallback(&self) -> Result<Connected, ConnectError> {
        if self.tries_direct_tls() {
            match self.connect_with_tls(SslNegotiation::Direct).await {
                Err(ConnectError::Tls) => self.direct_failed.store(true, Ordering::Relaxed),
                // A permanent failure comes from a server that has understood direct TLS.
                Err(ConnectError::Handshake(error)) if !is_permanent(&error) => {
                    self.direct_failed.store(true, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        match self.config.get_ssl_mode() {
            SslMode::Disable => self.connect_without_tls().await,
            SslMode::Prefer if self.tls_refused.load(Ordering::Relaxed) => self.connect_without_tls().await,
            SslMode::Prefer => match self.connect_with_tls(SslNegotiation::Postgres).await {
                Err(ConnectError::Handshake(error)) if message_contains(&error, TLS_REFUSED) => {
                    self.tls_refused.store(true, Ordering::Relaxed);
                    self.connect_without_tls().await
                }
                outcome => outcome,
            },
            _ => self.connect_with_tls(SslNegotiation::Postgres).await,
        }
    }

    /// Whether the server is Neon or the connection string asks for direct TLS.
    fn tries_direct_tls(&self) -> bool {
        let asked = self.config.get_ssl_negotiation() == SslNegotiation::Direct;
        self.config.get_ssl_mode() == SslMode::Require
            && (asked || self.is_on_neon)
            && !self.direct_failed.load(Ordering::Relaxed)
    }

    async fn connect_without_tls(&self) -> Result<Connected, ConnectError> {
        let mut phases = ConnectPhases::default();
        let (stream, probe, _) = self.open(&mut phases).await?;
        let started = Instant::now();
        let mut config = self.config.clone();
        config.ssl_mode(SslMode::Disable);
        let signed_in = timeout(SIGN_IN_TIMEOUT, config.connect_raw(NamingStream::new(stream), NoTls)).await;
        phases.sign_in = started.elapsed();
        let (client, connection) = signed_in.map_err(|_| ConnectError::SignIn)?.map_err(ConnectError::Driver)?;
        Ok(Connected { client, probe, driver_task: tokio::spawn(run_driver(connection)), phases })
    }

    async fn connect_with_tls(&self, negotiation: SslNegotiation) -> Result<Connected, ConnectError> {
        let mut phases = ConnectPhases::default();
        let (stream, probe, name) = self.open(&mut phases).await?;
        let started = Instant::now();
        let connector = self.roots.connector().await.map_err(ConnectError::TlsLibrary)?;
        let connector = TlsConnector::new(connector.clone(), &name);
        let mut config = self.config.clone();
        config.ssl_mode(SslMode::Require).ssl_negotiation(negotiation);
        let handshake_done = Arc::new(Notify::new());
        let mut sign_in = pin!(
            config.connect_raw(stream, NotifyingConnector { connector, handshake_done: Arc::clone(&handshake_done) })
        );
        let ended_early = tokio::select! {
            biased;
            () = handshake_done.notified() => None,
            outcome = &mut sign_in => Some(outcome.map_err(ConnectError::Handshake)),
            () = sleep(TLS_TIMEOUT) => return Err(ConnectError::Tls),
        };
        phases.tls = started.elapsed();
        let outcome = match ended_early {
            Some(outcome) => outcome,
            None => {
                timeout(SIGN_IN_TIMEOUT, sign_in).await.map_err(|_| ConnectError::SignIn)?.map_err(ConnectError::Driver)
            }
        };
        phases.sign_in = started.elapsed() - phases.tls;
        let (client, connection) = outcome?;
        Ok(Connected { client, probe, driver_task: tokio::spawn(run_driver(connection)), phases })
    }

    /// A socket to the server, and the name that its certificate must have.
    async fn open(&self, phases: &mut ConnectPhases) -> Result<(CountingStream, SocketProbe, String), ConnectError> {
        if let Some(path) = self.unix_socket() {
            let stream = UnixStream::connect(path).await.map_err(ConnectError::Tcp)?;
            let (stream, probe) = CountingStream::unix(stream).map_err(ConnectError::Tcp)?;
            return Ok((stream, probe, String::new()));
        }
        let started = Instant::now();
        let candidates = timeout(RESOLVE_TIMEOUT, self.candidates()).await;
        let candidates =
            candidates.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(ConnectError::Resolve)?;
        phases.resolve = started.elapsed();
        let opened = timeout(TCP_TIMEOUT, race(candidates)).await;
        let (stream, name) =
            opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(ConnectError::Tcp)?;
        phases.tcp = started.elapsed() - phases.resolve;
        let (stream, probe) = CountingStream::tcp(stream).map_err(ConnectError::Tcp)?;
        Ok((stream, probe, name))
    }

    fn unix_socket(&self) -> Option<PathBuf> {
        match self.config.get_hosts().first() {
            #[cfg(unix)]
            Some(Host::Unix(folder)) if self.config.get_hostaddrs().is_empty() => {
                let port = self.config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
                Some(folder.join(format!(".s.PGSQL.{port}")))
            }
            _ => None,
        }
    }

    /// Every address of every host, in their order. Fails only if no host can be resolved.
    async fn candidates(&self) -> io::Result<Vec<Candidate>> {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let name = |index: usize| match self.config.get_hosts().get(index) {
            Some(Host::Tcp(name)) => Some(name.clone()),
            _ => None,
        };
        let hostaddrs = self.config.get_hostaddrs();
        if !hostaddrs.is_empty() {
            let candidate = |(index, ip): (usize, &IpAddr)| Candidate {
                address: (*ip, port(index)).into(),
                name: name(index).or_else(|| name(0)).unwrap_or_else(|| ip.to_string()),
            };
            return Ok(hostaddrs.iter().enumerate().map(candidate).collect());
        }
        let mut candidates = Vec::new();
        let mut last_error = io::ErrorKind::NotFound.into();
        for index in 0..self.config.get_hosts().len() {
            let name = name(index).unwrap_or_default();
            match lookup_host((name.as_str(), port(index))).await {
                Ok(found) => candidates.extend(found.map(|address| Candidate { address, name: name.clone() })),
                Err(error) => last_error = error,
            }
        }
        if candidates.is_empty() { Err(last_error) } else { Ok(candidates) }
    }
}

/// An address of the server.
struct Candidate {
    address: SocketAddr,
    /// The name that its certificate must have.
    name: String,
}

const DEFAULT_PORT: u16 = 5432;

/// Runs the driver's half of a connection until one of the peers closes it.
async fn run_driver<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::info!(%error, "the database closed the connection");
    }
}

/// Connects to the first address that answers; each has a head start over the next.
async fn race(candidates: Vec<Candidate>) -> io::Result<(TcpStream, String)> {
    let mut waiting = candidates.into_iter();
    let mut running = JoinSet::new();
    let mut last_error = io::ErrorKind::NotFound.into();
    loop {
        match waiting.next() {
            Some(Candidate { address, name }) => {
                running.spawn(async move { Ok((TcpStream::connect(address).await?, name)) });
            }
            None if running.is_empty() => return Err(last_error),
            None => {}
        }
        let joined = async {
            match waiting.len() {
                0 => running.join_next().await,
                _ => timeout(HEAD_START, running.join_next()).await.ok().flatten(),
            }
        };
        match joined.await {
            Some(Ok(Ok(winner))) => return Ok(winner),
            Some(Ok(Err(error))) => last_error = error,
            Some(Err(_)) | None => {}
        }
    }
}

/// A TLS connector that notifies when the handshake is complete.
struct NotifyingConnector {
    connector: TlsConnector,
    handshake_done: Arc<Notify>,
}

impl TlsConnect<CountingStream> for NotifyingConnector {
    type Stream = NamingStream<TlsStream<CountingStream>>;
    type Error = native_tls::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, native_tls::Error>> + Send>>;

    fn connect(self, stream: CountingStream) -> Self::Future {
        let Self { connector, handshake_done } = self;
        Box::pin(async move {
            let stream = connector.connect(stream).await?;
            handshake_done.notify_one();
            Ok(NamingStream::new(stream))
        })
    }
}

/// Of the driver's error if the server refuses TLS.
const TLS_REFUSED: &str = "server does not support TLS";

/// Whether a failed handshake or sign-in will fail again: a certificate that is not valid, a channel that cannot be bound,
/// an authentication method that is not supported. A handshake that was cut off is not permanent.
pub(super) fn is_permanent(error: &tokio_postgres::Error) -> bool {
    let messages = ["certificate verify failed", "channel binding", "authentication method", TLS_REFUSED];
    messages.iter().any(|message| message_contains(error, message))
}
