//! The way to the database: counts the round trips on it, and makes it as long as one likes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Sub;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Round trips by what they are for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoundTrips {
    /// The TCP handshake: one for each connection.
    pub(super) tcp: usize,
    /// The request for TLS and the handshake.
    pub(super) tls: usize,
    /// Behind that one cannot look: the sign-in and statements.
    pub(super) rest: usize,
}

impl RoundTrips {
    pub(super) fn total(self) -> usize {
        self.tcp + self.tls + self.rest
    }
}

impl Sub for RoundTrips {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { tcp: self.tcp - before.tcp, tls: self.tls - before.tls, rest: self.rest - before.rest }
    }
}

/// A TCP proxy on a port of its own. It lives as long as this process.
#[derive(Debug)]
pub(super) struct Link {
    port: u16,
    counted: Arc<Mutex<RoundTrips>>,
}

impl Link {
    /// `round_trip` is what a round trip takes, beyond what this machine takes. What arrives together is delayed
    /// together, as on a long cable.
    pub(super) fn start(upstream: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let counted = Arc::<Mutex<RoundTrips>>::default();
        let link = Self { port, counted: Arc::clone(&counted) };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect(upstream) {
                    let _ = connect(client, server, round_trip, &counted);
                }
            }
        });
        Ok(link)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Since the start.
    pub(super) fn counted(&self) -> RoundTrips {
        *lock(&self.counted)
    }
}

/// Whether the client spoke last.
type LastWord = Arc<Mutex<bool>>;
/// Bytes and when they arrive.
type Parcel = (Instant, Vec<u8>);

fn connect(
    client: TcpStream,
    server: TcpStream,
    round_trip: Duration,
    counted: &Arc<Mutex<RoundTrips>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(counted).tcp += 1;
    let last_word = LastWord::default();
    let (one_way, counted, clients_word) = (round_trip / 2, Arc::clone(counted), Arc::clone(&last_word));
    // The kernel has shaken hands at once; the client's first words make up for it.
    let open = Instant::now() + round_trip;
    pump(client.try_clone()?, server.try_clone()?, move |bytes| {
        if !std::mem::replace(&mut *lock(&clients_word), true) {
            let mut counted = lock(&counted);
            *(if is_for_tls(bytes) { &mut counted.tls } else { &mut counted.rest }) += 1;
        }
        open.max(Instant::now()) + one_way
    });
    pump(server, client, move |_| {
        *lock(&last_word) = false;
        Instant::now() + one_way
    });
    Ok(())
}

/// Passes everything on in one direction, at the time that `due` tells.
fn pump(mut from: TcpStream, to: TcpStream, mut due: impl FnMut(&[u8]) -> Instant + Send + 'static) {
    let (send, receive): (Sender<Parcel>, Receiver<Parcel>) = channel();
    std::thread::spawn(move || deliver(to, &receive));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default();
            if send.send((due(bytes), bytes.to_vec())).is_err() {
                return;
            }
        }
    });
}

fn deliver(mut to: TcpStream, parcels: &Receiver<Parcel>) {
    for (due, bytes) in parcels {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// `SSLRequest`, by which a client of PostgreSQL asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Kinds of TLS records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// Whether what a client says is about TLS and not inside of it.
fn is_for_tls(mut bytes: &[u8]) -> bool {
    if bytes == SSL_REQUEST {
        return true;
    }
    loop {
        match bytes {
            [HANDSHAKE, ..] => return true,
            // Says nothing, and stands before both.
            [CHANGE_CIPHER_SPEC, _, _, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                bytes = rest.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_tls_is_told_from_what_is_inside() {
        let change = [20, 3, 3, 0, 1, 1];
        assert!(is_for_tls(&SSL_REQUEST));
        assert!(is_for_tls(&[22, 3, 1, 0, 2, 1, 2]));
        assert!(is_for_tls(&[&change[..], &[22, 3, 3]].concat()));
        assert!(!is_for_tls(&[&change[..], &[23, 3, 3]].concat()));
        assert!(!is_for_tls(&[23, 3, 3, 0, 1, 0]));
        assert!(!is_for_tls(b"\0\0\0\x20\0\x03\0\0user"));
    }

    #[test]
    fn a_round_trip_is_counted_and_takes_its_time() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let delay = Duration::from_millis(20);
        let link = Link::start(listener.local_addr().expect("an address"), delay).expect("a link");
        let start = Instant::now();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).expect("a connection");
        let (mut server, _) = listener.accept().expect("a connection");
        for _ in 0..2 {
            let mut byte = [0];
            client.write_all(b"?").expect("a question");
            server.read_exact(&mut byte).expect("a question");
            server.write_all(b"!").expect("an answer");
            client.read_exact(&mut byte).expect("an answer");
        }
        assert_eq!(link.counted(), RoundTrips { tcp: 1, tls: 0, rest: 2 });
        assert!(start.elapsed() >= delay * 3, "{:?}", start.elapsed());
    }
}
