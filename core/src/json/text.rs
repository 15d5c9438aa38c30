//! Tokens of a JSON text that is known to be JSON.
//!
//! serde_json decides what is JSON (one pass over the whole text, as a `RawValue`) and unescapes the strings; between
//! the two, this cursor only walks. So a number stays the digits that were sent, which is what keeps it out of a
//! double. The cursor is driven by well-formed text only, yet answers `Syntax` rather than panic where it is not.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{DEPTH_MAX, JsonError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) struct Text<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Text<'a> {
    /// Refuses what is not UTF-8 and not one JSON value: NaN, trailing text, comments. A byte order mark is skipped.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Text<'a>, JsonError> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| JsonError::Syntax)?;
        let value: &'a RawValue = serde_json::from_str(text).map_err(|_| JsonError::Syntax)?;
        Ok(Text { text: value.get(), at: 0, depth: 0 })
    }

    /// The cursor over what may be no JSON: it ends where that shows.
    pub(super) fn unchecked(bytes: &'a [u8]) -> Text<'a> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        Text { text: std::str::from_utf8(&bytes[..valid]).unwrap_or_default(), at: 0, depth: 0 }
    }

    /// The first byte of what comes next: it tells the kind of a value. 0 at the end.
    pub(super) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != byte {
            return Err(JsonError::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Enters an object or array.
    pub(super) fn open(&mut self, bracket: u8) -> Result<(), JsonError> {
        self.expect(bracket)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(JsonError::mismatch()) } else { Ok(()) }
    }

    /// Whether another member or element follows; leaves at the closing bracket where none does.
    pub(super) fn another(&mut self, close: u8, is_first: bool) -> Result<bool, JsonError> {
        if self.peek() == close {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// A member's name, and the colon behind it.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Borrowed where nothing is escaped.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if self.peek() != b'"' {
            return Err(JsonError::mismatch());
        }
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let (mut end, mut is_escaped) = (start + 1, false);
        loop {
            match bytes.get(end).ok_or(JsonError::Syntax)? {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    end += 2;
                }
                _ => end += 1,
            }
        }
        self.at = end + 1;
        if is_escaped {
            // A surrogate alone is no character: serde_json finds it here, not in its first pass.
            return serde_json::from_str(&self.text[start..=end]).map(Cow::Owned).map_err(|_| JsonError::Syntax);
        }
        Ok(Cow::Borrowed(&self.text[start + 1..end]))
    }

    /// The digits of a number, as they were sent.
    pub(super) fn number(&mut self) -> Result<&'a str, JsonError> {
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            return Err(JsonError::mismatch());
        }
        let rest = &self.text[self.at..];
        let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let size = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += size;
        Ok(&rest[..size])
    }

    pub(super) fn boolean(&mut self) -> Result<bool, JsonError> {
        match self.peek() {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => Err(JsonError::mismatch()),
        }
    }

    /// Whether a `null` stood here.
    pub(super) fn null(&mut self) -> Result<bool, JsonError> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.literal("null").map(|()| true)
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// Past one value, whatever it is. A loop: how deep it goes is the sender's choice, up to the limit.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        let outside = self.depth;
        loop {
            match self.peek() {
                open @ (b'{' | b'[') => self.open(open)?,
                b'}' | b']' if self.depth > outside => {
                    self.at += 1;
                    self.depth -= 1;
                }
                b',' | b':' if self.depth > outside => {
                    self.at += 1;
                    continue;
                }
                b'"' => drop(self.string()?),
                b't' | b'f' => drop(self.boolean()?),
                b'n' => drop(self.null()?),
                _ => drop(self.number()?),
            }
            if self.depth == outside {
                return Ok(());
            }
        }
    }
}
