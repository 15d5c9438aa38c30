//! Messages that are legal enough to be taken, and are meant to break whoever shows them later.

use ordo_client::{Adapter, Form, Subscriber, ViewId, messages};
use ordo_core::json::message;
use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::proto::{
    ExternalAction, FeedConfiguration, FeedDetails, OrderState, OrderUpdateReason, Side, SubscriptionType,
};
use prost::Message;

use crate::slow_subscriber::{narrow, read_to_close, send_binary, synchronise};
use ordo_testkit::hub::*;

fn one() -> ExternalAction {
    deposit(&account("XS", "A"), "1")
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number_field(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes_field(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// An Update of an order whose encoded state has more behind it.
fn update_with(feed: &str, position: i64, order: &OrderState, more: &[u8]) -> Vec<u8> {
    let state = [order.encode_to_vec(), more.to_vec()].concat();
    let action = [number_field(2, 110), bytes_field(10, &state)].concat();
    let place = [bytes_field(1, feed.as_bytes()), number_field(2, position as u64)].concat();
    let request = [number_field(1, 21), bytes_field(10, &place), bytes_field(21, &action)].concat();
    [number_field(2, 29), bytes_field(3, b"h"), bytes_field(29, &request)].concat()
}

/// Whoever reads JSON still gets whole answers, and the same as whoever reads binary.
#[track_caller]
fn is_shown_whole(rig: &Rig, subscribers: &mut [(Subscriber, ViewId)], what: &str) {
    let answer = rig.get("/order");
    let orders: Vec<OrderState> = answer
        .records(message::ORDER_STATE)
        .unwrap_or_else(|error| panic!("{what}: GET /order: {error}: {}", answer.text()));
    let binary = ordo_client::rest::request(rig.addr(), "GET", "/order", &[("Accept", "application/x-protobuf")], None);
    let binary = binary.expect("an answer").body;
    let count = ordo_core::json::Delimited::new(&binary).count();
    assert_eq!(orders.len(), count, "{what}: as many in JSON as in binary");
    for (subscriber, view) in subscribers {
        subscriber.synchronise().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(subscriber.view(*view).len(), count, "{what}: as many folded as listed");
    }
}

#[test]
fn what_has_no_json_form_is_refused_and_breaks_no_answer() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut subscribers = [Form::Json, Form::Binary].map(|form| {
        let mut subscriber = rig.subscriber(form);
        let view = subscriber.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
        (subscriber, view)
    });
    let time = |seconds: u64, nanoseconds: u64, offset_zigzag: u64| {
        [number_field(1, seconds), number_field(2, nanoseconds), number_field(3, offset_zigzag)].concat()
    };
    let entry = |key: &[u8], value: &[u8]| [bytes_field(1, key), bytes_field(2, value)].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing odd", vec![]),
        ("a status that is no UTF-8", bytes_field(49, b"\xff\xfe")),
        ("an error that is no UTF-8", bytes_field(48, b"\xc3")),
        ("a group that is no UTF-8", bytes_field(13, b"a\x80")),
        ("a property that is no UTF-8", bytes_field(31, &entry(b"k", b"\xff"))),
        ("a property's name that is no UTF-8", bytes_field(31, &entry(b"\xed\xa0\x80", b"v"))),
        ("a property cut short", bytes_field(31, &[0x0a, 0x7f])),
        ("a property of another wire type", number_field(31, 7)),
        ("an ID cut short", bytes_field(32, &[0x0a, 0x05, b'x'])),
        ("an ID of wire type 7", bytes_field(32, &[0x0f, 0x05])),
        ("a fee code that is no UTF-8", bytes_field(39, &entry(b"k", b"\xc0\x80"))),
        ("a value that is no number", bytes_field(30, &[bytes_field(1, b"k"), bytes_field(2, &[0xff])].concat())),
        (
            "a value of a scale that is none",
            bytes_field(30, &[bytes_field(1, b"k"), bytes_field(2, &[8, 0xff, 0xff, 3, 0x1a, 1, 1])].concat()),
        ),
        ("nanoseconds of two seconds", bytes_field(41, &time(1, 2_000_000_000, 0))),
        ("an offset of forty hours", bytes_field(41, &time(1, 0, 4800))),
        ("an offset of -40 hours", bytes_field(25, &time(1, 0, 4799))),
        ("the end of time", bytes_field(41, &time(u64::MAX, 0, 0))),
        ("the year 10000", bytes_field(25, &time(253_402_300_800, 0, 0))),
        ("created at the end of time", bytes_field(40, &time(i64::MAX as u64, 999_999_999, 0))),
        ("removed after the end of time", bytes_field(50, &time(u64::MAX, 0, 0))),
        ("a year that its offset carries over", bytes_field(41, &time(253_402_300_799, 0, 2 * 18 * 60))),
        ("an enum of another number", number_field(24, 77)),
        ("an enum below zero", number_field(24, u64::MAX)),
        ("an order type of 2^31", number_field(21, 1 << 31)),
        ("a bool of 2", number_field(47, 2)),
        ("an unknown field", bytes_field(999, b"\xff\xff")),
        (
            "unknown numbers of a fixed size",
            [vec![0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8], vec![0xad, 0x06, 1, 2, 3, 4]].concat(),
        ),
        ("a group", vec![0xa3, 0x06, 0xa4, 0x06]),
        ("an empty timestamp", bytes_field(41, b"")),
        ("an account within an account", bytes_field(2, &bytes_field(3, b"B"))),
        (
            "the same property twice",
            [bytes_field(31, &entry(b"k", b"1")), bytes_field(31, &entry(b"k", b"2"))].concat(),
        ),
        ("a property without a name", bytes_field(31, b"")),
        ("a value without a name", bytes_field(30, b"")),
        (
            "a zero of a large scale",
            bytes_field(30, &[bytes_field(1, b"z"), bytes_field(2, &[8, 0xff, 0x7f])].concat()),
        ),
    ];
    let mut position = 0;
    for (at, (what, more)) in cases.iter().enumerate() {
        let order = limit_order(&account("XS", "A"), &at.to_string(), Side::Buy, "10", "5");
        line.connection.send_binary(&update_with("f", position + 1, &order, more)).expect("it is sent");
        let heard = line.hear();
        assert!(heard.starts_with("Response"), "{what}: {heard}");
        println!("{what}: {heard}");
        is_shown_whole(&rig, &mut subscribers, what);
        // Whether it took its position or not: the next good one works.
        line.send(messages::bookmark("f"), "b");
        while line.hear() != "Response b" {}
        let mark = line.connection.receive_message(PATIENCE).expect("the Bookmark").feed.expect("a FeedEvent");
        position = mark.position.expect("it says where").position + 1;
        line.act(position, one());
    }
}

/// A JSON text within the limit can be half as long again in binary: recorded as it was, it was larger than a frame of
/// the journal may be, and the hub stopped.
#[test]
fn a_text_that_grows_beyond_the_limit_in_binary_does_not_stop_the_hub() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    let max = rig.config().message_bytes_max;
    let mut values = String::new();
    let mut n = 0;
    while values.len() < max - 1000 {
        values.push_str(&format!("\"{n:x}\":1,"));
        n += 1;
    }
    values.pop();
    let text = format!(
        r#"{{"Type":"FeedRequest","RequestID":"big","Feed":{{"Type":"Action","Position":{{"Sequence":"f","Position":1}},"Action":{{
        "Type":"Update","Order":{{"OrderID":"1","Account":{{"AccountID":"A"}},"Values":{{{values}}}}}}}}}}}"#
    );
    assert!(text.len() <= max);
    line.connection.send_text(&text).expect("it is sent");
    assert_eq!(line.hear(), "Response Data");
    line.act(1, one());
    assert_eq!(rig.get("/diagnostics/health").text(), "Healthy");
}

