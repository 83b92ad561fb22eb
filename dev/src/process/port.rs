//! Reserved TCP ports.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpSocket;

/// Binds a port of the loopback interface without listening on it. Connections are refused, the system gives the port
/// to nobody else, and a server that is told the number can still listen on it. With port 0 the system chooses one.
pub(crate) fn reserve_port(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}
