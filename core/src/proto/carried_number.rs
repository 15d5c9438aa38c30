//! `CarriedNumber`: a number of the `Values` maps, which no rule computes with unless it is looked up by name.
//!
//! It has the wire form of a `BigNumber`, is carried whatever its size and given back as received, and becomes a figure
//! only where a rule needs one. Its size is bounded all the same, far beyond any figure: what a digit costs in one
//! form must not be a thousand digits in the other.

use std::fmt;

use prost::DecodeError;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, bool, bytes, skip_field, uint32};

use super::big_number::{BigNumber, from_wire, out_of_range};
use crate::dec::{Dec, OutOfRange};

/// Decimal digits of a carried number before its point is placed.
pub const CARRIED_DIGITS_MAX: usize = 1_024;
/// Decimal places of a carried number.
pub const CARRIED_SCALE_MAX: u32 = 1_024;
/// The bytes of the largest number of that many digits.
const MAGNITUDE_BYTES_MAX: usize = 426;

/// A chunk of decimal digits that fits a u32.
const CHUNK_DIGITS: usize = 9;
const CHUNK: u64 = 1_000_000_000;

/// See the module. Three fields as on the wire: they arrive one by one.
#[derive(Clone, Default)]
pub struct CarriedNumber {
    scale: u32,
    is_negative: bool,
    /// Little-endian, without zeros at its end.
    magnitude: Vec<u8>,
}

impl CarriedNumber {
    /// The figure, where a rule computes with it.
    ///
    /// # Errors
    /// `OutOfRange` if it cannot be held exactly.
    pub fn dec(&self) -> Result<Dec, OutOfRange> {
        from_wire(self.scale, self.is_negative, &self.magnitude)
    }

    /// Reads a number's digits: sign, digits, point, exponent.
    ///
    /// # Errors
    /// `OutOfRange` if it has more digits or places than are carried, or is no number.
    pub fn from_digits(text: &str) -> Result<CarriedNumber, OutOfRange> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let exponent: i64 = exponent.parse().map_err(|_| OutOfRange)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        let scale = i64::try_from(fraction.len()).map_err(|_| OutOfRange)?.saturating_sub(exponent);
        let zeros = usize::try_from(scale.min(0).unsigned_abs()).map_err(|_| OutOfRange)?;
        if digits.len().saturating_add(zeros) > CARRIED_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
            return Err(OutOfRange);
        }
        digits.resize(digits.len() + zeros, b'0');
        let scale = u32::try_from(scale.max(0)).map_err(|_| OutOfRange)?;
        CarriedNumber { scale, is_negative, magnitude: magnitude_of(&digits) }.checked()
    }

    fn checked(self) -> Result<CarriedNumber, OutOfRange> {
        if is_carried(self.scale, self.is_negative, &self.magnitude) { Ok(self) } else { Err(OutOfRange) }
    }
}

/// Whether a number of these three fields is carried.
pub fn is_carried(scale: u32, is_negative: bool, magnitude_le: &[u8]) -> bool {
    let fits = trimmed(magnitude_le).len() <= MAGNITUDE_BYTES_MAX && scale <= CARRIED_SCALE_MAX;
    fits || from_wire(scale, is_negative, magnitude_le).is_ok()
}

/// Writes the number of these three fields with all its digits, never an exponent.
///
/// # Errors
/// `OutOfRange` if it is larger than what is carried.
pub fn write_carried(
    scale: u32,
    is_negative: bool,
    magnitude_le: &[u8],
    out: &mut impl fmt::Write,
) -> Result<(), OutOfRange> {
    let written = match from_wire(scale, is_negative, magnitude_le) {
        Ok(dec) => write!(out, "{dec}"),
        Err(_) if is_carried(scale, is_negative, magnitude_le) => {
            let digits = digits_of(trimmed(magnitude_le));
            let places = scale as usize;
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            let (sign, point) = (if is_negative { "-" } else { "" }, if places > 0 { "." } else { "" });
            write!(out, "{sign}{whole}{point}{fraction}")
        }
        Err(_) => return Err(OutOfRange),
    };
    written.map_err(|_| OutOfRange)
}

fn trimmed(magnitude_le: &[u8]) -> &[u8] {
    let used = magnitude_le.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &magnitude_le[..used]
}

