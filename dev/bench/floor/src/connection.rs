//! A connection to PostgreSQL that can execute one prepared statement.
//!
//! It blocks the thread, which costs less than waiting for the socket with tokio. An instance has one request at a time.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use bytes::{Buf as _, BytesMut};
use fallible_iterator::FallibleIterator as _;
use lambda_http::Error;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::{backend, frontend};

/// The name of the prepared statement.
const STATEMENT: &str = "s";
/// The format of the columns that the server sends, which costs it the least.
const BINARY: i16 = 1;
/// The types of messages from the server.
const ERROR: u8 = b'E';
const READY: u8 = b'Z';
/// The type of a message takes one byte. The length after it does not include it.
const TYPE: usize = 1;

pub(crate) struct Connection {
    stream: TcpStream,
    sent: BytesMut,
    received: BytesMut,
    chunk: Vec<u8>,
}

/// What is needed of `postgres://user:password@host:port/database?…`.
struct Address<'a> {
    user: &'a str,
    password: &'a str,
    host_and_port: &'a str,
    database: &'a str,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (account, place) = url.split_once("://")?.1.split_once('@')?;
        let (user, password) = account.split_once(':')?;
        let (host_and_port, database) = place.split_once('/')?;
        Some(Self { user, password, host_and_port, database: database.split('?').next()? })
    }
}

impl Connection {
    /// Connects without TLS and signs in with SCRAM.
    pub(crate) fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url).ok_or("DATABASE_URL is not complete")?;
        let stream = TcpStream::connect(address.host_and_port)?;
        stream.set_nodelay(true)?;
        let (sent, received, chunk) = (BytesMut::new(), BytesMut::new(), vec![0; 16 * 1024]);
        let mut connection = Self { stream, sent, received, chunk };
        let parameters = [("user", address.user), ("database", address.database), ("client_encoding", "UTF8")];
        frontend::startup_message(parameters, &mut connection.sent)?;
        let mut scram = ScramSha256::new(address.password.as_bytes(), ChannelBinding::unsupported());
        loop {
            connection.flush()?;
            match connection.message()? {
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
    pub(crate) fn prepare(&mut self, statement: &str) -> Result<(), Error> {
        frontend::parse(STATEMENT, statement, [], &mut self.sent)?;
        frontend::sync(&mut self.sent);
        self.flush()?;
        self.read_until_ready()
    }

    /// Executes the statement in one round trip, with parameters as text.
    pub(crate) fn execute(&mut self, parameters: &[&str]) -> Result<(), Error> {
        let write = |parameter: &&str, buffer: &mut BytesMut| {
            buffer.extend_from_slice(parameter.as_bytes());
            Ok(IsNull::No)
        };
        frontend::bind("", STATEMENT, [], parameters, write, [BINARY], &mut self.sent)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        frontend::execute("", 0, &mut self.sent)?;
        frontend::sync(&mut self.sent);
        self.flush()?;
        self.read_until_ready()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.sent)?;
        self.sent.clear();
        Ok(())
    }

    /// The next message, for the sign-in.
    fn message(&mut self) -> io::Result<backend::Message> {
        loop {
            if let Some(message) = backend::Message::parse(&mut self.received)? {
                return Ok(message);
            }
            self.read()?;
        }
    }

    /// Reads until the server is ready, and skips the rows.
    fn read_until_ready(&mut self) -> Result<(), Error> {
        loop {
            while let [kind, a, b, c, d, ..] = *self.received {
                let end = TYPE + usize::try_from(u32::from_be_bytes([a, b, c, d]))?;
                let Some(message) = self.received.get(..end) else { break };
                if kind == ERROR {
                    return Err(String::from_utf8_lossy(message).into_owned().into());
                }
                self.received.advance(end);
                if kind == READY {
                    return Ok(());
                }
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> io::Result<()> {
        match self.stream.read(&mut self.chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.received.extend_from_slice(self.chunk.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }
}
