//! Reserved TCP ports.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpSocket;

/// Binds a port of the loopback interface without listening on it. Connections are refused, the system does not give the
/// port to other processes, and a server can still listen on it if it sets `SO_REUSEADDR`. With port 0 the system chooses
/// one.
///
/// # Errors
/// The port is in use.
pub fn reserve_port(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}
