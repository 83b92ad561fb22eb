//! The faults.

use std::time::Duration;

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What happens to the bytes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They are forwarded.
    #[default]
    Pass,
    /// Every chunk is forwarded after this delay.
    Delay(Duration),
    /// Nothing is read or forwarded until the flow changes.
    Stall,
    /// Everything is read and nothing is forwarded.
    Discard,
}

/// How the proxy closes its sockets to the client and to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a TCP FIN.
    Close,
    /// With a TCP RST.
    Reset,
}

/// Closes a connection in the middle of one statement.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The direction that is cut. With [`Direction::ToClient`] the server has executed the whole statement.
    pub direction: Direction,
    /// How many bytes of the direction are still forwarded.
    pub after_bytes: usize,
    /// How the connection is closed then.
    pub end: End,
}

/// What the proxy does with a connection instead of forwarding it to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Accepts the connection and does nothing more.
    Silent,
    /// Closes the connection as soon as the client has sent something.
    End(End),
    /// Agrees to TLS and does nothing more.
    SilentAfterTls,
    /// Refuses TLS, like a server without TLS.
    RefuseTls,
    /// Reads the startup message and does nothing more.
    SilentAfterStartup,
    /// Responds to the startup message with an error.
    Refuse {
        /// The SQLSTATE, such as `28P01`.
        state: String,
        /// The message.
        message: String,
    },
    /// Responds to the startup message with an authentication request and records what the client sends, see
    /// [`FaultProxy::received`](super::FaultProxy::received).
    RequestAuth(AuthRequest),
}

/// How a server may ask a client to authenticate, apart from SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthRequest {
    /// Not at all.
    None,
    /// With the password in clear text.
    CleartextPassword,
    /// With a salted MD5 hash of the password.
    Md5Password,
}
