//! The binary form of the hot messages: a generated flat decoder and a back-to-front encoder.
//!
//! Hot path: decoding on the thread of the receiver, encoding on that of the publisher. No allocation.
//! All other shapes go through prost (`proto`), which is also the oracle of this codec in tests.
//!
//! A hot message that the schema allows and no encoder makes (`DecodeError::Unusual`) is decoded by prost, encoded
//! again and decoded here: one form behind this module.

mod fields;
mod reader;
mod reverse;

/// Field numbers by name, from the schema: `field::order_state::PRICE`.
pub mod field {
    include!(concat!(env!("OUT_DIR"), "/field.rs"));
}

mod flat {
    // Generated code repeats itself as people would not.
    #![allow(clippy::manual_range_patterns)]

    use super::reader::{Carried, Figures, Reader, Source, keys_differ};
    use super::{DecodeError, Repeated, Span, once};
    use crate::dec::Dec;
    use crate::proto::TimestampWithTimeZone;

    include!(concat!(env!("OUT_DIR"), "/hot.rs"));
}

pub use fields::{TopField, TopFields, replace_fields};
pub use flat::*;
pub use reader::{Carried, Figures};

use reader::Source;
pub use reverse::ReverseWriter;

use thiserror::Error;

/// A run of bytes inside a received message: at most 4 GiB, which the frame limit keeps far away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    #[inline]
    pub const fn end(self) -> u32 {
        self.start + self.len
    }

    /// A field's content never starts at 0 (its tag stands before it), so 0 says absent.
    #[inline]
    pub const fn is_given(self) -> bool {
        self.start != 0
    }

    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start as usize..self.end() as usize]
    }

    /// The text of a span that was read as one: checked to be UTF-8 then.
    #[inline]
    pub fn text(self, input: &[u8]) -> &str {
        std::str::from_utf8(self.of(input)).unwrap_or_default()
    }

    /// All of a message.
    pub fn whole(input: &[u8]) -> Span {
        Span { start: 0, len: input.len() as u32 }
    }
}

/// Where the occurrences of a repeated field or map stand: from the first one's tag to the last one's end. Other
/// fields may stand in between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeated {
    pub start: u32,
    pub end: u32,
    pub count: u32,
}

impl Repeated {
    #[inline]
    fn add(&mut self, tag_at: usize, end: usize) {
        if self.count == 0 {
            self.start = tag_at as u32;
        }
        self.end = end as u32;
        self.count += 1;
    }
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("Data")]
    Malformed,
    #[error("NumberOutOfRange")]
    NumberOutOfRange,
    /// Legal, but of a shape that only prost reads: decode and encode there, then come again.
    #[error("Data")]
    Unusual,
}

#[inline]
fn once(seen: bool) -> Result<(), DecodeError> {
    if seen { Err(DecodeError::Unusual) } else { Ok(()) }
}

impl RequestMessage {
    /// The envelope of what a client sends. Its sub-messages are spans, not yet checked.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing is kept of a message that has one.
    pub fn decode(input: &[u8]) -> Result<RequestMessage, DecodeError> {
        let mut message = RequestMessage::default();
        message.read(Source::recorded(input), Span::whole(input))?;
        Ok(message)
    }
}

impl FeedRequest {
    /// Decodes the recorded feed request at `span` of `input`; spans in the result point into `input`.
    ///
    /// # Errors
    /// [`DecodeError`]; `self` is then unspecified.
    pub fn decode_into(&mut self, input: &[u8], span: Span) -> Result<(), DecodeError> {
        self.reset();
        self.read(Source::recorded(input), span)
    }

    /// The same of one that was just received: an instant past the year 2261 is malformed, which older records may
    /// hold.
    ///
    /// # Errors
    /// As [`FeedRequest::decode_into`].
    pub fn receive_into(&mut self, input: &[u8], span: Span) -> Result<(), DecodeError> {
        self.reset();
        self.read(Source::received(input), span)
    }

    /// # Errors
    /// As [`FeedRequest::decode_into`].
    pub fn decode(input: &[u8]) -> Result<FeedRequest, DecodeError> {
        let mut request = FeedRequest::default();
        request.read(Source::recorded(input), Span::whole(input))?;
        Ok(request)
    }
}

/// A stored OrderState, decoded again.
impl OrderState {
    /// # Errors
    /// As [`FeedRequest::decode_into`].
    pub fn decode(input: &[u8]) -> Result<OrderState, DecodeError> {
        let mut order = OrderState::default();
        order.read(Source::recorded(input), Span::whole(input))?;
        Ok(order)
    }
}

impl OrderTrade {
    /// # Errors
    /// As [`FeedRequest::decode_into`].
    pub fn decode(input: &[u8]) -> Result<OrderTrade, DecodeError> {
        let mut trade = OrderTrade::default();
        trade.read(Source::recorded(input), Span::whole(input))?;
        Ok(trade)
    }
}

impl ClientRequest {
    /// The client request at `span` of `input`; spans in the result point into `input`.
    ///
    /// # Errors
    /// As [`FeedRequest::decode_into`]; none for one inside a feed request that was decoded.
    pub fn decode(input: &[u8], span: Span) -> Result<ClientRequest, DecodeError> {
        let mut request = ClientRequest::default();
        request.read(Source::recorded(input), span)?;
        Ok(request)
    }
}

impl ClientRequestUpdate {
    /// # Errors
    /// As [`ClientRequest::decode`].
    pub fn decode(input: &[u8], span: Span) -> Result<ClientRequestUpdate, DecodeError> {
        let mut update = ClientRequestUpdate::default();
        update.read(Source::recorded(input), span)?;
        Ok(update)
    }
}

#[cfg(test)]
mod tests;
