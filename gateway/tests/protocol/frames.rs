//! What a broken or odd WebSocket frame comes to: the close code, and that all else goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use ordo_client::{Form, messages};
use ordo_core::proto::{EventMessage, SubscriptionType};
use prost::Message as _;
use tungstenite::Message;

use ordo_testkit::hub::*;

fn one() -> ordo_core::proto::ExternalAction {
    deposit(&account("XS", "A"), "1")
}

fn sync(id: &str) -> Vec<u8> {
    messages::synchronise(id).encode_to_vec()
}

/// Sends bytes behind a good update: the update is recorded, the connection closed with the code, a new one works.
#[track_caller]
fn closes(rig: &Rig, bytes: &[u8], codes: &[u16], what: &str) {
    let (mut line, position) = reopened(rig, "f");
    let update = messages::feed_message(messages::action("f", position + 1, one()), "").encode_to_vec();
    let never = messages::feed_message(messages::action("f", position + 2, one()), "").encode_to_vec();
    // All in one write: what stands before the broken frame counts, what comes after it does not.
    let all = [frame(FIN | BINARY, &update), bytes.to_vec(), frame(FIN | BINARY, &never)].concat();
    line.connection.send_raw(&all).expect("it is sent");
    let code = close_code(&mut line.connection);
    assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: closed with {code:?}, not {codes:?}");
    let (mut line, resumed) = reopened(rig, "f");
    assert_eq!(resumed, position + 1, "{what}: what came before is recorded, what came after is not");
    line.act(0, one());
}

#[test]
fn a_text_that_is_no_utf8_closes_with_1007() {
    let rig = Rig::start();
    closes(&rig, &frame(FIN | TEXT, b"{\"RequestID\":\"\xff\"}"), &[1007], "a stray byte");
    closes(&rig, &frame(FIN | TEXT, b"\xed\xa0\x80"), &[1007], "a surrogate");
    closes(&rig, &frame(FIN | TEXT, b"\xc0\x80"), &[1007], "an overlong form");
    closes(&rig, &frame(FIN | TEXT, b"{\"RequestID\":\"\xe2\x82"), &[1007], "cut in a character");
    let fragments = [frame(TEXT, b"{\"RequestID\":\"\xe2\x82"), frame(FIN | CONTINUATION, b"x\"}")].concat();
    closes(&rig, &fragments, &[1007], "broken across fragments");
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Json);
    let text = "{\"Type\":\"Synchronise\",\"RequestID\":\"\u{20ac}\"}".as_bytes();
    let cut = text.iter().position(|byte| *byte == 0x82).expect("the middle of the character");
    line.connection.send_raw(&frame(TEXT, &text[..cut])).expect("it is sent");
    line.connection.send_raw(&frame(FIN | CONTINUATION, &text[cut..])).expect("it is sent");
    assert_eq!(line.hear(), "Response \u{20ac}");
}

#[test]
fn an_oversized_message_closes_with_1009_before_it_has_come() {
    let rig = Rig::start();
    let max = rig.config().message_bytes_max;
    // Only the head is sent: waiting for the rest would be too late.
    let head = |len: u64| [vec![FIN | BINARY, 0x80 | 127], len.to_be_bytes().to_vec(), vec![0; 4]].concat();
    closes(&rig, &head(max as u64 + 1), &[1009], "one byte too many");
    closes(&rig, &head(u64::from(u32::MAX) + 1), &[1009], "4 GiB");
    closes(&rig, &head(i64::MAX as u64), &[1009], "2^63 - 1");
    closes(&rig, &head(u64::MAX), &[1009, 1002], "2^64 - 1");
    let piece = vec![b' '; max / 2];
    let endless = [frame(TEXT, &piece), frame(CONTINUATION, &piece), frame(CONTINUATION, b"  ")].concat();
    closes(&rig, &endless, &[1009], "fragments without end");
}

