//! The fields of a message that was decoded before, one after another, and such a message with some of them replaced.
//!
//! For the rare update that changes a stored record without an adapter having sent it anew: what is not replaced stays
//! byte for byte, fields that this build does not know included.

use super::reader::Reader;
use super::{ReverseWriter, Span};
use crate::proto::TimestampWithTimeZone;

/// A field as it stands in its message.
#[derive(Debug, Clone, Copy)]
pub struct TopField<'a> {
    pub number: u32,
    /// Tag, length and content.
    pub whole: &'a [u8],
    /// A text's or message's content; of any other field all behind the tag.
    pub content: &'a [u8],
}

impl TopField<'_> {
    /// The instant in a field that is one.
    pub fn time(&self) -> Option<TimestampWithTimeZone> {
        prost::Message::decode(self.content).ok()
    }
}

/// The fields of a message, not those of messages inside it. Ends where the bytes are no message.
pub struct TopFields<'a> {
    input: &'a [u8],
    reader: Reader<'a>,
}

impl<'a> TopFields<'a> {
    pub fn of(input: &'a [u8]) -> TopFields<'a> {
        TopFields { input, reader: Reader::of_bytes(input, Span::whole(input)) }
    }
}

impl<'a> Iterator for TopFields<'a> {
    type Item = TopField<'a>;

    #[inline]
    fn next(&mut self) -> Option<TopField<'a>> {
        let tag = self.reader.tag().ok()??;
        let content = if tag & 7 == super::reader::LENGTH {
            self.reader.nested().ok()?.of(self.input)
        } else {
            let start = self.reader.at();
            self.reader.skip(tag).ok()?;
            &self.input[start..self.reader.at()]
        };
        let whole = &self.input[self.reader.tag_at()..self.reader.at()];
        Some(TopField { number: tag >> 3, whole, content })
    }
}

/// Adds `input` to `out` without the fields `replaced`, and what `w` holds behind it.
pub fn replace_fields(input: &[u8], replaced: &[u32], w: &ReverseWriter, out: &mut Vec<u8>) {
    for field in TopFields::of(input).filter(|field| !replaced.contains(&field.number)) {
        out.extend_from_slice(field.whole);
    }
    out.extend_from_slice(w.bytes());
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{Account, OrderState};
    use crate::wire::field::order_state as f;

    fn order() -> OrderState {
        OrderState {
            order_id: "#1".into(),
            account: Some(Account { owner_id: "O".into(), account_id: "A".into() }),
            status: "OnMarket".into(),
            is_completed: true,
            errors: vec!["Side".into(), "Symbol".into()],
            timestamp: Some(TimestampWithTimeZone { seconds: 70, nanoseconds: 5, tz_offset: -60 }),
            ..Default::default()
        }
    }

    #[test]
    fn replaced_fields_are_new_and_all_others_as_they_were() {
        // A field of a later schema: number 900, a varint, and 901, a text.
        let unknown = [0xa0, 0x38, 0x07, 0xaa, 0x38, 0x01, b'x'];
        let bytes = [&unknown[..], &order().encode_to_vec(), &unknown].concat();
        let mut w = ReverseWriter::default();
        w.text(f::STATUS, b"Expired");
        let mut out = Vec::new();
        replace_fields(&bytes, &[f::STATUS, f::IS_COMPLETED, f::ERRORS], &w, &mut out);
        let expected = OrderState { status: "Expired".into(), is_completed: false, errors: Vec::new(), ..order() };
        assert_eq!(OrderState::decode(&out[..]), Ok(expected));
        assert_eq!(out.windows(unknown.len()).filter(|run| *run == unknown).count(), 2);
    }

    #[test]
    fn an_instant_is_read_and_broken_bytes_end_the_message() {
        let bytes = order().encode_to_vec();
        let time = TopFields::of(&bytes).find(|field| field.number == f::TIMESTAMP).and_then(|field| field.time());
        assert_eq!(time, order().timestamp);
        let whole: usize = TopFields::of(&bytes).map(|field| field.whole.len()).sum();
        assert_eq!(whole, bytes.len());
        for cut in 0..bytes.len() {
            let read: usize = TopFields::of(&bytes[..cut]).map(|field| field.whole.len()).sum();
            assert!(read <= cut);
        }
    }
}
