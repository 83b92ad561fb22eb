//! A proxy in front of PostgreSQL that does to connections what networks, poolers and servers do to them.
//!
//! It understands the protocol as far as it takes to cut at a chosen moment: who is signed in, and where an answer
//! ends. On a connection with TLS it only passes bytes on. What it cannot make is a path on which nothing is
//! acknowledged: its own kernel acknowledges.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::process::reserve_port;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the bytes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They pass.
    #[default]
    Pass,
    /// Each piece passes after so long.
    Delay(Duration),
    /// Nothing is read or passed on until this changes.
    Stall,
    /// Everything is read and nothing passed on.
    Discard,
}

/// How both sides of a connection are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With what TCP calls FIN.
    Close,
    /// With what TCP calls RST.
    Reset,
}

/// The end of a connection in the middle of one statement.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The direction that is cut. The whole request has been executed when replies are.
    pub direction: Direction,
    /// Bytes of the direction that still pass.
    pub after_bytes: usize,
    /// How both sides are ended then.
    pub end: End,
}

/// What a connection meets instead of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// The connection is accepted, and that is all.
    Silent,
    /// It is ended as soon as it has said something.
    End(End),
    /// TLS is agreed to, and that is all.
    SilentAfterTls,
    /// TLS is refused, as by a server that has none.
    RefuseTls,
    /// The sign-in is read, and that is all.
    SilentAfterStartup,
    /// The sign-in is refused with this state and this text.
    Refuse {
        /// Such as `28P01`.
        state: String,
        /// The sentence.
        message: String,
    },
    /// The sign-in is answered with this, and what the client says then is kept, see [`FaultProxy::received`].
    RequestAuth(AuthRequest),
}

/// What a server may want before it lets somebody in, apart from SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthRequest {
    /// Nothing.
    None,
    /// The password as it is.
    CleartextPassword,
    /// Its MD5, salted.
    Md5Password,
}

/// A running proxy. Its connections end when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
    /// Keeps the port from others, also while connections are refused.
    _reserved: TcpSocket,
}

#[derive(Debug)]
struct Shared {
    /// What all connections obey, and hear of when it changes.
    state: watch::Sender<State>,
    cuts: Mutex<VecDeque<Cut>>,
    scripts: Mutex<VecDeque<Script>>,
    received: Mutex<Vec<u8>>,
    accepted: AtomicUsize,
    direct_tls: AtomicUsize,
    /// The numbers of the open connections, in the order in which they were accepted.
    open: Mutex<BTreeSet<usize>>,
    answers: AtomicUsize,
}

#[derive(Debug, Clone)]
struct State {
    upstream: SocketAddr,
    requests: Flow,
    replies: Flow,
    first_reply_delay: Duration,
    direct_tls: Option<Script>,
    /// How often all connections were ended, and how the last time.
    ended: (u64, End),
}

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long the connections may take to notice that they were ended.
const END_TIMEOUT: Duration = Duration::from_secs(5);