/// The magnitude of decimal digits, by chunks: quadratic in a bounded length.
fn magnitude_of(digits: &[u8]) -> Vec<u8> {
    let mut limbs: Vec<u32> = Vec::new();
    let first = digits.len() % CHUNK_DIGITS;
    let (head, rest) = digits.split_at(first);
    for chunk in std::iter::once(head).chain(rest.chunks(CHUNK_DIGITS)) {
        let value = chunk.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        let mut carry = value;
        for limb in &mut limbs {
            let wide = u64::from(*limb) * CHUNK + carry;
            (*limb, carry) = (wide as u32, wide >> 32);
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    trimmed(&bytes).to_vec()
}

/// The decimal digits of a magnitude that is not zero.
fn digits_of(magnitude_le: &[u8]) -> String {
    let mut chunks: Vec<u32> = Vec::new();
    for bytes in magnitude_le.rchunks(4) {
        let shift = 8 * bytes.len() as u32;
        let mut carry = bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        for chunk in &mut chunks {
            let wide = (u64::from(*chunk) << shift) + carry;
            (*chunk, carry) = ((wide % CHUNK) as u32, wide / CHUNK);
        }
        while carry > 0 {
            chunks.push((carry % CHUNK) as u32);
            carry /= CHUNK;
        }
    }
    let mut digits = chunks.pop().unwrap_or(0).to_string();
    chunks.iter().rev().for_each(|chunk| digits.push_str(&format!("{chunk:09}")));
    digits
}

impl From<Dec> for CarriedNumber {
    fn from(dec: Dec) -> CarriedNumber {
        let magnitude = trimmed(&dec.mantissa().unsigned_abs().to_le_bytes()).to_vec();
        CarriedNumber { scale: u32::from(dec.scale()), is_negative: dec.is_negative(), magnitude }
    }
}

impl From<BigNumber> for CarriedNumber {
    fn from(number: BigNumber) -> CarriedNumber {
        number.dec().into()
    }
}

/// Of the message, as with [`BigNumber`]: `10.5` and `10.50` are two.
impl PartialEq for CarriedNumber {
    fn eq(&self, other: &CarriedNumber) -> bool {
        self.encode_to_vec() == other.encode_to_vec()
    }
}

impl fmt::Display for CarriedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_carried(self.scale, self.is_negative, &self.magnitude, f).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for CarriedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Message for CarriedNumber {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        match self.dec() {
            // A figure has one form, whichever field it stands in.
            Ok(dec) => BigNumber::from(dec).encode_raw(buf),
            Err(_) => {
                if self.scale != 0 {
                    uint32::encode(1, &self.scale, buf);
                }
                if self.is_negative {
                    bool::encode(2, &true, buf);
                }
                bytes::encode(3, &self.magnitude, buf);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        match self.dec() {
            Ok(dec) => BigNumber::from(dec).encoded_len(),
            Err(_) => {
                let scale = if self.scale != 0 { uint32::encoded_len(1, &self.scale) } else { 0 };
                let sign = if self.is_negative { 2 } else { 0 };
                scale + sign + bytes::encoded_len(3, &self.magnitude)
            }
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => uint32::merge(wire_type, &mut self.scale, buf, ctx)?,
            2 => bool::merge(wire_type, &mut self.is_negative, buf, ctx)?,
            3 => {
                let mut value = Vec::new();
                bytes::merge(wire_type, &mut value, buf, ctx)?;
                self.magnitude = trimmed(&value).to_vec();
            }
            _ => return skip_field(wire_type, tag, buf, ctx),
        }
        if is_carried(self.scale, self.is_negative, &self.magnitude) { Ok(()) } else { Err(out_of_range()) }
    }

    fn clear(&mut self) {
        *self = CarriedNumber::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_length_come_back_as_they_were() {
        let long = "123456789".repeat(113);
        let places = format!("0.{}7", "0".repeat(1_000));
        for text in ["0", "-12.50", "340282366920938463463374607431768211456", long.as_str(), places.as_str()] {
            for text in [text.to_owned(), format!("-{text}").replace("--", "")] {
                let number = CarriedNumber::from_digits(&text).expect("carried");
                let shown = if text == "-0" { "0".to_owned() } else { text };
                assert_eq!(number.to_string(), shown);
                let bytes = number.encode_to_vec();
                assert_eq!(bytes.len(), number.encoded_len());
                assert_eq!(CarriedNumber::decode(&bytes[..]), Ok(number));
            }
        }
    }

    #[test]
    fn exponents_are_spelt_out() {
        for (text, shown) in
            [("1e400", format!("1{}", "0".repeat(400))), ("-25E-42", format!("-0.{}25", "0".repeat(40)))]
        {
            assert_eq!(CarriedNumber::from_digits(text).expect("carried").to_string(), shown);
        }
    }

    #[test]
    fn what_no_message_of_reasonable_size_can_show_is_refused() {
        let digits = "9".repeat(1_025);
        for text in [digits.as_str(), "1e1024", "1e-1025", "1e99999999999999999999", "1e9223372036854775807"] {
            assert_eq!(CarriedNumber::from_digits(text), Err(OutOfRange), "{text}");
        }
        assert!(CarriedNumber::from_digits(&digits[1..]).is_ok() && CarriedNumber::from_digits("1e-1024").is_ok());
        let mut bytes = Vec::new();
        bytes::encode(3, &vec![1u8; 427], &mut bytes);
        assert!(super::super::is_out_of_range(&CarriedNumber::decode(&bytes[..]).expect_err("too large")));
    }

    #[test]
    fn a_carried_figure_has_the_form_of_a_figure() {
        let dec: Dec = "-10.50".parse().expect("a figure");
        let (carried, figure) = (CarriedNumber::from(dec), BigNumber::from(dec));
        assert_eq!((carried.encode_to_vec(), carried.dec()), (figure.encode_to_vec(), Ok(dec)));
        assert_eq!(CarriedNumber::from_digits("1e40").expect("carried").dec(), Err(OutOfRange));
    }
}
