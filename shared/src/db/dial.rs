//! Making a connection, phase by phase, each with a limit of its own.
//!
//! The driver's own `connect_timeout` covers TCP alone: a server that accepts and then says nothing would hold a
//! request for ever. And it tries addresses one after the other: the first black hole would cost its whole limit.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use database_url::DatabaseUrl;
use postgres_native_tls::{TlsConnector, TlsStream, set_postgresql_alpn};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::tls::TlsConnect;
use tokio_postgres::{Client, Config};

use super::error::is_verdict;
use super::wire::{Probe, Wire};
use crate::tls::Trust;

/// Names.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);
/// From the first packet to an open connection, for all addresses together.
const TCP_LIMIT: Duration = Duration::from_secs(1);
/// How long an address is alone in the race.
const HEAD_START: Duration = Duration::from_millis(150);
/// The handshake, with the request for it.
const TLS_LIMIT: Duration = Duration::from_millis(1500);
/// Signing in. Neon's proxy answers all before while the database still sleeps, so this is where one waits for it to
/// wake up, and giving up early throws the waking away.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(6);

/// Which phase failed, and how.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the host's name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("no address of the host accepts a connection")]
    Tcp(#[source] io::Error),
    #[error("the TLS library cannot be set up")]
    TlsLibrary(#[source] native_tls::Error),
    #[error("the TLS handshake did not end in time")]
    Tls,
    #[error("the TLS handshake failed")]
    Handshake(#[source] tokio_postgres::Error),
    #[error("the server did not complete the sign-in in time")]
    SignIn,
    #[error("the server or the driver refused the connection")]
    Driver(#[source] tokio_postgres::Error),
    #[error("the process is about to end")]
    Task(#[source] JoinError),
}

/// How long each phase took. What there was no need for is zero.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Phases {
    pub(crate) resolve: Duration,
    pub(crate) tcp: Duration,
    /// With the start-up of the TLS library, the first time.
    pub(crate) tls: Duration,
    /// With the database's wake-up.
    pub(crate) sign_in: Duration,
}

/// A connection that is signed in.
pub(super) struct Dialed {
    pub(super) client: Client,
    /// A handle of its socket.
    pub(super) probe: Probe,
    /// Moves the bytes.
    pub(super) mover: JoinHandle<()>,
    pub(super) phases: Phases,
}

/// Makes connections, and remembers how this server wants TLS to be begun.
pub(super) struct Dialer {
    config: Config,
    is_on_neon: bool,
    trust: Trust,
    /// Set once the direct way has failed: it saves a round trip where it is understood, and others reset it, or hang.
    direct_failed: AtomicBool,
}

impl Dialer {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        Self {
            config: url.config().clone(),
            is_on_neon: url.is_on_neon(),
            trust: Trust::new(set_postgresql_alpn),
            direct_failed: AtomicBool::new(false),
        }
    }

    /// Makes a connection.
    pub(super) async fn dial(&self) -> Result<Dialed, DialError> {
        match self.dial_either_way().await {
            Err(DialError::Handshake(error)) if self.trust.widen_after(&error) => self.dial_either_way().await,
            outcome => outcome,
        }
    }

    async fn dial_either_way(&self) -> Result<Dialed, DialError> {
        if self.begins_directly() {
            match self.dial_by(SslNegotiation::Direct).await {
                Err(DialError::Tls) => self.direct_failed.store(true, Ordering::Relaxed),
                // A verdict is one about a server that has understood.
                Err(DialError::Handshake(error)) if !is_verdict(&error) => {
                    self.direct_failed.store(true, Ordering::Relaxed);
                }
                outcome => return outcome,
            }
        }
        self.dial_by(SslNegotiation::Postgres).await
    }

    /// Where the connection string asks for it, and on Neon.
    fn begins_directly(&self) -> bool {
        let asked = self.config.get_ssl_negotiation() == SslNegotiation::Direct;
        self.config.get_ssl_mode() == SslMode::Require
            && (asked || self.is_on_neon)
            && !self.direct_failed.load(Ordering::Relaxed)
    }

    async fn dial_by(&self, negotiation: SslNegotiation) -> Result<Dialed, DialError> {
        let mut phases = Phases::default();
        let (wire, probe, name) = self.open(&mut phases).await?;
        let began = Instant::now();
        let connector = self.trust.connector().await.map_err(DialError::TlsLibrary)?;
        let connector = TlsConnector::new(connector.clone(), &name);
        let mut config = self.config.clone();
        config.ssl_negotiation(negotiation);
        let secured = Arc::new(Notify::new());
        let mut signing_in = pin!(config.connect_raw(wire, Announced { connector, secured: Arc::clone(&secured) }));
        let ended_early = match config.get_ssl_mode() {
            SslMode::Require => tokio::select! {
                biased;
                () = secured.notified() => None,
                outcome = &mut signing_in => Some(outcome.map_err(DialError::Handshake)),
                () = sleep(TLS_LIMIT) => return Err(DialError::Tls),
            },
            _ => None,
        };
        phases.tls = began.elapsed();
        let outcome = match ended_early {
            Some(outcome) => outcome,
            None => timeout(SIGN_IN_LIMIT, signing_in).await.map_err(|_| DialError::SignIn)?.map_err(DialError::Driver),
        };
        phases.sign_in = began.elapsed() - phases.tls;
        let (client, connection) = outcome?;
        Ok(Dialed { client, probe, mover: tokio::spawn(moving(connection)), phases })
    }

    /// A socket to the database, and the name that its certificate must have.
    async fn open(&self, phases: &mut Phases) -> Result<(Wire, Probe, String), DialError> {
        if let Some(path) = self.unix_socket() {
            let stream = UnixStream::connect(path).await.map_err(DialError::Tcp)?;
            let (wire, probe) = Wire::unix(stream).map_err(DialError::Tcp)?;
            return Ok((wire, probe, String::new()));
        }
        let began = Instant::now();
        let candidates = timeout(RESOLVE_LIMIT, self.candidates()).await;
        let candidates =
            candidates.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(DialError::Resolve)?;
        phases.resolve = began.elapsed();
        let raced = timeout(TCP_LIMIT, race(candidates)).await;
        let (stream, name) = raced.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(DialError::Tcp)?;
        phases.tcp = began.elapsed() - phases.resolve;
        let (wire, probe) = Wire::tcp(stream).map_err(DialError::Tcp)?;
        Ok((wire, probe, name))
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

    /// Every address of every host, in their order. A host that cannot be resolved counts only if no other can.
    async fn candidates(&self) -> io::Result<Vec<Candidate>> {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let name = |index: usize| match self.config.get_hosts().get(index) {
            Some(Host::Tcp(name)) => Some(name.clone()),
            _ => None,
        };
        let given = self.config.get_hostaddrs();
        if !given.is_empty() {
            let candidate = |(index, ip): (usize, &IpAddr)| Candidate {
                address: (*ip, port(index)).into(),
                name: name(index).or_else(|| name(0)).unwrap_or_else(|| ip.to_string()),
            };
            return Ok(given.iter().enumerate().map(candidate).collect());
        }
        let mut candidates = Vec::new();
        let mut problem = io::ErrorKind::NotFound.into();
        for index in 0..self.config.get_hosts().len() {
            let name = name(index).unwrap_or_default();
            match lookup_host((name.as_str(), port(index))).await {
                Ok(found) => candidates.extend(found.map(|address| Candidate { address, name: name.clone() })),
                Err(error) => problem = error,
            }
        }
        if candidates.is_empty() { Err(problem) } else { Ok(candidates) }
    }
}

/// Where the database may be.
struct Candidate {
    address: SocketAddr,
    /// What its certificate must say.
    name: String,
}

const DEFAULT_PORT: u16 = 5432;

/// The part of the driver that moves the bytes, until one of the sides ends the connection.
async fn moving<S>(connection: tokio_postgres::Connection<Wire, S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::info!(%error, "the database closed the connection");
    }
}

/// The first address that answers; each has a head start before the next.
async fn race(candidates: Vec<Candidate>) -> io::Result<(TcpStream, String)> {
    let mut waiting = candidates.into_iter();
    let mut running = JoinSet::new();
    let mut problem = io::ErrorKind::NotFound.into();
    loop {
        match waiting.next() {
            Some(Candidate { address, name }) => {
                running.spawn(async move { Ok((TcpStream::connect(address).await?, name)) });
            }
            None if running.is_empty() => return Err(problem),
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
            Some(Ok(Err(error))) => problem = error,
            Some(Err(_)) | None => {}
        }
    }
}

/// A connector that tells when the handshake is over.
struct Announced {
    connector: TlsConnector,
    secured: Arc<Notify>,
}

impl TlsConnect<Wire> for Announced {
    type Stream = TlsStream<Wire>;
    type Error = native_tls::Error;
    type Future = Pin<Box<dyn Future<Output = Result<TlsStream<Wire>, native_tls::Error>> + Send>>;

    fn connect(self, wire: Wire) -> Self::Future {
        let Self { connector, secured } = self;
        Box::pin(async move {
            let stream = connector.connect(wire).await?;
            secured.notify_one();
            Ok(stream)
        })
    }
}
