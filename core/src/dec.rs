//! `Dec`: the exact decimal of every figure.
//!
//! A mantissa of 128 bits and a scale: value = mantissa x 10^-scale. A result is exact or refused (`OutOfRange`);
//! nothing is rounded in silence, which is why this is not one of the well-known decimal crates: those round at
//! their limit. There is no float here, and none elsewhere in the crate.
//!
//! The scale is kept as given (`10.50` stays `10.50`): a sum has the larger scale of its terms, a product the sum of
//! theirs. Equality and order are those of the value, so `10.50 == 10.5`.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU8;

use ethnum::I256;
use thiserror::Error;

/// The figure cannot be held exactly: more than 38 digits, or a scale above [`SCALE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("NumberOutOfRange")]
pub struct OutOfRange;

/// The largest scale that is held. Every i128 has at most 39 digits, so a larger scale could only hold zeros.
pub const SCALE_MAX: u8 = 38;

const POW10: [i128; 39] = {
    let mut table = [1i128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// An exact decimal. 24 bytes, also as an `Option`; the mantissa lies in two words so that records pack without 16-byte
/// alignment.
#[derive(Clone, Copy)]
pub struct Dec {
    low: u64,
    high: i64,
    scale: Scale,
}

const _: () = assert!(size_of::<Option<Dec>>() == 24, "figures that may be absent fill the slots of the ring");

/// A scale, stored one higher: the zero that stays free stands for `None` in an `Option<Dec>`.
#[derive(Clone, Copy)]
struct Scale(NonZeroU8);

impl Scale {
    const fn new(scale: u8) -> Scale {
        Scale(NonZeroU8::MIN.saturating_add(scale))
    }

    const fn get(self) -> u8 {
        self.0.get() - 1
    }
}

impl Default for Dec {
    fn default() -> Dec {
        Dec::ZERO
    }
}

impl Dec {
    pub const ZERO: Dec = Dec { low: 0, high: 0, scale: Scale::new(0) };

    /// `mantissa` x 10^-`scale`.
    ///
    /// # Errors
    /// `OutOfRange` if the scale is above [`SCALE_MAX`] and trailing zeros cannot bring it down, or the mantissa is
    /// `i128::MIN` (which has no negative).
    #[inline]
    pub fn new(mantissa: i128, scale: u32) -> Result<Dec, OutOfRange> {
        if mantissa == i128::MIN {
            return Err(OutOfRange);
        }
        if scale <= u32::from(SCALE_MAX) {
            return Ok(Dec::raw(mantissa, scale as u8));
        }
        shed_zeros(mantissa, scale)
    }

    /// A whole number.
    #[inline]
    pub const fn whole(value: i64) -> Dec {
        Dec::raw(value as i128, 0)
    }

    #[inline]
    const fn raw(mantissa: i128, scale: u8) -> Dec {
        Dec { low: mantissa as u64, high: (mantissa >> 64) as i64, scale: Scale::new(scale) }
    }

    #[inline]
    pub const fn mantissa(self) -> i128 {
        ((self.high as i128) << 64) | self.low as i128
    }

    #[inline]
    pub const fn scale(self) -> u8 {
        self.scale.get()
    }

    #[inline]
    pub const fn is_zero(self) -> bool {
        self.low == 0 && self.high == 0
    }

    #[inline]
    pub const fn is_negative(self) -> bool {
        self.high < 0
    }

    #[inline]
    #[must_use]
    pub const fn negated(self) -> Dec {
        // Never overflows: `new` and every operation keep i128::MIN out.
        Dec::raw(-self.mantissa(), self.scale())
    }

    /// The exact sum, at the larger scale of the two where it fits there, else at the largest scale that holds it.
    ///
    /// # Errors
    /// `OutOfRange` if the exact sum cannot be held.
    #[inline]
    pub fn plus(self, other: Dec) -> Result<Dec, OutOfRange> {
        if self.scale() == other.scale()
            && let Some(sum) = self.mantissa().checked_add(other.mantissa())
            && sum != i128::MIN
        {
            return Ok(Dec::raw(sum, self.scale()));
        }
        self.plus_aligned(other)
    }

    /// # Errors
    /// As [`Dec::plus`].
    #[inline]
    pub fn minus(self, other: Dec) -> Result<Dec, OutOfRange> {
        self.plus(other.negated())
    }

    /// The exact product, at the sum of the scales where it fits there.
    ///
    /// # Errors
    /// `OutOfRange` if the exact product cannot be held.
    #[inline]
    pub fn times(self, other: Dec) -> Result<Dec, OutOfRange> {
        let (a, b) = (self.mantissa(), other.mantissa());
        let scale = self.scale() + other.scale();
        // Two 63-bit factors cannot overflow 126 bits: no check needed on the path every price takes.
        if let (Ok(a), Ok(b)) = (i64::try_from(a), i64::try_from(b))
            && scale <= SCALE_MAX
        {
            return Ok(Dec::raw(i128::from(a) * i128::from(b), scale));
        }
        narrow(I256::new(a) * I256::new(b), u32::from(scale))
    }

    /// `self` x `numerator` / `denominator`, rounded half-even to `places`: the one division there is (averages).
    ///
    /// # Errors
    /// `OutOfRange` if the result cannot be held, or the denominator is zero.
    pub fn times_ratio(self, numerator: Dec, denominator: Dec, places: u8) -> Result<Dec, OutOfRange> {
        if denominator.is_zero() {
            return Err(OutOfRange);
        }
        if let Some(quick) = self.small_ratio(numerator, denominator, places) {
            return Ok(quick);
        }
        // value = a*n/d x 10^(sd - sa - sn); wanted as an integer x 10^-places.
        let product = I256::new(self.mantissa()) * I256::new(numerator.mantissa());
        let shift =
            i32::from(places) + i32::from(denominator.scale()) - i32::from(self.scale()) - i32::from(numerator.scale());
        let (dividend, divisor) = if shift >= 0 {
            (scaled_up(product, shift as u32)?, I256::new(denominator.mantissa()))
        } else {
            (product, scaled_up(I256::new(denominator.mantissa()), (-shift) as u32)?)
        };
        narrow(divide_half_even(dividend, divisor), u32::from(places))
    }

    /// The same where no intermediate needs more than 128 bits, as those of real positions do not: a third of the time.
    fn small_ratio(self, numerator: Dec, denominator: Dec, places: u8) -> Option<Dec> {
        let product = self.mantissa().checked_mul(numerator.mantissa())?;
        let up = usize::from(places) + usize::from(denominator.scale());
        let down = usize::from(self.scale()) + usize::from(numerator.scale());
        let (dividend, divisor) = if up >= down {
            (product.checked_mul(*POW10.get(up - down)?)?, denominator.mantissa())
        } else {
            (product, denominator.mantissa().checked_mul(*POW10.get(down - up)?)?)
        };
        let (quotient, rest) = (dividend.checked_div(divisor)?, dividend % divisor);
        let (doubled, size) = (rest.unsigned_abs().checked_mul(2)?, divisor.unsigned_abs());
        let away = doubled > size || (doubled == size && quotient % 2 != 0);
        let step = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
        let rounded = if away { quotient.checked_add(step)? } else { quotient };
        (rounded != i128::MIN).then(|| Dec::raw(rounded, places))
    }

    /// The same value without trailing zeros after the point.
    #[must_use]
    pub fn normalised(self) -> Dec {
        let (mut mantissa, mut scale) = (self.mantissa(), self.scale());
        if mantissa == 0 {
            return Dec::ZERO;
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Dec::raw(mantissa, scale)
    }

    #[inline]
    #[must_use]
    pub fn max_zero(self) -> Dec {
        if self.is_negative() { Dec::raw(0, self.scale()) } else { self }
    }

    #[cold]
    fn plus_aligned(self, other: Dec) -> Result<Dec, OutOfRange> {
        let scale = self.scale().max(other.scale());
        let a = self.mantissa().checked_mul(POW10[usize::from(scale - self.scale())]);
        let b = other.mantissa().checked_mul(POW10[usize::from(scale - other.scale())]);
        if let (Some(a), Some(b)) = (a, b)
            && let Some(sum) = a.checked_add(b)
            && sum != i128::MIN
        {
            return Ok(Dec::raw(sum, scale));
        }
        let a = scaled_up(I256::new(self.mantissa()), u32::from(scale - self.scale()))?;
        let b = scaled_up(I256::new(other.mantissa()), u32::from(scale - other.scale()))?;
        narrow(a + b, u32::from(scale))
    }
}

/// 10^76 fits an `I256`; a mantissa below 2^127 times 10^38 does too. A longer shift is refused.
fn scaled_up(value: I256, digits: u32) -> Result<I256, OutOfRange> {
    value.checked_mul(I256::new(10).checked_pow(digits).ok_or(OutOfRange)?).ok_or(OutOfRange)
}

fn divide_half_even(dividend: I256, divisor: I256) -> I256 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    let (doubled, size) = (rest.abs() * I256::new(2), divisor.abs());
    let away = doubled > size || (doubled == size && quotient % I256::new(2) != I256::ZERO);
    match (away, (dividend < I256::ZERO) != (divisor < I256::ZERO)) {
        (false, _) => quotient,
        (true, false) => quotient + I256::ONE,
        (true, true) => quotient - I256::ONE,
    }
}

/// A wide mantissa brought into range by shedding trailing zeros only: exact or refused.
fn narrow(mut mantissa: I256, mut scale: u32) -> Result<Dec, OutOfRange> {
    let ten = I256::new(10);
    loop {
        if let Ok(fits) = i128::try_from(mantissa)
            && fits != i128::MIN
            && scale <= u32::from(SCALE_MAX)
        {
            return Ok(Dec::raw(fits, scale as u8));
        }
        if scale == 0 || mantissa % ten != I256::ZERO {
            return Err(OutOfRange);
        }
        mantissa /= ten;
        scale -= 1;
    }
}

#[cold]
fn shed_zeros(mantissa: i128, scale: u32) -> Result<Dec, OutOfRange> {
    if mantissa == 0 {
        return Ok(Dec::raw(0, SCALE_MAX));
    }
    // At most 38 zeros can be shed from 39 digits.
    if scale > 2 * u32::from(SCALE_MAX) + 1 { Err(OutOfRange) } else { narrow(I256::new(mantissa), scale) }
}

impl PartialEq for Dec {
    fn eq(&self, other: &Dec) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Dec {}

impl PartialOrd for Dec {
    fn partial_cmp(&self, other: &Dec) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dec {
    fn cmp(&self, other: &Dec) -> Ordering {
        if self.scale() == other.scale() {
            return self.mantissa().cmp(&other.mantissa());
        }
        let widened = |d: Dec, to: u8| I256::new(d.mantissa()) * I256::new(POW10[usize::from(to - d.scale())]);
        let scale = self.scale().max(other.scale());
        widened(*self, scale).cmp(&widened(*other, scale))
    }
}

impl fmt::Display for Dec {
    /// All its digits, never an exponent: `-10.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale());
        if scale == 0 {
            return write!(f, "{}", self.mantissa());
        }
        let sign = if self.is_negative() { "-" } else { "" };
        let unit = POW10[scale].unsigned_abs();
        let magnitude = self.mantissa().unsigned_abs();
        write!(f, "{sign}{}.{:0scale$}", magnitude / unit, magnitude % unit)
    }
}

impl fmt::Debug for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Dec {
    type Err = ParseDecError;

    /// A JSON number's digits: sign, digits, point, exponent. Never through a double.
    fn from_str(text: &str) -> Result<Dec, ParseDecError> {
        parse(text.as_bytes())
    }
}

/// Why a text is no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseDecError {
    #[error("not a decimal number")]
    Malformed,
    #[error("NumberOutOfRange")]
    OutOfRange,
}

fn parse(text: &[u8]) -> Result<Dec, ParseDecError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut mantissa: i128 = 0;
    let (mut scale, mut seen_point, mut seen_digit, mut dropped) = (0i64, false, false, 0i64);
    let mut overflowed = false;
    let mut at = 0;
    while at < digits.len() {
        match digits[at] {
            d @ b'0'..=b'9' => {
                seen_digit = true;
                let next = mantissa.checked_mul(10).and_then(|m| m.checked_add(i128::from(d - b'0')));
                match next {
                    Some(next) if !overflowed => {
                        mantissa = next;
                        scale += i64::from(seen_point);
                    }
                    // Digits past the range may be zeros only: those after the point say nothing, those before it
                    // are an exponent.
                    _ if d == b'0' => {
                        overflowed = true;
                        dropped += i64::from(!seen_point);
                    }
                    _ => return Err(ParseDecError::OutOfRange),
                }
            }
            b'.' if !seen_point && seen_digit => seen_point = true,
            b'e' | b'E' if seen_digit => break,
            _ => return Err(ParseDecError::Malformed),
        }
        at += 1;
    }
    if !seen_digit || digits[at - 1] == b'.' {
        return Err(ParseDecError::Malformed);
    }
    let exponent = if at < digits.len() { parse_exponent(&digits[at + 1..])? } else { 0 };
    let signed = if negative { -mantissa } else { mantissa };
    at_exponent(signed, scale.saturating_sub(exponent).saturating_sub(dropped))
}

fn parse_exponent(text: &[u8]) -> Result<i64, ParseDecError> {
    let text = std::str::from_utf8(text).map_err(|_| ParseDecError::Malformed)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseDecError::Malformed);
    }
    // An exponent of more digits than an i64 has is out of any range, but zero times it is still zero.
    let size = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Ok(if text.starts_with('-') { -size } else { size })
}

fn at_exponent(mantissa: i128, scale: i64) -> Result<Dec, ParseDecError> {
    if mantissa == 0 {
        return Ok(Dec::raw(0, scale.clamp(0, i64::from(SCALE_MAX)) as u8));
    }
    if scale >= 0 {
        let scale = u32::try_from(scale).map_err(|_| ParseDecError::OutOfRange)?;
        return Dec::new(mantissa, scale).map_err(|_| ParseDecError::OutOfRange);
    }
    let factor = usize::try_from(-scale).ok().and_then(|digits| POW10.get(digits)).ok_or(ParseDecError::OutOfRange)?;
    let whole = mantissa.checked_mul(*factor).ok_or(ParseDecError::OutOfRange)?;
    Dec::new(whole, 0).map_err(|_| ParseDecError::OutOfRange)
}

#[cfg(test)]
mod tests;
