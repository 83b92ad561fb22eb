//! The proxy, as tests control it.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::accept;
use super::fault::{Cut, Direction, End, Flow, Script};
use super::state::Shared;
use crate::process::reserve_port;
use crate::sync::lock;

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long open connections may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<Acceptor>>,
    /// Keeps the port while connections are refused.
    _reserved: TcpSocket,
}

/// Accepts connections.
#[derive(Debug)]
struct Acceptor {
    listener: Arc<TcpListener>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port of this machine and forwards connections to `upstream`.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let reserved = reserve_port(0)?;
        let port = reserved.local_addr()?.port();
        let shared = Arc::new(Shared::new(upstream));
        let proxy = Self { port, shared, acceptor: Mutex::default(), _reserved: reserved };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Starts a proxy for the database at this URL, which must contain an IP address and a port.
    ///
    /// # Errors
    /// There is no free port, or no such address in the URL.
    pub async fn in_front_of(database_url: &str) -> io::Result<Self> {
        let address = split_url(database_url).and_then(|(_, address, _)| address.parse().ok());
        Self::start(address.ok_or(io::ErrorKind::InvalidInput)?).await
    }

    /// This database URL with the address of the proxy.
    ///
    /// # Panics
    /// The URL has no user or no database.
    #[must_use]
    pub fn redirect(&self, database_url: &str) -> String {
        let (before, _, after) = split_url(database_url).expect("a URL with a user and a database");
        format!("{before}@127.0.0.1:{}/{after}", self.port)
    }

    /// The port of this machine where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many forwarded connections began with the TLS handshake, without an `SSLRequest`.
    #[must_use]
    pub fn direct_tls_connections(&self) -> usize {
        self.shared.direct_tls.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// How many executions of statements the server has responded to, whether or not the responses reached the client.
    #[must_use]
    pub fn answered_statements(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// How many statements the server was asked to parse: each execution of an unnamed statement is one, and so is each
    /// preparation.
    #[must_use]
    pub fn parsed_statements(&self) -> usize {
        self.shared.parsed.load(Ordering::SeqCst)
    }

    /// How many preparations the server has responded to. Until then the next statement is in the same round trip.
    #[must_use]
    pub fn prepared_statements(&self) -> usize {
        self.shared.prepared.load(Ordering::SeqCst)
    }

    /// How many round trips there were: how many times a client sent something after the server did, or as the first.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }

    /// How many cuts still wait for a statement.
    #[must_use]
    pub fn pending_cuts(&self) -> usize {
        lock(&self.shared.cuts).iter().flatten().count()
    }

    /// How many scripts still wait for a connection.
    #[must_use]
    pub fn pending_scripts(&self) -> usize {
        lock(&self.shared.scripts).len()
    }

    /// Everything that clients have sent to [`Script::RequestAuth`], with their startup messages.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        lock(&self.shared.received).clone()
    }

    /// Changes the flow of a direction of all connections, open and future ones.
    pub fn set_flow(&self, direction: Direction, flow: Flow) {
        self.shared.settings.send_modify(|settings| match direction {
            Direction::ToServer => settings.to_server = flow,
            Direction::ToClient => settings.to_client = flow,
        });
    }

    /// Delays the first reply of the server on each connection, as if the server had to wake up.
    pub fn delay_first_reply(&self, delay: Duration) {
        self.shared.settings.send_modify(|settings| settings.first_reply_delay = delay);
    }

    /// Forwards new connections to another server.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.settings.send_modify(|settings| settings.upstream = upstream);
    }

    /// Adds a cut. Each statement, on whatever connection, takes one of the cuts.
    pub fn cut_next_statement(&self, cut: Cut) {
        lock(&self.shared.cuts).push_back(Some(cut));
    }

    /// Lets a statement pass. The cuts that are added after this are for the statements after it.
    pub fn pass_next_statement(&self) {
        lock(&self.shared.cuts).push_back(None);
    }

    /// Plays the script on this number of connections, beginning with the next one.
    pub fn play_script(&self, script: &Script, connections: usize) {
        lock(&self.shared.scripts).extend(std::iter::repeat_n(script.clone(), connections));
    }

    /// Plays the script on every new connection that begins with the TLS handshake, without an `SSLRequest`.
    pub fn play_script_on_direct_tls(&self, script: Script) {
        self.shared.settings.send_modify(|settings| settings.direct_tls = Some(script));
    }

    /// Closes every open connection and waits until they are closed.
    ///
    /// # Errors
    /// They were not closed in time.
    pub async fn close_all(&self, end: End) -> io::Result<()> {
        self.shared.settings.send_modify(|settings| settings.closed = (settings.closed.0 + 1, end));
        self.wait_until_all_closed().await
    }

    /// Waits until every connection that is open now is closed.
    ///
    /// # Errors
    /// They were not closed in time.
    pub async fn wait_until_all_closed(&self) -> io::Result<()> {
        let last = lock(&self.shared.open).last().copied();
        let closed = async {
            while lock(&self.shared.open).first().is_some_and(|first| Some(*first) <= last) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(CLOSE_TIMEOUT, closed).await.map_err(|_| io::ErrorKind::TimedOut.into())
    }

    /// Refuses new connections, as if nothing listened on the port. Open connections stay open.
    pub async fn refuse_connections(&self) {
        let acceptor = lock(&self.acceptor).take();
        if let Some(acceptor) = acceptor {
            // A process that is just being started has a copy of the descriptor, which would keep the port in use.
            let _ = SockRef::from(&*acceptor.listener).shutdown(Shutdown::Both);
            acceptor.task.abort();
            // The listener is closed once the task has ended.
            let _ = acceptor.task.await;
        }
    }

    /// Refuses new connections and closes the open ones, like a server that was shut down, until
    /// [`FaultProxy::clear_faults`].
    ///
    /// # Errors
    /// The connections were not closed in time.
    pub async fn shut_down(&self) -> io::Result<()> {
        self.refuse_connections().await;
        self.close_all(End::Close).await
    }

    fn listen(&self) -> io::Result<()> {
        let listener = Arc::new(reserve_port(self.port)?.listen(BACKLOG)?);
        let task = tokio::spawn(accept(Arc::clone(&listener), Arc::clone(&self.shared)));
        *lock(&self.acceptor) = Some(Acceptor { listener, task });
        Ok(())
    }

    /// Ends every fault, and removes the cuts and scripts that still wait.
    ///
    /// # Errors
    /// The proxy cannot listen on its port again.
    pub fn clear_faults(&self) -> io::Result<()> {
        lock(&self.shared.cuts).clear();
        lock(&self.shared.scripts).clear();
        self.shared.settings.send_modify(|settings| {
            settings.to_server = Flow::Pass;
            settings.to_client = Flow::Pass;
            settings.first_reply_delay = Duration::ZERO;
            settings.direct_tls = None;
        });
        if lock(&self.acceptor).is_none() { self.listen() } else { Ok(()) }
    }
}

/// The text before the `@`, the address, and the text after the next `/`.
fn split_url(database_url: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = database_url.split_once('@')?;
    let (address, after) = rest.split_once('/')?;
    Some((before, address, after))
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(acceptor) = lock(&self.acceptor).take() {
            acceptor.task.abort();
        }
        self.shared.settings.send_modify(|settings| settings.closed.0 += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn copy_of_the_listener_does_not_keep_the_port() {
        let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into()).await.expect("a free port");
        let copy = lock(&proxy.acceptor).as_ref().map(|acceptor| acceptor.listener.as_fd().try_clone_to_owned());
        proxy.refuse_connections().await;
        proxy.clear_faults().expect("the port is free again");
        drop(copy);
    }
}
