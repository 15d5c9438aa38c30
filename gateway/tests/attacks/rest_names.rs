//! DNS rebinding, and names longer than anything has.

use ordo_client::rest::request;
use ordo_testkit::hub::*;

/// The status of a request whose Host is given as it is.
fn status(rig: &Rig, target: &str, host: &str, headers: &str) -> u16 {
    let head = format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n");
    let answer = crate::rest_connections::exchanged(rig, head.as_bytes());
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

const UPGRADE: &str =
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn a_name_that_resolves_here_is_no_name_of_the_hubs() {
    let rig = Rig::start_with(|config| config.access_hosts = vec!["hub.example".into()]);
    for target in ["/balance", "/diagnostics/ping", "/diagnostics/health", "/streaming", "/audit/latest"] {
        let refused = ["Host: evil.example\r\n", "Host: evil.example:8700\r\nOrigin: http://evil.example:8700\r\n", ""];
        for host in refused {
            assert_eq!(status(&rig, target, host, UPGRADE), 403, "{target} {host}");
        }
        for host in ["Host: localhost\r\n", "Host: 127.0.0.1:9\r\n", "Host: hub.example\r\n"] {
            assert_ne!(status(&rig, target, host, ""), 403, "{target} {host}");
        }
    }
}

#[test]
fn a_hub_that_asks_for_tokens_goes_by_any_name() {
    let rig = Rig::start_with(|config| config.dev = false);
    assert_eq!(status(&rig, "/diagnostics/health", "Host: hub.example\r\n", ""), 200);
    assert_eq!(status(&rig, "/balance", "Host: hub.example\r\n", ""), 401);
}

#[test]
fn a_path_with_a_longer_name_than_anything_has_is_404() {
    let rig = Rig::start();
    let (long, encoded) = ("x".repeat(257), "%41".repeat(257));
    for (method, target) in [
        ("GET", format!("/balance/for/{long}")),
        ("GET", format!("/order/for/XS/A/{encoded}")),
        ("DELETE", format!("/owner/byid/{long}")),
        ("PATCH", format!("/account/byid/XS/{long}?newAccount=B")),
        ("DELETE", format!("/exchange/byid/{encoded}")),
    ] {
        assert_eq!(
            request(rig.addr(), method, &target, &[], None).expect("an answer").status,
            404,
            "{method} {target}"
        );
    }
    assert_eq!(rig.get(&format!("/balance/for/{}", "%41".repeat(256))).text(), "[]");
}
