//! Reading messages of PostgreSQL's protocol.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Longer than any startup message. Something that claims to be longer is not the protocol.
const MAX_MESSAGE_SIZE: usize = 10_000;

/// Finds the ends of responses in the messages of a server.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    header: Vec<u8>,
    /// How many bytes of the message after the header are still to come.
    remaining: usize,
}

impl ReplyReader {
    /// How many `ReadyForQuery` messages these bytes complete. One ends each response.
    pub(super) fn count_ready(&mut self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for byte in bytes {
            if self.remaining > 0 {
                self.remaining -= 1;
            } else {
                self.header.push(*byte);
                let [_, length @ ..] = self.header.as_slice() else { continue };
                let Ok(length) = <[u8; 4]>::try_from(length) else { continue };
                self.remaining = usize::try_from(u32::from_be_bytes(length)).unwrap_or(0).saturating_sub(4);
            }
            if self.remaining == 0 && self.header.len() == 5 {
                found += usize::from(self.header.first() == Some(&b'Z'));
                self.header.clear();
            }
        }
        found
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
    fn ends_of_responses_are_found_in_chunks_of_any_size() {
        let response = [&b"C\0\0\0\x0dINSERT 0\0Z\0\0\0\x05I"[..], b"1\0\0\0\x04Z\0\0\0\x05T"].concat();
        for size in 1..=response.len() {
            let mut reader = ReplyReader::default();
            assert_eq!(response.chunks(size).map(|chunk| reader.count_ready(chunk)).sum::<usize>(), 2, "{size}");
        }
    }
}
