//! Binary as it may come: in parts, out of order, with unknown fields, malformed; and arrays of messages.

use super::*;

#[test]
fn binary_in_parts_is_merged() {
    // OrderState.Account in two parts around a field, Price in two, Side twice, a map key twice, fields of any order.
    let bytes = [
        &b"\x12\x03\x1a\x01A"[..],         // Account { AccountID: "A" }
        b"\xa0\x01\x01",                   // Side BUY
        b"\xb2\x01\x02\x08\x02",           // Price { Scale: 2 }
        b"\xba\x02\x06\x0a\x01k\x12\x01v", // FeeCodes k: v
        b"\x0a\x011",                      // OrderID
        b"\xa0\x01\x02",                   // Side SELL
        b"\xba\x02\x06\x12\x01w\x0a\x01k", // FeeCodes k: w, value before key
        b"\x12\x04\xba\x02\x01O",          // Account { OwnerID: "O" }
        b"\xb2\x01\x03\x1a\x01\x05",       // Price { Value: 5 }
    ]
    .concat();
    assert_eq!(
        json(ORDER_STATE, &bytes, false).unwrap(),
        r#"{"OrderID":"1","Account":{"AccountID":"A","OwnerID":"O"},"Side":"SIDE_SELL","Price":0.05,"FeeCodes":{"k":"w"}}"#
    );
}

#[test]
fn unknown_fields_are_skipped_whatever_they_are() {
    for unknown in [
        &b"\xf8\x07\x01"[..],                        // 127: varint
        b"\xf9\x07\x01\x02\x03\x04\x05\x06\x07\x08", // 127: 64 bits
        b"\xfa\x07\x03abc",                          // 127: bytes
        b"\xfb\x07\x0a\x00\x0b\x0c\xfc\x07",         // 127: a group with a field and a group
        b"\xfd\x07\x01\x02\x03\x04",                 // 127: 32 bits
        b"\x1a\x00",                                 // 3: a gap between known numbers
    ] {
        let bytes = [unknown, b"\x0a\x011", unknown].concat();
        assert_eq!(json(ORDER_STATE, &bytes, false).as_deref(), Ok(r#"{"OrderID":"1"}"#), "{unknown:x?}");
    }
}

#[test]
fn of_a_value_that_is_given_again_only_the_last_is_looked_at() {
    let entry = |value: &[u8]| [b"\xba\x02\x06\x0a\x01k\x12\x01", value].concat();
    let bytes = [entry(b"\xff"), entry(b"v"), b"\x0a\x01\xff\x0a\x011".to_vec()].concat();
    assert_eq!(json(ORDER_STATE, &bytes, false).unwrap(), r#"{"OrderID":"1","FeeCodes":{"k":"v"}}"#);
}

#[test]
fn bits_beyond_the_width_of_a_number_do_not_count() {
    // Side and Lifetime as varints of 2^32 and 2^32 + 1.
    let bytes = b"\xa0\x01\x80\x80\x80\x80\x10\xc0\x01\x81\x80\x80\x80\x10";
    assert_eq!(json(ORDER_STATE, bytes, false).unwrap(), r#"{"Lifetime":"LIFETIME_DAY"}"#);
}

#[test]
fn malformed_binary_is_refused_with_its_reason() {
    for (bytes, reason) in [
        (&b"\x0a"[..], Malformed::Truncated),
        (b"\x0a\x02x", Malformed::Truncated),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Malformed::Truncated),
        (b"\xa0\x01\x80", Malformed::Truncated),
        (b"\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Malformed::VarintOverflow),
        (b"\xa0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Malformed::VarintOverflow),
        (b"\x00\x01", Malformed::Tag),
        (b"\x0e", Malformed::Tag),
        (b"\x80\x80\x80\x80\x10\x01", Malformed::Tag),
        (b"\x08\x01", Malformed::WireType),
        (b"\xa2\x01\x00", Malformed::WireType),
        (b"\x0c", Malformed::Group),
        (b"\xfb\x07\x0c", Malformed::Group),
        (b"\xfb\x07", Malformed::Truncated),
        (b"\x0a\x01\xff", Malformed::Utf8),
        (
            b"\xb2\x01\x12\x1a\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            Malformed::NumberOutOfRange,
        ),
    ] {
        assert_eq!(json(ORDER_STATE, bytes, false), Err(reason), "{bytes:x?}");
    }
    assert_eq!(json(ORDER_STATE, &[0xfb, 0x07].repeat(1000), false), Err(Malformed::Group));
    assert_eq!(Malformed::Group.code(), "Data");
    assert_eq!(Malformed::NumberOutOfRange.code(), "NumberOutOfRange");
}

/// prost skips up to a hundred groups within one another; the writer used to give up at 64, so that a message which
/// had been read could not be shown.
#[test]
fn groups_are_skipped_as_deep_as_prost_follows_them() {
    let nested = |depth: usize| [[0xfb, 0x07].repeat(depth), [0xfc, 0x07].repeat(depth)].concat();
    for depth in [64, 65, 99, 100, 101] {
        let read = <crate::proto::OrderState as prost::Message>::decode(&nested(depth)[..]).is_ok();
        assert!(!read || json(ORDER_STATE, &nested(depth), false).as_deref() == Ok("{}"), "{depth}");
    }
    assert_eq!(json(ORDER_STATE, &nested(99), false).as_deref(), Ok("{}"));
    assert_eq!(json(ORDER_STATE, &nested(101), false), Err(Malformed::Group));
}

#[test]
fn arrays_go_both_ways_and_say_which_element() {
    let mut bytes = Vec::new();
    let text = br#" [ {"OrderID":"1"} , {} , {"Price":2.50} ] "#;
    array_to_delimited(ORDER_STATE, text, STRICT, &mut bytes).unwrap();
    let messages: Vec<&[u8]> = Delimited::new(&bytes).collect::<Result<_, _>>().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1], b"");
    let mut out = Vec::new();
    array_from_delimited(ORDER_STATE, &bytes, Style::default(), &mut out).unwrap();
    assert_eq!(out, br#"[{"OrderID":"1"},{},{"Price":2.50}]"#);
    for (text, code) in [
        ("[{},{\"Price\":\"\"}]", "Data.Deserialise 1.Price"),
        ("[null]", "Data.Deserialise 0"),
        ("{}", "Data.Deserialise OrderState"),
        ("[{}", "Data"),
    ] {
        let error = array_to_delimited(ORDER_STATE, text.as_bytes(), STRICT, &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
    }
}

#[test]
fn an_array_is_written_piece_by_piece_and_a_bad_element_leaves_no_trace() {
    let mut array = ArrayWriter::new(ORDER_STATE, Style::default());
    let mut out = Vec::new();
    assert_eq!(array.push(b"\x0a", &mut out), Err(Malformed::Truncated));
    array.push(b"", &mut out).unwrap();
    assert_eq!(array.push(b"\x0a\x011\x0a", &mut out), Err(Malformed::Truncated));
    array.push(b"\x0a\x011", &mut out).unwrap();
    array.finish(&mut out);
    assert_eq!(out, br#"[{},{"OrderID":"1"}]"#);
    let mut empty = Vec::new();
    ArrayWriter::new(ORDER_STATE, Style::default()).finish(&mut empty);
    assert_eq!(empty, b"[]");
}

#[test]
fn a_broken_length_ends_the_messages() {
    let items: Vec<_> = Delimited::new(b"\x01a\x05b").collect();
    assert_eq!(items, [Ok(&b"a"[..]), Err(Malformed::Truncated)]);
}