impl FaultProxy {
    /// Listens on a free port of this machine and passes everything on.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let state = State {
            upstream,
            requests: Flow::Pass,
            replies: Flow::Pass,
            first_reply_delay: Duration::ZERO,
            direct_tls: None,
            ended: (0, End::Close),
        };
        let shared = Arc::new(Shared {
            state: watch::Sender::new(state),
            cuts: Mutex::default(),
            scripts: Mutex::default(),
            received: Mutex::default(),
            accepted: AtomicUsize::new(0),
            direct_tls: AtomicUsize::new(0),
            open: Mutex::default(),
            answers: AtomicUsize::new(0),
        });
        let reserved = reserve_port(0)?;
        let port = reserved.local_addr()?.port();
        let proxy = Self { port, shared, acceptor: Mutex::default(), _reserved: reserved };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections that were accepted so far.
    #[must_use]
    pub fn accepted_connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections so far that began with TLS, without having asked for it, and met no script.
    #[must_use]
    pub fn direct_tls_connections(&self) -> usize {
        self.shared.direct_tls.load(Ordering::SeqCst)
    }

    /// Connections that are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Statements that the server has answered, whether or not the answers got through: an execution each.
    #[must_use]
    pub fn answered_statements(&self) -> usize {
        self.shared.answers.load(Ordering::SeqCst)
    }

    /// Strikes that have not yet found their statement.
    #[must_use]
    pub fn pending_cuts(&self) -> usize {
        lock(&self.shared.cuts).len()
    }

    /// Connections that are still to meet a script.
    #[must_use]
    pub fn pending_scripts(&self) -> usize {
        lock(&self.shared.scripts).len()
    }

    /// All that clients have said to [`Script::RequestAuth`], the sign-in included.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        lock(&self.shared.received).clone()
    }

    /// Changes a direction of all connections, those to come too.
    pub fn set_flow(&self, direction: Direction, flow: Flow) {
        self.shared.state.send_modify(|state| match direction {
            Direction::ToServer => state.requests = flow,
            Direction::ToClient => state.replies = flow,
        });
    }

    /// The server's first word on each new connection comes so much later, as when it has to wake up.
    pub fn delay_first_reply(&self, delay: Duration) {
        self.shared.state.send_modify(|state| state.first_reply_delay = delay);
    }

    /// New connections go there.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.state.send_modify(|state| state.upstream = upstream);
    }

    /// Ends the connection of the next statement that comes along; one cut per statement.
    pub fn cut_next_statement(&self, cut: Cut) {
        lock(&self.shared.cuts).push_back(cut);
    }

    /// So many of the next connections meet the script.
    pub fn play_script(&self, script: &Script, connections: usize) {
        lock(&self.shared.scripts).extend(std::iter::repeat_n(script.clone(), connections));
    }

    /// Every new connection that begins with TLS, without having asked for it, meets the script.
    pub fn play_script_on_direct_tls(&self, script: Script) {
        self.shared.state.send_modify(|state| state.direct_tls = Some(script));
    }

    /// Ends every connection that is open now and waits until that is done.
    ///
    /// # Errors
    /// It did not happen in time.
    pub async fn close_all(&self, end: End) -> io::Result<()> {
        self.shared.state.send_modify(|state| state.ended = (state.ended.0 + 1, end));
        self.wait_until_all_closed().await
    }

    /// Waits until every connection that is open now has ended.
    ///
    /// # Errors
    /// It did not happen in time.
    pub async fn wait_until_all_closed(&self) -> io::Result<()> {
        let last = lock(&self.shared.open).last().copied();
        let ended = async {
            while lock(&self.shared.open).first().is_some_and(|first| Some(*first) <= last) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(END_TIMEOUT, ended).await.map_err(|_| io::ErrorKind::TimedOut.into())
    }

    /// Refuses connections, as where nobody listens. What is open stays open.
    pub async fn refuse_connections(&self) {
        let acceptor = lock(&self.acceptor).take();
        if let Some(acceptor) = acceptor {
            acceptor.abort();
            // The port is closed when the task is gone.
            let _ = acceptor.await;
        }
    }

    fn listen(&self) -> io::Result<()> {
        let listener = reserve_port(self.port)?.listen(BACKLOG)?;
        *lock(&self.acceptor) = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        Ok(())
    }

    /// Ends every fault. Strikes and scripts that nobody has met are taken back.
    ///
    /// # Errors
    /// The port cannot be listened on again.
    pub fn clear_faults(&self) -> io::Result<()> {
        lock(&self.shared.cuts).clear();
        lock(&self.shared.scripts).clear();
        self.shared.state.send_modify(|state| {
            state.requests = Flow::Pass;
            state.replies = Flow::Pass;
            state.first_reply_delay = Duration::ZERO;
            state.direct_tls = None;
        });
        if lock(&self.acceptor).is_none() { self.listen() } else { Ok(()) }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(acceptor) = lock(&self.acceptor).take() {
            acceptor.abort();
        }
        self.shared.state.send_modify(|state| state.ended.0 += 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        lock(&shared.open).insert(number);
        let generation = shared.state.borrow().ended.0;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(client, &shared, generation).await;
            lock(&shared.open).remove(&number);
        });
    }
}

async fn serve(mut client: TcpStream, shared: &Shared, generation: u64) {
    let _ = client.set_nodelay(true);
    let mut state = shared.state.subscribe();
    let ended = async {
        match state.wait_for(|state| state.ended.0 > generation).await {
            Ok(state) => state.ended.1,
            Err(_) => End::Close,
        }
    };
    let script = lock(&shared.scripts).pop_front();
    let (upstream, on_direct_tls) = {
        let state = shared.state.borrow();
        (state.upstream, state.direct_tls.clone())
    };
    let mut server = None;
    let passed = async {
        let script = match (script, on_direct_tls) {
            (None, Some(script)) if begins_with_tls(&client).await => Some(script),
            (script, _) => script,
        };
        if let Some(script) = script {
            return play(&script, &mut client, shared).await;
        }
        match TcpStream::connect(upstream).await {
            Ok(stream) => pass(&mut client, server.insert(stream), shared).await,
            Err(_) => End::Reset,
        }
    };
    let end = tokio::select! {
        end = passed => end,
        end = ended => end,
    };
    if end == End::Reset {
        for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
            let _ = stream.set_zero_linger();
        }
    }
}

