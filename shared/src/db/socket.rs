//! The socket under the driver, and what the driver does not report about it: how many bytes were sent, whether the peer
//! has closed it, and whether the peer still acknowledges data.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket that counts the bytes it sends.
#[derive(Debug)]
pub(super) struct CountingStream {
    stream: Stream,
    sent: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A second handle of the socket, to inspect it while the driver owns it.
#[derive(Debug)]
pub(super) struct SocketProbe {
    socket: Socket,
    sent: Arc<AtomicU64>,
    is_tcp: bool,
}

/// What a socket has received and not yet handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Nothing,
    Something,
    /// The end of the stream, or an error.
    End,
}

/// The kernel itself gives up a path on which data stay unacknowledged for this long, also when nothing monitors it.
const USER_TIMEOUT: Duration = Duration::from_millis(1500);
/// Keepalive packets keep NAT gateways from forgetting an idle connection while the function runs.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

impl CountingStream {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<(Self, SocketProbe)> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        let probe = SocketProbe { socket: socket.try_clone()?, sent: Arc::default(), is_tcp: true };
        Ok((Self { stream: Stream::Tcp(stream), sent: Arc::clone(&probe.sent) }, probe))
    }

    pub(super) fn unix(stream: UnixStream) -> io::Result<(Self, SocketProbe)> {
        let probe = SocketProbe { socket: SockRef::from(&stream).try_clone()?, sent: Arc::default(), is_tcp: false };
        Ok((Self { stream: Stream::Unix(stream), sent: Arc::clone(&probe.sent) }, probe))
    }
}

impl SocketProbe {
    /// Bytes handed to the kernel since the connection was made.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Peeks at the receive buffer: no round trip, and no byte is taken from the driver.
    pub(super) fn unread(&self) -> Unread {
        let mut byte = [MaybeUninit::uninit()];
        match self.socket.peek(&mut byte) {
            Ok(0) => Unread::End,
            Ok(_) => Unread::Something,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Unread::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Unread::Something,
            Err(_) => Unread::End,
        }
    }

    /// Whether data were retransmitted and are still unacknowledged. A server that is merely slow acknowledges.
    pub(super) fn has_unacked_data(&self) -> bool {
        self.is_tcp && tcp::has_unacked_data(&self.socket)
    }
}

#[cfg(target_os = "linux")]
mod tcp {
    use std::mem;
    use std::os::fd::AsRawFd;

    use socket2::Socket;

    /// None of the dependencies has a safe interface to `TCP_INFO`.
    #[allow(unsafe_code, reason = "a system call that fills a structure of integers")]
    pub(super) fn has_unacked_data(socket: &Socket) -> bool {
        // SAFETY: `tcp_info` consists of integers, for all of which zero is a value.
        let mut info: libc::tcp_info = unsafe { mem::zeroed() };
        let mut length = libc::socklen_t::try_from(mem::size_of_val(&info)).unwrap_or(0);
        // SAFETY: the pointer and the length describe `info`, the kernel writes no more than that, and the socket is
        // open as long as it is borrowed.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        result == 0 && info.tcpi_unacked > 0 && info.tcpi_retransmits > 0
    }
}

#[cfg(not(target_os = "linux"))]
mod tcp {
    /// Functions run on Linux. On other systems only the timeouts find a dead path.
    pub(super) fn has_unacked_data(_: &socket2::Socket) -> bool {
        false
    }
}

impl CountingStream {
    fn stream(self: Pin<&mut Self>) -> &mut Stream {
        &mut self.get_mut().stream
    }
}

impl AsyncRead for CountingStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for CountingStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match self.as_mut().stream() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(count)) = written {
            self.sent.fetch_add(count as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