#[test]
fn a_message_of_the_largest_size_is_read() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    let max = rig.config().message_bytes_max;
    let text = r#"{"Type":"Synchronise","RequestID":"large"}"#;
    line.connection.send_text(&format!("{text}{}", " ".repeat(max - text.len()))).expect("it is sent");
    assert_eq!(line.hear(), "Response large");
}

#[test]
fn a_broken_frame_closes_with_1002() {
    let rig = Rig::start();
    let cases: [(&str, Vec<u8>); 14] = [
        ("unmasked", unmasked(FIN | BINARY, &sync("x"))),
        ("unmasked ping", unmasked(FIN | PING, b"x")),
        ("reserved bit 1", frame(FIN | 0x40 | BINARY, &sync("x"))),
        ("reserved bit 2", frame(FIN | 0x20 | BINARY, &sync("x"))),
        ("reserved bit 3", frame(FIN | 0x10 | TEXT, b"{}")),
        ("reserved bit on a ping", frame(FIN | 0x40 | PING, b"")),
        ("a fragmented ping", frame(PING, b"x")),
        ("a fragmented close", frame(CLOSE, &1000u16.to_be_bytes())),
        ("a ping of 126 bytes", frame(FIN | PING, &[b'x'; 126])),
        ("opcode 3", frame(FIN | 3, b"x")),
        ("opcode 7", frame(FIN | 7, b"x")),
        ("opcode 11", frame(FIN | 11, b"x")),
        ("a continuation of nothing", frame(FIN | CONTINUATION, b"x")),
        ("a new message within a fragmented one", [frame(BINARY, b"x"), frame(FIN | BINARY, b"y")].concat()),
    ];
    for (what, bytes) in cases {
        closes(&rig, &bytes, &[1002], what);
    }
}

#[test]
fn a_close_frame_that_cannot_be_closes_with_1002() {
    let rig = Rig::start();
    let close = |code: u16| frame(FIN | CLOSE, &code.to_be_bytes());
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 65535] {
        closes(&rig, &close(code), &[1002], &format!("close code {code}"));
    }
    closes(&rig, &frame(FIN | CLOSE, &[3]), &[1002], "a close code of one byte");
    closes(&rig, &frame(FIN | CLOSE, b"\x03\xe8\xff"), &[1007, 1002], "a reason that is no UTF-8");
}

#[test]
fn a_good_close_frame_is_answered_with_its_code() {
    let rig = Rig::start();
    for code in [1000u16, 1001, 3000, 4999] {
        let mut connection = rig.connect(Form::Binary);
        connection.send_raw(&frame(FIN | CLOSE, &code.to_be_bytes())).expect("it is sent");
        assert_eq!(close_code(&mut connection), Some(code));
    }
    let mut connection = rig.connect(Form::Binary);
    connection.send_raw(&frame(FIN | CLOSE, b"")).expect("it is sent");
    assert!(matches!(close_code(&mut connection), None | Some(1000 | 1005)));
}

#[test]
fn a_fragmented_message_is_one_message_and_pings_go_between() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let update = messages::feed_message(messages::action("f", 1, one()), "q").encode_to_vec();
    let pieces: Vec<&[u8]> = update.chunks(7).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let opcode = if at == 0 { BINARY } else { CONTINUATION };
        let last = if at + 1 == pieces.len() { FIN } else { 0 };
        line.connection.send_raw(&frame(last | opcode, piece)).expect("it is sent");
        line.connection.send_raw(&frame(FIN | PING, b"still here")).expect("it is sent");
        line.connection.send_raw(&frame(CONTINUATION, b"")[..0]).expect("nothing");
    }
    assert_eq!(line.hear(), "Response q");
    line.connection.send_raw(&frame(BINARY, b"")).expect("it is sent");
    line.connection.send_raw(&frame(FIN | CONTINUATION, &sync("s"))).expect("it is sent");
    assert_eq!(line.hear(), "Response s");
}

