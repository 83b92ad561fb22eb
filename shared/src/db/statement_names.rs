//! Names of prepared statements that mean the same statement to every client.
//!
//! The driver numbers its statements: `s0`, `s1`. A connection pooler that does not track prepared statements may send an
//! execution to a server on which another client has prepared another statement under that name, and the server would
//! execute that one. So the stream under the driver replaces each name by a hash of the statement: the worst that can
//! happen is that the statement does not exist there, or exists already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use postgres_native_tls::TlsStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{self, ChannelBinding};
use xxhash_rust::xxh3::xxh3_128;

use super::socket::CountingStream;

/// A stream to a server that replaces the names of prepared statements in the messages that are written to it.
pub(super) struct NamingStream<S> {
    stream: S,
    names: StatementNames,
    /// The beginning of a message that the driver has not yet written to its end.
    incoming: BytesMut,
    /// The messages that are not yet written to the stream.
    outgoing: BytesMut,
}

impl<S> NamingStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, names: StatementNames::default(), incoming: BytesMut::new(), outgoing: BytesMut::new() }
    }
}

impl<S: AsyncWrite + Unpin> NamingStream<S> {
    fn poll_write_outgoing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.outgoing))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for NamingStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_write_outgoing(context))?;
        let Self { names, incoming, outgoing, .. } = &mut *self;
        incoming.extend_from_slice(bytes);
        while let Some(length) = message_length(incoming) {
            names.rename(&incoming.split_to(length), outgoing);
        }
        // What cannot be written now is written by `poll_flush`, which the driver calls after it has written.
        if let Poll::Ready(Err(error)) = self.poll_write_outgoing(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_outgoing(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_outgoing(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for NamingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl tls::TlsStream for NamingStream<TlsStream<CountingStream>> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// The length of the first message with its header, if it is complete.
///
/// A message is a byte for its kind and its length in four bytes, which does not count the first byte. The messages before
/// the sign-in have only a length, whose first byte is zero.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let kind_bytes = usize::from(*bytes.first()? != 0);
    let length = bytes.get(kind_bytes..)?.first_chunk()?;
    let length = kind_bytes + usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (length <= bytes.len()).then_some(length)
}

/// The names of the driver's statements on one connection.
#[derive(Debug, Default)]
struct StatementNames {
    /// The names that the driver gave, with those that the server knows.
    names: Vec<(Box<[u8]>, String)>,
}

/// The messages of the protocol that name a statement.
const PARSE: u8 = b'P';
const BIND: u8 = b'B';
const DESCRIBE: u8 = b'D';
const CLOSE: u8 = b'C';
/// What [`DESCRIBE`] and [`CLOSE`] are about, if not about a portal.
const STATEMENT: u8 = b'S';
/// The size of the kind of a message.
const KIND: usize = 1;
/// The size of the kind and the length.
const HEADER: usize = 5;

impl StatementNames {
    /// Appends the message to `outgoing`, with the name of its statement replaced.
    fn rename(&mut self, message: &[u8], outgoing: &mut BytesMut) {
        match self.renamed(message) {
            None => outgoing.extend_from_slice(message),
            Some((before, name, after)) => {
                let length = before.len() - KIND + name.len() + after.len();
                outgoing.put_slice(&before[..KIND]);
                outgoing.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
                outgoing.put_slice(&before[HEADER..]);
                outgoing.put_slice(name.as_bytes());
                outgoing.put_slice(after);
            }
        }
    }

    /// The message before and after the name of its statement, and the name that replaces it. `None` if it names none.
    fn renamed<'a>(&mut self, message: &'a [u8]) -> Option<(&'a [u8], String, &'a [u8])> {
        let kind = *message.first()?;
        let start = match kind {
            PARSE => HEADER,
            // The name of the portal comes first.
            BIND => HEADER + zero_terminated(message.get(HEADER..)?)?.len() + 1,
            DESCRIBE | CLOSE if *message.get(HEADER)? == STATEMENT => HEADER + 1,
            _ => return None,
        };
        let (before, rest) = message.split_at_checked(start)?;
        let given = zero_terminated(rest).filter(|given| !given.is_empty())?;
        let after = &rest[given.len()..];
        if kind == PARSE {
            let sql = zero_terminated(&after[1..])?;
            let name = format!("tasks_api_{:032x}", xxh3_128(sql));
            self.names.push((given.into(), name.clone()));
            return Some((before, name, after));
        }
        let index = self.names.iter().position(|(known, _)| **known == *given)?;
        let name = if kind == CLOSE { self.names.swap_remove(index).1 } else { self.names[index].1.clone() };
        Some((before, name, after))
    }
}

/// The bytes before the first zero.
fn zero_terminated(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|byte| *byte == 0).next().filter(|text| text.len() < bytes.len())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn message(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 4).expect("a short message");
        [&[kind], &length.to_be_bytes()[..], content].concat()
    }

    /// What the server gets if the driver writes in pieces of this length.
    async fn received(written: &[u8], piece: usize) -> Vec<u8> {
        let mut stream = NamingStream::new(io::Cursor::new(Vec::new()));
        for piece in written.chunks(piece) {
            stream.write_all(piece).await.expect("write");
        }
        stream.flush().await.expect("flush");
        stream.stream.into_inner()
    }

    #[tokio::test]
    async fn statements_are_named_by_their_text() {
        let startup = [&12_u32.to_be_bytes()[..], b"\0\x03\0\0user"].concat();
        let unnamed = message(b'P', b"\0select 1\0\0\0");
        let sync = message(b'S', b"");
        let name = format!("tasks_api_{:032x}", xxh3_128(b"select $1"));
        let messages = |name: &str| {
            [
                startup.clone(),
                unnamed.clone(),
                message(b'P', format!("{name}\0select $1\0\0\0").as_bytes()),
                message(b'D', format!("S{name}\0").as_bytes()),
                sync.clone(),
                message(b'B', format!("portal\0{name}\0\0\x01s7").as_bytes()),
                message(b'D', b"Pportal\0"),
                message(b'C', format!("S{name}\0").as_bytes()),
                message(b'C', b"Ss9\0"),
            ]
            .concat()
        };
        let (written, expected) = (messages("s7"), messages(&name));
        for piece in [1, 3, 7, written.len()] {
            assert_eq!(received(&written, piece).await, expected, "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn malformed_messages_are_passed_on() {
        for content in [&b""[..], b"s1", b"s1\0select", b"\0", b"S"] {
            for kind in *b"PBDC" {
                let message = message(kind, content);
                assert_eq!(received(&message, 4).await, message, "{} {content:?}", char::from(kind));
            }
        }
    }
}
