//! Arrays of messages: a JSON array on one side; on the other, messages one after another, each behind its length
//! as a varint, which is also the binary form of an array at the edge.

use super::wire::{self, Fields};
use super::{JsonError, Malformed, MessageId, Read, Style, from_binary, read};

/// A JSON array to length-delimited messages, appended to `out`; read them with [`Delimited`].
///
/// # Errors
/// As [`super::to_binary`]; the path begins with the zero-based index of the element.
pub fn array_to_delimited(message: MessageId, text: &[u8], options: Read, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut reader = read::Reader::new(text, options, out)?;
    reader.array(message).map_err(|error| error.or_within(message.name()))
}

/// Length-delimited messages to a JSON array, appended to `out`.
///
/// # Errors
/// As [`super::from_binary`].
pub fn array_from_delimited(
    message: MessageId,
    delimited: &[u8],
    style: Style,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut array = ArrayWriter::new(message, style);
    for bytes in Delimited::new(delimited) {
        array.push(bytes?, out)?;
    }
    array.finish(out);
    Ok(())
}

/// One more message, behind its length.
pub fn put_delimited(message: &[u8], out: &mut Vec<u8>) {
    wire::put_varint(out, message.len() as u64);
    out.extend_from_slice(message);
}

/// The messages of a length-delimited array, one by one. Ends after an error.
pub struct Delimited<'a> {
    fields: Fields<'a>,
    is_broken: bool,
}

impl<'a> Delimited<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Delimited<'a> {
        Delimited { fields: Fields::new(bytes), is_broken: false }
    }
}

impl<'a> Iterator for Delimited<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let next = self.fields.next_delimited();
        self.is_broken = next.is_err();
        next.transpose()
    }
}

/// Writes a JSON array element by element, so that a long answer is streamed and never whole in memory.
pub struct ArrayWriter {
    message: MessageId,
    style: Style,
    is_open: bool,
}

impl ArrayWriter {
    #[must_use]
    pub fn new(message: MessageId, style: Style) -> ArrayWriter {
        ArrayWriter { message, style, is_open: false }
    }

    /// Appends one element, with what has to stand before it.
    ///
    /// # Errors
    /// As [`super::from_binary`]; `out` is then as it was before, so that the element can be left out.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let start = out.len();
        out.push(if self.is_open { b',' } else { b'[' });
        let written = from_binary(self.message, bytes, self.style, out);
        match written {
            Ok(()) => self.is_open = true,
            Err(_) => out.truncate(start),
        }
        written
    }

    /// Closes the array; an empty one is `[]`.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_open { b"]" } else { b"[]" });
    }
}
