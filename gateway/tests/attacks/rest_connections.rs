//! Connections that send nothing, or nothing but frames that cost an answer; and too many of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use ordo_client::Form;
use ordo_testkit::hub::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NO_SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

fn opened(rig: &Rig, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(bytes).expect("it is sent");
    stream
}

/// All that comes until the hub ends the connection, be it by a reset.
fn until_ended(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the hub ends it"),
    }
    bytes
}

/// What the hub answers to some bytes, until it ends the connection.
pub(crate) fn exchanged(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    until_ended(opened(rig, bytes))
}

#[test]
fn a_connection_that_does_not_come_to_a_request_is_closed() {
    let rig = Rig::start_with(|config| {
        config.limits_header_ms = 200;
        config.limits_idle_ms = 200;
    });
    let half_preface = &PREFACE[..PREFACE.len() / 2];
    let idle_http_2 = [PREFACE, NO_SETTINGS].concat();
    let begun: [&[u8]; 7] = [
        b"",
        b"P",
        b"GET / HT",
        b"GET /balance HTTP/1.1\r\nHost: localhost\r\nX-",
        half_preface,
        PREFACE,
        &idle_http_2,
    ];
    let streams = begun.map(|bytes| opened(&rig, bytes));
    for stream in streams {
        let answer = until_ended(stream);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_connection_that_has_asked_is_closed_once_it_asks_no_more() {
    let rig = Rig::start_with(|config| {
        config.limits_header_ms = 200;
        config.limits_idle_ms = 200;
    });
    let answer = exchanged(&rig, b"GET /diagnostics/ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"OK"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn floods_of_settings_and_pings_end_the_connection() {
    let rig = Rig::start();
    let ping: &[u8] = b"\0\0\x08\x06\0\0\0\0\012345678";
    for frame in [NO_SETTINGS, ping] {
        let mut stream = opened(&rig, &[PREFACE, NO_SETTINGS].concat());
        // Fails once the hub has ended it.
        let flood = frame.repeat(1000);
        while stream.write_all(&flood).is_ok() {}
    }
    assert_eq!(rig.get("/diagnostics/ping").text(), "OK");
}

#[test]
fn where_there_are_as_many_connections_as_may_be_health_is_answered() {
    let rig = Rig::start_with(|config| config.limits_connections = 2);
    let first = rig.connect(Form::Binary);
    let second = rig.connect(Form::Binary);
    let refused = rig.get("/balance");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!((rig.get("/diagnostics/ping").text(), rig.get("/diagnostics/health").status), ("OK".into(), 200));
    drop(first);
    let deadline = std::time::Instant::now() + PATIENCE;
    while rig.get("/balance").status != 200 {
        assert!(std::time::Instant::now() < deadline, "a place is never given back");
    }
    drop(second);
}
