//! The fields of a binary message, one after another: enough to find a record's key without decoding the record.
//!
//! A client folds every event of a view; decoding each into its type would cost ten times as much as the fold itself.
//!
//! Numbers of a fixed size are passed over: the schema has none, and a field that it does not know may be one. Absent on
//! purpose: groups.

use super::ClientError;

/// A field's content.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn number(self) -> u64 {
        match self {
            Value::Number(number) => number,
            Value::Bytes(_) => 0,
        }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Number(_) => &[],
        }
    }
}

/// Iterates over a message's fields; ends after an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok()?;
        match tag & 7 {
            0 => Some((number, Value::Number(self.varint()?))),
            1 => Some((number, Value::Bytes(self.take(8)?))),
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Some((number, Value::Bytes(self.take(len)?)))
            }
            5 => Some((number, Value::Bytes(self.take(4)?))),
            _ => None,
        }
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (content, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(content)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or_else(|| ClientError::Unreadable("no protobuf message".into())))
    }
}

/// The last occurrence of a field that is a text or a message; empty if there is none.
pub(super) fn find(bytes: &[u8], number: u32) -> Result<&[u8], ClientError> {
    let mut found: &[u8] = &[];
    for field in Fields::new(bytes) {
        if let (known, Value::Bytes(content)) = field?
            && known == number
        {
            found = content;
        }
    }
    Ok(found)
}
