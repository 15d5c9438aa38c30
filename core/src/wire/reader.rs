//! Reads the protobuf wire format inside one span of received bytes.
//!
//! Hot path: thread of the receiver. No allocation. Every read is bounded by the span; nothing here panics on any
//! input.

use super::{DecodeError, Repeated, Span};
use crate::dec::{Dec, OutOfRange};
use crate::proto::TimestampWithTimeZone;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
pub(super) const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const FIXED32: u32 = 5;

/// Bytes to decode, and what their instants may be.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    /// Of an instant, since 1970 UTC.
    seconds_max: u64,
}

impl<'a> Source<'a> {
    /// Bytes of the record or of the state: whatever was accepted once.
    #[inline]
    pub(super) fn recorded(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes, seconds_max: u64::MAX }
    }

    #[inline]
    pub(super) fn received(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes, seconds_max: TimestampWithTimeZone::SECONDS_MAX }
    }
}

pub(super) struct Reader<'a> {
    input: &'a [u8],
    seconds_max: u64,
    at: usize,
    end: usize,
    tag_at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(source: Source<'a>, span: Span) -> Reader<'a> {
        let Source { bytes, seconds_max } = source;
        Reader { input: bytes, seconds_max, at: span.start as usize, end: span.end() as usize, tag_at: 0 }
    }

    #[inline]
    pub(super) fn of_bytes(bytes: &'a [u8], span: Span) -> Reader<'a> {
        Reader::new(Source::recorded(bytes), span)
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
        let mut r = Reader::of_bytes(self.input, span);
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
        match time.checked() {
            Ok(time) if time.seconds <= self.seconds_max => Ok(time),
            _ => Err(DecodeError::Malformed),
        }
    }

    /// An entry of map<string, string>.
    pub(super) fn text_entry(&mut self) -> Result<(), DecodeError> {
        let span = self.nested()?;
        let mut r = Reader::of_bytes(self.input, span);
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

    /// An entry of map<string, CarriedNumber>.
    pub(super) fn carried_entry(&mut self) -> Result<(), DecodeError> {
        let span = self.nested()?;
        let (_, number) = read_entry(self.input, span, read_number)?;
        let (scale, is_negative, magnitude) = number.unwrap_or_default();
        let is_carried = crate::proto::is_carried(scale, is_negative, magnitude.of(self.input));
        if is_carried { Ok(()) } else { Err(DecodeError::NumberOutOfRange) }
    }

    /// An entry of a map to messages: the value's span, for its check.
    pub(super) fn message_entry(&mut self) -> Result<Option<Span>, DecodeError> {
        let span = self.nested()?;
        let mut r = Reader::of_bytes(self.input, span);
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

/// A number as it stands on the wire: scale, sign, magnitude as unsigned little-endian bytes of any length.
type Number = (u32, bool, Span);

#[inline]
fn read_number(input: &[u8], span: Span) -> Result<Number, DecodeError> {
    let mut r = Reader::of_bytes(input, span);
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
    Ok((scale.unwrap_or(0), negative, magnitude))
}

#[inline]
fn read_figure(input: &[u8], span: Span) -> Result<Dec, DecodeError> {
    let (scale, negative, magnitude) = read_number(input, span)?;
    crate::proto::from_wire(scale, negative, magnitude.of(input)).map_err(|_| DecodeError::NumberOutOfRange)
}

/// An entry of a map to numbers: its key, and what `read` makes of its value.
#[inline]
fn read_entry<T>(
    input: &[u8],
    span: Span,
    read: impl Fn(&[u8], Span) -> Result<T, DecodeError>,
) -> Result<(Span, Option<T>), DecodeError> {
    let mut r = Reader::of_bytes(input, span);
    let (mut key, mut value) = (Span::default(), None);
    while let Some(tag) = r.tag()? {
        match tag {
            10 => key = r.text()?,
            18 => {
                super::once(value.is_some())?;
                value = Some(read(input, r.nested()?)?);
            }
            other => r.skip_unknown(other, 2)?,
        }
    }
    Ok((key, value))
}

#[inline]
fn read_figure_entry(input: &[u8], span: Span) -> Result<(Span, Dec), DecodeError> {
    let (key, value) = read_entry(input, span, read_figure)?;
    Ok((key, value.unwrap_or_default()))
}

/// The entries of a map that was checked when its message was decoded.
#[derive(Debug, Clone)]
struct Entries<'a> {
    input: &'a [u8],
    at: u32,
    end: u32,
    tag: u32,
}

impl<'a> Entries<'a> {
    #[inline]
    fn new(input: &'a [u8], entries: Repeated, tag: u32) -> Entries<'a> {
        Entries { input, at: entries.start, end: entries.end, tag }
    }

    #[inline]
    fn next(&mut self) -> Option<Span> {
        let mut r = Reader::of_bytes(self.input, Span { start: self.at, len: self.end - self.at });
        // Other fields may stand between the entries of a map.
        while let Some(tag) = r.tag().ok()? {
            if tag == self.tag {
                let entry = r.nested().ok()?;
                self.at = r.at as u32;
                return Some(entry);
            }
            r.skip(tag).ok()?;
        }
        None
    }
}

/// The entries of a map<string, BigNumber>.
#[derive(Debug, Clone)]
pub struct Figures<'a>(Entries<'a>);

impl<'a> Figures<'a> {
    #[inline]
    pub(super) fn new(input: &'a [u8], entries: Repeated, tag: u32) -> Figures<'a> {
        Figures(Entries::new(input, entries, tag))
    }
}

impl<'a> Iterator for Figures<'a> {
    type Item = (&'a [u8], Dec);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.next()?;
        let (key, value) = read_figure_entry(self.0.input, entry).ok()?;
        Some((key.of(self.0.input), value))
    }
}

/// The entries of a map<string, CarriedNumber>: each a figure only if it can be held.
#[derive(Debug, Clone)]
pub struct Carried<'a>(Entries<'a>);

impl<'a> Carried<'a> {
    #[inline]
    pub(super) fn new(input: &'a [u8], entries: Repeated, tag: u32) -> Carried<'a> {
        Carried(Entries::new(input, entries, tag))
    }

    /// The figure of that name, for a rule that computes with it.
    ///
    /// # Errors
    /// `OutOfRange` if it cannot be held exactly.
    #[inline]
    pub fn figure(mut self, name: &[u8]) -> Result<Option<Dec>, OutOfRange> {
        self.find(|(key, _)| *key == name).map(|(_, figure)| figure).transpose()
    }
}

impl<'a> Iterator for Carried<'a> {
    type Item = (&'a [u8], Result<Dec, OutOfRange>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let input = self.0.input;
        let entry = self.0.next()?;
        let (key, number) = read_entry(input, entry, read_number).ok()?;
        let (scale, is_negative, magnitude) = number.unwrap_or_default();
        Some((key.of(input), crate::proto::from_wire(scale, is_negative, magnitude.of(input))))
    }
}

/// Copies every occurrence of a repeated field, in order, into a message that has the same field under the same
/// number. Other fields in between are left out.
pub(super) fn copy_repeated(input: &[u8], field: Repeated, number: u32, mut copy: impl FnMut(&[u8])) {
    let mut r = Reader::of_bytes(input, Span { start: field.start, len: field.end - field.start });
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
pub(super) fn keys_differ(source: Source<'_>, entries: Repeated, tag: u32) -> Result<(), DecodeError> {
    const PAIRS_WORTH_COMPARING: usize = 16;
    let input = source.bytes;
    let mut rest = Entries::new(input, entries, tag);
    let keys = std::iter::from_fn(|| {
        let (key, _) = read_entry(input, rest.next()?, |_, _| Ok(())).ok()?;
        Some(key.of(input))
    });
    if entries.count as usize > PAIRS_WORTH_COMPARING {
        let mut keys: Vec<&[u8]> = keys.collect();
        keys.sort_unstable();
        let differ = keys.windows(2).all(|pair| pair[0] != pair[1]);
        return if differ { Ok(()) } else { Err(DecodeError::Unusual) };
    }
    // Each entry is looked at once: what stands between them may be long.
    let mut seen: [&[u8]; PAIRS_WORTH_COMPARING] = [b""; PAIRS_WORTH_COMPARING];
    for (at, key) in keys.enumerate() {
        if seen[..at].contains(&key) {
            return Err(DecodeError::Unusual);
        }
        seen[at] = key;
    }
    Ok(())
}
