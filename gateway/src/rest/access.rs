//! Who may ask. While no identity source is registered, `--dev` lets callers from the loopback interface do all.

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

use super::Shared;
use super::error::Refusal;

pub(super) fn check(shared: &Shared, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refusal> {
    if !shared.dev || !peer.ip().is_loopback() {
        return Err(Refusal::Unauthorized);
    }
    if is_foreign_origin(headers) { Err(Refusal::ForeignOrigin) } else { Ok(()) }
}

/// A page of another site asks in its user's name: no origin is allowed but the hub's own.
fn is_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    authority.is_none() || authority != own
}
