//! Single values between JSON and binary: whole numbers, base64, decimals, timestamps.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use prost::Message as _;

use super::JsonError;
use super::schema::Kind;
use crate::dec::{Dec, ParseDecError};
use crate::proto::{self, BigNumber, CarriedNumber, TimestampWithTimeZone};

/// Either alphabet is read (`-_` are made `+/` first), padded or not.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The varint of a whole number given by its digits: `12`, `-3`, `1.20e2`.
pub(super) fn varint(kind: Kind, digits: &str) -> Result<u64, JsonError> {
    let value = whole(digits)?;
    let varint = match kind {
        Kind::Int32 | Kind::Enum(_) => i32::try_from(value).map(|v| i64::from(v) as u64),
        Kind::Sint32 => i32::try_from(value).map(|v| u64::from((v << 1 ^ v >> 31) as u32)),
        Kind::Uint32 => u32::try_from(value).map(u64::from),
        Kind::Int64 => i64::try_from(value).map(|v| v as u64),
        Kind::Uint64 => u64::try_from(value),
        Kind::Bool | Kind::String | Kind::Bytes | Kind::Message(_) => return Err(JsonError::mismatch()),
    };
    varint.map_err(|_| JsonError::NumberOutOfRange)
}

fn whole(digits: &str) -> Result<i128, JsonError> {
    let dec = decimal(digits)?.normalised();
    if dec.scale() == 0 { Ok(dec.mantissa()) } else { Err(JsonError::mismatch()) }
}

fn decimal(digits: &str) -> Result<Dec, JsonError> {
    digits.parse().map_err(|error| match error {
        ParseDecError::Malformed => JsonError::mismatch(),
        ParseDecError::OutOfRange => JsonError::NumberOutOfRange,
    })
}

pub(super) fn base64(text: &str) -> Result<Vec<u8>, JsonError> {
    let standard: Vec<u8> = text
        .bytes()
        .map(|b| {
            if b == b'-' {
                b'+'
            } else if b == b'_' {
                b'/'
            } else {
                b
            }
        })
        .collect();
    ANY_PADDING.decode(standard).map_err(|_| JsonError::mismatch())
}

pub(super) fn put_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("the slice has the encoded size");
    out.truncate(start + written);
}

pub(super) fn put_decimal(digits: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    BigNumber::from(decimal(digits)?).encode_raw(out);
    Ok(())
}

/// A number that is carried; a figure has the form that it has everywhere.
pub(super) fn put_carried(digits: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    match decimal(digits) {
        Ok(figure) => BigNumber::from(figure).encode_raw(out),
        Err(JsonError::NumberOutOfRange) => {
            let carried = CarriedNumber::from_digits(digits).map_err(|_| JsonError::NumberOutOfRange)?;
            carried.encode_raw(out);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What stands behind `start` is a BigNumber in any form; afterwards it is canonical.
pub(super) fn recode_decimal(out: &mut Vec<u8>, start: usize) -> Result<(), JsonError> {
    recode::<BigNumber>(out, start)
}

/// As [`recode_decimal`], for a number that is carried.
pub(super) fn recode_carried(out: &mut Vec<u8>, start: usize) -> Result<(), JsonError> {
    recode::<CarriedNumber>(out, start)
}

fn recode<M: prost::Message + Default>(out: &mut Vec<u8>, start: usize) -> Result<(), JsonError> {
    let number = M::decode(&out[start..]).map_err(|error| {
        if proto::is_out_of_range(&error) { JsonError::NumberOutOfRange } else { JsonError::mismatch() }
    })?;
    out.truncate(start);
    number.encode_raw(out);
    Ok(())
}

pub(super) fn put_timestamp(text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let instant: TimestampWithTimeZone = text.parse().map_err(|_| JsonError::mismatch())?;
    instant.received().map_err(|_| JsonError::mismatch())?.encode_raw(out);
    Ok(())
}

/// As [`recode_decimal`], for a timestamp.
pub(super) fn recode_timestamp(out: &mut Vec<u8>, start: usize) -> Result<(), JsonError> {
    let instant = TimestampWithTimeZone::decode(&out[start..]).map_err(|_| JsonError::mismatch())?;
    let instant = instant.received().map_err(|_| JsonError::mismatch())?;
    out.truncate(start);
    instant.encode_raw(out);
    Ok(())
}
