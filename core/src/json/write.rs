//! Proto3 binary to JSON text: fields of any order, split messages merged, unknown fields skipped.
//!
//! Merging two halves of a message is reading the one after the other (proto3 says so), so a message here is a list
//! of byte slices: each is scanned, what is found is sorted by declared place, and the last of a single value wins.
//! The lists lie on one stack; nothing is decoded into a tree. Output depends on the content alone: map entries are
//! in the order of their keys.

use std::io::Write as _;
use std::ops::Range;

use super::schema::{Field, Kind, Message, MessageId, Presence, Shape};
use super::wire::{Fields, Value};
use super::{Malformed, Style, scalar};
use crate::proto::{TimestampWithTimeZone, from_wire, write_carried};

type Result<T> = std::result::Result<T, Malformed>;

pub(super) struct Writer<'a, 'o> {
    style: Style,
    out: &'o mut Vec<u8>,
    found: Vec<Found<'a>>,
}

/// A value met in the binary, and the place of its field.
#[derive(Clone, Copy)]
struct Found<'a> {
    place: usize,
    value: Held<'a>,
}

#[derive(Clone, Copy)]
enum Held<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

impl<'a> Found<'a> {
    fn varint(self) -> u64 {
        match self.value {
            Held::Varint(varint) => varint,
            Held::Bytes(_) => 0,
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self.value {
            Held::Varint(_) => &[],
            Held::Bytes(bytes) => bytes,
        }
    }
}

impl<'a, 'o> Writer<'a, 'o> {
    pub(super) fn new(style: Style, out: &'o mut Vec<u8>) -> Writer<'a, 'o> {
        Writer { style, out, found: Vec::new() }
    }

    pub(super) fn root(&mut self, id: MessageId, bytes: &'a [u8]) -> Result<()> {
        self.found.clear();
        self.found.push(Found { place: 0, value: Held::Bytes(bytes) });
        self.message(id, 0..1)
    }

    /// `parts` on the stack are the slices of this one message.
    fn message(&mut self, id: MessageId, parts: Range<usize>) -> Result<()> {
        let (message, start) = (id.table(), self.found.len());
        for part in parts {
            self.scan(message, self.found[part].bytes())?;
        }
        // Stable: the order within a field is that of the wire.
        self.found[start..].sort_by_key(|found| found.place);
        match message.shape {
            Shape::Object => self.object(message, start)?,
            Shape::Decimal => self.decimal(start)?,
            Shape::Carried => self.carried(start)?,
            Shape::Timestamp => self.timestamp(start)?,
        }
        self.found.truncate(start);
        Ok(())
    }

    fn scan(&mut self, message: &Message, bytes: &'a [u8]) -> Result<()> {
        let mut fields = Fields::new(bytes);
        while let Some((number, value)) = fields.next()? {
            if let Some(place) = message.place_of_number(number) {
                let field = &message.fields[place];
                self.push(place, value, field.presence == Presence::Map || field.kind.is_delimited())?;
            }
        }
        Ok(())
    }

    fn push(&mut self, place: usize, value: Value<'a>, is_delimited: bool) -> Result<()> {
        let value = match (value, is_delimited) {
            (Value::Delimited(bytes), true) => Held::Bytes(bytes),
            (Value::Varint(varint), false) => Held::Varint(varint),
            _ => return Err(Malformed::WireType),
        };
        self.found.push(Found { place, value });
        Ok(())
    }

