//! Access: while no identity source is registered, `--dev` admits callers from the loopback interface, who may do
//! everything.
//!
//! A page of another site must not use such a caller's browser: neither from its own origin, nor by a name that it has
//! made resolve to this machine (DNS rebinding). So every name by which a request addresses the hub must be one of a
//! loopback address, or one that `access.hosts` lists.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri};
use ordo_core::subscription::Caller;

use super::Shared;
use super::error::Refusal;

/// Names and origins that are let through beside the loopback ones.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) hosts: Vec<String>,
    pub(crate) origins: Vec<String>,
}

/// Who a request is from, on routes that need a token.
///
/// # Errors
/// The refusal that it is answered with.
pub(super) fn check(shared: &Shared, peer: SocketAddr, (headers, uri): (&HeaderMap, &Uri)) -> Result<Caller, Refusal> {
    if !shared.dev || !peer.ip().is_loopback() {
        return Err(Refusal::Unauthorized);
    }
    check_names(shared, (headers, uri)).map(|()| Caller::SYSTEM)
}

/// Whether a request may be answered by its Host and Origin, on every route, where callers need no token.
pub(super) fn check_names(shared: &Shared, (headers, uri): (&HeaderMap, &Uri)) -> Result<(), Refusal> {
    let is_let_through = !shared.dev || (shared.names.is_ours(headers, uri) && !shared.names.is_foreign(headers));
    if is_let_through { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

impl Names {
    /// HTTP/2 names the host in the request's address, as HTTP/1.1 may: what is given twice must be ours twice.
    fn is_ours(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let given = headers.get_all(HOST).iter().map(|host| authority(host.to_str().ok()?));
        let mut given = given.chain(uri.authority().map(|authority| Some(authority.clone()))).peekable();
        given.peek().is_some() && given.all(|host| host.is_some_and(|host| self.is_known(&host)))
    }

    fn is_known(&self, host: &Authority) -> bool {
        is_loopback(host.host())
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host.host()) || known.eq_ignore_ascii_case(host.as_str()))
    }

    /// Whether a page asks that is not listed; the hub's own address is no exception.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let is_listed = |origin: &HeaderValue| self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
        headers.get_all(ORIGIN).iter().any(|origin| !is_listed(origin))
    }
}

fn authority(host: &str) -> Option<Authority> {
    host.trim().parse().ok()
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || address.parse().is_ok_and(|it: IpAddr| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(hosts: &[&str], uri: &str) -> bool {
        let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_str(host).unwrap())).collect();
        let names = Names { hosts: vec!["hub.example".into(), "other:81".into()], origins: vec![] };
        names.is_ours(&headers, &uri.parse().unwrap())
    }

    #[test]
    fn a_host_is_a_loopback_name_or_one_that_is_listed() {
        for host in
            ["localhost", "LOCALHOST:8700", "localhost.", "a.localhost", "127.0.0.1:8700", "127.8.9.1", "[::1]:80"]
        {
            assert!(is_ours(&[host], "/balance"), "{host}");
        }
        for host in ["hub.example", "Hub.Example:99", "other:81"] {
            assert!(is_ours(&[host], "/balance"), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8700",
            "other",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "0.0.0.0",
            "a b",
        ] {
            assert!(!is_ours(&[host], "/balance"), "{host}");
        }
    }

    #[test]
    fn every_name_that_is_given_counts() {
        assert!(!is_ours(&[], "/balance"), "none is given");
        assert!(is_ours(&[], "http://localhost:1/balance"));
        assert!(!is_ours(&["localhost"], "http://evil.example/balance"));
        assert!(!is_ours(&["localhost", "evil.example"], "/balance"));
    }
}
