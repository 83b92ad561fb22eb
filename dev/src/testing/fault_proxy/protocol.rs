//! Reading messages of PostgreSQL's protocol.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Longer than any startup message. Something that claims to be longer is not the protocol.
const MAX_MESSAGE_SIZE: usize = 10_000;

/// Finds the messages in what one side sends.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    /// The beginning of a message that is not complete.
    pending: Vec<u8>,
}

impl MessageReader {
    /// The messages that these bytes complete, each with its kind and its content.
    pub(super) fn messages(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.pending.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some((kind, rest)) = self.pending.split_first()
            && let Some(length) = rest.first_chunk()
            && let Some(content) = rest.get(4..usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
        {
            let length = 5 + content.len();
            messages.push((*kind, content.to_vec()));
            self.pending.drain(..length);
        }
        messages
    }
}

/// Reads a message without a type, as they are before the client is signed in. Returns it with its length.
pub(super) async fn read_untyped_message(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    client.read_exact(&mut message).await?;
    let length = <[u8; 4]>::try_from(message.as_slice()).map(u32::from_be_bytes).unwrap_or(0);
    let length = usize::try_from(length).unwrap_or(0).clamp(4, MAX_MESSAGE_SIZE);
    message.resize(length, 0);
    client.read_exact(&mut message[4..]).await?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_chunks_of_any_size() {
        let response = [&b"C\0\0\0\x0dINSERT 0\0Z\0\0\0\x05I"[..], b"1\0\0\0\x04Z\0\0\0\x05T"].concat();
        for size in 1..=response.len() {
            let mut reader = MessageReader::default();
            let messages: Vec<_> = response.chunks(size).flat_map(|chunk| reader.messages(chunk)).collect();
            let expected = [(b'C', &b"INSERT 0\0"[..]), (b'Z', b"I"), (b'1', b""), (b'Z', b"T")];
            assert_eq!(messages, expected.map(|(kind, content)| (kind, content.to_vec())), "{size}");
        }
    }
}
