//! A server that the function must never call. URLs in tokens and keys point to it.

use std::net::TcpListener;
use std::sync::LazyLock;

/// Nothing accepts the connections, so they wait in the backlog of the listener.
static LISTENER: LazyLock<TcpListener> = LazyLock::new(|| {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    listener
});

/// A URL of this server.
pub(crate) fn url(path: &str) -> String {
    format!("http://{}/{path}", LISTENER.local_addr().expect("an address"))
}

/// How many connections were opened.
pub(crate) fn connections() -> usize {
    std::iter::from_fn(|| LISTENER.accept().ok()).count()
}
