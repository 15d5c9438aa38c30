//! The two forms of a message: JSON text and proto3 binary, transcoded one into the other.
//!
//! JSON exists at the edge only; behind it every message is binary. The transcoder is driven by static tables that
//! the build makes from the descriptors ([`message`]), so it knows every message of the schema and none of them by
//! hand. It allocates, and is not for the hot path.
//!
//! Invariants: a number never goes through a double; the same content gives the same bytes in either direction;
//! linear time; no input makes it panic. On an error the output holds what was written up to there: the caller
//! throws it away.
//!
//! Absent on purpose: a tree of values between the two forms; `Any`, oneofs with names, extensions and groups, which
//! the schema has none of; repairing (a name twice and trailing text are errors; a byte order mark is skipped).

mod array;
mod error;
mod head;
mod read;
mod scalar;
mod schema;
mod text;
mod wire;
mod write;

pub use array::{ArrayWriter, Delimited, array_from_delimited, array_to_delimited, put_delimited};
pub use error::JsonError;
pub use head::Head;
pub use schema::{MessageId, message};
pub use wire::Malformed;

/// Objects and arrays within one another, in what is read and in what is skipped.
pub const DEPTH_MAX: usize = 64;

/// How JSON is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    /// Unknown names are skipped (`X-OMS-Lenient: true`). Default: an error, so that a typo in a money field does
    /// not pass in silence.
    pub is_lenient: bool,
}

/// How JSON is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Enum values by their short names, `LIMIT` for `ORDERTYPE_LIMIT` (`X-OMS-Compact: true`).
    pub is_compact: bool,
}

/// JSON text to canonical proto3 binary, appended to `out`.
///
/// # Errors
/// What is no JSON, does not fit the message or holds a number that cannot be held.
pub fn to_binary(message: MessageId, text: &[u8], options: Read, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut reader = read::Reader::new(text, options, out)?;
    reader.message(message).map_err(|error| error.or_within(message.name()))
}

/// Proto3 binary to JSON text, appended to `out`.
///
/// # Errors
/// Bytes that are no such message, or that hold a figure or timestamp which cannot be written.
pub fn from_binary(message: MessageId, bytes: &[u8], style: Style, out: &mut Vec<u8>) -> Result<(), Malformed> {
    write::Writer::new(style, out).root(message, bytes)
}

#[cfg(test)]
mod tests;
