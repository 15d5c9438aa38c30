//! From a TCP connection to a WebSocket: the HTTP upgrade, and what a hub says that refuses it.

use std::net::SocketAddr;
use std::time::Instant;

use tungstenite::WebSocket;
use tungstenite::client::ClientRequestBuilder;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;

use super::limits::MESSAGE_BYTES_MAX;
use super::wire::Wire;
use super::{ClientError, Options};

/// Asks for the upgrade and waits for it, up to the patience.
pub(super) fn upgrade(addr: SocketAddr, wire: Wire, options: &Options) -> Result<WebSocket<Wire>, ClientError> {
    let uri = format!("ws://{addr}/streaming").parse().expect("invariant: an address makes a URI");
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(token) = &options.token {
        request = request.with_header("Authorization", format!("Bearer {token}"));
    }
    if options.is_compact {
        request = request.with_header("X-OMS-Compact", "true");
    }
    // The read buffer is zeroed on every read: small keeps a message cheap.
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let deadline = Instant::now() + options.patience;
    let mut attempt = tungstenite::client::client_with_config(request, wire, Some(config));
    loop {
        match attempt {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => return Err(refusal(addr, error)),
            Err(HandshakeError::Interrupted(mut step)) => {
                if !step.get_mut().get_mut().wait_until(deadline)? {
                    return Err(ClientError::TimedOut { what: "upgrade", after: options.patience });
                }
                attempt = step.handshake();
            }
        }
    }
}

fn refusal(addr: SocketAddr, error: tungstenite::Error) -> ClientError {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(body).into_owned();
            ClientError::Refused { status: response.status().as_u16(), body }
        }
        tungstenite::Error::Io(source) => ClientError::Connect { addr, source },
        other => ClientError::Protocol(other.to_string()),
    }
}
