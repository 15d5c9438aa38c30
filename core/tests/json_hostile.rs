//! What an attacker or a broken client sends: never a panic, never a number changed, never quadratic time.

use ordo_core::json::{self, JsonError, MessageId, Read, Style, message};
use proptest::prelude::*;

const ORDER: &str = r#"{"Type":"FeedRequest","Feed":{"Type":"Action","RequestID":7,"Position":{"Sequence":"nyse","Position":"12"},
"Action":{"Type":"Trade","Order":{"OrderID":"o-\u00e9\ud83d\ude00","Account":{"AccountID":"A","OwnerID":"O"},"Price":10.50,
"Values":{"ReservePrice":-1.25e1,"b":{"Scale":1,"Value":"BQ=="}},"IDs":[{"Name":"n","Values":{"k":"v"}}],"Errors":["a","b"],
"Timestamp":"2026-11-22T15:04:05.123456789+10:00","IsCompleted":true,"Side":null}}}}"#;

fn read(id: MessageId, text: &[u8], is_lenient: bool) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    json::to_binary(id, text, Read { is_lenient }, &mut out).map(|()| out)
}

fn code(text: &str) -> String {
    read(message::ORDER_STATE, text.as_bytes(), true).unwrap_err().code()
}

#[test]
fn json_cut_at_every_byte_is_refused() {
    let text = ORDER.as_bytes();
    assert!(read(message::REQUEST_MESSAGE, text, false).is_ok());
    for cut in 0..text.len() {
        assert_eq!(read(message::REQUEST_MESSAGE, &text[..cut], false), Err(JsonError::Syntax), "cut at {cut}");
    }
}

#[test]
fn json_with_any_byte_replaced_does_not_panic() {
    let mut text = ORDER.as_bytes().to_vec();
    for at in 0..text.len() {
        let before = text[at];
        for byte in [0, b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'-', b'e', b'n', 0x80, 0xff] {
            text[at] = byte;
            let _ = read(message::REQUEST_MESSAGE, &text, false);
            let _ = read(message::REQUEST_MESSAGE, &text, true);
        }
        text[at] = before;
    }
}

#[test]
fn binary_cut_or_changed_at_every_byte_does_not_panic_and_can_be_read_again_where_it_is_written() {
    let bytes = read(message::REQUEST_MESSAGE, ORDER.as_bytes(), false).unwrap();
    let check = |bytes: &[u8]| {
        let mut text = Vec::new();
        if json::from_binary(message::REQUEST_MESSAGE, bytes, Style::default(), &mut text).is_ok() {
            // An instant past 2261 is written, as older records may hold it, and not received.
            let is_late =
                |path: &str| ["Timestamp", "Created", "ExpiryDate", "RemoveAfter"].iter().any(|at| path.ends_with(at));
            match read(message::REQUEST_MESSAGE, &text, false) {
                Ok(_) => {}
                Err(json::JsonError::Mismatch(path)) if is_late(&path) => {}
                Err(error) => panic!("what is written is read: {error:?}"),
            }
        }
    };
    for at in 0..bytes.len() {
        check(&bytes[..at]);
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            check(&changed);
        }
    }
}

#[test]
fn nesting_ends_at_the_limit_in_what_is_skipped_too() {
    let nested = |depth: usize| format!(r#"{{"X":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(message::ORDER_STATE, nested(json::DEPTH_MAX - 1).as_bytes(), true).is_ok());
    for depth in [json::DEPTH_MAX, 1_000, 100_000] {
        assert_eq!(code(&nested(depth)), "Data.Deserialise X", "{depth}");
    }
    let objects = format!("{}1{}", r#"{"X":"#.repeat(1_000), "}".repeat(1_000));
    assert_eq!(code(&objects), "Data.Deserialise X");
    assert_eq!(code(&"[".repeat(100_000)), "Data");
}

#[test]
fn numbers_beyond_range_are_out_of_range_whatever_their_length() {
    let digits = "7".repeat(100_000);
    for number in [&digits, &format!("0.{digits}"), &format!("-{digits}e-5"), &format!("1e{digits}"), "1e400", "1e-400"]
    {
        assert_eq!(code(&format!(r#"{{"Price":{number}}}"#)), "NumberOutOfRange");
        assert_eq!(code(&format!(r#"{{"Price":"{number}"}}"#)), "NumberOutOfRange");
        assert_eq!(code(&format!(r#"{{"Side":{number}}}"#)), "NumberOutOfRange");
    }
    // Zeros say nothing, however many.
    let zeros = format!(r#"{{"Price":1.5{}}}"#, "0".repeat(100_000));
    assert!(read(message::ORDER_STATE, zeros.as_bytes(), false).is_ok());
}

#[test]
fn many_elements_keys_and_fields_take_linear_time() {
    // Quadratic work on any of these would take minutes.
    let count = 200_000;
    let list = |item: &dyn Fn(usize) -> String| (0..count).rev().map(item).collect::<Vec<_>>().join(",");
    for text in [
        format!(r#"{{"Errors":[{}]}}"#, list(&|_| "\"e\"".into())),
        format!(r#"{{"Properties":{{{}}}}}"#, list(&|at| format!(r#""{at}":"v""#))),
        format!("{{{}}}", list(&|at| format!(r#""x{at}":[]"#))),
    ] {
        let bytes = read(message::ORDER_STATE, text.as_bytes(), true).unwrap();
        let mut out = Vec::new();
        json::from_binary(message::ORDER_STATE, &bytes, Style::default(), &mut out).unwrap();
    }
    let updates = format!(r#"{{"Updates":[{}]}}"#, list(&|_| r#"{"Order":{"Price":1.5}}"#.into()));
    assert!(read(message::EVENT_MESSAGE, updates.as_bytes(), false).is_ok());
    // One message in 200,000 parts, and one field given as often.
    let mut out = Vec::new();
    json::from_binary(message::ORDER_STATE, &b"\x12\x03\x1a\x01A".repeat(count), Style::default(), &mut out).unwrap();
    assert_eq!(out, br#"{"Account":{"AccountID":"A"}}"#);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(12),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for id in [message::REQUEST_MESSAGE, message::ORDER_STATE, message::BIG_NUMBER, message::SNAPSHOT_POSITION] {
            let mut text = Vec::new();
            if json::from_binary(id, &bytes, Style::default(), &mut text).is_ok() {
                prop_assert!(read(id, &text, false).is_ok(), "{}", String::from_utf8_lossy(&text));
            }
            let _ = read(id, &bytes, true);
        }
    }

    #[test]
    fn random_tokens_never_panic(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..24)) {
        let text = tokens.concat();
        for id in [message::ORDER_STATE, message::BIG_NUMBER, message::SNAPSHOT_POSITION] {
            if let Ok(bytes) = read(id, text.as_bytes(), true) {
                json::from_binary(id, &bytes, Style::default(), &mut Vec::new()).expect("what is read is written");
            }
        }
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"OrderID\"",
    "\"Price\":",
    "\"Positions\":{",
    "\"a\"",
    "\"\\ud800\"",
    "1",
    "-",
    "1.5e3",
    "null",
    "true",
    " ",
    "\\",
    "\"Scale\":",
    "\"Value\":",
    "\"AAE=\"",
    "\"Account\":{",
    "{}",
];
