//! JSON text to proto3 binary, in one walk and without a tree between.
//!
//! What comes out is canonical whatever order the members came in: fields by number, map entries by key, defaults
//! left out, decimals with as few bytes as they need. The same content thus has the same bytes, which is how a
//! request sent twice is recognised, and they are the bytes that prost would write.
//!
//! Recursion goes as deep as the schema, which the build bounds; what lies outside the schema is skipped in a loop.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::schema::{Field, Kind, Message, MessageId, Presence, Shape};
use super::text::Text;
use super::{JsonError, Read, scalar, wire};

type Result<T> = std::result::Result<T, JsonError>;

pub(super) struct Reader<'a, 'o> {
    pub(super) text: Text<'a>,
    options: Read,
    out: &'o mut Vec<u8>,
}

impl<'a, 'o> Reader<'a, 'o> {
    pub(super) fn new(text: &'a [u8], options: Read, out: &'o mut Vec<u8>) -> Result<Reader<'a, 'o>> {
        Ok(Reader { text: Text::new(text)?, options, out })
    }

    pub(super) fn message(&mut self, id: MessageId) -> Result<()> {
        match (id.table().shape, self.text.peek()) {
            (Shape::Decimal, b'"') => scalar::put_decimal(&self.text.string()?, self.out),
            (Shape::Decimal, b'{') => self.canonical(id, scalar::recode_decimal),
            (Shape::Decimal, _) => scalar::put_decimal(self.text.number()?, self.out),
            (Shape::Carried, b'"') => scalar::put_carried(&self.text.string()?, self.out),
            (Shape::Carried, b'{') => self.canonical(id, scalar::recode_carried),
            (Shape::Carried, _) => scalar::put_carried(self.text.number()?, self.out),
            (Shape::Timestamp, b'"') => scalar::put_timestamp(&self.text.string()?, self.out),
            (Shape::Timestamp, _) => self.canonical(id, scalar::recode_timestamp),
            (Shape::Object, _) => self.object(id.table()),
        }
    }

    /// An array of messages, each behind its length.
    pub(super) fn array(&mut self, id: MessageId) -> Result<()> {
        self.each_element(|reader| reader.delimited(|reader| reader.message(id)))
    }

    /// The object form of a decimal or timestamp: read as a message, then checked and written anew.
    fn canonical(&mut self, id: MessageId, recode: fn(&mut Vec<u8>, usize) -> Result<()>) -> Result<()> {
        let start = self.out.len();
        self.object(id.table())?;
        recode(self.out, start)
    }

    fn object(&mut self, message: &'static Message) -> Result<()> {
        self.open(b'{')?;
        let start = self.out.len();
        let (mut written, mut seen, mut unknown) = (Vec::new(), 0u64, BTreeSet::new());
        let mut is_first = true;
        while self.text.another(b'}', is_first)? {
            is_first = false;
            let key = self.text.key()?;
            let Some(place) = message.place_of_name(&key) else {
                self.unknown(key, &mut unknown)?;
                continue;
            };
            let field = &message.fields[place];
            // Both spellings of a name, or the second one being null, are a name twice all the same.
            if seen & 1 << place != 0 {
                return Err(JsonError::mismatch().within(field.name));
            }
            seen |= 1 << place;
            let from = self.out.len();
            if !self.text.null()? {
                self.field(field).map_err(|error| error.within(field.name))?;
                written.push((field.number, from..self.out.len()));
            }
        }
        self.sort(start, written);
        Ok(())
    }

