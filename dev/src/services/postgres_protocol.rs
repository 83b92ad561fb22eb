//! The few messages of PostgreSQL's protocol that proxies recognize.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

/// The message with which a client asks for TLS, with its length.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The message with which a client closes a connection, with its length.
pub(crate) const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
/// The kinds of a client's messages that prepare and execute a statement, and that end a request.
pub(crate) const PARSE: u8 = b'P';
pub(crate) const EXECUTE: u8 = b'E';
pub(crate) const SIMPLE_QUERY: u8 = b'Q';
pub(crate) const SYNC: u8 = b'S';
/// The kinds of a server's messages that tell that an execution failed, and that the response ends.
pub(crate) const ERROR: u8 = b'E';
pub(crate) const READY_FOR_QUERY: u8 = b'Z';
/// The first byte of a TLS handshake record.
pub(crate) const TLS_HANDSHAKE: u8 = 22;