    fn object(&mut self, message: &'static Message, start: usize) -> Result<()> {
        self.out.push(b'{');
        let (opened, end) = (self.out.len(), self.found.len());
        let mut at = start;
        for (place, field) in message.fields.iter().enumerate() {
            let from = at;
            while at < end && self.found[at].place == place {
                at += 1;
            }
            if self.is_written(field, from..at) {
                if self.out.len() > opened {
                    self.out.push(b',');
                }
                // Declared names are letters and digits: nothing to escape.
                self.out.push(b'"');
                self.out.extend_from_slice(field.name.as_bytes());
                self.out.extend_from_slice(b"\":");
                self.field(field, from..at)?;
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn is_written(&self, field: &Field, values: Range<usize>) -> bool {
        let is_message = matches!(field.kind, Kind::Message(_));
        match field.presence {
            Presence::Always => true,
            Presence::Plain if !is_message => match self.found[values].last() {
                None => false,
                Some(last) => !last.is_default(field.kind),
            },
            _ => !values.is_empty(),
        }
    }

    fn field(&mut self, field: &Field, values: Range<usize>) -> Result<()> {
        match field.presence {
            Presence::Repeated => self.array(field.kind, values),
            Presence::Map => self.map(field.kind, values),
            _ => self.value(field.kind, values),
        }
    }

    fn array(&mut self, kind: Kind, values: Range<usize>) -> Result<()> {
        self.out.push(b'[');
        for at in values.clone() {
            if at > values.start {
                self.out.push(b',');
            }
            self.value(kind, at..at + 1)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, kind: Kind, entries: Range<usize>) -> Result<()> {
        let mut keys = Vec::with_capacity(entries.len());
        for at in entries {
            keys.push((entry_key(self.found[at].bytes())?, at));
        }
        // Stable: of entries with one key, the last is the one that counts.
        keys.sort_by_key(|&(key, _)| key);
        self.out.push(b'{');
        let opened = self.out.len();
        for (place, &(key, at)) in keys.iter().enumerate() {
            if keys.get(place + 1).is_some_and(|&(next, _)| next == key) {
                continue;
            }
            if self.out.len() > opened {
                self.out.push(b',');
            }
            self.string(key);
            self.out.push(b':');
            self.entry_value(kind, at)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn entry_value(&mut self, kind: Kind, at: usize) -> Result<()> {
        let start = self.found.len();
        let mut fields = Fields::new(self.found[at].bytes());
        while let Some((number, value)) = fields.next()? {
            if number == 2 {
                self.push(0, value, kind.is_delimited())?;
            }
        }
        self.value(kind, start..self.found.len())?;
        self.found.truncate(start);
        Ok(())
    }

    /// One value; `values` are the slices of one message, or single values of which the last counts. None: the default.
    fn value(&mut self, kind: Kind, values: Range<usize>) -> Result<()> {
        let last = self.found[values.clone()].last().copied();
        let varint = last.map_or(0, Found::varint);
        match kind {
            Kind::Message(id) => return self.message(id, values),
            Kind::String => self.string(utf8(last.map_or(&[], Found::bytes))?),
            Kind::Bytes => {
                self.out.push(b'"');
                scalar::put_base64(last.map_or(&[], Found::bytes), self.out);
                self.out.push(b'"');
            }
            Kind::Bool => self.put(format_args!("{}", varint != 0)),
            Kind::Int32 => self.put(format_args!("{}", varint as i32)),
            Kind::Uint32 => self.put(format_args!("{}", varint as u32)),
            Kind::Sint32 => self.put(format_args!("{}", zigzag(varint))),
            Kind::Int64 => self.put(format_args!("\"{}\"", varint as i64)),
            Kind::Uint64 => self.put(format_args!("\"{varint}\"")),
            Kind::Enum(names) => match names.name(varint as i32, self.style.is_compact) {
                Some(name) => self.put(format_args!("\"{name}\"")),
                None => self.put(format_args!("{}", varint as i32)),
            },
        }
        Ok(())
    }

    fn decimal(&mut self, start: usize) -> Result<()> {
        let (scale, is_negative, magnitude) = self.number(start);
        let dec = from_wire(scale, is_negative, magnitude).map_err(|_| Malformed::NumberOutOfRange)?;
        self.put(format_args!("{dec}"));
        Ok(())
    }

    fn carried(&mut self, start: usize) -> Result<()> {
        let (scale, is_negative, magnitude) = self.number(start);
        let mut digits = String::new();
        write_carried(scale, is_negative, magnitude, &mut digits).map_err(|_| Malformed::NumberOutOfRange)?;
        self.out.extend_from_slice(digits.as_bytes());
        Ok(())
    }

    /// Scale, sign and magnitude of the number on top of the stack.
    fn number(&self, start: usize) -> (u32, bool, &'a [u8]) {
        let (scale, sign, value) = (self.last(start, 0), self.last(start, 1), self.last(start, 2));
        let scale = scale.map_or(0, |found| found.varint() as u32);
        (scale, sign.is_some_and(|found| found.varint() != 0), value.map_or(&[], Found::bytes))
    }

    fn timestamp(&mut self, start: usize) -> Result<()> {
        let number = |place| self.last(start, place).map_or(0, Found::varint);
        let instant =
            TimestampWithTimeZone { seconds: number(0), nanoseconds: number(1) as u32, tz_offset: zigzag(number(2)) };
        self.out.push(b'"');
        instant.write_iso(self.out).map_err(|_| Malformed::TimestampOutOfRange)?;
        self.out.push(b'"');
        Ok(())
    }

    /// The last value found for a field of the message on top of the stack.
    fn last(&self, start: usize, place: usize) -> Option<Found<'a>> {
        self.found[start..].iter().rfind(|found| found.place == place).copied()
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.out, text).expect("a Vec takes all bytes");
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.write_fmt(text).expect("a Vec takes all bytes");
    }
}

impl Found<'_> {
    /// Bits beyond a 32-bit number's width do not count.
    fn is_default(self, kind: Kind) -> bool {
        match (self.value, kind) {
            (Held::Bytes(bytes), _) => bytes.is_empty(),
            (Held::Varint(varint), Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_)) => varint as u32 == 0,
            (Held::Varint(varint), _) => varint == 0,
        }
    }
}

fn entry_key(entry: &[u8]) -> Result<&str> {
    let (mut key, mut fields) = (&[][..], Fields::new(entry));
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Delimited(bytes)) => key = bytes,
            (1, _) => return Err(Malformed::WireType),
            _ => {}
        }
    }
    utf8(key)
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed::Utf8)
}

fn zigzag(varint: u64) -> i32 {
    let bits = varint as u32;
    (bits >> 1) as i32 ^ -((bits & 1) as i32)
}
