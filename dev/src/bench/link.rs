//! A TCP proxy between a function and the database that counts round trips and adds latency.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Sub;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::services::postgres_protocol::{SSL_REQUEST, TLS_HANDSHAKE};
use crate::sync::lock;

/// Round trips by purpose.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoundTrips {
    /// The TCP handshake: one for each connection.
    pub(super) tcp: usize,
    /// The `SSLRequest` and the TLS handshake.
    pub(super) tls: usize,
    /// The sign-in and the statements, which look the same inside of TLS.
    pub(super) rest: usize,
}

impl RoundTrips {
    /// All of them.
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

/// A running proxy. It lives as long as this process.
#[derive(Debug)]
pub(super) struct Link {
    port: u16,
    counted: Arc<Mutex<RoundTrips>>,
}

impl Link {
    /// Starts a proxy that adds `round_trip` to each round trip. Bytes that arrive together are delayed together.
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

    /// Where it listens on this machine.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The round trips since the start.
    pub(super) fn round_trips(&self) -> RoundTrips {
        *lock(&self.counted)
    }
}

/// Whether the client sent the last bytes.
type ClientWasLast = Arc<Mutex<bool>>;
/// Bytes, and when to deliver them.
type Delayed = (Instant, Vec<u8>);

fn connect(
    client: TcpStream,
    server: TcpStream,
    round_trip: Duration,
    counted: &Arc<Mutex<RoundTrips>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(counted).tcp += 1;
    let client_was_last = ClientWasLast::default();
    let (one_way, counted, was_last) = (round_trip / 2, Arc::clone(counted), Arc::clone(&client_was_last));
    // The TCP handshake with the proxy took no time. The first bytes of the client are delayed by a round trip more.
    let open = Instant::now() + round_trip;
    pump(client.try_clone()?, server.try_clone()?, move |bytes| {
        if !std::mem::replace(&mut *lock(&was_last), true) {
            let mut counted = lock(&counted);
            *(if is_tls_setup(bytes) { &mut counted.tls } else { &mut counted.rest }) += 1;
        }
        open.max(Instant::now()) + one_way
    });
    pump(server, client, move |_| {
        *lock(&client_was_last) = false;
        Instant::now() + one_way
    });
    Ok(())
}

/// Forwards all bytes in one direction, at the time that `due` returns for them.
fn pump(mut from: TcpStream, to: TcpStream, mut due: impl FnMut(&[u8]) -> Instant + Send + 'static) {
    let (send, receive): (Sender<Delayed>, Receiver<Delayed>) = channel();
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

fn deliver(mut to: TcpStream, delayed: &Receiver<Delayed>) {
    for (due, bytes) in delayed {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A type of TLS records.
const CHANGE_CIPHER_SPEC: u8 = 20;

/// Whether the bytes of a client are an `SSLRequest` or part of a TLS handshake.
fn is_tls_setup(mut bytes: &[u8]) -> bool {
    if bytes == SSL_REQUEST {
        return true;
    }
    loop {
        match bytes {
            [TLS_HANDSHAKE, ..] => return true,
            // Sent for compatibility only. Handshake or data follow.
            [CHANGE_CIPHER_SPEC, _, _, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                bytes = rest.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_handshake_is_told_from_encrypted_data() {
        let change = [20, 3, 3, 0, 1, 1];
        assert!(is_tls_setup(&SSL_REQUEST));
        assert!(is_tls_setup(&[22, 3, 1, 0, 2, 1, 2]));
        assert!(is_tls_setup(&[&change[..], &[22, 3, 3]].concat()));
        assert!(!is_tls_setup(&[&change[..], &[23, 3, 3]].concat()));
        assert!(!is_tls_setup(&[23, 3, 3, 0, 1, 0]));
        assert!(!is_tls_setup(b"\0\0\0\x20\0\x03\0\0user"));
    }

    #[test]
    fn round_trips_are_counted_and_delayed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let delay = Duration::from_millis(20);
        let link = Link::start(listener.local_addr().expect("an address"), delay).expect("a link");
        let start = Instant::now();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).expect("a connection");
        let (mut server, _) = listener.accept().expect("a connection");
        for _ in 0..2 {
            let mut byte = [0];
            client.write_all(b"?").expect("a request");
            server.read_exact(&mut byte).expect("a request");
            server.write_all(b"!").expect("a response");
            client.read_exact(&mut byte).expect("a response");
        }
        assert_eq!(link.round_trips(), RoundTrips { tcp: 1, tls: 0, rest: 2 });
        assert!(start.elapsed() >= delay * 3, "{:?}", start.elapsed());
    }
}
