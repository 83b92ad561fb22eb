//! One connection through the proxy.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::fault::{Cut, Direction, End, Flow};
use super::protocol::MessageReader;
use super::script::play;
use super::state::{Settings, Shared};
use crate::services::postgres_protocol::{
    ERROR, EXECUTE, PARSE, READY_FOR_QUERY, SIMPLE_QUERY, SSL_REQUEST, SYNC, TERMINATE, TLS_HANDSHAKE,
};
use crate::sync::lock;

/// Accepts connections until the task is aborted.
pub(super) async fn accept(listener: Arc<TcpListener>, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        lock(&shared.open).insert(number);
        let generation = shared.settings.borrow().closed.0;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            serve(client, &shared, generation).await;
            lock(&shared.open).remove(&number);
        });
    }
}

async fn serve(mut client: TcpStream, shared: &Shared, generation: u64) {
    let _ = client.set_nodelay(true);
    let mut settings = shared.settings.subscribe();
    let closed = async {
        match settings.wait_for(|settings| settings.closed.0 > generation).await {
            Ok(settings) => settings.closed.1,
            Err(_) => End::Close,
        }
    };
    let script = lock(&shared.scripts).pop_front();
    let (upstream, on_direct_tls) = {
        let settings = shared.settings.borrow();
        (settings.upstream, settings.direct_tls.clone())
    };
    let mut server = None;
    let forwarded = async {
        let script = match (script, on_direct_tls) {
            (None, Some(script)) if begins_with_tls(&client).await => Some(script),
            (script, _) => script,
        };
        if let Some(script) = script {
            return play(&script, &mut client, shared).await;
        }
        match TcpStream::connect(upstream).await {
            Ok(stream) => forward(&mut client, server.insert(stream), shared).await,
            Err(_) => End::Reset,
        }
    };
    let end = tokio::select! {
        end = forwarded => end,
        end = closed => end,
    };
    if end == End::Reset {
        for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
            let _ = stream.set_zero_linger();
        }
    }
}

/// Forwards in both directions until one side closes the connection, or a cut does.
async fn forward(client: &mut TcpStream, server: &mut TcpStream, shared: &Shared) -> End {
    let _ = server.set_nodelay(true);
    let link = Mutex::new(Link::default());
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        end = pump(Direction::ToServer, &mut from_client, &mut to_server, &link, shared) => end,
        end = pump(Direction::ToClient, &mut from_server, &mut to_client, &link, shared) => end,
    }
}

/// What the proxy knows of one connection.
#[derive(Debug, Default)]
struct Link {
    /// Whether the client has sent its first bytes.
    begun: bool,
    /// Whether the client has sent something since the server last did.
    waiting: bool,
    /// Whether the next byte of the server is the response to an `SSLRequest`.
    asked_for_tls: bool,
    /// Whether the connection uses TLS, so that nothing can be read.
    encrypted: bool,
    /// Whether the server has sent its first bytes.
    answered: bool,
    /// Whether the server has been ready for a statement.
    signed_in: bool,
    /// The cut of the current statement.
    cut: Option<Cut>,
    requests: MessageReader,
    replies: MessageReader,
    /// Whether the requests that are not yet answered execute something. A preparation does not.
    unanswered: VecDeque<bool>,
    /// Whether the request that is being sent does.
    executes: bool,
    /// Whether the response that is being sent says that there is no such prepared statement.
    is_unknown: bool,
}

