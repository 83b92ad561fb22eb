//! The few messages of PostgreSQL's protocol that proxies recognize.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

/// The message with which a client asks for TLS, with its length.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The message with which a client closes a connection, with its length.
pub(crate) const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
/// The first byte of a TLS handshake record.
pub(crate) const TLS_HANDSHAKE: u8 = 22;
