//! A subscriber that does not read: closed with 4408, while nobody else notices.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use ordo_client::{Adapter, Form, messages};
use ordo_core::proto::{ExternalAction, OrderUpdateReason, Side, SubscriptionTarget, SubscriptionType};
use prost::Message as _;
use socket2::{Domain, Socket, Type};

use crate::support::*;

const UPDATES: i64 = 6_000;

/// An order of two KiB.
fn large(n: i64) -> ExternalAction {
    let mut order = limit_order(&account("XA", "1"), &(n % 50).to_string(), Side::Buy, "10", "5");
    order.timestamp = Some(instant(n as u64));
    order.properties.insert("Note".into(), "x".repeat(2048));
    update(order, OrderUpdateReason::Status)
}

/// A connection that has subscribed and does not read, with as small a buffer as the kernel gives.
pub(crate) fn sleeper(rig: &Rig, targets: Vec<SubscriptionTarget>) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a buffer size");
    socket.connect(&rig.addr().into()).expect("a connection");
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (mut socket, _) = tungstenite::client(format!("ws://{}/streaming", rig.addr()), stream).expect("the upgrade");
    let subscribe = messages::subscribe(SubscriptionType::Orders, targets, "r").encode_to_vec();
    socket.send(tungstenite::Message::Binary(subscribe.into())).expect("it is sent");
    for _ in 0..3 {
        assert!(matches!(socket.read().expect("response and snapshot"), tungstenite::Message::Binary(_)));
    }
    socket.into_inner()
}

/// Reads unmasked frames to the end: how many messages, and the code of the close frame.
pub(crate) fn read_to_close(mut stream: TcpStream) -> (usize, Option<u16>) {
    let mut bytes = Vec::new();
    // The hub may cut the connection behind its close frame.
    let _ = stream.read_to_end(&mut bytes);
    let (mut at, mut messages) = (0, 0);
    while at + 2 <= bytes.len() {
        let (head, len) = match bytes[at + 1] {
            126 => (4, u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]) as usize),
            127 => (10, u64::from_be_bytes(bytes[at + 2..at + 10].try_into().expect("eight bytes")) as usize),
            len => (2, len as usize),
        };
        let payload = &bytes[at + head..at + head + len];
        match bytes[at] {
            0x82 => {
                ordo_core::proto::EventMessage::decode(payload).expect("every message before the end is whole");
                messages += 1;
            }
            0x88 => return (messages, Some(u16::from_be_bytes([payload[0], payload[1]]))),
            0x89 => {}
            other => panic!("a frame of {other:#x} at {at}"),
        }
        at += head + len;
    }
    (messages, None)
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_with_4408_and_another_misses_nothing() {
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 64 << 10);
    let slow: Vec<TcpStream> = (0..3).map(|_| sleeper(&rig, Vec::new())).collect();
    let mut fast = rig.subscriber(Form::Binary);
    let view = fast.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for n in 1..=UPDATES {
        adapter.submit(n, large(n)).expect("it is submitted");
        // This one reads as it goes: it has to be told everything.
        if n % 16 == 0 {
            adapter.flush().expect("it leaves");
            fast.wait_position(view, "f", n - 8).expect("it is told");
        }
    }
    adapter.wait_bookmark(UPDATES, PATIENCE).expect("all is durable");
    fast.synchronise().expect("it is answered");
    assert_eq!(fast.view(view).updates(), UPDATES as u64);
    for stream in slow {
        let (messages, code) = read_to_close(stream);
        assert_eq!(code, Some(4408), "after {messages} messages");
        assert!((messages as i64) < UPDATES, "it was told everything");
    }
    // It can come back: with a new snapshot, until history can be resumed.
    let again =
        rig.subscriber(Form::Binary).subscribe(SubscriptionType::Orders, vec![messages::target("Position", &["f=9"])]);
    again.expect("it is accepted");
}

