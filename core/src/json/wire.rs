//! The proto3 wire format, as far as the transcoder needs it: varints, tags, length-delimited values.

/// The bytes are no message of the schema. Each arm is a reason; the wire code is [`Malformed::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a value ends beyond its message")]
    Truncated,
    #[error("a varint has more than 64 bits")]
    VarintOverflow,
    #[error("a tag without a field number, or of an unknown wire type")]
    Tag,
    #[error("a known field with another wire type")]
    WireType,
    #[error("groups that do not match, or nest too deep")]
    Group,
    #[error("a string that is not UTF-8")]
    Utf8,
    #[error("a BigNumber that cannot be held exactly")]
    NumberOutOfRange,
    #[error("a timestamp or offset out of range")]
    TimestampOutOfRange,
}

impl Malformed {
    /// What a client is told.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Malformed::NumberOutOfRange => "NumberOutOfRange",
            _ => "Data",
        }
    }
}

/// As deep as prost follows them at most: what it reads can be written.
const GROUP_DEPTH_MAX: usize = 100;

/// What stands behind a tag.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Delimited(&'a [u8]),
    /// Fixed-width numbers and groups: no field of the schema has them.
    Other,
}

/// Reads one message, field after field.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    /// The next field's number and value; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            3 => self.skip_group(number)?,
            4 => return Err(Malformed::Group),
            plain => self.value(plain)?,
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed::Tag)?;
        if key >> 3 == 0 { Err(Malformed::Tag) } else { Ok((key >> 3, (key & 7) as u8)) }
    }

    fn value(&mut self, wire_type: u8) -> Result<Value<'a>, Malformed> {
        match wire_type {
            0 => Ok(Value::Varint(self.varint()?)),
            1 => self.take(8).map(|_| Value::Other),
            2 => {
                let size = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
                self.take(size).map(Value::Delimited)
            }
            5 => self.take(4).map(|_| Value::Other),
            _ => Err(Malformed::Tag),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<Value<'a>, Malformed> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            match self.tag()? {
                (number, 3) if open.len() < GROUP_DEPTH_MAX => open.push(number),
                (_, 3) => return Err(Malformed::Group),
                (number, 4) if number == innermost => drop(open.pop()),
                (_, 4) => return Err(Malformed::Group),
                (_, plain) => drop(self.value(plain)?),
            }
        }
        Ok(Value::Other)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (place, &byte) in self.rest.iter().enumerate().take(10) {
            // The tenth byte holds the 64th bit and nothing more.
            if place == 9 && byte > 1 {
                return Err(Malformed::VarintOverflow);
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { Malformed::Truncated } else { Malformed::VarintOverflow })
    }

    /// The next length-delimited message of an array; none at the end.
    pub(super) fn next_delimited(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let size = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
        self.take(size).map(Some)
    }
}

/// Leaves one byte for the length of what follows.
pub(super) fn open_gap(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len() - 1
}

/// Fills the gap, widened where the length needs more than a byte: what moves is the message just written, once for
/// each level that it lies under, and the schema bounds those.
pub(super) fn close_gap(out: &mut Vec<u8>, gap: usize) {
    let mut size = [0u8; 10];
    let used = varint_bytes((out.len() - gap - 1) as u64, &mut size);
    out[gap] = size[0];
    if used > 1 {
        out.splice(gap + 1..gap + 1, size[1..used].iter().copied());
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut bytes = [0u8; 10];
    let used = varint_bytes(value, &mut bytes);
    out.extend_from_slice(&bytes[..used]);
}

pub(super) fn put_tag(out: &mut Vec<u8>, number: u32, is_delimited: bool) {
    put_varint(out, u64::from(number) << 3 | if is_delimited { 2 } else { 0 });
}

fn varint_bytes(mut value: u64, bytes: &mut [u8; 10]) -> usize {
    let mut used = 0;
    while value >= 0x80 {
        bytes[used] = value as u8 | 0x80;
        value >>= 7;
        used += 1;
    }
    bytes[used] = value as u8;
    used + 1
}
