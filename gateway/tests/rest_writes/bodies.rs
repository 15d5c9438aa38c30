//! Bodies and forms: what is read, what is refused and how.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::sending::*;
use ordo_testkit::hub::*;

#[test]
fn a_body_that_cannot_be_read_is_400_and_says_where() {
    let rig = Rig::start();
    for (body, code) in [
        ("{", "400 Data"),
        ("[]", "400 Data.Deserialise CashTransferRequest"),
        ("\u{feff}{", "400 Data"),
        (r#"{"Transfer":{"Valeu":1}}"#, "400 Data.Deserialise Transfer.Valeu"),
        (r#"{"Transfer":{"Settlement":"Soon"}}"#, "400 Data.Deserialise Transfer.Settlement"),
        (r#"{"Transfer":{"Value":true}}"#, "400 Data.Deserialise Transfer.Value"),
        (r#"{"Transaction":{"Timestamp":"yesterday"}}"#, "400 Data.Deserialise Transaction.Timestamp"),
    ] {
        assert_eq!(post(&rig, "/balance", body), code, "{body}");
    }
    assert_eq!(
        post(&rig, "/balance/bulk", &format!("[{},{{\"a\":1}}]", cash_json("A", "1"))),
        "400 Data.Deserialise 1.a"
    );
    assert_eq!(told(&send(&rig, "POST", "/balance", &[JSON], &[0xff, 0xfe])), "400 Data");
    for binary in [&b"\x0a\xff"[..], &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], &b"\x0a\x03\x0a\x01\xff"[..]]
    {
        assert_eq!(told(&send(&rig, "POST", "/balance", &[PROTOBUF], binary)), "400 Data", "{binary:?}");
    }
    assert_eq!(oms_position(&rig), 0);
}

#[test]
fn a_byte_order_mark_before_json_is_skipped() {
    let rig = Rig::start();
    let marked = |json: &str| format!("\u{feff}{json}");
    assert_eq!(post(&rig, "/balance", &marked(&cash_json("A", "1"))), "204");
    assert_eq!(post(&rig, "/balance/bulk", &marked(&format!("[{}]", cash_json("A", "1")))), "204");
    assert_eq!(balance(&rig, "A"), "2 0");
    assert_eq!(post(&rig, "/balance", &marked("")), "422 Details");
    assert_eq!(told(&send(&rig, "POST", "/account/byids", &[JSON], marked("[]").as_bytes())), "200");
}

#[test]
fn a_lenient_client_may_say_what_nobody_knows() {
    let rig = Rig::start();
    let body = cash_json("A", "1").replacen('{', r#"{"Colour":"blue","#, 1);
    assert_eq!(post(&rig, "/balance", &body), "400 Data.Deserialise Colour");
    assert_eq!(told(&send(&rig, "POST", "/balance", &[JSON, LENIENT], body.as_bytes())), "204");
    assert_eq!(balance(&rig, "A"), "1 0");
}

#[test]
fn a_body_is_json_or_binary_and_json_where_it_says_nothing() {
    let rig = Rig::start();
    let body = cash_json("A", "1");
    for kind in ["application/json", "Application/JSON; charset=utf-8", ""] {
        assert_eq!(told(&send(&rig, "POST", "/balance", &[("Content-Type", kind)], body.as_bytes())), "204", "{kind}");
    }
    assert_eq!(told(&send(&rig, "POST", "/balance", &[], body.as_bytes())), "204");
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp"] {
        assert_eq!(told(&send(&rig, "POST", "/balance", &[("Content-Type", kind)], body.as_bytes())), "415", "{kind}");
    }
    assert_eq!(balance(&rig, "A"), "4 0");
    assert_eq!(told(&send(&rig, "POST", "/account/byids", &[PROTOBUF], b"")), "415", "texts have no binary form");
}

#[test]
fn a_write_whose_answer_would_not_be_accepted_is_406_and_not_made() {
    let rig = Rig::start();
    let headers = [JSON, ("Accept", "text/html")];
    assert_eq!(told(&send(&rig, "POST", "/balance", &headers, cash_json("A", "1").as_bytes())), "406");
    assert_eq!(rig.get("/balance").text(), "[]");
}

#[test]
fn a_body_that_is_too_large_is_413() {
    let rig = Rig::start();
    // Larger than one frame of the journal takes.
    let long = cash_json(&"A".repeat(300 << 10), "1");
    assert_eq!(post(&rig, "/balance", &long), "413");
    // Larger than is read at all: said before it is sent.
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = format!("POST /balance HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", 17 << 20);
    stream.write_all(head.as_bytes()).expect("it is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(oms_position(&rig), 0);
}

#[test]
fn a_known_path_with_another_method_is_405_and_says_which() {
    let rig = Rig::start();
    for (method, target, allow) in [
        ("DELETE", "/balance", "GET,HEAD,POST"),
        ("GET", "/balance/bulk", "POST"),
        ("GET", "/balance/settle", "POST"),
        ("PUT", "/holding/bulk", "POST"),
        ("POST", "/order", "GET,HEAD"),
        ("DELETE", "/order/for/XS/A/1", "GET,HEAD,PATCH"),
        ("PUT", "/owner/byid/XS", "GET,HEAD,PATCH,DELETE"),
        ("POST", "/account/byid/XS/A", "GET,HEAD,PATCH,DELETE"),
        ("DELETE", "/status/request", "GET,HEAD,POST"),
        ("DELETE", "/identity/current", "GET,HEAD"),
        ("GET", "/transform/rename/account", "PATCH,POST"),
    ] {
        let answer = ask(&rig, method, target);
        let mut allowed: Vec<&str> = answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
        let mut expected: Vec<&str> = allow.split(',').collect();
        allowed.sort_unstable();
        expected.sort_unstable();
        assert_eq!((answer.status, allowed), (405, expected), "{method} {target}");
    }
    for target in ["/balance/settle/1", "/owner/byid", "/identity/source/bycode", "/transform/rename/owner", "/status"]
    {
        assert_eq!(ask(&rig, "POST", target).status, 404, "{target}");
    }
}

#[test]
fn nobody_writes_without_leave() {
    let rig = Rig::start_with(|config| config.dev = false);
    for (method, target) in [
        ("POST", "/balance"),
        ("POST", "/balance/bulk"),
        ("POST", "/balance/settle?id=1"),
        ("POST", "/owner"),
        ("DELETE", "/owner/byid/XS?force=true"),
        ("PATCH", "/order/for/XS/A/1"),
        ("POST", "/identity"),
        ("GET", "/identity/current"),
        ("POST", "/transform/rename/currency?code=A&newCode=B"),
    ] {
        let answer = send(&rig, method, target, &[JSON], cash_json("A", "1").as_bytes());
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{method} {target}");
    }
    let rig = Rig::start();
    let headers = [JSON, ("Origin", "http://evil.example")];
    assert_eq!(send(&rig, "POST", "/balance", &headers, cash_json("A", "1").as_bytes()).status, 403);
    assert_eq!(rig.get("/balance").text(), "[]");
}
