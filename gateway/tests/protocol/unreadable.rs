//! Frames that hold no message: each is answered with a Response that holds the error, and the next good one works.

use ordo_client::{Form, messages};
use prost::Message;

use ordo_testkit::hub::*;

fn one() -> ordo_core::proto::ExternalAction {
    deposit(&account("XS", "A"), "1")
}

/// The answer to a frame, then to a good one after it.
#[track_caller]
fn is_answered(line: &mut FeedLine, position: i64, what: &str) {
    let heard = line.hear_message();
    let details = heard.request.as_ref().unwrap_or_else(|| panic!("{what}: no Response but {}", word_of(&heard)));
    assert!(!details.errors.is_empty(), "{what}: a Response without an error");
    assert!(details.errors.iter().all(|error| !error.is_empty()), "{what}: an error without words");
    line.act(position, one());
}

#[test]
fn a_text_that_is_no_request_is_answered_and_the_next_one_works() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    let nested = format!(r#"{{"Feed":{{"Action":{}1{}}}}}"#, r#"{"Order":"#.repeat(100), "}".repeat(100));
    let deep = "[".repeat(100_000);
    let texts = [
        "",
        " ",
        "x",
        "null",
        "7",
        "[]",
        "\"Type\"",
        "{",
        "{}}",
        "{} {}",
        "\u{feff}{}",
        r#"{"Type":"Subscribe""#,
        r#"{"Typ":"Subscribe"}"#,
        r#"{"Type":"Subscribe","Type":"Subscribe"}"#,
        r#"{"Type":"Subscribe","type":"Subscribe"}"#,
        r#"{"Type":"Subskribe"}"#,
        r#"{"Type":10.5}"#,
        r#"{"Type":99999999999}"#,
        r#"{"Type":NaN}"#,
        r#"{"Type":Infinity}"#,
        r#"{"RequestID":"\ud800"}"#,
        "{\"RequestID\":\"a\nb\"}",
        r#"{"RequestID":7}"#,
        r#"{'RequestID':'a'}"#,
        r#"{"Feed":{"Position":{"Position":"1.5"}}}"#,
        r#"{"Feed":{"Position":{"Position":"9223372036854775808"}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Quantity":"ten"}}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Quantity":0x10}}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Quantity":.5}}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Created":"yesterday"}}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Created":"2026-02-30T00:00:00Z"}}}}"#,
        r#"{"Feed":{"Action":{"Order":{"Created":"2026-01-01T00:00:00+19:00"}}}}"#,
        r#"{"Feed":{"Query":{}}}"#,
        &nested,
        &deep,
    ];
    for (at, text) in texts.into_iter().enumerate() {
        line.connection.send_text(text).expect("it is sent");
        is_answered(&mut line, at as i64 + 1, &format!("{text:.80}"));
    }
}

#[test]
fn the_error_of_an_unreadable_text_says_where() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Json);
    line.connection
        .send_text(r#"{"Type":"FeedRequest","Feed":{"Action":{"Order":{"Quantitiy":10}}}}"#)
        .expect("it is sent");
    let heard = line.hear();
    assert!(heard.starts_with("Response Data.Deserialise ") && heard.contains("Order"), "{heard}");
}

