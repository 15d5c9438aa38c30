//! A subscriber that does not read: closed with 4408, while nobody else notices.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ordo_client::{Adapter, Form, messages};
use ordo_core::proto::{EventMessage, EventMessageType, ExternalAction, OrderState};
use ordo_core::proto::{OrderUpdateReason, RequestMessage, Side, SubscriptionTarget, SubscriptionType};
use prost::Message as _;
use socket2::{Domain, Socket, Type};

use ordo_testkit::hub::*;

const UPDATES: i64 = 6_000;

/// An order of two KiB.
fn large(n: i64) -> ExternalAction {
    let mut order = limit_order(&account("XA", "1"), &(n % 50).to_string(), Side::Buy, "10", "5");
    order.timestamp = Some(instant(n as u64));
    order.properties.insert("Note".into(), "x".repeat(2048));
    update(order, OrderUpdateReason::Status)
}

/// A connection with as small a receive buffer as the kernel gives, upgraded and nothing sent.
pub(crate) fn narrow(rig: &Rig) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a buffer size");
    socket.connect(&rig.addr().into()).expect("a connection");
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let (socket, _) = tungstenite::client(format!("ws://{}/streaming", rig.addr()), stream).expect("the upgrade");
    socket.into_inner()
}

/// A connection that has subscribed and does not read on, with as small a buffer as the kernel gives.
pub(crate) fn sleeper(rig: &Rig, targets: Vec<SubscriptionTarget>) -> TcpStream {
    let mut stream = narrow(rig);
    subscribe_and_sleep(&mut stream, targets);
    stream
}

/// Subscribes, and reads the snapshot of nothing, no byte further.
pub(crate) fn subscribe_and_sleep(stream: &mut TcpStream, targets: Vec<SubscriptionTarget>) {
    send_binary(stream, &messages::subscribe(SubscriptionType::Orders, targets, "r"));
    for expected in [EventMessageType::Response, EventMessageType::SnapshotStart, EventMessageType::SnapshotFinish] {
        let (first, payload) = read_frame(stream).expect("response and snapshot");
        assert_eq!(first, FIN | BINARY);
        assert_eq!(EventMessage::decode(&*payload).expect("a message").r#type(), expected);
    }
}

pub(crate) fn send_binary(stream: &mut TcpStream, message: &RequestMessage) {
    stream.write_all(&frame(FIN | BINARY, &message.encode_to_vec())).expect("it is sent");
}

/// Requests that are answered with as much as a thousand bytes each.
pub(crate) fn synchronise(stream: &mut TcpStream, count: usize) {
    let request = frame(FIN | BINARY, &messages::synchronise(&"r".repeat(1000)).encode_to_vec());
    (0..count).for_each(|_| stream.write_all(&request).expect("it is sent"));
}

/// The next unmasked frame: its first byte and its payload.
fn read_frame(from: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let mut longer = [0; 8];
    let len_bytes = match head[1] {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    from.read_exact(&mut longer[8 - len_bytes..])?;
    let len = if len_bytes == 0 { u64::from(head[1]) } else { u64::from_be_bytes(longer) };
    let mut payload = vec![0; len as usize];
    from.read_exact(&mut payload)?;
    Ok((head[0], payload))
}

/// Reads unmasked frames to the end: how many messages, and the code of the close frame.
pub(crate) fn read_to_close(stream: TcpStream) -> (usize, Option<u16>) {
    let mut stream = BufReader::new(stream);
    let mut messages = 0;
    // The hub may cut the connection behind its close frame.
    while let Ok((first, payload)) = read_frame(&mut stream) {
        match first {
            0x82 => {
                EventMessage::decode(&*payload).expect("every message before the end is whole");
                messages += 1;
            }
            0x88 => return (messages, Some(u16::from_be_bytes([payload[0], payload[1]]))),
            0x89 => {}
            other => panic!("a frame of {other:#x} behind {messages} messages"),
        }
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
    // It comes back where it was: it is given all that it missed, and goes on.
    let mut again = rig.subscriber(Form::Binary);
    let resumed = again.subscribe(SubscriptionType::Orders, vec![messages::target("Position", &["f=9"])]);
    let resumed = resumed.expect("it is accepted");
    again.synchronise().expect("it is answered");
    assert_eq!((again.view(resumed).updates(), again.view(resumed).position("f")), (UPDATES as u64 - 9, UPDATES));
    let orders: Vec<OrderState> = listed(rig.addr(), "");
    assert_eq!(orders.len(), 50);
    assert_same(&folded(again.view(resumed)), &orders, "resumed");
    assert_same(&folded(fast.view(view)), &orders, "never behind");
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
        send_binary(&mut slow, &messages::subscribe(SubscriptionType::Orders, targets, ""));
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
    assert!(before.elapsed() < Duration::from_secs(20), "it took {:?}", before.elapsed());
    drop(slow);
}

#[test]
fn an_adapter_that_does_not_read_its_responses_holds_up_nobody() {
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 64 << 10);
    let mut stream = narrow(&rig);
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    send_binary(&mut stream, &messages::feed_message(messages::open("deaf"), ""));
    synchronise(&mut stream, 10_000);
    // It is published behind the responses to all of them.
    let last = messages::action("deaf", 1, deposit(&account("XA", "2"), "1"));
    send_binary(&mut stream, &messages::feed_message(last, ""));
    watcher.wait_position(view, "deaf", 1).expect("nobody is held up");
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, deposit(&account("XA", "1"), "1"));
    let (_, code) = read_to_close(stream);
    assert_eq!(code, Some(4408));
    let (_, position) = reopened(&rig, "deaf");
    assert_eq!(position, 1, "its feed is free for the next one");
}
