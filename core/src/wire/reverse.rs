//! Writes protobuf back to front: a message's length is known when its tag is written, so nothing is measured first
//! and nothing moved.
//!
//! Hot path: threads of the publisher and the views. The buffer grows only until the largest message has passed.

use super::reader::copy_repeated;
use super::{Repeated, field};
use crate::dec::Dec;
use crate::proto::TimestampWithTimeZone;

/// A buffer filled from its end. Fields are written last to first; [`ReverseWriter::bytes`] reads them in order.
#[derive(Debug, Clone, Default)]
pub struct ReverseWriter {
    buffer: Vec<u8>,
    /// The first byte written; all before it is free.
    start: usize,
}

impl ReverseWriter {
    /// # Panics
    /// Never; a capacity of zero grows at the first write.
    pub fn with_capacity(bytes: usize) -> ReverseWriter {
        ReverseWriter { buffer: vec![0; bytes], start: bytes }
    }

    #[inline]
    pub fn clear(&mut self) {
        self.start = self.buffer.len();
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > self.start {
            self.grow(bytes.len());
        }
        self.start -= bytes.len();
        self.buffer[self.start..self.start + bytes.len()].copy_from_slice(bytes);
    }

    #[inline]
    pub fn varint(&mut self, value: u64) {
        if value < 0x80 {
            return self.put(&[value as u8]);
        }
        let mut bytes = [0; 10];
        let len = fill_varint(&mut bytes, value);
        self.put(&bytes[..len]);
    }

    /// A varint field; the default, 0, is left out.
    #[inline]
    pub fn uint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.varint(value);
            self.varint(u64::from(number << 3));
        }
    }

    #[inline]
    pub fn int(&mut self, number: u32, value: i64) {
        self.uint(number, value as u64);
    }

    #[inline]
    pub fn boolean(&mut self, number: u32, value: bool) {
        self.uint(number, u64::from(value));
    }

    /// A text, bytes or message field given as its content; written even when empty.
    #[inline]
    pub fn delimited(&mut self, number: u32, content: &[u8]) {
        self.put(content);
        self.head(number, content.len());
    }

    /// A text field; the default, "", is left out.
    #[inline]
    pub fn text(&mut self, number: u32, text: &[u8]) {
        if !text.is_empty() {
            self.delimited(number, text);
        }
    }

    /// Closes a message whose fields have been written since the writer held `len_before` bytes.
    #[inline]
    pub fn close(&mut self, number: u32, len_before: usize) {
        self.head(number, self.len() - len_before);
    }

    #[inline]
    fn head(&mut self, number: u32, len: usize) {
        self.varint(len as u64);
        self.varint(u64::from(number << 3 | 2));
    }

    /// A `BigNumber`, present also when it is zero.
    #[inline]
    pub fn figure(&mut self, number: u32, value: Dec) {
        use field::big_number::{IS_NEGATIVE, SCALE, VALUE};
        let before = self.len();
        let magnitude = value.mantissa().unsigned_abs();
        if magnitude != 0 {
            let used = 16 - magnitude.leading_zeros() as usize / 8;
            self.delimited(VALUE, &magnitude.to_le_bytes()[..used]);
        }
        self.boolean(IS_NEGATIVE, value.is_negative());
        self.uint(SCALE, u64::from(value.scale()));
        self.close(number, before);
    }

    /// An entry of map<string, BigNumber>.
    #[inline]
    pub fn figure_entry(&mut self, number: u32, key: &[u8], value: Dec) {
        let before = self.len();
        self.figure(2, value);
        self.delimited(1, key);
        self.close(number, before);
    }

    #[inline]
    pub fn time(&mut self, number: u32, time: TimestampWithTimeZone) {
        use field::timestamp_with_time_zone::{NANOSECONDS, SECONDS, TZ_OFFSET};
        let before = self.len();
        let offset = time.tz_offset;
        self.uint(TZ_OFFSET, u64::from(((offset << 1) ^ (offset >> 31)) as u32));
        self.uint(NANOSECONDS, u64::from(time.nanoseconds));
        self.uint(SECONDS, time.seconds);
        self.close(number, before);
    }

    /// Copies a repeated field from received bytes into a message that has it under the same number.
    pub fn copy_repeated(&mut self, input: &[u8], repeated: Repeated, number: u32) {
        if repeated.count == 0 {
            return;
        }
        // Occurrences come first to last, this writer goes last to first: make room for all, then fill it forwards.
        let mut total = 0;
        copy_repeated(input, repeated, number, |bytes| total += bytes.len());
        if total > self.start {
            self.grow(total);
        }
        self.start -= total;
        let mut at = self.start;
        let buffer = &mut self.buffer;
        copy_repeated(input, repeated, number, |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let used = self.len();
        let capacity = (self.buffer.len() * 2).max(used + needed).max(1024);
        let mut buffer = vec![0; capacity];
        buffer[capacity - used..].copy_from_slice(self.bytes());
        self.start = capacity - used;
        self.buffer = buffer;
    }
}

#[inline]
fn fill_varint(bytes: &mut [u8; 10], mut value: u64) -> usize {
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    len + 1
}
