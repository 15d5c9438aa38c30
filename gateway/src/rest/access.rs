//! Access: while no identity source is registered, `--dev` admits callers from the loopback interface, who may do
//! everything.

use std::net::SocketAddr;

use hyper::header::{HOST, ORIGIN};
use hyper::{HeaderMap, Uri};
use ordo_core::subscription::Caller;

use super::Shared;
use super::error::Refusal;

/// Who a request is from.
///
/// # Errors
/// The refusal that it is answered with.
pub(super) fn check(shared: &Shared, peer: SocketAddr, (headers, uri): (&HeaderMap, &Uri)) -> Result<Caller, Refusal> {
    if !shared.dev || !peer.ip().is_loopback() {
        return Err(Refusal::Unauthorized);
    }
    if is_foreign_origin(headers, uri) { Err(Refusal::ForeignOrigin) } else { Ok(Caller::SYSTEM) }
}

/// Whether a page of another site sends the request in its user's name: only the hub's own origin is allowed.
fn is_foreign_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    // HTTP/2 names the host in the request's authority.
    let own = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.authority().map(|it| it.as_str()));
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    authority.is_none() || authority != own
}