/// A WebSocket without our client, which answers pings and keeps them to itself.
fn plain(rig: &Rig) -> tungstenite::WebSocket<TcpStream> {
    let stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (socket, response) =
        tungstenite::client(format!("ws://{}/streaming", rig.addr()), stream).expect("the upgrade");
    assert!(response.headers().get("sec-websocket-extensions").is_none());
    socket
}

#[test]
fn a_ping_is_answered_with_what_it_holds() {
    let rig = Rig::start();
    let mut socket = plain(&rig);
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        socket.send(Message::Ping(bytes::Bytes::copy_from_slice(payload))).expect("it is sent");
        assert_eq!(socket.read().expect("a pong"), Message::Pong(bytes::Bytes::copy_from_slice(payload)));
    }
    socket.send(Message::Pong(bytes::Bytes::from_static(b"unasked"))).expect("it is sent");
    socket.send(Message::Binary(sync("s").into())).expect("it is sent");
    assert!(matches!(socket.read().expect("the answer"), Message::Binary(_)));
}

#[test]
fn answers_have_the_form_of_the_last_frame() {
    let rig = Rig::start();
    let mut socket = plain(&rig);
    let text = r#"{"Type":"Synchronise","RequestID":"t"}"#;
    for is_text in [false, true, true, false, true, false] {
        let message = if is_text { Message::Text(text.into()) } else { Message::Binary(sync("b").into()) };
        socket.send(message).expect("it is sent");
        match (is_text, socket.read().expect("the answer")) {
            (true, Message::Text(answer)) => {
                assert_eq!(
                    answer.as_str(),
                    r#"{"Type":"EventMessageType_Response","Request":{"Type":"RequestMessageType_Synchronise","RequestID":"t"}}"#
                );
            }
            (false, Message::Binary(answer)) => {
                let message = EventMessage::decode(answer).expect("an EventMessage");
                assert_eq!(message.request.expect("a Response").request_id, "b");
            }
            (_, other) => panic!("another form: {other:?}"),
        }
    }
}