    fn unknown(&mut self, key: Cow<'a, str>, seen: &mut BTreeSet<Cow<'a, str>>) -> Result<()> {
        if !self.options.is_lenient || seen.contains(&key) {
            return Err(JsonError::mismatch().within(&key));
        }
        self.text.skip().map_err(|error| error.within(&key))?;
        seen.insert(key);
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<()> {
        match field.presence {
            Presence::Repeated => self.each_element(|reader| reader.value(field.number, field.kind, true)),
            Presence::Map => self.map(field),
            Presence::Optional => self.value(field.number, field.kind, true),
            Presence::Plain | Presence::Always => self.value(field.number, field.kind, false),
        }
    }

    /// Tag and value. A number, string or bytes at its default is written only if `keeps_default`; a message that is
    /// present always is.
    fn value(&mut self, number: u32, kind: Kind, keeps_default: bool) -> Result<()> {
        match kind {
            Kind::Message(id) => {
                wire::put_tag(self.out, number, true);
                self.delimited(|reader| reader.message(id))
            }
            Kind::String => {
                let text = self.text.string()?;
                self.put_bytes(number, text.as_bytes(), keeps_default);
                Ok(())
            }
            Kind::Bytes => {
                let bytes = scalar::base64(&self.text.string()?)?;
                self.put_bytes(number, &bytes, keeps_default);
                Ok(())
            }
            _ => {
                let varint = self.varint(kind)?;
                if varint != 0 || keeps_default {
                    wire::put_tag(self.out, number, false);
                    wire::put_varint(self.out, varint);
                }
                Ok(())
            }
        }
    }

    fn varint(&mut self, kind: Kind) -> Result<u64> {
        let is_string = self.text.peek() == b'"';
        match kind {
            Kind::Bool => self.text.boolean().map(u64::from),
            Kind::Enum(names) if is_string => {
                let number = names.number(&self.text.string()?).ok_or_else(JsonError::mismatch)?;
                Ok(i64::from(number) as u64)
            }
            _ if is_string => scalar::varint(kind, &self.text.string()?),
            _ => scalar::varint(kind, self.text.number()?),
        }
    }

    fn put_bytes(&mut self, number: u32, bytes: &[u8], keeps_default: bool) {
        if !bytes.is_empty() || keeps_default {
            wire::put_tag(self.out, number, true);
            wire::put_varint(self.out, bytes.len() as u64);
            self.out.extend_from_slice(bytes);
        }
    }

    fn map(&mut self, field: &Field) -> Result<()> {
        self.open(b'{')?;
        let start = self.out.len();
        let mut written: Vec<(Cow<'a, str>, Range<usize>)> = Vec::new();
        while self.text.another(b'}', written.is_empty())? {
            let key = self.text.key()?;
            let from = self.out.len();
            wire::put_tag(self.out, field.number, true);
            let entry = self.delimited(|reader| {
                reader.put_bytes(1, key.as_bytes(), false);
                reader.entry_value(field.kind)
            });
            entry.map_err(|error| error.within(&key))?;
            written.push((key, from..self.out.len()));
        }
        let twice = self.sort(start, written);
        twice.map_or(Ok(()), |key| Err(JsonError::mismatch().within(&key)))
    }

    /// An entry whose value is the default says so by having none, as prost writes it: an empty message, too.
    fn entry_value(&mut self, kind: Kind) -> Result<()> {
        let start = self.out.len();
        self.value(2, kind, false)?;
        if self.out[start..] == [2 << 3 | 2, 0] {
            self.out.truncate(start);
        }
        Ok(())
    }

    fn each_element(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.open(b'[')?;
        let mut index = 0usize;
        while self.text.another(b']', index == 0)? {
            element(self).map_err(|error| error.within(&index.to_string()))?;
            index += 1;
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<()> {
        if self.text.peek() == bracket { self.text.open(bracket) } else { Err(JsonError::mismatch()) }
    }

    fn delimited(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let gap = wire::open_gap(self.out);
        body(self)?;
        wire::close_gap(self.out, gap);
        Ok(())
    }

    /// Brings the pieces written since `start` into the order of their keys; answers a key that is there twice.
    fn sort<K: Ord>(&mut self, start: usize, mut pieces: Vec<(K, Range<usize>)>) -> Option<K> {
        if pieces.is_sorted_by(|a, b| a.0 < b.0) {
            return None;
        }
        let unsorted = self.out.split_off(start);
        pieces.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, piece) in &pieces {
            self.out.extend_from_slice(&unsorted[piece.start - start..piece.end - start]);
        }
        let second = pieces.windows(2).position(|pair| pair[0].0 == pair[1].0)?;
        Some(pieces.swap_remove(second).0)
    }
}
