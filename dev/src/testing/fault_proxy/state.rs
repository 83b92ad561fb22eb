//! What the proxy and its connections share.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::watch;

use super::fault::{Cut, Direction, End, Flow, Script};

/// What the proxy and its connections share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The settings that open connections follow when they change.
    pub(super) settings: watch::Sender<Settings>,
    /// For the next statements, one for each. `None`: the statement passes.
    pub(super) cuts: Mutex<VecDeque<Option<Cut>>>,
    /// For the next connections, one for each.
    pub(super) scripts: Mutex<VecDeque<Script>>,
    /// What clients have sent to [`Script::RequestAuth`].
    pub(super) received: Mutex<Vec<u8>>,
    /// How many connections were accepted.
    pub(super) accepted: AtomicUsize,
    /// How many of them began with TLS.
    pub(super) direct_tls: AtomicUsize,
    /// The numbers of the open connections, in the order in which they were accepted.
    pub(super) open: Mutex<BTreeSet<usize>>,
    /// How many statements the server has responded to.
    pub(super) answered: AtomicUsize,
    /// How many statements clients have asked the server to parse.
    pub(super) parsed: AtomicUsize,
    /// How many preparations the server has responded to.
    pub(super) prepared: AtomicUsize,
    /// How many times a client has sent something after the server did.
    pub(super) round_trips: AtomicUsize,
}

/// The settings of all connections.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) upstream: SocketAddr,
    pub(super) to_server: Flow,
    pub(super) to_client: Flow,
    pub(super) first_reply_delay: Duration,
    /// For connections that begin with TLS.
    pub(super) direct_tls: Option<Script>,
    /// How many times all connections were closed, and how the last time.
    pub(super) closed: (u64, End),
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        let settings = Settings {
            upstream,
            to_server: Flow::Pass,
            to_client: Flow::Pass,
            first_reply_delay: Duration::ZERO,
            direct_tls: None,
            closed: (0, End::Close),
        };
        Self {
            settings: watch::Sender::new(settings),
            cuts: Mutex::default(),
            scripts: Mutex::default(),
            received: Mutex::default(),
            accepted: AtomicUsize::new(0),
            direct_tls: AtomicUsize::new(0),
            open: Mutex::default(),
            answered: AtomicUsize::new(0),
            parsed: AtomicUsize::new(0),
            prepared: AtomicUsize::new(0),
            round_trips: AtomicUsize::new(0),
        }
    }
}

impl Settings {
    pub(super) fn flow(&self, direction: Direction) -> Flow {
        match direction {
            Direction::ToServer => self.to_server,
            Direction::ToClient => self.to_client,
        }
    }
}
