//! A connection to PostgreSQL that can execute one prepared statement.

use std::io;

use bytes::{Buf as _, BytesMut};
use fallible_iterator::FallibleIterator as _;
use lambda_http::Error;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::{backend, frontend};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The name of the prepared statement.
const STATEMENT: &str = "s";
/// The types of messages from the server.
const DATA_ROW: u8 = b'D';
const ERROR: u8 = b'E';
const READY: u8 = b'Z';
/// A type and a length.
const HEAD: usize = 5;

pub(crate) struct Connection {
    stream: TcpStream,
    sent: BytesMut,
    received: BytesMut,
}

/// What is needed of `postgres://user:password@host:port/database?…`.
struct Address<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    database: &'a str,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (account, place) = url.split_once("://")?.1.split_once('@')?;
        let (user, password) = account.split_once(':')?;
        let (host, database) = place.split_once('/')?;
        Some(Self { user, password, host, database: database.split('?').next()? })
    }
}

impl Connection {
    /// Connects without TLS and signs in with SCRAM.
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url).ok_or("DATABASE_URL is not complete")?;
        let stream = TcpStream::connect(address.host).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, sent: BytesMut::new(), received: BytesMut::with_capacity(32 * 1024) };
        let parameters = [("user", address.user), ("database", address.database), ("client_encoding", "UTF8")];
        frontend::startup_message(parameters, &mut connection.sent)?;
        let mut scram = ScramSha256::new(address.password.as_bytes(), ChannelBinding::unsupported());
        loop {
            connection.flush().await?;
            match connection.message().await? {
                backend::Message::AuthenticationSasl(body) => {
                    if !body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256))? {
                        return Err("the server offers no SCRAM-SHA-256".into());
                    }
                    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut connection.sent)?;
                }
                backend::Message::AuthenticationSaslContinue(body) => {
                    scram.update(body.data())?;
                    frontend::sasl_response(scram.message(), &mut connection.sent)?;
                }
                backend::Message::AuthenticationSaslFinal(body) => scram.finish(body.data())?,
                backend::Message::ReadyForQuery(_) => return Ok(connection),
                backend::Message::ErrorResponse(_) => return Err("the server refuses the connection".into()),
                _ => {}
            }
        }
    }

    /// Prepares the statement. The server infers the types of its parameters, which are sent as text.
    pub(crate) async fn prepare(&mut self, statement: &str) -> Result<(), Error> {
        frontend::parse(STATEMENT, statement, [], &mut self.sent)?;
        frontend::sync(&mut self.sent);
        self.flush().await?;
        self.rows().await?;
        Ok(())
    }

    /// Executes the statement in one round trip. Returns its rows in the format of the protocol, with columns as text.
    pub(crate) async fn execute(&mut self, parameters: &[&str]) -> Result<Vec<u8>, Error> {
        let write = |parameter: &&str, buffer: &mut BytesMut| {
            buffer.extend_from_slice(parameter.as_bytes());
            Ok(IsNull::No)
        };
        frontend::bind("", STATEMENT, [], parameters, write, [], &mut self.sent)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        frontend::execute("", 0, &mut self.sent)?;
        frontend::sync(&mut self.sent);
        self.flush().await?;
        self.rows().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.sent).await?;
        self.sent.clear();
        Ok(())
    }

    /// The next message, for the sign-in.
    async fn message(&mut self) -> io::Result<backend::Message> {
        loop {
            if let Some(message) = backend::Message::parse(&mut self.received)? {
                return Ok(message);
            }
            self.read().await?;
        }
    }

    /// Reads until the server is ready, and keeps the rows.
    async fn rows(&mut self) -> Result<Vec<u8>, Error> {
        let mut rows = Vec::new();
        loop {
            while let [kind, a, b, c, d, ..] = *self.received {
                let end = HEAD - 4 + usize::try_from(u32::from_be_bytes([a, b, c, d]))?;
                let Some(message) = self.received.get(..end) else { break };
                match kind {
                    DATA_ROW => rows.extend_from_slice(message.get(HEAD..).unwrap_or_default()),
                    ERROR => return Err(String::from_utf8_lossy(message).into_owned().into()),
                    _ => {}
                }
                self.received.advance(end);
                if kind == READY {
                    return Ok(rows);
                }
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