/// Forwards one direction.
async fn pump<R, W>(direction: Direction, from: &mut R, to: &mut W, link: &Mutex<Link>, shared: &Shared) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut settings = shared.settings.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        wait_while_stalled(direction, &mut settings).await;
        let bytes = match from.read(&mut buffer).await {
            Ok(0) => return End::Close,
            Ok(count) => &buffer[..count],
            Err(_) => return End::Reset,
        };
        let is_first_reply = direction == Direction::ToClient && !std::mem::replace(&mut lock(link).answered, true);
        if is_first_reply {
            let delay = settings.borrow().first_reply_delay;
            sleep(delay).await;
        }
        // The flow may have changed while nothing came.
        let flow = wait_while_stalled(direction, &mut settings).await;
        if let Flow::Delay(delay) = flow {
            sleep(delay).await;
        }
        let (count, end) = match direction {
            Direction::ToServer => lock(link).on_request(bytes, shared),
            Direction::ToClient => lock(link).on_reply(bytes, shared),
        };
        if flow != Flow::Discard && to.write_all(&bytes[..count]).await.is_err() {
            return End::Reset;
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// Waits while the direction is stalled, and returns the flow then.
async fn wait_while_stalled(direction: Direction, settings: &mut watch::Receiver<Settings>) -> Flow {
    let settings = settings.wait_for(|settings| settings.flow(direction) != Flow::Stall).await;
    settings.map_or(Flow::Pass, |settings| settings.flow(direction))
}

impl Link {
    /// Looks at bytes of the client. Returns how many of them to forward, and whether to close the connection
    /// afterwards.
    fn on_request(&mut self, bytes: &[u8], shared: &Shared) -> (usize, Option<End>) {
        if !std::mem::replace(&mut self.begun, true) {
            self.asked_for_tls = bytes.starts_with(&SSL_REQUEST);
            self.encrypted = bytes.first() == Some(&TLS_HANDSHAKE);
            shared.direct_tls.fetch_add(self.encrypted.into(), Ordering::SeqCst);
        }
        if !std::mem::replace(&mut self.waiting, true) {
            shared.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        let is_readable = self.signed_in && !self.encrypted;
        let messages = if is_readable { self.requests.messages(bytes) } else { Vec::new() };
        shared.parsed.fetch_add(messages.iter().filter(|(kind, _)| *kind == PARSE).count(), Ordering::SeqCst);
        let executes = self.encrypted || messages.iter().any(|(kind, _)| matches!(*kind, EXECUTE | SIMPLE_QUERY));
        for (kind, _) in messages {
            self.executes |= matches!(kind, EXECUTE | SIMPLE_QUERY);
            if matches!(kind, SYNC | SIMPLE_QUERY) {
                self.unanswered.push_back(std::mem::take(&mut self.executes));
            }
        }
        if self.signed_in && self.cut.is_none() && executes && bytes != TERMINATE {
            self.cut = lock(&shared.cuts).pop_front().flatten();
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

    /// Looks at bytes of the server. Returns the same.
    fn on_reply(&mut self, mut bytes: &[u8], shared: &Shared) -> (usize, Option<End>) {
        let length = bytes.len();
        self.waiting = false;
        if std::mem::take(&mut self.asked_for_tls) {
            self.encrypted = bytes.first() == Some(&b'S');
            bytes = bytes.get(1..).unwrap_or_default();
        }
        let (mut answered, mut is_unprepared) = (0, false);
        for (kind, content) in if self.encrypted { Vec::new() } else { self.replies.messages(bytes) } {
            match kind {
                ERROR => self.is_unknown = is_about_preparation(&content),
                READY_FOR_QUERY if !self.signed_in => self.signed_in = true,
                READY_FOR_QUERY => {
                    let is_unknown = std::mem::take(&mut self.is_unknown);
                    let executes = self.unanswered.pop_front();
                    shared.prepared.fetch_add((executes == Some(false) && !is_unknown).into(), Ordering::SeqCst);
                    let executes = executes == Some(true);
                    answered += usize::from(executes && !is_unknown);
                    is_unprepared |= executes && is_unknown;
                }
                _ => {}
            }
        }
        shared.answered.fetch_add(answered, Ordering::SeqCst);
        match &mut self.cut {
            Some(Cut { direction: Direction::ToClient, after_bytes, end }) => {
                let count = length.min(*after_bytes);
                *after_bytes -= count;
                // The client would wait forever for a response that was cut and says that nothing is prepared.
                (count, (answered > 0 || is_unprepared).then_some(*end))
            }
            _ => (length, None),
        }
    }
}

/// Whether an error says that there is no prepared statement of this name, or that there is one already.
fn is_about_preparation(error: &[u8]) -> bool {
    let mut fields = error.split(|byte| *byte == 0);
    fields.any(|field| matches!(field, b"C26000" | b"C42P05"))
}

/// Whether the first byte of the client begins a TLS handshake.
async fn begins_with_tls(client: &TcpStream) -> bool {
    let mut first = [0];
    matches!(client.peek(&mut first).await, Ok(1) if first == [TLS_HANDSHAKE])
}
