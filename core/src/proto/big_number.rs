//! `BigNumber`: an exact decimal while it is on the wire.
//!
//! Its three fields arrive one by one and in any order (the sign before the digits, as a rule), and prost shows a
//! message only one field at a time, never the end. A [`Dec`] cannot hold "minus, digits to follow" or a scale of
//! 1,000 whose value turns out to be zero; this type can. What has been read so far always is a figure that `Dec`
//! holds, because each field is checked as it comes: behind the decoder, [`BigNumber::dec`] does not fail.
//!
//! Written canonically: the magnitude in as few bytes as it needs, no sign and no magnitude where it is zero, the
//! scale kept, that of zero too.

use std::fmt;
use std::hash::{Hash, Hasher};

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, bool, bytes, skip_field, uint32};

use crate::dec::{Dec, OutOfRange};

/// The wire's decimal: (-1)^`IsNegative` x `Value` x 10^-`Scale`.
#[derive(Clone, Copy, Default)]
pub struct BigNumber {
    low: u64,
    high: u64,
    scale: u32,
    is_negative: bool,
}

/// The figure of the three fields as they stand on the wire.
///
/// # Errors
/// `OutOfRange` if the magnitude takes more than 127 bits, or the scale is larger than [`Dec::new`] takes.
pub fn from_wire(scale: u32, is_negative: bool, magnitude_le: &[u8]) -> Result<Dec, OutOfRange> {
    signed(magnitude(magnitude_le)?, scale, is_negative)
}

impl BigNumber {
    /// Never fails: nothing that `Dec` cannot hold gets past [`prost::Message::merge_field`].
    #[must_use]
    pub fn dec(self) -> Dec {
        signed(self.magnitude(), self.scale, self.is_negative).expect("invariant: a BigNumber holds a Dec")
    }

    fn magnitude(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn with_magnitude(self, magnitude: u128) -> BigNumber {
        BigNumber { low: magnitude as u64, high: (magnitude >> 64) as u64, ..self }
    }

    fn checked(self) -> Result<BigNumber, OutOfRange> {
        signed(self.magnitude(), self.scale, self.is_negative).map(|_| self)
    }
}

fn signed(magnitude: u128, scale: u32, is_negative: bool) -> Result<Dec, OutOfRange> {
    let mantissa = i128::try_from(magnitude).map_err(|_| OutOfRange)?;
    Dec::new(if is_negative { -mantissa } else { mantissa }, scale)
}

/// Little-endian; high bytes that are zero say nothing and may be many.
fn magnitude(bytes: &[u8]) -> Result<u128, OutOfRange> {
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let mut wide = [0u8; 16];
    wide.get_mut(..used).ok_or(OutOfRange)?.copy_from_slice(&bytes[..used]);
    Ok(u128::from_le_bytes(wide))
}

impl From<Dec> for BigNumber {
    fn from(dec: Dec) -> BigNumber {
        let empty = BigNumber { scale: u32::from(dec.scale()), is_negative: dec.is_negative(), ..BigNumber::default() };
        empty.with_magnitude(dec.mantissa().unsigned_abs())
    }
}

impl From<BigNumber> for Dec {
    fn from(number: BigNumber) -> Dec {
        number.dec()
    }
}

/// Of the message, not of the value: `10.5` and `10.50` are two messages. Compare values as [`Dec`].
impl PartialEq for BigNumber {
    fn eq(&self, other: &BigNumber) -> bool {
        let (a, b) = (self.dec(), other.dec());
        (a.mantissa(), a.scale()) == (b.mantissa(), b.scale())
    }
}

impl Eq for BigNumber {}

impl Hash for BigNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let dec = self.dec();
        (dec.mantissa(), dec.scale()).hash(state);
    }
}

impl fmt::Debug for BigNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dec(), f)
    }
}

/// The canonical fields of a figure.
struct Written {
    scale: u32,
    is_negative: bool,
    magnitude: [u8; 16],
    used: usize,
}

impl Written {
    fn new(dec: Dec) -> Written {
        let magnitude = dec.mantissa().unsigned_abs();
        let used = 16 - magnitude.leading_zeros() as usize / 8;
        Written {
            scale: u32::from(dec.scale()),
            is_negative: dec.is_negative(),
            magnitude: magnitude.to_le_bytes(),
            used,
        }
    }
}

impl prost::Message for BigNumber {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        let written = Written::new(self.dec());
        if written.scale != 0 {
            uint32::encode(1, &written.scale, buf);
        }
        if written.is_negative {
            bool::encode(2, &true, buf);
        }
        if written.used > 0 {
            // At most 16 bytes: tag and length take one byte each.
            buf.put_u8(3 << 3 | WireType::LengthDelimited as u8);
            buf.put_u8(written.used as u8);
            buf.put_slice(&written.magnitude[..written.used]);
        }
    }

    fn encoded_len(&self) -> usize {
        let written = Written::new(self.dec());
        // The scale is at most 38: one byte.
        let scale = if written.scale != 0 { 2 } else { 0 };
        let sign = if written.is_negative { 2 } else { 0 };
        scale + sign + if written.used > 0 { 2 + written.used } else { 0 }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut next = *self;
        match tag {
            1 => uint32::merge(wire_type, &mut next.scale, buf, ctx)?,
            2 => bool::merge(wire_type, &mut next.is_negative, buf, ctx)?,
            3 => {
                let mut value = Vec::new();
                bytes::merge(wire_type, &mut value, buf, ctx)?;
                next = next.with_magnitude(magnitude(&value).map_err(|_| out_of_range())?);
            }
            _ => return skip_field(wire_type, tag, buf, ctx),
        }
        *self = next.checked().map_err(|_| out_of_range())?;
        Ok(())
    }

    fn clear(&mut self) {
        *self = BigNumber::default();
    }
}

const OUT_OF_RANGE: &str = "NumberOutOfRange";

/// Whether a message was refused because one of its figures cannot be held exactly.
#[must_use]
pub fn is_out_of_range(error: &DecodeError) -> bool {
    error.to_string().ends_with(OUT_OF_RANGE)
}

#[cold]
pub(super) fn out_of_range() -> DecodeError {
    // Deprecated for want of a successor: a `Message` written by hand has no other way to refuse.
    #[allow(deprecated)]
    DecodeError::new(OUT_OF_RANGE)
}
