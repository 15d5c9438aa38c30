use proptest::prelude::*;

use super::*;

const KEY: Check = [7; 16];

fn entry(body: &[u8]) -> Entry<'_> {
    Entry { kind: Kind::Update, rules: 1, flags: 2, feed: 3, identity: 4, position: -5, time_ns: 6, body }
}

fn encoded(body: &[u8], chain: &mut Chain, offset: u64) -> Vec<u8> {
    let mut bytes = vec![0xFF; frame_bytes(body.len()) as usize];
    encode(&mut bytes, chain, &KEY, offset, &entry(body));
    bytes
}

/// The bytes of version 1, for ever: a journal of this build is read by every later one.
#[test]
fn the_bytes_of_a_frame_are_those_of_the_format() {
    let bytes = encoded(b"hello", &mut Chain::START.clone(), 8_192 + 80);
    #[rustfmt::skip]
    let head = [
        69, 0, 0, 0,  5,  1,  1, 0,  2, 0, 0, 0,  1, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 0, 0,  6, 0, 0, 0, 0, 0, 0, 0,
        3, 0, 0, 0,  4, 0, 0, 0,  251, 255, 255, 255, 255, 255, 255, 255,
    ];
    assert_eq!(bytes[..48], head);
    let mut bound = [0; 104];
    bound[..48].copy_from_slice(&head);
    bound[64..80].copy_from_slice(&KEY);
    bound[80..88].copy_from_slice(&8_272u64.to_le_bytes());
    bound[88..].copy_from_slice(&xxh3_128(b"hello").to_le_bytes());
    assert_eq!(bytes[48..64], xxh3_128(&bound).to_le_bytes());
    assert_eq!(bytes[64..], *b"hello\0\0\0");
    assert_eq!(xxh3_128(b"hello"), 0xb5e9_c1ad_071b_3e7f_c779_cfaa_5e52_3818);
}

#[test]
fn every_flipped_bit_of_a_frame_is_found() {
    let bytes = encoded(b"thirteen byte", &mut Chain::START.clone(), 8_192);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut chain = Chain::START;
        assert!(matches!(parse(&flipped, &mut chain, &KEY, 8_192), Parsed::Bad(_)), "bit {bit}");
        assert_eq!(chain, Chain::START, "a bad frame does not move the chain");
    }
}

#[test]
fn a_group_ends_with_a_block_and_its_pad_fits() {
    for end in (0..3 * BLOCK_BYTES).step_by(8) {
        let padded = padded_end(end);
        assert!(padded.is_multiple_of(BLOCK_BYTES) && padded >= end);
        assert!(padded == end || padded - end >= HEADER_BYTES as u64);
        assert!(padded - end < BLOCK_BYTES + HEADER_BYTES as u64);
    }
}

#[test]
fn a_mark_proves_itself_at_its_own_place_only() {
    let mut chain = Chain { check: [9; 16], sequence: 41, epoch: 3, time_ns: 5 };
    let before = chain;
    let mut bytes = vec![0; MARK_BYTES];
    let body = chain.check;
    let mark = Entry { kind: Kind::Mark, time_ns: 5, body: &body, ..entry(b"") };
    encode(&mut bytes, &mut chain, &KEY, 4_096 * 5, &mark);
    assert_eq!(lone_mark(&bytes, &KEY, 4_096 * 5), Some((before, chain)));
    assert_eq!(lone_mark(&bytes, &KEY, 4_096 * 6), None);
    assert_eq!(lone_mark(&bytes, &[8; 16], 4_096 * 5), None);
    assert_eq!(lone_mark(&bytes[..70], &KEY, 4_096 * 5), None);
    assert_eq!(parse(&bytes, &mut before.clone(), &KEY, 4_096 * 5), Parsed::Good(Kind::Mark, MARK_BYTES));
    assert_eq!(parse(&bytes, &mut Chain::START.clone(), &KEY, 4_096 * 5), Parsed::Bad(Field::Chain));
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed(body in proptest::collection::vec(any::<u8>(), 0..700), offset in (0u64..1 << 40)) {
        let mut chain = Chain::START;
        let bytes = encoded(&body, &mut chain, offset * 8);
        let mut read = Chain::START;
        prop_assert_eq!(parse(&bytes, &mut read, &KEY, offset * 8), Parsed::Good(Kind::Update, 64 + body.len()));
        prop_assert_eq!(read, chain);
        prop_assert_eq!(view(&bytes).body, &body[..]);
        prop_assert_eq!(view(&bytes).position, -5);
    }

    #[test]
    fn no_bytes_make_it_panic_or_read_too_far(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!matches!(parse(&bytes, &mut Chain::START.clone(), &KEY, 0), Parsed::Good(..)));
        prop_assert!(lone_mark(&bytes, &KEY, 0).is_none());
    }
}
