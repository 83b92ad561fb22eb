//! Scripted connections.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault::{AuthRequest, End, Script};
use super::protocol::read_untyped_message;
use super::state::Shared;
use crate::services::postgres_protocol::SSL_REQUEST;
use crate::sync::lock;

/// Acts as the server of one connection. Returns when it is to be closed.
pub(super) async fn play(script: &Script, client: &mut TcpStream, shared: &Shared) -> End {
    if *script == Script::Silent {
        return wait_until_closed(client).await;
    }
    if let Script::End(end) = script {
        let _ = client.read(&mut [0; 1024]).await;
        return *end;
    }
    let Ok(mut first) = read_untyped_message(client).await else { return End::Close };
    if first == SSL_REQUEST {
        let response: &[u8] = if *script == Script::SilentAfterTls { b"S" } else { b"N" };
        if client.write_all(response).await.is_err() || matches!(script, Script::SilentAfterTls | Script::RefuseTls) {
            return wait_until_closed(client).await;
        }
        let Ok(startup) = read_untyped_message(client).await else { return End::Close };
        first = startup;
    }
    if let Script::RequestAuth(request) = script {
        lock(&shared.received).extend(&first);
        return request_auth(*request, client, shared).await;
    }
    if let Script::Refuse { state, message } = script {
        let mut body = Vec::new();
        for (field, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', state.as_str()), (b'M', message.as_str())] {
            body.push(field);
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
        let message = [&b"E"[..], &length, &body].concat();
        let _ = client.write_all(&message).await;
        return End::Close;
    }
    wait_until_closed(client).await
}

/// Sends an authentication request and records what the client sends.
async fn request_auth(request: AuthRequest, client: &mut TcpStream, shared: &Shared) -> End {
    let message: &[u8] = match request {
        AuthRequest::None => b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        AuthRequest::CleartextPassword => b"R\0\0\0\x08\0\0\0\x03",
        AuthRequest::Md5Password => b"R\0\0\0\x0c\0\0\0\x05salt",
    };
    if client.write_all(message).await.is_err() {
        return End::Close;
    }
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        lock(&shared.received).extend(&buffer[..count]);
    }
    End::Close
}

async fn wait_until_closed(client: &mut TcpStream) -> End {
    let _ = tokio::io::copy(client, &mut tokio::io::sink()).await;
    End::Close
}