#[test]
fn events_have_the_form_of_the_last_frame_too() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut socket = plain(&rig);
    let subscribe = messages::subscribe(SubscriptionType::Balances, Vec::new(), "");
    socket.send(Message::Binary(subscribe.encode_to_vec().into())).expect("it is sent");
    let next_is_text = |socket: &mut tungstenite::WebSocket<TcpStream>| match socket.read().expect("a message") {
        Message::Text(_) => true,
        Message::Binary(_) => false,
        other => panic!("{other:?}"),
    };
    assert!(!next_is_text(&mut socket), "SnapshotStart");
    assert!(!next_is_text(&mut socket), "SnapshotFinish");
    line.act(1, one());
    assert!(!next_is_text(&mut socket), "an event");
    socket.send(Message::Text(r#"{"Type":"Synchronise","RequestID":"t"}"#.into())).expect("it is sent");
    assert!(next_is_text(&mut socket), "the answer");
    line.act(2, one());
    assert!(next_is_text(&mut socket), "an event");
    // A text that cannot be read says in which form to answer, too.
    socket.send(Message::Binary(vec![0xff].into())).expect("it is sent");
    assert!(!next_is_text(&mut socket), "the error");
    line.act(3, one());
    assert!(!next_is_text(&mut socket), "an event");
}

#[test]
fn compact_names_are_asked_for_with_the_upgrade() {
    let rig = Rig::start();
    let options = ordo_client::Options { form: Form::Json, is_compact: true, ..Default::default() };
    let mut connection = ordo_client::Connection::open_with(rig.addr(), options).expect("a connection");
    connection.send(&messages::synchronise("c")).expect("it is sent");
    let frame = connection.receive(PATIENCE).expect("a good message").expect("the answer");
    assert_eq!(frame.text(), Some(r#"{"Type":"Response","Request":{"Type":"Synchronise","RequestID":"c"}}"#));
}

#[test]
fn nobody_gets_compression() {
    let rig = Rig::start();
    let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = "GET /streaming HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    // A first frame right behind the head, before the hub has answered.
    let all = [head.as_bytes(), &frame(FIN | BINARY, &sync("early"))].concat();
    stream.write_all(&all).expect("it is sent");
    let mut answer = Vec::new();
    let mut buffer = [0u8; 4096];
    while !answer.windows(5).any(|window| window == b"early") {
        let count = stream.read(&mut buffer).expect("an answer");
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(text.starts_with("http/1.1 101 "), "{text}");
    assert!(text.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{text}");
    assert!(!text.contains("extensions"), "{text}");
}

#[test]
fn a_cut_in_the_middle_of_a_frame_takes_nothing() {
    let rig = Rig::start();
    let update = |position| messages::feed_message(messages::action("f", position, one()), "").encode_to_vec();
    let whole = frame(FIN | BINARY, &update(1_000_000));
    for cut in [1, 2, 5, 6, 7, whole.len() / 2, whole.len() - 1] {
        let (mut line, position) = reopened(&rig, "f");
        let bytes = [frame(FIN | BINARY, &update(position + 1)), whole[..cut].to_vec()].concat();
        line.connection.send_raw(&bytes).expect("it is sent");
        line.hear_bookmark(position + 1);
        line.connection.cut();
        let (_, resumed) = reopened(&rig, "f");
        assert_eq!(resumed, position + 1, "cut at {cut}");
    }
}

#[test]
fn connections_that_never_upgrade_hold_up_nobody() {
    let rig = Rig::start();
    let idle: Vec<TcpStream> = (0..64)
        .map(|at| {
            let mut stream = TcpStream::connect(rig.addr()).expect("a connection");
            let head = "GET /streaming HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n";
            stream.write_all(&head.as_bytes()[..at % head.len()]).expect("it is sent");
            stream
        })
        .collect();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, one());
    assert_eq!(rig.get("/diagnostics/ping").text(), "OK");
    drop(idle);
}

#[test]
fn a_flood_of_pings_closes_with_1008_and_some_do_not() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    let pings = |count: usize| vec![frame(FIN | PING, b"x"); count].concat();
    line.connection.send_raw(&pings(60)).expect("it is sent");
    line.connection.send(&messages::synchronise("s")).expect("it is sent");
    assert_eq!(line.hear(), "Response s");
    line.connection.send_raw(&pings(400)).expect("it is sent");
    assert_eq!(close_code(&mut line.connection), Some(1008));
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, one());
}

/// A peer that has begun a message, and one that was told the end and does not read it.
#[test]
#[ignore = "takes the ten seconds that the hub waits: run by perf/long_tests.sh"]
fn who_does_not_go_on_for_ten_seconds_is_dropped() {
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 64 << 10);
    let mut half = rig.connect(Form::Binary);
    let message = frame(FIN | BINARY, &sync("never"));
    let begun = std::time::Instant::now();
    half.send_raw(&message[..message.len() / 2]).expect("it is sent");
    let mut fine = rig.connect(Form::Binary);
    fine.send_raw(&frame(FIN | BINARY, &sync("idle"))).expect("it is sent");
    let mut deaf = crate::slow_subscriber::sleeper(&rig, Vec::new());
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for n in 1..=400 {
        let mut order = limit_order(&account("XS", "A"), &n.to_string(), ordo_core::proto::Side::Buy, "10", "5");
        order.status = "s".repeat(10_000);
        line.act(n, update(order, ordo_core::proto::OrderUpdateReason::New));
    }
    assert_eq!(close_code(&mut half), None, "no word, only the end");
    let waited = begun.elapsed();
    assert!((9..14).contains(&waited.as_secs()), "{waited:?}");
    std::thread::sleep(std::time::Duration::from_secs(2));
    // The connection is reset: what had not been read is not to be had any more.
    let mut all = Vec::new();
    let end = deaf.read_to_end(&mut all);
    assert!(end.is_err(), "{} bytes and an orderly end", all.len());
    fine.send(&messages::synchronise("still here")).expect("it is sent");
    assert!(fine.receive(PATIENCE).expect("a message").is_some());
}
