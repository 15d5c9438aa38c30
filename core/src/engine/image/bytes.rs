//! The bytes of an image: little-endian, each text and count with its length before it.

use xxhash_rust::xxh3::xxh3_128;

use super::ImageError;
use crate::dec::Dec;

pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.put(&value.to_le_bytes());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("invariant: record numbers are u32"));
    }

    pub(super) fn option(&mut self, is_some: bool) {
        self.put(&[u8::from(is_some)]);
    }

    pub(super) fn dec(&mut self, value: Dec) {
        self.put(&value.mantissa().to_le_bytes());
        self.put(&[value.scale()]);
    }

    pub(super) fn text(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.put(bytes);
    }

    pub(super) fn texts(&mut self, first: &str, second: &str) {
        self.text(first.as_bytes());
        self.text(second.as_bytes());
    }
}

pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ImageError> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..len)).ok_or(ImageError::Malformed(self.at))?;
        self.at += len;
        Ok(taken)
    }

    /// Leaves the digest at the end out of what is read, once it is known to be right.
    pub(super) fn take_digest(&mut self) -> Result<(), ImageError> {
        let (content, digest) = self.bytes.split_last_chunk().ok_or(ImageError::Malformed(self.at))?;
        if self.at > content.len() || u128::from_le_bytes(*digest) != xxh3_128(content) {
            return Err(ImageError::Malformed(self.bytes.len()));
        }
        self.bytes = content;
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        Ok(self.take(N)?.try_into().expect("take gives the length asked for"))
    }

    pub(super) fn u16(&mut self) -> Result<u16, ImageError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ImageError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ImageError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, ImageError> {
        self.array().map(u128::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, ImageError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [_] => Err(ImageError::Malformed(self.at - 1)),
        }
    }

    pub(super) fn dec(&mut self) -> Result<Dec, ImageError> {
        let at = self.at;
        let mantissa = self.array().map(i128::from_le_bytes)?;
        let [scale] = self.array()?;
        Dec::new(mantissa, u32::from(scale)).map_err(|_| ImageError::Malformed(at))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], ImageError> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, ImageError> {
        let at = self.at;
        std::str::from_utf8(self.bytes()?).map_err(|_| ImageError::Malformed(at))
    }
}
