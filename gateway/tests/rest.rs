//! The REST contract of what can be read so far: who may, what is answered, in which form, and how fresh.

#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::TcpStream;

use ordo_client::rest::{Answer, request};
use ordo_client::{ClientError, Connection, Form, messages};
use ordo_core::json::{Delimited, message};
use ordo_core::proto::{CashPosition, OrderState, OrderTradeType, OrderUpdateReason, Side, SubscriptionType};
use ordo_testkit::hub::*;
use prost::Message;

fn get_with(rig: &Rig, target: &str, headers: &[(&str, &str)]) -> Answer {
    request(rig.addr(), "GET", target, headers, None).expect("an answer")
}

#[test]
fn ping_and_health_need_no_token() {
    for dev in [true, false] {
        let rig = Rig::start_with(|config| config.dev = dev);
        let ping = rig.get("/diagnostics/ping");
        assert_eq!((ping.status, &*ping.text()), (200, "OK"));
        assert!(ping.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
        let health = rig.get("/diagnostics/health");
        assert_eq!((health.status, &*health.text()), (200, "Healthy"));
        assert!(health.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
        let durability = health.header("x-oms-durability").expect("how durable");
        // A temporary folder may be in memory.
        assert!(durability == "sync" || durability.starts_with("sync (unproven: "), "{durability}");
        assert!(health.header("x-oms-memory").is_some_and(|memory| memory.ends_with(" of 4294967296 bytes")));
    }
}

#[test]
fn without_dev_nothing_else_is_answered() {
    let rig = Rig::start_with(|config| config.dev = false);
    for target in ["/balance", "/holding", "/order", "/balance/for/XS/A", "/order/for/XS/A/1", "/feed", "/streaming"] {
        for headers in [&[][..], &[("Authorization", "Bearer x.y.z")], &[("Authorization", "Basic eDp5")]] {
            let answer = get_with(&rig, target, headers);
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, Some("Bearer")),
                "{target} {headers:?}"
            );
            assert!(answer.body.is_empty() || !answer.text().contains("XS"));
        }
    }
    let refused = Connection::open(rig.addr(), Form::Binary);
    assert!(matches!(refused, Err(ClientError::Refused { status: 401, .. })), "{refused:?}");
}

#[test]
fn a_page_of_another_site_is_refused() {
    let rig = Rig::start_with(|config| config.access_origins = vec!["https://desk.example".into()]);
    let own = format!("http://{}", rig.addr());
    let other_port = format!("http://{}", std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    for (origin, status) in [
        ("http://evil.example", 403),
        ("https://evil.example:8700", 403),
        ("null", 403),
        ("", 403),
        (&*other_port, 403),
        // A page of the hub's own address is one by its name only: rebinding makes any name its address.
        (&*own, 403),
        ("https://desk.example", 200),
    ] {
        assert_eq!(get_with(&rig, "/balance", &[("Origin", origin)]).status, status, "{origin}");
    }
    let upgrade = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://evil.example"),
    ];
    assert_eq!(get_with(&rig, "/streaming", &upgrade).status, 403);
}

#[test]
fn what_is_not_there_is_404_and_what_cannot_be_done_405() {
    let rig = Rig::start();
    for target in ["/", "/nothing", "/balances", "/balance/for", "/order/for/XS/A/1/2", "/diagnostics", "/order/for/XS"]
    {
        assert_eq!(rig.get(target).status, 404, "{target}");
    }
    assert_eq!(rig.get("/order/for/XS/A").status, 404, "no live record names the account");
    assert_eq!(rig.get("/order/for/XS/A/1").status, 404);
    assert_eq!(rig.get("/order/on/XASX").status, 404);
    assert_eq!(rig.get("/feed/byid/f").status, 404);
    for target in ["/balance/for/XS", "/balance/for/XS/A", "/holding/for/XS", "/holding/for/XS/A", "/balance", "/order"]
    {
        let answer = rig.get(target);
        assert_eq!((answer.status, &*answer.text()), (200, "[]"), "{target}");
    }
    for (method, target) in [
        ("DELETE", "/balance"),
        ("POST", "/balance/for/XS"),
        ("PUT", "/order/for/XS/A/1"),
        ("POST", "/diagnostics/ping"),
        ("DELETE", "/feed/byid/f"),
    ] {
        let answer = request(rig.addr(), method, target, &[], None).expect("an answer");
        assert_eq!(answer.status, 405, "{method} {target}");
    }
}