/// Passes everything on in both directions until one side ends it, or a cut.
async fn pass(client: &mut TcpStream, server: &mut TcpStream, shared: &Shared) -> End {
    let _ = server.set_nodelay(true);
    let link = Mutex::new(Link::default());
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        end = pump(Direction::ToServer, &mut from_client, &mut to_server, &link, shared) => end,
        end = pump(Direction::ToClient, &mut from_server, &mut to_client, &link, shared) => end,
    }
}

/// What is known of one connection.
#[derive(Debug, Default)]
struct Link {
    /// Whether the client's first words have been read.
    begun: bool,
    /// Whether the client waits for one byte, which says whether there is TLS.
    asked_for_tls: bool,
    /// Whether nothing can be read (any more).
    encrypted: bool,
    /// Whether the server has spoken.
    answered: bool,
    /// Whether the server has been ready for a statement.
    signed_in: bool,
    cut: Option<Cut>,
    reader: Reader,
}

async fn pump<R, W>(direction: Direction, from: &mut R, to: &mut W, link: &Mutex<Link>, shared: &Shared) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut state = shared.state.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        flowing(direction, &mut state).await;
        let bytes = match from.read(&mut buffer).await {
            Ok(0) => return End::Close,
            Ok(count) => &buffer[..count],
            Err(_) => return End::Reset,
        };
        let first_word = direction == Direction::ToClient && !std::mem::replace(&mut lock(link).answered, true);
        if first_word {
            let delay = state.borrow().first_reply_delay;
            sleep(delay).await;
        }
        // It may have changed while nothing came.
        let flow = flowing(direction, &mut state).await;
        if let Flow::Delay(delay) = flow {
            sleep(delay).await;
        }
        let (count, end) = match direction {
            Direction::ToServer => lock(link).request(bytes, shared),
            Direction::ToClient => lock(link).reply(bytes, shared),
        };
        if flow != Flow::Discard && to.write_all(&bytes[..count]).await.is_err() {
            return End::Reset;
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// Waits while the direction is stalled, and tells what then happens to its bytes.
async fn flowing(direction: Direction, state: &mut watch::Receiver<State>) -> Flow {
    let flow = |state: &State| match direction {
        Direction::ToServer => state.requests,
        Direction::ToClient => state.replies,
    };
    state.wait_for(|state| flow(state) != Flow::Stall).await.map_or(Flow::Pass, |state| flow(&state))
}

/// What ends a connection politely, with its length.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
/// The request for TLS, behind its length.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

impl Link {
    /// How many of the bytes go to the server, and whether the connection ends behind them.
    fn request(&mut self, bytes: &[u8], shared: &Shared) -> (usize, Option<End>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.asked_for_tls = bytes.starts_with(&SSL_REQUEST);
            self.encrypted = bytes.first() == Some(&TLS_HANDSHAKE);
            shared.direct_tls.fetch_add(self.encrypted.into(), Ordering::SeqCst);
        }
        if self.signed_in && self.cut.is_none() && bytes != TERMINATE {
            self.cut = lock(&shared.cuts).pop_front();
        }
        match &mut self.cut {
            Some(Cut { direction: Direction::ToServer, after_bytes, end }) => {
                let count = bytes.len().min(*after_bytes);
                *after_bytes -= count;
                (count, (*after_bytes == 0).then_some(*end))
            }
            _ => (bytes.len(), None),
        }
    }

    /// The same for the client.
    fn reply(&mut self, mut bytes: &[u8], shared: &Shared) -> (usize, Option<End>) {
        let length = bytes.len();
        if std::mem::take(&mut self.asked_for_tls) {
            self.encrypted = bytes.first() == Some(&b'S');
            bytes = bytes.get(1..).unwrap_or_default();
        }
        let ready = if self.encrypted { 0 } else { self.reader.ready(bytes) };
        // The first time it is the sign-in that was answered.
        let answers = if ready > 0 && !std::mem::replace(&mut self.signed_in, true) { ready - 1 } else { ready };
        shared.answers.fetch_add(answers, Ordering::SeqCst);
        match &mut self.cut {
            Some(Cut { direction: Direction::ToClient, after_bytes, end }) => {
                let count = length.min(*after_bytes);
                *after_bytes -= count;
                (count, (answers > 0).then_some(*end))
            }
            _ => (length, None),
        }
    }
}