#[test]
fn the_largest_update_in_binary_is_recorded_or_refused() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let max = rig.config().message_bytes_max;
    let mut order = limit_order(&account("XS", "A"), "1", Side::Buy, "10", "5");
    let rest = messages::feed_message(messages::action("f", 1, update(order.clone(), OrderUpdateReason::New)), "q")
        .encoded_len();
    order.status = "x".repeat(max - rest - 40);
    let request = messages::feed_message(messages::action("f", 1, update(order.clone(), OrderUpdateReason::New)), "q");
    assert!((max - 64..=max).contains(&request.encoded_len()), "{} of {max}", request.encoded_len());
    line.connection.send(&request).expect("it is sent");
    assert_eq!(line.hear(), "Response q");
    line.act(2, one());
    let mut reader = rig.subscriber(Form::Json);
    let view = reader.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
    assert_eq!(folded::<OrderState>(reader.view(view))[0].status.len(), order.status.len());
    rig.stop();
    rig.start_again();
    assert_eq!(listed::<OrderState>(rig.addr(), "")[0].status.len(), order.status.len());
}

/// The hub adds the feed's name to a configuration that it records.
#[test]
fn the_largest_configuration_is_recorded() {
    let rig = Rig::start();
    let feed = "f".repeat(64);
    let (mut line, _) = FeedLine::open(&rig, &feed, Form::Binary);
    let max = rig.config().message_bytes_max;
    let mut request = messages::configure("", 0, FeedConfiguration::default());
    request.position = None;
    let configuration = FeedConfiguration { agent: "x".repeat(max - 30), ..FeedConfiguration::default() };
    request.configuration = Some(configuration.clone().into());
    let message = messages::feed_message(request, "c");
    assert!((max - 10..=max).contains(&message.encoded_len()), "{} of {max}", message.encoded_len());
    line.connection.send(&message).expect("it is sent");
    assert_eq!(line.hear(), "Response c");
    line.connection.cut();
    let mut line = FeedLine::connect(&rig, &feed, Form::Binary);
    line.send(messages::open(&feed), "");
    let mut event = line.hear_event();
    while event.configuration.is_none() {
        event = line.hear_event();
    }
    assert_eq!(event.configuration.map(|it| *it), Some(configuration));
}

