//! A place where nobody must ever come: URLs that tokens carry point to it.

use std::net::TcpListener;
use std::sync::LazyLock;

/// Never accepts: the system keeps who comes in a queue.
static LISTENER: LazyLock<TcpListener> = LazyLock::new(|| {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    listener
});

/// A URL that would be answered.
pub(crate) fn url(path: &str) -> String {
    format!("http://{}/{path}", LISTENER.local_addr().expect("an address"))
}

/// How many connections were made.
pub(crate) fn visitors() -> usize {
    std::iter::from_fn(|| LISTENER.accept().ok()).count()
}
