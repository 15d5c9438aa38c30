use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;

fn dec(text: &str) -> Dec {
    text.parse().unwrap()
}

#[test]
fn display_keeps_every_digit() {
    for text in ["0", "10.50", "-0.05", "0.00", "-1009.95", "170141183460469231731687303715884105727", "0.000000001"] {
        assert_eq!(dec(text).to_string(), text);
    }
}

#[test]
fn exponents_are_read_by_their_digits() {
    assert_eq!(dec("1.5e3").to_string(), "1500");
    assert_eq!(dec("1.5E-3").to_string(), "0.0015");
    assert_eq!(dec("0e999999999999999999999"), Dec::ZERO);
    assert_eq!("1e400".parse::<Dec>(), Err(ParseDecError::OutOfRange));
    assert_eq!("1e-400".parse::<Dec>(), Err(ParseDecError::OutOfRange));
    assert_eq!("9".repeat(10_000).parse::<Dec>(), Err(ParseDecError::OutOfRange));
    let padded = format!("1.{}", "0".repeat(10_000));
    assert_eq!(dec(&padded), Dec::whole(1));
}

#[test]
fn malformed_texts_are_told_apart_from_large_ones() {
    for text in ["", "-", ".5", "5.", "1e", "1e+", "NaN", "Infinity", "1 ", "0x1", "1.2.3", "--1"] {
        assert_eq!(text.parse::<Dec>(), Err(ParseDecError::Malformed), "{text}");
    }
}

#[test]
fn a_zero_of_huge_scale_does_not_poison_a_sum() {
    let zero = Dec::new(0, 38).unwrap();
    let large = dec("123456789012345678901234567890");
    assert_eq!(large.plus(zero).unwrap(), large);
}

#[test]
fn a_sum_has_the_larger_scale_and_a_product_the_sum_of_scales() {
    assert_eq!(dec("396.00").plus(dec("9.950")).unwrap().to_string(), "405.950");
    assert_eq!(dec("40").times(dec("9.90")).unwrap().to_string(), "396.00");
    assert_eq!(dec("1.50").times(dec("2.50")).unwrap().to_string(), "3.7500");
}

#[test]
fn averages_round_half_even() {
    assert_eq!(dec("1440").times_ratio(Dec::whole(1), dec("133"), 8).unwrap().to_string(), "10.82706767");
    assert_eq!(dec("1").times_ratio(Dec::whole(1), dec("8"), 2).unwrap().to_string(), "0.12");
    assert_eq!(dec("3").times_ratio(Dec::whole(1), dec("8"), 2).unwrap().to_string(), "0.38");
    assert_eq!(dec("-1").times_ratio(Dec::whole(1), dec("8"), 2).unwrap().to_string(), "-0.12");
}

fn any_dec() -> impl Strategy<Value = Dec> {
    prop_oneof![
        (any::<i64>(), 0..=18u32).prop_map(|(m, s)| Dec::new(i128::from(m), s).unwrap()),
        (any::<i128>(), 0..=38u32).prop_filter_map("i128::MIN", |(m, s)| Dec::new(m, s).ok()),
        (-1000i128..1000, 0..=3u32).prop_map(|(m, s)| Dec::new(m, s).unwrap()),
    ]
}

fn scaled(d: Dec, scale: u32) -> BigInt {
    BigInt::from(d.mantissa()) * BigInt::from(10).pow(scale - u32::from(d.scale()))
}

/// The oracle: an exact result at `scale`, or the refusal if no i128 holds it once trailing zeros are shed.
fn check(exact: &BigInt, scale: u32, got: Result<Dec, OutOfRange>) {
    let (mut mantissa, mut left) = (exact.clone(), scale);
    while left > 0 && &mantissa % 10 == BigInt::ZERO && mantissa != BigInt::ZERO {
        mantissa /= 10;
        left -= 1;
    }
    let limit = BigInt::from(i128::MAX);
    let fits = mantissa == BigInt::ZERO || (mantissa <= limit && mantissa >= -limit && left <= u32::from(SCALE_MAX));
    match got {
        Ok(got) => {
            let common = scale.max(u32::from(got.scale()));
            assert_eq!(scaled(got, common), exact * BigInt::from(10).pow(common - scale));
        }
        Err(OutOfRange) => assert!(!fits, "{exact} at {scale} fits and was refused"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn sums_are_exact_or_refused(a in any_dec(), b in any_dec()) {
        let scale = u32::from(a.scale().max(b.scale()));
        check(&(scaled(a, scale) + scaled(b, scale)), scale, a.plus(b));
        check(&(scaled(a, scale) - scaled(b, scale)), scale, a.minus(b));
        prop_assert_eq!(a.cmp(&b), scaled(a, scale).cmp(&scaled(b, scale)));
    }

    #[test]
    fn products_are_exact_or_refused(a in any_dec(), b in any_dec()) {
        let scale = u32::from(a.scale()) + u32::from(b.scale());
        check(&(BigInt::from(a.mantissa()) * BigInt::from(b.mantissa())), scale, a.times(b));
    }

    #[test]
    fn ratios_round_half_even(a in any_dec(), n in any_dec(), d in any_dec(), places in 0u8..=12) {
        prop_assume!(!d.is_zero());
        let Ok(got) = a.times_ratio(n, d, places) else { return Ok(()) };
        let ten = |digits: u8| BigInt::from(10).pow(u32::from(digits));
        let dividend = BigInt::from(a.mantissa()) * BigInt::from(n.mantissa()) * ten(places) * ten(d.scale());
        let divisor = BigInt::from(d.mantissa()) * ten(a.scale()) * ten(n.scale());
        let found = scaled(got, u32::from(places));
        // Twice the distance is at most the divisor, and at exactly half the result is even.
        let distance: BigInt = (&dividend - &found * &divisor) * 2;
        let (distance, size) = (distance.magnitude(), divisor.magnitude());
        prop_assert!(distance < size || (distance == size && found.clone() % 2 == BigInt::ZERO));
    }

    #[test]
    fn text_round_trips(a in any_dec()) {
        let back: Dec = a.to_string().parse().unwrap();
        prop_assert_eq!(back, a);
        prop_assert_eq!(back.scale(), a.scale());
        prop_assert_eq!(a.normalised(), a);
    }
}
