//! Reads the protobuf wire format inside one span of received bytes.
//!
//! Hot path: thread of the receiver. No allocation. Every read is bounded by the span; nothing here panics on any
//! input.

use super::{DecodeError, Repeated, Span};
use crate::dec::Dec;
use crate::proto::TimestampWithTimeZone;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
pub(super) const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const FIXED32: u32 = 5;

pub(super) struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    end: usize,
    tag_at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(input: &'a [u8], span: Span) -> Reader<'a> {
        Reader { input, at: span.start as usize, end: span.end() as usize, tag_at: 0 }
    }

    /// Where the present field's tag begins.
    #[inline]
    pub(super) fn tag_at(&self) -> usize {
        self.tag_at
    }

    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next tag, or `None` at the end of the span.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<Option<u32>, DecodeError> {
        if self.at == self.end {
            return Ok(None);
        }
        self.tag_at = self.at;
        let tag = u32::try_from(self.varint()?).map_err(|_| DecodeError::Malformed)?;
        if tag >> 3 == 0 { Err(DecodeError::Malformed) } else { Ok(Some(tag)) }
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.input[..self.end].get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            Some(_) => self.long_varint(),
            None => Err(DecodeError::Malformed),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (i, &byte) in self.input[self.at..self.end].iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                return Err(DecodeError::Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(DecodeError::Malformed)
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Result<bool, DecodeError> {
        Ok(self.varint()? != 0)
    }

    // proto3 integers arrive as 64-bit varints and are cut to their size, as every implementation does.
    #[inline]
    pub(super) fn int32(&mut self) -> Result<i32, DecodeError> {
        Ok(self.varint()? as i32)
    }

    #[inline]
    pub(super) fn uint32(&mut self) -> Result<u32, DecodeError> {
        Ok(self.varint()? as u32)
    }

    #[inline]
    pub(super) fn int64(&mut self) -> Result<i64, DecodeError> {
        Ok(self.varint()? as i64)
    }

    /// A length-delimited field's content.
    #[inline]
    pub(super) fn nested(&mut self) -> Result<Span, DecodeError> {
        let len = self.varint()?;
        if len > (self.end - self.at) as u64 {
            return Err(DecodeError::Malformed);
        }
        let span = Span { start: self.at as u32, len: len as u32 };
        self.at += len as usize;
        Ok(span)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<Span, DecodeError> {
        let span = self.nested()?;
        let bytes = span.of(self.input);
        // Codes and ids are ASCII: that check is a few instructions for a text of this length.
        if bytes.is_ascii() || simdutf8::basic::from_utf8(bytes).is_ok() {
            Ok(span)
        } else {
            Err(DecodeError::Malformed)
        }
    }

    #[inline]
    pub(super) fn figure(&mut self) -> Result<Dec, DecodeError> {
        let span = self.nested()?;
        read_figure(self.input, span)
    }

    #[inline]
    pub(super) fn time(&mut self) -> Result<TimestampWithTimeZone, DecodeError> {
        let span = self.nested()?;
        let mut r = Reader::new(self.input, span);
        let mut time = TimestampWithTimeZone::default();
        while let Some(tag) = r.tag()? {
            match tag {
                8 => time.seconds = r.varint()?,
                16 => time.nanoseconds = r.uint32()?,
                24 => {
                    let zigzag = r.uint32()?;
                    time.tz_offset = ((zigzag >> 1) as i32) ^ -((zigzag & 1) as i32);
                }
                other => r.skip_unknown(other, 3)?,
            }
        }
        time.checked().map_err(|_| DecodeError::Malformed)
    }

    /// An entry of map<string, string>.
    pub(super) fn text_entry(&mut self) -> Result<(), DecodeError> {
        let span = self.nested()?;
        let mut r = Reader::new(self.input, span);
        while let Some(tag) = r.tag()? {
            match tag {
                10 | 18 => drop(r.text()?),
                other => r.skip_unknown(other, 2)?,
            }
        }
        Ok(())
    }

    /// An entry of map<string, BigNumber>.
    pub(super) fn figure_entry(&mut self) -> Result<(), DecodeError> {
        let span = self.nested()?;
        read_figure_entry(self.input, span).map(drop)
    }

    /// An entry of a map to messages: the value's span, for its check.
    pub(super) fn message_entry(&mut self) -> Result<Option<Span>, DecodeError> {
        let span = self.nested()?;
        let mut r = Reader::new(self.input, span);
        let mut value = None;
        while let Some(tag) = r.tag()? {
            match tag {
                10 => drop(r.text()?),
                18 => {
                    super::once(value.is_some())?;
                    value = Some(r.nested()?);
                }
                other => r.skip_unknown(other, 2)?,
            }
        }
        Ok(value)
    }

    /// Skips an unknown field. Groups are legal and extinct: whoever sends one is answered through prost.
    #[cold]
    pub(super) fn skip(&mut self, tag: u32) -> Result<(), DecodeError> {
        let fixed = match tag & 7 {
            VARINT => return self.varint().map(drop),
            LENGTH => return self.nested().map(drop),
            FIXED64 => 8,
            FIXED32 => 4,
            GROUP_START => return Err(DecodeError::Unusual),
            _ => return Err(DecodeError::Malformed),
        };
        if self.end - self.at < fixed {
            return Err(DecodeError::Malformed);
        }
        self.at += fixed;
        Ok(())
    }

    #[cold]
    fn skip_unknown(&mut self, tag: u32, numbers_known: u32) -> Result<(), DecodeError> {
        if tag >> 3 <= numbers_known { Err(DecodeError::Malformed) } else { self.skip(tag) }
    }
}

/// A `BigNumber`: scale, sign, magnitude as unsigned little-endian bytes of any length.
#[inline]
fn read_figure(input: &[u8], span: Span) -> Result<Dec, DecodeError> {
    let mut r = Reader::new(input, span);
    let (mut scale, mut negative, mut magnitude) = (None, false, Span::default());
    while let Some(tag) = r.tag()? {
        match tag {
            // Given twice: what the first makes of the others would have to be looked at too, as prost does.
            8 => scale = super::once(scale.is_some()).and_then(|()| r.uint32().map(Some))?,
            16 => negative = r.boolean()?,
            26 => magnitude = super::once(magnitude.is_given()).and_then(|()| r.nested())?,
            other => r.skip_unknown(other, 3)?,
        }
    }
    let scale = scale.unwrap_or(0);
    crate::proto::from_wire(scale, negative, magnitude.of(input)).map_err(|_| DecodeError::NumberOutOfRange)
}

#[inline]
fn read_figure_entry(input: &[u8], span: Span) -> Result<(Span, Dec), DecodeError> {
    let mut r = Reader::new(input, span);
    let (mut key, mut value) = (Span::default(), None);
    while let Some(tag) = r.tag()? {
        match tag {
            10 => key = r.text()?,
            18 => {
                super::once(value.is_some())?;
                value = Some(r.figure()?);
            }
            other => r.skip_unknown(other, 2)?,
        }
    }
    Ok((key, value.unwrap_or_default()))
}

/// The entries of a map<string, BigNumber> that was checked when its message was decoded.
#[derive(Debug, Clone)]
pub struct Figures<'a> {
    input: &'a [u8],
    at: u32,
    end: u32,
    tag: u32,
}

impl<'a> Figures<'a> {
    #[inline]
    pub(super) fn new(input: &'a [u8], entries: Repeated, tag: u32) -> Figures<'a> {
        Figures { input, at: entries.start, end: entries.end, tag }
    }
}

impl<'a> Iterator for Figures<'a> {
    type Item = (&'a [u8], Dec);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut r = Reader::new(self.input, Span { start: self.at, len: self.end - self.at });
        // Other fields may stand between the entries of a map.
        while let Some(tag) = r.tag().ok()? {
            if tag == self.tag {
                let (key, value) = read_figure_entry(self.input, r.nested().ok()?).ok()?;
                self.at = r.at as u32;
                return Some((key.of(self.input), value));
            }
            r.skip(tag).ok()?;
        }
        None
    }
}

/// Copies every occurrence of a repeated field, in order, into a message that has the same field under the same
/// number. Other fields in between are left out.
pub(super) fn copy_repeated(input: &[u8], field: Repeated, number: u32, mut copy: impl FnMut(&[u8])) {
    let mut r = Reader::new(input, Span { start: field.start, len: field.end - field.start });
    while let Ok(Some(tag)) = r.tag() {
        let at = r.tag_at();
        if r.skip(tag).is_err() {
            return;
        }
        if tag >> 3 == number {
            copy(&input[at..r.at()]);
        }
    }
}

/// Equal keys in one map: the last one counts, which sums over spans would miss.
pub(super) fn keys_differ(input: &[u8], entries: Repeated, tag: u32) -> Result<(), DecodeError> {
    const PAIRS_WORTH_COMPARING: usize = 16;
    let figures = Figures::new(input, entries, tag);
    if entries.count as usize > PAIRS_WORTH_COMPARING {
        let mut keys: Vec<&[u8]> = figures.map(|(key, _)| key).collect();
        keys.sort_unstable();
        let differ = keys.windows(2).all(|pair| pair[0] != pair[1]);
        return if differ { Ok(()) } else { Err(DecodeError::Unusual) };
    }
    // Each entry is looked at once: what stands between them may be long.
    let mut keys: [&[u8]; PAIRS_WORTH_COMPARING] = [b""; PAIRS_WORTH_COMPARING];
    for (at, (key, _)) in figures.enumerate() {
        if keys[..at].contains(&key) {
            return Err(DecodeError::Unusual);
        }
        keys[at] = key;
    }
    Ok(())
}
