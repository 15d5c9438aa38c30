//! BigNumber on the wire, against a big integer: what fits is exact, what does not is refused by name.

use num_bigint::BigUint;
use ordo_core::dec::Dec;
use ordo_core::proto::{BigNumber, OrderState, from_wire, is_out_of_range};
use proptest::prelude::*;
use prost::Message;

fn dec(text: &str) -> Dec {
    text.parse().unwrap()
}

fn written(text: &str) -> Vec<u8> {
    BigNumber::from(dec(text)).encode_to_vec()
}

#[test]
fn a_figure_is_written_in_as_few_bytes_as_it_needs() {
    for (text, bytes) in [
        ("0", &b""[..]),
        ("0.00", b"\x08\x02"),
        ("1", b"\x1a\x01\x01"),
        ("-1", b"\x10\x01\x1a\x01\x01"),
        ("10.50", b"\x08\x02\x1a\x02\x1a\x04"),
        ("255", b"\x1a\x01\xff"),
        ("256", b"\x1a\x02\x00\x01"),
        (
            "-170141183460469231731687303715884105727",
            b"\x10\x01\x1a\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ),
    ] {
        assert_eq!(written(text), bytes, "{text}");
        assert_eq!(BigNumber::from(dec(text)).encoded_len(), bytes.len());
    }
}

#[test]
fn other_spellings_are_read() {
    for (bytes, text, scale) in [
        (&b"\x10\x01"[..], "0", 0),                                                // minus zero
        (b"\x08\x02\x10\x01\x1a\x00", "0", 2),                                     // minus zero with a scale
        (b"\x08\xe8\x07", "0", 38),                                                // scale 1,000 of zero
        (b"\x1a\x03\x05\x00\x00", "5", 0),                                         // high bytes of zero
        (b"\x1a\x02\x1a\x04\x08\x02", "10.50", 2),                                 // scale after value
        (b"\x1a\x01\x07\x1a\x01\x05", "5", 0),                                     // the last one counts
        (b"\x08\x28\x1a\x01\x64", "0.00000000000000000000000000000000000001", 38), // 100 x 10^-40
        (b"\x7a\x01x\x1a\x01\x05", "5", 0),                                        // an unknown field
    ] {
        let number = BigNumber::decode(bytes).unwrap();
        assert_eq!((number.dec(), number.dec().scale()), (dec(text), scale), "{bytes:x?}");
        assert!(!number.dec().is_zero() || !number.dec().is_negative());
    }
    let long = [&b"\x1a\x90\x4e\x05"[..], &[0; 9_999]].concat();
    assert_eq!(BigNumber::decode(&long[..]).unwrap().dec(), dec("5"));
}

#[test]
fn what_does_not_fit_is_refused_by_name_at_any_depth() {
    let wide = [&b"\x1a\x11"[..], &[0; 16], b"\x01"].concat();
    let two_to_127 = [&b"\x1a\x10"[..], &[0; 15], b"\x80"].concat();
    for bytes in [&wide[..], &two_to_127, b"\x08\x27\x1a\x01\x01", b"\x08\xff\xff\xff\xff\x0f\x1a\x01\x01"] {
        let error = BigNumber::decode(bytes).unwrap_err();
        assert!(is_out_of_range(&error), "{error}");
        let order = [&[0xb2, 0x01, bytes.len() as u8][..], bytes].concat();
        assert!(is_out_of_range(&OrderState::decode(&order[..]).unwrap_err()));
    }
    for bytes in [&b"\x1a\x05\x01"[..], b"\x08", b"\x18\x01", b"\x1b"] {
        assert!(!is_out_of_range(&BigNumber::decode(bytes).unwrap_err()), "{bytes:x?}");
    }
}

#[test]
fn two_messages_are_equal_if_their_figures_look_the_same() {
    assert_ne!(BigNumber::from(dec("10.5")), BigNumber::from(dec("10.50")));
    assert_eq!(BigNumber::decode(&b"\x10\x01"[..]).unwrap(), BigNumber::default());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(13),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_magnitude_is_that_of_a_big_integer(
        scale in 0u32..45,
        is_negative: bool,
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let oracle = BigUint::from_bytes_le(&bytes);
        match from_wire(scale, is_negative, &bytes) {
            Ok(held) => {
                // value x 10^scale, in whole numbers on both sides; a shed zero is put back.
                let shed = BigUint::from(10u8).pow(scale.saturating_sub(u32::from(held.scale())));
                prop_assert_eq!(BigUint::from(held.mantissa().unsigned_abs()) * shed, oracle);
                prop_assert_eq!(held.is_negative(), is_negative && !held.is_zero());
                let number = BigNumber::from(held);
                prop_assert_eq!(BigNumber::decode(&number.encode_to_vec()[..]).unwrap(), number);
                prop_assert_eq!(number.encode_to_vec().len(), number.encoded_len());
            }
            Err(_) => prop_assert!(oracle.bits() > 127 || scale > 38),
        }
    }
}