#[test]
fn large_updates_through_a_small_tail_wait_and_are_all_recorded() {
    let mut rig = Rig::start_with(|config| {
        config.message_bytes_max = 100 << 10;
        config.tail_bytes = 256 << 10;
        config.segment_bytes = 512 << 10;
        config.ring_slots = 64;
    });
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for n in 1..=200 {
        let mut order = limit_order(&account("XS", "A"), &(n % 5).to_string(), Side::Buy, "10", "5");
        order.status = "s".repeat(90 << 10);
        adapter.submit(n, update(order, OrderUpdateReason::New)).expect("it is submitted");
    }
    adapter.wait_bookmark(200, PATIENCE).expect("all is durable");
    adapter.close(PATIENCE).expect("it closes");
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
}

/// Configure and Status that cannot be read were taken for empty ones: the feed forgot that it is contiguous, and
/// counted as disconnected though it was supplied.
#[test]
fn a_configuration_or_status_that_cannot_be_read_is_refused_and_changes_nothing() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let settings = [("Contiguous".to_owned(), "true".to_owned())].into();
    let contiguous = FeedConfiguration { settings, ..FeedConfiguration::default() };
    assert!(line.ask(messages::configure("f", 0, contiguous.clone())).is_empty());
    line.act(1, one());
    let request = |kind: u64, body: &[u8]| {
        let place = bytes_field(1, b"f");
        let feed = [number_field(1, kind), bytes_field(10, &place), body.to_vec()].concat();
        [number_field(2, 29), bytes_field(3, b"h"), bytes_field(29, &feed)].concat()
    };
    let cases = [
        ("a configuration's name that is no UTF-8", request(12, &bytes_field(19, &bytes_field(1, b"\xff")))),
        ("a configuration cut short", request(12, &bytes_field(19, &[0x0a, 0x09, b'x']))),
        ("no configuration", request(12, b"")),
        ("a status' feed that is no UTF-8", request(11, &bytes_field(11, &bytes_field(1, b"\xff")))),
        ("a status cut short", request(11, &bytes_field(11, &[0x0a, 0x09, b'x']))),
        ("no status", request(11, b"")),
    ];
    for (what, bytes) in cases {
        line.connection.send_binary(&bytes).expect("it is sent");
        let heard = line.hear();
        let errors = heard.strip_prefix("Response h ").or(heard.strip_prefix("Response "));
        assert!(errors.is_some_and(|codes| codes != "h"), "{what}: {heard}");
        line.send(messages::action("f", 9, one()), "gap");
        assert_eq!(line.hear(), "Response gap Feed.Sequence", "{what}");
        assert_eq!(line.hear_event().configuration.map(|it| *it), Some(contiguous.clone()), "{what}");
        let status: FeedDetails = rig.get("/feed/byid/f").record(message::FEED_DETAILS).expect("FeedDetails");
        assert_eq!(status.status(), ordo_core::proto::ConnectionStatus::Online, "{what}");
    }
}

