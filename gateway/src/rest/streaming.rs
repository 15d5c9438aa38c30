//! `GET /streaming`: the WebSocket upgrade. The socket is then handed to the receiver.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use ordo_core::subscription::Caller;
use tungstenite::handshake::derive_accept_key;

use super::error::Refusal;
use super::parameters::header_flag;
use super::socket::Socket;
use super::{Place, Shared, connection};
use crate::wiring::ingress::NewConnection;

pub(super) async fn upgrade(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Extension(place): Extension<Place>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let is_upgrade = has_token(headers, CONNECTION, "upgrade") && has_token(headers, UPGRADE, "websocket");
    let is_known_version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_upgrade && is_known_version) else {
        return Refusal::bad("/streaming takes a WebSocket upgrade, version 13").into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let compact = header_flag(headers, "X-OMS-Compact");
    let Some(upgrading) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Refusal::bad("/streaming takes an upgrade over HTTP/1.1").into_response();
    };
    if shared.ingress.connections.is_full() || shared.progress.is_stopping() {
        return Refusal::Unavailable.into_response();
    }
    tokio::spawn(async move {
        if let Err(error) = hand_over(upgrading, &shared, (compact, caller, place)).await {
            tracing::warn!(%error, "a connection was lost while it was upgraded");
        }
    });
    let headers = [(CONNECTION, "Upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, accept.as_str())];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn hand_over(
    upgrading: OnUpgrade,
    shared: &Shared,
    (compact, caller, place): (bool, Caller, Place),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let upgraded = upgrading.await?;
    let parts = downcast::<TokioIo<Socket>>(upgraded).map_err(|_| "not a plain TCP connection")?;
    let stream = parts.io.into_inner().into_stream().into_std()?;
    connection::hold_back_as_usual(&stream);
    let already_read = parts.read_buf.to_vec();
    let new = NewConnection { stream, already_read, compact, caller, place };
    shared.ingress.connections.try_send(new).map_err(|_| "the receiver takes no more")?;
    Ok(())
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}
