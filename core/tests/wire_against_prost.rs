//! The flat decoder against prost: the same meaning or the same refusal, for bytes that no encoder would make and for
//! bytes that somebody broke.

use ordo_core::proto::{self, DESCRIPTOR_SET, is_out_of_range};
use ordo_core::wire::{DecodeError, FeedRequest};
use ordo_testkit::Random;
use ordo_testkit::seeds::for_seeds;
use ordo_testkit::wire::{Flaw, Shape, broken, same};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

fn feed_request() -> MessageDescriptor {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it");
    pool.all_messages().find(|message| message.name() == "FeedRequest").expect("in the schema")
}

/// An order action with everything around it: what a random choice of fields seldom is.
fn random_bytes(shape: &mut Shape<'_>, descriptor: &MessageDescriptor) -> Vec<u8> {
    let mut bytes = shape.message(descriptor, 0);
    if shape.rng.below(3) > 0 {
        let action = descriptor.get_field(21).expect("Action");
        let mut content = shape.message(action.kind().as_message().expect("a message"), 0);
        let mut tagged = vec![0xaa, 0x01];
        prost::encoding::encode_varint(content.len() as u64, &mut tagged);
        tagged.append(&mut content);
        bytes.append(&mut tagged);
    }
    bytes
}

#[derive(Debug, Default)]
struct Tally {
    read: usize,
    unusual: usize,
    out_of_range: usize,
    malformed: usize,
}

/// Decodes both ways and compares. `None`: nothing is known to be wrong but what is in the bytes.
fn check(bytes: &[u8], flaw: Option<Flaw>, descriptor: &MessageDescriptor, tally: &mut Tally) {
    let said = proto::FeedRequest::decode(bytes);
    match (FeedRequest::decode(bytes), said) {
        (Ok(flat), Ok(said)) => {
            tally.read += 1;
            same::feed_request(bytes, &flat, &said);
        }
        (Ok(_), Err(refused)) => panic!("read what prost refuses: {refused}"),
        (Err(DecodeError::Unusual), Ok(said)) => {
            tally.unusual += 1;
            let again = said.encode_to_vec();
            match FeedRequest::decode(&again) {
                Ok(flat) => same::feed_request(&again, &flat, &said),
                Err(DecodeError::Malformed) => {
                    assert!(has_bad_time(&again, descriptor), "prost's own bytes were refused")
                }
                Err(other) => panic!("prost's own bytes gave {other:?}"),
            }
        }
        // Prost then has the word, and refuses.
        (Err(DecodeError::Unusual), Err(_)) => tally.unusual += 1,
        (Err(DecodeError::NumberOutOfRange), Ok(_)) => panic!("prost holds every figure"),
        (Err(DecodeError::NumberOutOfRange), Err(refused)) => {
            tally.out_of_range += 1;
            // Broken bytes may have more than one thing wrong with them.
            assert!(flaw.is_none() || is_out_of_range(&refused), "{refused}");
        }
        (Err(DecodeError::Malformed), Ok(said)) => {
            tally.malformed += 1;
            assert!(has_bad_time(bytes, descriptor), "prost reads it and every instant is one: {said:?}");
        }
        (Err(DecodeError::Malformed), Err(refused)) => {
            tally.malformed += 1;
            assert!(flaw.is_none() || !is_out_of_range(&refused), "{refused}");
        }
    }
}

/// Whether any instant in the bytes, at any depth, is none: also one that a later field replaces, which prost forgets.
fn has_bad_time(mut bytes: &[u8], descriptor: &MessageDescriptor) -> bool {
    if descriptor.name() == "TimestampWithTimeZone" {
        return proto::TimestampWithTimeZone::decode(bytes).is_ok_and(|time| time.checked().is_err());
    }
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes).expect("prost read it");
        let field = descriptor.get_field(number).filter(|_| wire == WireType::LengthDelimited);
        match field.map(|field| field.kind()) {
            Some(Kind::Message(inner)) => {
                let len = decode_varint(&mut bytes).expect("prost read it") as usize;
                if has_bad_time(&bytes[..len], &inner) {
                    return true;
                }
                bytes = &bytes[len..];
            }
            _ => skip_field(wire, number, &mut bytes, DecodeContext::default()).expect("prost read it"),
        }
    }
    false
}

#[test]
fn any_spelling_of_a_message_means_what_prost_reads() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..12_000, |seed| {
        let mut rng = Random::of(seed);
        let odd = seed % 2 == 0;
        let (twice, groups) = if odd { (60, 40) } else { (usize::MAX, usize::MAX) };
        let mut shape = Shape { rng: &mut rng, flaw: Flaw::None, twice, groups };
        let bytes = random_bytes(&mut shape, &descriptor);
        check(&bytes, Some(Flaw::None), &descriptor, &mut tally);
    });
    assert!(tally.read > 4_000 && tally.unusual > 1_000, "{tally:?}");
    assert_eq!((tally.malformed, tally.out_of_range), (0, 0), "{tally:?}");
}