#[test]
fn a_status_of_a_time_that_cannot_be_breaks_no_answer() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Json);
    watcher.subscribe(SubscriptionType::Status, Vec::new()).expect("it is accepted");
    for (seconds, nanoseconds, tz_offset) in [(u64::MAX, 0, 0), (1, u32::MAX, 0), (1, 0, i32::MAX)] {
        let time = TimestampWithTimeZone { seconds, nanoseconds, tz_offset };
        let status = FeedDetails { status: 2, timestamp: Some(time), ..FeedDetails::default() };
        line.send(messages::status("f", 0, status), "s");
        println!("{}", line.hear());
        let answer = rig.get("/feed");
        let feeds: Vec<FeedDetails> =
            answer.records(message::FEED_DETAILS).unwrap_or_else(|_| panic!("{}", answer.text()));
        assert_eq!(feeds.len(), 1, "{}", answer.text());
        watcher.synchronise().expect("it is answered");
    }
}

/// Responses that wait for a snapshot to end were counted nowhere: a client that asked for a large snapshot and did
/// not read could have the hub keep as many as it liked.
#[test]
fn responses_that_wait_behind_a_snapshot_are_bounded_too() {
    let rig = Rig::start_with(|config| config.outbound_bytes_max = 1 << 20);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for n in 1..=12_000i64 {
        let mut order = limit_order(&account("XS", "A"), &n.to_string(), Side::Buy, "10", "5");
        order.status = "s".repeat(1000);
        adapter.submit(n, update(order, OrderUpdateReason::New)).expect("it is submitted");
    }
    adapter.wait_bookmark(12_000, PATIENCE).expect("all is durable");
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let mut stream = narrow(&rig);
    send_binary(&mut stream, &messages::feed_message(messages::open("g"), ""));
    // The snapshot is of twelve megabytes, and nothing of it is read.
    send_binary(&mut stream, &messages::subscribe(SubscriptionType::Orders, Vec::new(), "all"));
    synchronise(&mut stream, 4_000);
    // It is published behind the responses to all of them.
    send_binary(&mut stream, &messages::feed_message(messages::action("g", 1, deposit(&account("XS", "A"), "1")), ""));
    watcher.wait_position(view, "g", 1).expect("it is published");
    let (messages, code) = read_to_close(stream);
    println!("{messages} messages");
    assert_eq!(code, Some(4408), "after {messages} messages");
    assert!(messages < 120, "{messages} messages: it was closed only when it had read the whole snapshot");
}

