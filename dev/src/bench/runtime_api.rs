//! The part of the Lambda Runtime API that a measurement needs.
//!
//! The stack and the tests use [`crate::aws::runtime_api`]. The benchmark has a server of its own because of its timing: a
//! latency is measured from right before the thread writes an event until right after it has read the response. With an
//! asynchronous server, the latency would include its scheduler and its HTTP implementation, which cost as much as the
//! empty function. Paths, headers and variables are shared, see [`crate::aws::runtime_api::protocol`].

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::runtime_api::protocol::{EXTENSION_ID, NEXT_EXTENSION_EVENT, NEXT_INVOCATION, REGISTER_EXTENSION};
use crate::sync::lock;

/// How often a waiting thread checks whether the other side still exists.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A server for the functions that are measured. The first segment of the path is the number of the function.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    functions: Functions,
    added: AtomicU64,
}

type Functions = Arc<Mutex<BTreeMap<u64, Arc<RuntimeApiState>>>>;

/// What one function and the benchmark exchange.
#[derive(Debug, Default)]
pub(super) struct RuntimeApiState {
    progress: Mutex<Progress>,
    changed: Condvar,
}

/// How far a function has got.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// When the function asked for its first event.
    pub(super) first_poll: Option<Instant>,
    /// Whether the function is waiting for an event.
    pub(super) is_polling: bool,
    /// The next event: the whole HTTP response with it.
    pub(super) event: Option<Vec<u8>>,
    /// When the last event was written.
    pub(super) event_written: Option<Instant>,
    /// When the last response was read, and what it was.
    pub(super) response: Option<(Instant, Vec<u8>)>,
}

impl RuntimeApi {
    /// Starts the server on a free port. It lives as long as this process.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let functions = Functions::default();
        let shared = Arc::clone(&functions);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let functions = Arc::clone(&shared);
                // Ends with the connection, and the connection with the process of the function.
                std::thread::spawn(move || serve(stream, &functions));
            }
        });
        Ok(Self { address, functions, added: AtomicU64::new(0) })
    }

    /// Adds a function that gets `event` first, and returns its number.
    pub(super) fn add(&self, event: Option<Vec<u8>>) -> (u64, Arc<RuntimeApiState>) {
        let number = self.added.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(RuntimeApiState::default());
        lock(&state.progress).event = event;
        lock(&self.functions).insert(number, Arc::clone(&state));
        (number, state)
    }

    /// Removes a function.
    pub(super) fn remove(&self, number: u64) {
        lock(&self.functions).remove(&number);
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API` for a function.
    pub(super) fn address(&self, number: u64) -> String {
        // The runtime accepts a path only in a URL with a scheme.
        format!("http://{}/{number}", self.address)
    }
}

impl RuntimeApiState {
    /// Hands the function its next event.
    pub(super) fn set_event(&self, event: Vec<u8>) {
        lock(&self.progress).event = Some(event);
        self.changed.notify_all();
    }

    /// Waits until `ready` returns something. `None` once `is_over` returns `true`.
    pub(super) fn wait_for<T>(
        &self,
        mut ready: impl FnMut(&mut Progress) -> Option<T>,
        mut is_over: impl FnMut() -> bool,
    ) -> Option<T> {
        let mut progress = lock(&self.progress);
        loop {
            if let Some(value) = ready(&mut progress) {
                return Some(value);
            }
            let waited = self.changed.wait_timeout(progress, CHECK_INTERVAL);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
            if is_over() {
                return None;
            }
        }
    }

    /// Waits for the event for a function that asked for it at `polled`. `None` if the function was removed.
    fn next_event(self: &Arc<Self>, polled: Instant) -> Option<Vec<u8>> {
        let mut progress = lock(&self.progress);
        progress.first_poll.get_or_insert(polled);
        progress.is_polling = true;
        drop(progress);
        self.changed.notify_all();
        let take = |progress: &mut Progress| {
            let event = progress.event.take()?;
            progress.is_polling = false;
            Some(event)
        };
        // The only other owners are the server and the `Function`.
        self.wait_for(take, || Arc::strong_count(self) == 1)
    }
}

/// Serves one connection. A function may have several.
fn serve(mut stream: TcpStream, functions: &Functions) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    loop {
        let request = Request::read(&mut stream, &mut buffer)?;
        let (number, path) = request.function_and_path()?;
        let state = Arc::clone(lock(functions).get(&number)?);
        match path {
            REGISTER_EXTENSION => {
                let head = format!("HTTP/1.1 200 OK\r\n{EXTENSION_ID}: extension\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).ok()?;
            }
            NEXT_EXTENSION_EVENT => {
                // There is no event. The connection ends with the process.
                io::copy(&mut stream, &mut io::sink()).ok()?;
            }
            NEXT_INVOCATION => {
                let event = state.next_event(request.read_at)?;
                lock(&state.progress).event_written = Some(Instant::now());
                stream.write_all(&event).ok()?;
            }
            // A response or an error. The body shows which of them it is.
            _ => {
                stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").ok()?;
                lock(&state.progress).response = Some((request.read_at, request.body.to_vec()));
            }
        }
    }
}

/// An HTTP request of a client that waits for the response before it sends another request.
struct Request<'a> {
    /// When the last byte had been read.
    read_at: Instant,
    head: &'a str,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// `None` at the end of the connection, and for what the client of the runtime does not send.
    fn read(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> Option<Self> {
        let mut chunk = [0; 16 * 1024];
        buffer.clear();
        let read_at = loop {
            let count @ 1.. = stream.read(&mut chunk).ok()? else { return None };
            let read_at = Instant::now();
            buffer.extend_from_slice(chunk.get(..count)?);
            if is_complete(buffer)? {
                break read_at;
            }
        };
        let (head, body) = buffer.split_at_checked(head_length(buffer)?)?;
        Some(Self { read_at, head: std::str::from_utf8(head).ok()?, body })
    }

    /// `/7/2018-06-01/…`: 7 and the rest.
    fn function_and_path(&self) -> Option<(u64, &str)> {
        let path = self.head.split(' ').nth(1)?.strip_prefix('/')?;
        let (number, path) = path.split_at_checked(path.find('/')?)?;
        Some((number.parse().ok()?, path))
    }
}

/// Whether the bytes are a whole request. `None` if they are not HTTP.
fn is_complete(request: &[u8]) -> Option<bool> {
    let Some(length) = head_length(request) else { return Some(false) };
    let (head, body) = request.split_at_checked(length)?;
    let fields = std::str::from_utf8(head).ok()?.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    Some(body.len() >= length)
}

fn head_length(request: &[u8]) -> Option<usize> {
    request.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|position| position + 4)
}