/// Finds the ends of answers in what a server says.
#[derive(Debug, Default)]
struct Reader {
    header: Vec<u8>,
    /// What remains of the message behind the header.
    left: usize,
}

impl Reader {
    /// How often these bytes complete a `ReadyForQuery`.
    fn ready(&mut self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for byte in bytes {
            if self.left > 0 {
                self.left -= 1;
            } else {
                self.header.push(*byte);
                let [_, length @ ..] = self.header.as_slice() else { continue };
                let Ok(length) = <[u8; 4]>::try_from(length) else { continue };
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(0).saturating_sub(4);
            }
            if self.left == 0 && self.header.len() == 5 {
                found += usize::from(self.header.first() == Some(&b'Z'));
                self.header.clear();
            }
        }
        found
    }
}

/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 22;

async fn begins_with_tls(client: &TcpStream) -> bool {
    let mut first = [0];
    matches!(client.peek(&mut first).await, Ok(1) if first == [TLS_HANDSHAKE])
}

/// Is the server for one connection.
async fn play(script: &Script, client: &mut TcpStream, shared: &Shared) -> End {
    if *script == Script::Silent {
        // Not even reads, but it notices the end.
        return until_closed(client).await;
    }
    if let Script::End(end) = script {
        let _ = client.read(&mut [0; 1024]).await;
        return *end;
    }
    let Ok(mut first) = packet(client).await else { return End::Close };
    if first == SSL_REQUEST {
        let answer: &[u8] = if *script == Script::SilentAfterTls { b"S" } else { b"N" };
        if client.write_all(answer).await.is_err() || matches!(script, Script::SilentAfterTls | Script::RefuseTls) {
            return until_closed(client).await;
        }
        let Ok(sign_in) = packet(client).await else { return End::Close };
        first = sign_in;
    }
    if let Script::RequestAuth(demand) = script {
        lock(&shared.received).extend(&first);
        return listen(*demand, client, shared).await;
    }
    if let Script::Refuse { state, message } = script {
        let mut body = Vec::new();
        for (field, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', state.as_str()), (b'M', message.as_str())] {
            body.push(field);
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
        let message = [&b"E"[..], &length, &body].concat();
        let _ = client.write_all(&message).await;
        return End::Close;
    }
    until_closed(client).await
}

/// Demands something and keeps what is said to that.
async fn listen(demand: AuthRequest, client: &mut TcpStream, shared: &Shared) -> End {
    // https://www.postgresql.org/docs/current/protocol-message-formats.html
    let message: &[u8] = match demand {
        AuthRequest::None => b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        AuthRequest::CleartextPassword => b"R\0\0\0\x08\0\0\0\x03",
        AuthRequest::Md5Password => b"R\0\0\0\x0c\0\0\0\x05salt",
    };
    if client.write_all(message).await.is_err() {
        return End::Close;
    }
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        lock(&shared.received).extend(&buffer[..count]);
    }
    End::Close
}

/// A message without a type, as they are before the sign-in; with its length.
async fn packet(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    client.read_exact(&mut packet).await?;
    let length = <[u8; 4]>::try_from(packet.as_slice()).map(u32::from_be_bytes).unwrap_or(0);
    // Longer than any sign-in: something that is not the protocol.
    let length = usize::try_from(length).unwrap_or(0).clamp(4, 10_000);
    packet.resize(length, 0);
    client.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

async fn until_closed(client: &mut TcpStream) -> End {
    let _ = tokio::io::copy(client, &mut tokio::io::sink()).await;
    End::Close
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_found_in_pieces_of_any_size() {
        let answer = [&b"C\0\0\0\x0dINSERT 0\0Z\0\0\0\x05I"[..], b"1\0\0\0\x04Z\0\0\0\x05T"].concat();
        for size in 1..=answer.len() {
            let mut reader = Reader::default();
            assert_eq!(answer.chunks(size).map(|piece| reader.ready(piece)).sum::<usize>(), 2, "{size}");
        }
    }
}