#[test]
fn streaming_without_an_upgrade_is_400() {
    let rig = Rig::start();
    let answer = rig.get("/streaming");
    assert_eq!(answer.status, 400);
    let problems: Vec<String> = serde_json::from_slice(&answer.body).expect("an array of texts");
    assert_eq!(problems.len(), 2, "a code and a text: {problems:?}");
}

#[test]
fn a_form_that_is_not_there_is_406() {
    let rig = Rig::start();
    for accept in ["text/html", "image/png, text/plain", "application/xml"] {
        assert_eq!(get_with(&rig, "/balance", &[("Accept", accept)]).status, 406, "{accept}");
    }
    for accept in
        ["application/json", "*/*", "application/*", "text/html, */*;q=0.1", "application/json; charset=utf-8"]
    {
        let answer = get_with(&rig, "/balance", &[("Accept", accept)]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{accept}");
    }
}

/// An account that has cash, stock and two orders, one of them done.
fn with_records(rig: &Rig, owner: &str, name: &str) -> FeedLine {
    let (mut line, _) = FeedLine::open(rig, "f", Form::Binary);
    let of = account(owner, name);
    line.act(0, deposit(&of, "1000.50"));
    let mut order = limit_order(&of, "open", Side::Buy, "10", "5");
    line.act(0, update(order.clone(), OrderUpdateReason::New));
    order.order_id = "done".into();
    order.is_completed = true;
    line.act(0, trade(order, order_trade("T", OrderTradeType::Trade, "10", "5")));
    line
}

#[test]
fn an_account_without_an_owner_has_an_empty_segment() {
    let rig = Rig::start();
    let _line = with_records(&rig, "", "1234");
    assert_eq!(rig.get("/balance/for//1234").text().matches("AccountID").count(), 1);
    assert_eq!(rig.get("/holding/for//1234").text().matches("AccountID").count(), 1);
    assert_eq!(rig.get("/order/for//1234?onlyActive=true").text().matches("OrderID").count(), 1);
    assert_eq!(rig.get("/order/for//1234/done").status, 200);
    assert_eq!(rig.get("/order/for//99").status, 404);
    assert_eq!(rig.get("/balance/for/1234").text(), "[]", "1234 is no owner");
}

#[test]
fn segments_are_decoded() {
    let rig = Rig::start();
    let _line = with_records(&rig, "X/S & Co", "a+b %é");
    let of = "X%2FS%20%26%20Co/a+b%20%25%C3%A9";
    for route in ["balance", "holding", "order"] {
        let answer = rig.get(&format!("/{route}/for/{of}"));
        assert!(answer.status == 200 && answer.text().contains("a+b %é"), "{route}: {}", answer.text());
    }
    assert_eq!(rig.get(&format!("/order/for/{of}/open")).status, 200);
    for broken in ["/balance/for/%ff", "/balance/for/%zz%"] {
        let answer = rig.get(broken);
        assert!((400..500).contains(&answer.status) || answer.text() == "[]", "{broken}: {}", answer.status);
    }
}

#[test]
fn only_active_leaves_out_what_is_done() {
    let rig = Rig::start();
    let _line = with_records(&rig, "XS", "A");
    let ids = |target: &str| {
        let mut orders: Vec<OrderState> = rig.get(target).records(message::ORDER_STATE).expect("orders");
        orders.sort_by(|a, b| a.order_id.cmp(&b.order_id));
        orders.into_iter().map(|order| order.order_id).collect::<Vec<_>>().join(" ")
    };
    for route in ["/order", "/order/for/XS", "/order/for/XS/A", "/order/on/XASX"] {
        assert_eq!(ids(route), "done open", "{route}");
        assert_eq!(ids(&format!("{route}?onlyActive=false")), "done open", "{route}");
        assert_eq!(ids(&format!("{route}?onlyActive=true")), "open", "{route}");
        let answer = rig.get(&format!("{route}?onlyActive=perhaps"));
        assert_eq!(answer.status, 400);
        let problems: Vec<String> = serde_json::from_slice(&answer.body).expect("a code and a text");
        assert_eq!(problems[0], "Data");
    }
}

#[test]
fn compact_names_leave_out_what_stands_before_the_underscore() {
    let rig = Rig::start();
    let _line = with_records(&rig, "XS", "A");
    let full = rig.get("/order/for/XS/A/open").text();
    assert!(
        full.contains("\"OrderType\":\"ORDERTYPE_LIMIT\"") && full.contains("\"LIFETIME_GOOD_TILL_CANCEL\""),
        "{full}"
    );
    let compact = get_with(&rig, "/order/for/XS/A/open", &[("X-OMS-Compact", "true")]).text();
    assert!(compact.contains("\"OrderType\":\"LIMIT\"") && compact.contains("\"GOOD_TILL_CANCEL\""), "{compact}");
    assert_eq!(get_with(&rig, "/order/for/XS/A/open", &[("X-OMS-Compact", "false")]).text(), full);
}

#[test]
fn an_answer_in_binary_says_the_same() {
    let rig = Rig::start();
    let _line = with_records(&rig, "XS", "A");
    let binary = get_with(&rig, "/order", &[("Accept", "application/x-protobuf")]);
    assert_eq!((binary.status, binary.header("content-type")), (200, Some("application/x-protobuf")));
    let records =
        Delimited::new(&binary.body).map(|bytes| OrderState::decode(bytes.expect("a record")).expect("an order"));
    let json: Vec<OrderState> = rig.get("/order").records(message::ORDER_STATE).expect("orders");
    assert_eq!(records.collect::<Vec<_>>(), json);
    let one = get_with(&rig, "/order/for/XS/A/open", &[("Accept", "application/x-protobuf")]);
    let order = OrderState::decode(&*one.body).expect("one order, not delimited");
    assert_eq!(order, rig.get("/order/for/XS/A/open").record(message::ORDER_STATE).expect("an order"));
}

#[test]
fn figures_keep_their_digits_and_scale() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    let of = account("XS", "A");
    line.act(0, deposit(&of, "12345678901234567890123456789.10"));
    let mut order = limit_order(&of, "1", Side::Buy, "0.000001", "10.50");
    order.properties.insert("quote\"\\\n".into(), "\u{1F600}\u{7}".into());
    line.act(0, update(order, OrderUpdateReason::New));
    let text = rig.get("/balance/for/XS/A").text();
    assert!(text.contains("\"Balance\":12345678901234567890123456789.10,"), "{text}");
    assert!(text.contains("\"UnbookedTransactions\":0") && text.contains("\"Margin\":0"), "always present: {text}");
    assert!(text.contains("\"UnfilledBuys\":-0.00001050,"), "{text}");
    let text = rig.get("/order/for/XS/A/1").text();
    assert!(text.contains("\"Price\":10.50,") && text.contains("\"Quantity\":0.000001,"), "{text}");
    assert!(text.contains(r#"{"quote\"\\\n":"😀\u0007"}"#), "{text}");
}

#[test]
fn what_was_told_is_read() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let of = account("XS", "A");
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
    let balance = || {
        let balances: Vec<CashPosition> = listed(rig.addr(), "/for/XS/A");
        figure(balances[0].balance)
    };
    for round in 1..=200i64 {
        let expected = dec(&round.to_string());
        match round % 3 {
            // Told by a Response.
            0 => line.act(round, deposit(&of, "1")),
            // Told by a Bookmark.
            1 => {
                line.send(messages::action("f", round, deposit(&of, "1")), "");
                line.hear_bookmark(round);
            }
            // Told by an event, to somebody else.
            _ => {
                line.send(messages::action("f", round, deposit(&of, "1")), "");
                watcher.wait_position(view, "f", round).expect("the event comes");
            }
        }
        assert_eq!(balance(), expected, "round {round}");
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let rig = Rig::start();
    let large = "x".repeat(10_000);
    let answer = request(rig.addr(), "GET", "/diagnostics/ping", &[("X-Large", &large)], None).expect("an answer");
    assert_eq!(answer.status, 431);
    assert_eq!(rig.get("/diagnostics/ping").status, 200);
}

#[test]
fn http_2_is_served_on_the_same_port() {
    let rig = Rig::start();
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // The preface, and empty settings.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("it is sent");
    let mut head = [0u8; 9];
    stream.read_exact(&mut head).expect("the hub's settings");
    assert_eq!(head[3], 4, "a SETTINGS frame: {head:?}");
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let rig = Rig::start();
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    for _ in 0..3 {
        stream.write_all(b"GET /diagnostics/ping HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
        let mut bytes = Vec::new();
        let mut byte = [0u8];
        while !bytes.ends_with(b"\r\n\r\nOK") {
            stream.read_exact(&mut byte).expect("an answer");
            bytes.push(byte[0]);
        }
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn a_head_that_never_ends_is_dropped() {
    let rig = Rig::start();
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET /diagnostics/ping HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the hub ends it");
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
}