#[test]
fn bytes_that_are_no_request_are_answered_and_the_next_one_works() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let good = messages::feed_message(messages::action("f", 900, one()), "good").encode_to_vec();
    let at_feed = good.windows(2).position(|pair| pair == [0xea, 0x01]).expect("field 29 is there");
    let mut frames: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), vec![]),
        ("a tag alone".into(), vec![0x08]),
        ("a varint without end".into(), vec![0x10, 0xff, 0xff, 0xff]),
        ("a varint of eleven bytes".into(), [vec![0x10], vec![0xff; 10], vec![1]].concat()),
        ("field number 0".into(), vec![0x00, 0x00]),
        ("a length past the end".into(), vec![0x1a, 0x7f, b'a']),
        ("a length of 4 GiB".into(), vec![0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("a length of 2^63".into(), vec![0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a wrong wire type".into(), vec![0x15, 1, 2, 3, 4]),
        ("a group".into(), vec![0x53, 0x54]),
        ("a group that does not end".into(), vec![0x53]),
        ("wire type 7".into(), vec![0x17, 0]),
        ("a text that is no UTF-8".into(), vec![0x10, 29, 0x1a, 2, 0xc3, 0x28]),
        ("nested a thousand deep".into(), nested(1000)),
        ("a million entries".into(), entries(50_000)),
        ("random".into(), (0u32..64).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ];
    // Cut anywhere in the FeedRequest: what is left says it is longer than it is.
    frames.extend((at_feed + 2..good.len()).step_by(3).map(|cut| (format!("cut at {cut}"), good[..cut].to_vec())));
    for (at, (what, bytes)) in frames.into_iter().enumerate() {
        line.connection.send_binary(&bytes).expect("it is sent");
        is_answered(&mut line, at as i64 + 1, &what);
    }
}

/// A FeedRequest's unknown field holding itself.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..depth {
        // Field 29 (Feed) and 21 (Action) by turns; the lengths are right while they take one byte or two.
        let mut outer = vec![0xea, 0x01];
        let mut len = bytes.len();
        while len >= 0x80 {
            outer.push(len as u8 | 0x80);
            len >>= 7;
        }
        outer.push(len as u8);
        outer.extend(&bytes);
        bytes = outer;
    }
    // The innermost ends in the middle of a tag.
    [vec![0x10, 29], bytes, vec![0xea]].concat()
}

/// Very many entries of a repeated field, the last one cut.
fn entries(count: usize) -> Vec<u8> {
    let mut bytes = vec![0x10, 10, 0x52];
    // Field 10 (Subscription) with Targets of nothing.
    let content: Vec<u8> = [0x12u8, 0x00].repeat(count);
    let mut len = content.len() + 1;
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend(content);
    bytes.push(0x12);
    bytes
}

#[test]
fn a_request_of_no_known_type_is_answered() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Json);
    for (at, text) in [r#"{"RequestID":"u"}"#, r#"{"Type":0,"RequestID":"u"}"#, r#"{"Type":77,"RequestID":"u"}"#]
        .into_iter()
        .enumerate()
    {
        line.connection.send_text(text).expect("it is sent");
        assert_eq!(line.hear(), "Response u Operation.Unknown", "{text}");
        line.act(at as i64 + 1, one());
    }
}

#[test]
fn unknown_fields_in_binary_are_no_error() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut bytes = messages::feed_message(messages::action("f", 1, one()), "q").encode_to_vec();
    // Fields 1000 and 1001: a varint and a text.
    bytes.extend([0xc0, 0x3e, 0x05, 0xca, 0x3e, 0x02, b'h', b'i']);
    line.connection.send_binary(&bytes).expect("it is sent");
    assert_eq!(line.hear(), "Response q");
    line.hear_bookmark(1);
}

#[test]
fn a_request_whose_fields_come_in_another_order_is_read_the_same() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let request = messages::feed_message(messages::action("f", 1, one()), "q");
    let feed = request.feed.as_ref().expect("a FeedRequest").encode_to_vec();
    // Feed (29) first, in two parts that have to be merged; then RequestID (3), then Type (2).
    let half =
        ordo_core::proto::FeedRequest { action: None, ..*request.feed.clone().expect("a FeedRequest") }.encode_to_vec();
    let part = |content: &[u8]| {
        let mut bytes = vec![0xea, 0x01];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend(content);
        bytes
    };
    let bytes = [part(&half), part(&feed), vec![0x1a, 1, b'q'], vec![0x10, 29]].concat();
    line.connection.send_binary(&bytes).expect("it is sent");
    assert_eq!(line.hear(), "Response q");
    assert!(rig.get("/balance/for/XS/A").text().contains("\"Balance\":1,"));
}
