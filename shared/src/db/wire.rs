//! The socket under the driver, and what the driver does not tell of it: how much was sent, whether the other side
//! has closed it, and whether anybody there still listens.

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

/// A connected socket that counts what it sends.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    sent: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A second handle of the socket, for looking at it while the driver has it.
#[derive(Debug)]
pub(super) struct Probe {
    socket: Socket,
    sent: Arc<AtomicU64>,
    is_tcp: bool,
}

/// What lies unread in a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Nothing,
    Something,
    /// The end of the stream, or an error: nothing will follow.
    End,
}

/// A backstop below the watch on unacknowledged data: the kernel gives the path up by itself.
const USER_TIMEOUT: Duration = Duration::from_millis(1500);
/// Idle connections are asked now and then, so that what is between does not forget them while the function runs.
const KEEPALIVE: Duration = Duration::from_secs(60);

impl Wire {
    pub(super) fn tcp(stream: TcpStream) -> io::Result<(Self, Probe)> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        let probe = Probe { socket: socket.try_clone()?, sent: Arc::default(), is_tcp: true };
        Ok((Self { stream: Stream::Tcp(stream), sent: Arc::clone(&probe.sent) }, probe))
    }

    pub(super) fn unix(stream: UnixStream) -> io::Result<(Self, Probe)> {
        let probe = Probe { socket: SockRef::from(&stream).try_clone()?, sent: Arc::default(), is_tcp: false };
        Ok((Self { stream: Stream::Unix(stream), sent: Arc::clone(&probe.sent) }, probe))
    }
}

impl Probe {
    /// Bytes handed to the kernel since the connection was made.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Looks without taking: no round trip, and nothing of what the driver will read.
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

    /// Whether something was sent, sent again, and is still not acknowledged. A server that is only slow acknowledges.
    pub(super) fn is_unheard(&self) -> bool {
        self.is_tcp && tcp::has_unheard_data(&self.socket)
    }
}

#[cfg(target_os = "linux")]
mod tcp {
    use std::mem;
    use std::os::fd::AsRawFd;

    use socket2::Socket;

    /// `TCP_INFO` is in no safe interface that the driver's own dependencies bring.
    #[allow(unsafe_code, reason = "a system call that fills a plain structure of integers")]
    pub(super) fn has_unheard_data(socket: &Socket) -> bool {
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
    /// Elsewhere the time limits alone find a dead path; functions run on Linux.
    pub(super) fn has_unheard_data(_: &socket2::Socket) -> bool {
        false
    }
}

impl Wire {
    fn stream(self: Pin<&mut Self>) -> &mut Stream {
        &mut self.get_mut().stream
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.stream() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
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