#[test]
fn one_flaw_gives_its_own_refusal() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..9_000, |seed| {
        let mut rng = Random::of(seed);
        let flaw = [Flaw::Range, Flaw::Time, Flaw::Text][seed as usize % 3];
        let mut shape = Shape { rng: &mut rng, flaw, twice: usize::MAX, groups: usize::MAX };
        let bytes = random_bytes(&mut shape, &descriptor);
        check(&bytes, Some(flaw), &descriptor, &mut tally);
    });
    assert!(tally.out_of_range > 700 && tally.malformed > 700 && tally.read > 700, "{tally:?}");
}

/// A figure that cannot be held may be overwritten, or come to be in two parts: prost, which looks at every field as
/// it comes, is followed.
#[test]
fn figures_in_parts_are_held_or_refused_as_by_prost() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..9_000, |seed| {
        let mut rng = Random::of(seed);
        let mut shape = Shape { rng: &mut rng, flaw: Flaw::Range, twice: 8, groups: usize::MAX };
        let bytes = random_bytes(&mut shape, &descriptor);
        check(&bytes, None, &descriptor, &mut tally);
    });
    assert!(tally.out_of_range > 500 && tally.unusual > 1_000, "{tally:?}");
}

#[test]
fn broken_bytes_are_refused_where_prost_refuses_them() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..1_500, |seed| {
        let mut rng = Random::of(seed);
        let flaw = [Flaw::None, Flaw::Range, Flaw::Time, Flaw::Text][seed as usize % 4];
        let mut shape = Shape { rng: &mut rng, flaw, twice: 80, groups: 80 };
        let bytes = random_bytes(&mut shape, &descriptor);
        for _ in 0..12 {
            check(&broken(&mut rng, &bytes), None, &descriptor, &mut tally);
        }
    });
    assert!(tally.malformed > 5_000 && tally.read > 500, "{tally:?}");
}

#[test]
fn a_message_cut_anywhere_is_refused_or_means_what_prost_reads() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..60, |seed| {
        let mut rng = Random::of(seed);
        let mut shape = Shape { rng: &mut rng, flaw: Flaw::None, twice: 60, groups: 60 };
        let bytes = random_bytes(&mut shape, &descriptor);
        for end in 0..bytes.len() {
            check(&bytes[..end], None, &descriptor, &mut tally);
        }
    });
    assert!(tally.malformed > 1_000 && tally.read > 100, "{tally:?}");
}

#[test]
fn noise_is_never_a_panic() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    for_seeds(0..20_000, |seed| {
        let mut rng = Random::of(seed);
        let bytes: Vec<u8> = (0..rng.below(64)).map(|_| rng.next() as u8).collect();
        check(&bytes, None, &descriptor, &mut tally);
    });
    assert!(tally.malformed > 15_000, "{tally:?}");
}

/// The rows of the fault list that have a name: each is an error or is read as prost reads it, in bounded time.
#[test]
fn hostile_shapes_are_refused_as_prost_refuses_them() {
    let (descriptor, mut tally) = (feed_request(), Tally::default());
    let deep_group = [0xfb, 0x3f].repeat(1000);
    let many_ids = [&[0xaa, 0x01][..], &nested(&[0x52], &[0x82, 0x02, 0x00].repeat(100_000))].concat();
    let many_funds: Vec<u8> = (0..2_000u32)
        .flat_map(|n| nested(&[0xea, 0x01], &[&[0x0a, 0x04][..], format!("{n:04}").as_bytes()].concat()))
        .collect();
    let many_funds = nested(&[0xaa, 0x01], &nested(&[0x52], &many_funds));
    for bytes in [
        &b""[..],
        b"\x08",                                             // a tag alone
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",     // ten bytes, the largest u64
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",     // one more than that
        b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", // eleven bytes
        b"\x00\x00",                                         // field number 0
        b"\x09\0\0\0\0\0\0\0\0",                             // Type as fixed64
        b"\xaa\x01\x05\x08",                                 // an action longer than the message
        b"\xaa\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // of 2^64 - 1 bytes
        b"\xfb\x3f",                                         // a group without end
        b"\xfc\x3f",                                         // an end without group
        b"\xfb\x3f\x08\x01\xfc\x3f",                         // a group
        b"\xfb\x3f\x08\x01\x8c\x40",                         // ended under another number
        b"\xfe\x3f\x01",                                     // wire type 6
        b"\x80\x80\x80\x80\x80\x01\x00",                     // a tag of 35 bits
        &deep_group,
        &many_ids,
        &many_funds,
    ] {
        check(bytes, None, &descriptor, &mut tally);
    }
}

fn nested(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = tag.to_vec();
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}
