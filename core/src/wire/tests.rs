//! The reader and the writer by themselves; whole messages are held against prost in `tests/wire_against_prost.rs`.

use super::reader::Reader;
use super::*;
use crate::dec::Dec;
use prost::Message as _;

use crate::proto::{self, TimestampWithTimeZone};

fn reader(bytes: &[u8]) -> Reader<'_> {
    Reader::of_bytes(bytes, Span::whole(bytes))
}

#[test]
fn a_varint_is_read_within_its_span_only() {
    let bytes = b"\x96\x01\x96\x01";
    let mut r = Reader::of_bytes(bytes, Span { start: 1, len: 2 });
    assert_eq!((r.varint(), r.varint()), (Ok(1), Err(DecodeError::Malformed)));
    assert_eq!(reader(bytes).varint(), Ok(150));
    assert_eq!(reader(b"").varint(), Err(DecodeError::Malformed));
    assert_eq!(reader(b"\x80").varint(), Err(DecodeError::Malformed));
}

#[test]
fn ten_bytes_hold_a_u64_and_no_more() {
    assert_eq!(reader(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").varint(), Ok(u64::MAX));
    for bytes in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"[..], b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"] {
        assert_eq!(reader(bytes).varint(), Err(DecodeError::Malformed));
    }
    // More bytes than needed are legal.
    assert_eq!(reader(b"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00").varint(), Ok(5));
}

#[test]
fn a_tag_is_32_bits_and_its_number_is_not_zero() {
    assert_eq!(reader(b"").tag(), Ok(None));
    assert_eq!(reader(b"\xf8\xff\xff\xff\x0f").tag(), Ok(Some(u32::MAX - 7)));
    for bytes in [&b"\x00"[..], b"\x07", b"\x80\x80\x80\x80\x10", b"\xff"] {
        assert_eq!(reader(bytes).tag(), Err(DecodeError::Malformed), "{bytes:x?}");
    }
}

#[test]
fn a_length_past_the_end_is_refused_before_anything_is_read() {
    for bytes in [&b"\x03ab"[..], b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
        assert_eq!(reader(bytes).nested(), Err(DecodeError::Malformed));
    }
    assert_eq!(reader(b"\x02abc").nested(), Ok(Span { start: 1, len: 2 }));
    assert_eq!(reader(b"\x00").nested(), Ok(Span { start: 1, len: 0 }));
}

#[test]
fn text_is_utf8() {
    for bytes in [&b"\x01\xff"[..], b"\x02\xc0\x80", b"\x03\xed\xa0\x80", b"\x01\xc3"] {
        assert_eq!(reader(bytes).text(), Err(DecodeError::Malformed));
    }
    assert_eq!(reader("\u{6}é😀".as_bytes()).text().map(|span| span.len), Ok(6));
}

#[test]
fn unknown_fields_are_skipped_by_their_wire_type() {
    for (tag, bytes, left) in
        [(24, &b"\x96\x01x"[..], 1), (25, b"12345678x", 1), (26, b"\x02abx", 1), (29, b"1234x", 1)]
    {
        let mut r = reader(bytes);
        assert_eq!((r.skip(tag), bytes.len() - r.at()), (Ok(()), left));
        for end in 0..bytes.len() - 1 {
            assert_eq!(reader(&bytes[..end]).skip(tag), Err(DecodeError::Malformed), "{tag} cut at {end}");
        }
    }
    assert_eq!(reader(b"").skip(24 | 3), Err(DecodeError::Unusual), "a group");
    for wire in [4, 6, 7] {
        assert_eq!(reader(b"").skip(24 | wire), Err(DecodeError::Malformed));
    }
}

#[test]
fn an_instant_is_checked_while_it_is_read() {
    assert!(reader(b"\x06\x08\x01\x10\x05\x18\xb0").time().is_err(), "cut");
    let read = reader(b"\x07\x08\x01\x10\x05\x18\xb0\x09").time().unwrap();
    assert_eq!((read.seconds, read.nanoseconds, read.tz_offset), (1, 5, 600));
    // 1081 minutes are an odd offset, and 10^9 nanoseconds none.
    assert_eq!(reader(b"\x03\x18\xf2\x10").time(), Ok(TimestampWithTimeZone::default()));
    assert_eq!(reader(b"\x06\x10\x80\x94\xeb\xdc\x03").time(), Err(DecodeError::Malformed));
}

#[test]
fn a_map_with_equal_keys_is_for_prost() {
    let entry = |key: &str| [&b"\xf2\x01\x09\x0a\x02"[..], key.as_bytes(), b"\x12\x03\x1a\x01\x05"].concat();
    let order = |keys: &[&str]| keys.iter().flat_map(|key| entry(key)).collect::<Vec<u8>>();
    for count in [2, 16, 17, 40] {
        let names: Vec<String> = (0..count).map(|n| format!("{n:02}")).collect();
        let mut keys: Vec<&str> = names.iter().map(String::as_str).collect();
        let bytes = order(&keys);
        assert_eq!(OrderState::decode(&bytes).map(|order| order.values(&bytes).count()), Ok(count));
        keys[count / 2] = "00";
        assert_eq!(OrderState::decode(&order(&keys)).map(drop), Err(DecodeError::Unusual), "{count}");
    }
}

#[test]
fn a_writer_grows_in_front_and_keeps_what_it_has() {
    let mut w = ReverseWriter::with_capacity(3);
    let mut twin = Vec::new();
    for n in 0..400u32 {
        let piece = vec![n as u8; n as usize % 50];
        w.put(&piece);
        twin.splice(0..0, piece);
        assert_eq!((w.bytes(), w.len()), (&twin[..], twin.len()));
    }
    w.clear();
    assert!(w.is_empty() && w.bytes().is_empty());
}

#[test]
fn defaults_are_left_out_and_figures_and_instants_are_not() {
    let mut w = ReverseWriter::default();
    w.uint(1, 0);
    w.int(2, 0);
    w.boolean(3, false);
    w.text(4, b"");
    assert!(w.is_empty());
    w.int(2, -1);
    assert_eq!(w.bytes(), b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    w.clear();
    w.figure(1, Dec::ZERO);
    w.time(2, TimestampWithTimeZone::default());
    w.delimited(3, b"");
    assert_eq!(w.bytes(), b"\x1a\x00\x12\x00\x0a\x00");
}

#[test]
fn what_stands_between_the_occurrences_of_a_field_is_left_out() {
    let bytes = b"\x0a\x01a\x10\x05\x0a\x01b\x1d1234\x0a\x00";
    let mut all = Repeated::default();
    all.add(0, 3);
    all.add(5, 8);
    all.add(13, 15);
    let mut w = ReverseWriter::default();
    w.put(b"!");
    w.copy_repeated(bytes, all, 1);
    assert_eq!(w.bytes(), b"\x0a\x01a\x0a\x01b\x0a\x00!");
    w.copy_repeated(bytes, Repeated::default(), 1);
    assert_eq!(w.len(), 9);
}

#[test]
fn a_number_that_nothing_computes_with_may_have_any_size_and_a_figure_may_not() {
    let large = proto::CarriedNumber::from_digits(&format!("-0.{}", "7".repeat(60))).expect("carried");
    let mut order = proto::OrderState { order_id: "1".into(), ..Default::default() };
    order.values.insert("Wide".into(), large.clone());
    order.values.insert("ReservePrice".into(), Dec::whole(5).into());
    let bytes = order.encode_to_vec();
    let flat = OrderState::decode(&bytes).expect("both read it");
    assert_eq!(flat.values(&bytes).figure(b"ReservePrice"), Ok(Some(Dec::whole(5))));
    assert_eq!(flat.values(&bytes).figure(b"Wide"), Err(crate::dec::OutOfRange));
    assert_eq!(flat.values(&bytes).figure(b"None"), Ok(None));
    assert_eq!(
        proto::OrderState::decode(&bytes[..]).map(|order| order.values["Wide"].to_string()),
        Ok(large.to_string())
    );
    // The same number as a price: tag 22, and the length that it has.
    let number = large.encode_to_vec();
    let price = [&[0xb2, 0x01, number.len() as u8][..], &number].concat();
    assert_eq!(OrderState::decode(&price).map(drop), Err(DecodeError::NumberOutOfRange));
}

#[test]
fn an_instant_past_2261_is_of_the_record_and_is_not_received() {
    let at = |seconds| Some(TimestampWithTimeZone { seconds, nanoseconds: 0, tz_offset: 0 });
    let request = |remove_after| {
        let order = proto::OrderState { remove_after, ..Default::default() };
        let action = proto::ExternalAction { order: Some(Box::new(order)), ..Default::default() };
        proto::FeedRequest { action: Some(action), ..Default::default() }.encode_to_vec()
    };
    let (last, late) = (request(at(TimestampWithTimeZone::SECONDS_MAX)), request(at(253_402_300_799)));
    let mut read = FeedRequest::default();
    assert_eq!(read.receive_into(&last, Span::whole(&last)), Ok(()));
    assert_eq!(read.receive_into(&late, Span::whole(&late)), Err(DecodeError::Malformed));
    assert_eq!(read.decode_into(&late, Span::whole(&late)), Ok(()));
}