#[test]
fn connections_that_come_and_go_disturb_nobody() {
    let rig = Rig::start_with(|config| config.ring_slots = 64);
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut random = Random::of(31);
    let mut kept = Vec::new();
    for round in 1..=300 {
        let mut connection = rig.connect(if round % 2 == 0 { Form::Json } else { Form::Binary });
        for _ in 0..random.below(4) {
            let owner = random.below(1000).to_string();
            let subscribe =
                messages::subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &[&owner])], "r");
            connection.send(&subscribe).expect("it is sent");
        }
        match random.below(4) {
            0 => connection.cut(),
            1 => drop(connection.close(PATIENCE).expect("it closes")),
            2 => drop(connection),
            _ => kept.push(connection),
        }
        if random.below(8) == 0 {
            kept.clear();
        }
        line.act(0, one());
    }
    watcher.synchronise().expect("it is answered");
    assert_eq!(watcher.view(view).events(), 300);
}

#[test]
fn of_a_fund_that_is_named_twice_the_last_counts() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let fund = |digits: u8| {
        let number = [number_field(1, 2), bytes_field(3, &[digits])].concat();
        bytes_field(29, &[bytes_field(1, b"Brokerage"), bytes_field(2, &number)].concat())
    };
    let order = limit_order(&account("XS", "A"), "1", Side::Buy, "10", "5");
    let twice = [fund(200), fund(95)].concat();
    line.connection.send_binary(&update_with("f", 1, &order, &twice)).expect("it is sent");
    assert_eq!(line.hear(), "Response h");
    let balances: Vec<ordo_core::proto::CashPosition> = listed(rig.addr(), "/for/XS/A");
    assert_eq!(figure(balances[0].unfilled_buys), dec("-50.95"));
}

/// Frames changed at random: whatever they come to, the hub goes on, shows whole records, and its record replays.
#[test]
fn frames_changed_at_random_stop_nothing() {
    const SEED: u64 = 4711;
    println!("seed {SEED}");
    let mut rig = Rig::start();
    let mut random = Random::of(SEED);
    let mut subscribers = [Form::Json, Form::Binary].map(|form| {
        let mut subscriber = rig.subscriber(form);
        let view = subscriber.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
        (subscriber, view)
    });
    for form in [Form::Binary, Form::Json] {
        for round in 0..30 {
            let (mut line, position) = reopened(&rig, "f");
            line.connection.set_form(form);
            for n in position + 1..=position + 100 {
                let request = messages::feed_message(messages::action("f", 0, any_update(&mut random, n)), "m");
                let mut bytes = match form {
                    Form::Binary => request.encode_to_vec(),
                    Form::Json => {
                        let mut text = Vec::new();
                        let style = ordo_core::json::Style::default();
                        let message = message::REQUEST_MESSAGE;
                        ordo_core::json::from_binary(message, &request.encode_to_vec(), style, &mut text)
                            .expect("JSON");
                        text
                    }
                };
                for _ in 0..random.below(4) {
                    let at = random.below(bytes.len() as u64) as usize;
                    match (form, random.below(5)) {
                        (Form::Binary, 0) => bytes[at] = random.below(256) as u8,
                        (Form::Binary, 1) => bytes[at] ^= 1 << random.below(8),
                        (Form::Json, 0 | 1) => bytes[at] = b' ' + random.below(95) as u8,
                        (_, 2) => drop(bytes.remove(at)),
                        (_, 3) => bytes.insert(at, bytes[at]),
                        _ => bytes.truncate(at.max(1)),
                    }
                }
                match (form, String::from_utf8(bytes)) {
                    (Form::Json, Ok(text)) => line.connection.send_text(&text).expect("it is sent"),
                    (Form::Json, Err(_)) => {}
                    (Form::Binary, text) => {
                        let bytes = text.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes);
                        line.connection.send_binary(&bytes).expect("it is sent");
                    }
                }
            }
            line.connection.send(&messages::synchronise("after all")).expect("it is sent");
            while line.hear() != "Response after all" {}
            line.connection.cut();
            if round % 10 == 0 {
                is_shown_whole(&rig, &mut subscribers, &format!("{form:?}, round {round}"));
            }
        }
    }
    is_shown_whole(&rig, &mut subscribers, "at the end");
    assert_eq!(rig.get("/diagnostics/health").text(), "Healthy");
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
}
