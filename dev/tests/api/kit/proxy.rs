//! Something between the functions and PostgreSQL that can be counted and broken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A TCP proxy on a port of its own. It lives as long as the runtime of the test.
#[derive(Debug)]
pub(crate) struct Proxy {
    database_url: String,
    address: SocketAddr,
    upstream: String,
    running: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How often the client spoke after the server had: the round trips.
    turns: AtomicUsize,
    /// How often the server said that it is ready for the next query, on connections without TLS.
    readies: AtomicUsize,
    /// Whether nothing passes in either direction.
    held: watch::Sender<bool>,
}

impl Proxy {
    /// Stands before the database of this URL.
    pub(crate) async fn before(database_url: &str) -> Self {
        let (before, rest) = database_url.split_once('@').expect("a URL with a user");
        let (upstream, after) = rest.split_once('/').expect("a URL with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let held = watch::Sender::new(false);
        let shared = Arc::new(Shared { turns: AtomicUsize::new(0), readies: AtomicUsize::new(0), held });
        let (database_url, upstream) = (format!("{before}@{address}/{after}"), upstream.to_owned());
        let mut proxy = Self { database_url, address, upstream, running: None, shared };
        proxy.run(listener);
        proxy
    }

    /// The URL that leads through it.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Closes every connection and refuses new ones.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().expect("a proxy that runs");
        running.abort();
        let _ = running.await;
    }

    /// The contrary of [`Proxy::stop`].
    pub(crate) async fn restart(&mut self) {
        self.run(TcpListener::bind(self.address).await.expect("the port that it had"));
    }

    /// Lets nothing pass any more, or lets it pass again. Connections stay open, and new ones are accepted.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// Round trips and [`ReadyForQuery`](https://www.postgresql.org/docs/current/protocol-message-formats.html) so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.shared.turns.load(Ordering::SeqCst), self.shared.readies.load(Ordering::SeqCst))
    }

    fn run(&mut self, listener: TcpListener) {
        let (upstream, shared) = (self.upstream.clone(), Arc::clone(&self.shared));
        self.running = Some(tokio::spawn(async move {
            // Dropped with this task, and so are the connections.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, shared) = (upstream.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    if let Ok(server) = TcpStream::connect(&upstream).await {
                        let _ = pass(client, server, &shared).await;
                    }
                });
            }
        }));
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (_, _) = (client.set_nodelay(true)?, server.set_nodelay(true)?);
    let mut held = shared.held.subscribe();
    let (mut to_server, mut to_client) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut servers_turn, mut messages) = (false, Messages::default());
    loop {
        tokio::select! {
            read = client.read(&mut to_server) => {
                let read @ 1.. = read? else { return Ok(()) };
                if !std::mem::replace(&mut servers_turn, true) {
                    shared.turns.fetch_add(1, Ordering::SeqCst);
                }
                let _ = held.wait_for(|held| !held).await;
                server.write_all(&to_server[..read]).await?;
            }
            read = server.read(&mut to_client) => {
                let read @ 1.. = read? else { return Ok(()) };
                servers_turn = false;
                shared.readies.fetch_add(messages.readies(&to_client[..read]), Ordering::SeqCst);
                let _ = held.wait_for(|held| !held).await;
                client.write_all(&to_client[..read]).await?;
            }
        }
    }
}

/// The messages of a server: a letter, four bytes of length that count themselves, and so many bytes less four.
#[derive(Debug, Default)]
struct Messages {
    unread: Vec<u8>,
}

impl Messages {
    /// How many of the messages that end in `bytes` are ReadyForQuery.
    fn readies(&mut self, bytes: &[u8]) -> usize {
        self.unread.extend_from_slice(bytes);
        let mut readies = 0;
        while let Some((head, rest)) = self.unread.split_first_chunk::<5>() {
            let [kind, length @ ..] = *head;
            let length = u32::from_be_bytes(length) as usize;
            if length < 4 || rest.len() < length - 4 {
                break;
            }
            readies += usize::from(kind == b'Z');
            self.unread.drain(..=length);
        }
        readies
    }
}