/// Of this process, in KiB: the hub and its subscribers are in it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Many subscriptions of the same orders make the slow one behind by many times what is submitted.
#[test]
fn one_slow_subscriber_among_fifty_is_closed_and_the_others_miss_nothing() {
    const UPDATES: i64 = 2_000;
    const SUBSCRIPTIONS: usize = 64;
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 256 << 10);
    let mut slow = sleeper(&rig, Vec::new());
    let mut fast: Vec<_> = (0..49)
        .map(|n| {
            let mut subscriber = rig.subscriber(if n % 10 == 0 { Form::Json } else { Form::Binary });
            let view = subscriber.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
            (subscriber, view)
        })
        .collect();
    for n in 1..SUBSCRIPTIONS {
        let targets = vec![messages::target("Owner", &["XA", &n.to_string()])];
        let subscribe = messages::subscribe(SubscriptionType::Orders, targets, "").encode_to_vec();
        slow.write_all(&frame(FIN | BINARY, &subscribe)).expect("it is sent");
    }
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let before = resident_kib();
    let mut most = 0;
    for n in 1..=UPDATES {
        // Each leaves another figure, and so makes an event of the balance.
        let mut action = large(n);
        action.order.as_mut().expect("an order").price = Some(number(&format!("{n}")));
        adapter.submit(n, action).expect("it is submitted");
        if n % 200 == 0 {
            adapter.flush().expect("it leaves");
            for (subscriber, view) in &mut fast {
                subscriber.wait_position(*view, "f", n).expect("it is told");
            }
            most = most.max(resident_kib());
        }
    }
    adapter.wait_bookmark(UPDATES, PATIENCE).expect("all is durable");
    for (subscriber, view) in &mut fast {
        subscriber.synchronise().expect("it is answered");
        assert_eq!(subscriber.view(*view).updates(), UPDATES as u64);
    }
    let (messages, code) = read_to_close(slow);
    assert_eq!(code, Some(4408), "after {messages} messages");
    let unread_kib = UPDATES as u64 * SUBSCRIPTIONS as u64 * 2;
    println!("{} KiB more at the most, of {unread_kib} KiB that one did not read", most.saturating_sub(before));
    assert!(most.saturating_sub(before) < unread_kib / 2, "{before} KiB before, {most} KiB at the most");
}

#[test]
fn a_hub_stops_though_a_subscriber_does_not_read() {
    let mut rig = Rig::start();
    let slow = sleeper(&rig, Vec::new());
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for n in 1..=3_000 {
        adapter.submit(n, large(n)).expect("it is submitted");
    }
    adapter.wait_bookmark(3_000, PATIENCE).expect("all is durable");
    let before = Instant::now();
    rig.stop();
    assert!(before.elapsed() < PATIENCE, "it took {:?}", before.elapsed());
    drop(slow);
}

#[test]
fn an_adapter_that_does_not_read_its_responses_holds_up_nobody() {
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 64 << 10);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a buffer size");
    socket.connect(&rig.addr().into()).expect("a connection");
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let (socket, _) = tungstenite::client(format!("ws://{}/streaming", rig.addr()), stream).expect("the upgrade");
    let mut stream = socket.into_inner();
    let long = "r".repeat(1000);
    let open = messages::feed_message(messages::open("deaf"), "").encode_to_vec();
    stream.write_all(&frame(FIN | BINARY, &open)).expect("it is sent");
    for _ in 0..10_000 {
        let request = messages::synchronise(&long).encode_to_vec();
        // The hub may have closed by now.
        if stream.write_all(&frame(FIN | BINARY, &request)).is_err() {
            break;
        }
    }
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, deposit(&account("XA", "1"), "1"));
    let (_, code) = read_to_close(stream);
    assert_eq!(code, Some(4408));
    let (_, position) = reopened(&rig, "deaf");
    assert_eq!(position, 0, "its feed is free for the next one");
}
