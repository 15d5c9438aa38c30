//! Request bodies: JSON or Protobuf, decoded into messages.
//!
//! A malformed body is a 400 that names the place; a figure that cannot be held is a 422, like a sum out of range.
//! What would take many times its bytes once decoded is refused before that: arrays are decoded one record at a time, of
//! at most `batch_records_max`, each no larger than one update and of a bounded number of parts.

use axum::extract::{FromRequest, Request};
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use ordo_core::json::{self, Delimited, JsonError, MessageId};
use prost::Message;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use super::Shared;
use super::answer::{JSON, PROTOBUF};
use super::error::Refusal;
use super::memory::Share;
use super::parameters::header_flag;
use super::received::Received;
use super::text_parts::{Parts, array_parts, parts};

/// Parts (members of objects, elements of arrays) of one record at most: each takes up to some hundred bytes once it is
/// decoded, whatever it takes in the body.
const PARTS_MAX: usize = 16 << 10;
/// JSON may be so many times as long as the update that it stands for.
const TEXT_TO_BINARY_MAX: usize = 4;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What one request may make the hub decode.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordLimits {
    /// Records of an array.
    pub(super) records_max: usize,
    /// Bytes of a record in binary.
    pub(super) record_bytes_max: usize,
}

/// A body as received, and its form.
#[derive(Debug)]
pub(super) struct Sent {
    received: Received,
    is_protobuf: bool,
    options: json::Read,
    limits: RecordLimits,
}

impl FromRequest<Shared> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Sent, Refusal> {
        let headers = request.headers();
        let is_protobuf = is_protobuf(headers)?;
        let options = json::Read { is_lenient: header_flag(headers, "X-OMS-Lenient") };
        let limits = RecordLimits { records_max: shared.batch_records_max, record_bytes_max: shared.update_bytes_max };
        let received = Received::read(request, shared).await?;
        Ok(Sent { received, is_protobuf, options, limits })
    }
}

impl Sent {
    /// The one message of the body. An empty JSON body is an error; an empty binary body is a message without fields.
    pub(super) fn one<M: Message + Default>(&self, message: MessageId) -> Result<M, Refusal> {
        let binary = self.one_binary(message)?;
        M::decode(&*binary).map_err(|error| Refusal::bad(error.to_string()))
    }

    /// As [`Sent::one`], in canonical binary.
    pub(super) fn one_binary(&self, message: MessageId) -> Result<Vec<u8>, Refusal> {
        let bytes = self.received.bytes();
        if self.is_protobuf {
            self.limits.check_binary(message, bytes, &mut Vec::new())?;
            return Ok(bytes.to_vec());
        }
        if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        }
        let bytes = self.text();
        self.limits.check_text(parts(bytes))?;
        let mut binary = Vec::with_capacity(bytes.len() / 2);
        json::to_binary(message, bytes, self.options, &mut binary).map_err(of_json)?;
        Ok(binary)
    }

    /// The one message of the body; a message without fields if the body is empty.
    pub(super) fn optional<M: Message + Default>(&self, message: MessageId) -> Result<M, Refusal> {
        if self.is_nothing() { Ok(M::default()) } else { self.one(message) }
    }

    /// Each message of an array, one after another; length-delimited in binary. Ends at the first that is refused.
    pub(super) fn each<M: Message + Default>(
        &self,
        message: MessageId,
        mut take: impl FnMut(M) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut transcoded = Vec::new();
        let delimited =
            if self.is_protobuf { self.received.bytes() } else { self.transcode(message, &mut transcoded)? };
        let mut text = Vec::new();
        for (taken, record) in Delimited::new(delimited).enumerate() {
            let record = record.map_err(of_binary)?;
            if taken == self.limits.records_max {
                return Err(Refusal::TooLarge);
            }
            if self.is_protobuf {
                self.limits.check_binary(message, record, &mut text)?;
            }
            take(M::decode(record).map_err(|error| Refusal::bad(error.to_string()))?)?;
        }
        Ok(())
    }

    fn transcode<'a>(&self, message: MessageId, into: &'a mut Vec<u8>) -> Result<&'a [u8], Refusal> {
        if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        }
        let bytes = self.text();
        for (taken, record) in array_parts(bytes).enumerate() {
            if taken == self.limits.records_max {
                return Err(Refusal::TooLarge);
            }
            self.limits.check_text(record)?;
        }
        json::array_to_delimited(message, bytes, self.options, into).map_err(of_json)?;
        Ok(into)
    }

    /// A JSON array of texts, at most as many as records of a batch.
    pub(super) fn texts(&self) -> Result<Vec<String>, Refusal> {
        if self.is_protobuf {
            return Err(Refusal::UnsupportedMediaType);
        }
        if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        }
        let mut reader = serde_json::Deserializer::from_slice(self.text());
        let texts = Texts { max: self.limits.records_max }.deserialize(&mut reader);
        let texts = texts.and_then(|texts| reader.end().map(|()| texts));
        texts.map_err(|error| Refusal::bad(format!("not an array of texts: {error}")))?.ok_or(Refusal::TooLarge)
    }

    /// What the request takes of the memory for requests: for what is made of the body.
    pub(super) fn into_share(self) -> Share {
        self.received.into_share()
    }

    /// The body as JSON, without a byte order mark.
    fn text(&self) -> &[u8] {
        let bytes = self.received.bytes();
        bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
    }

    fn is_nothing(&self) -> bool {
        matches!(self.text().trim_ascii(), b"" | b"null")
    }
}

impl RecordLimits {
    fn check_text(self, record: Parts) -> Result<(), Refusal> {
        let is_small = record.bytes <= self.record_bytes_max.saturating_mul(TEXT_TO_BINARY_MAX);
        if is_small && record.count <= PARTS_MAX { Ok(()) } else { Err(Refusal::TooLarge) }
    }

    /// A binary message says nothing that JSON could not: texts, figures and instants are checked as they are there.
    /// `text` is room for that.
    fn check_binary(self, message: MessageId, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Refusal> {
        if bytes.len() > self.record_bytes_max {
            return Err(Refusal::TooLarge);
        }
        text.clear();
        json::from_binary(message, bytes, json::Style { is_compact: true }, text).map_err(of_binary)?;
        if parts(text).count <= PARTS_MAX { Ok(()) } else { Err(Refusal::TooLarge) }
    }
}

/// Reads an array of texts, no more than so many; none if there are more.
struct Texts {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = Option<Vec<String>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(text) = array.next_element::<String>()? {
            match &mut texts {
                Some(kept) if kept.len() < self.max => kept.push(text),
                // The rest is read for its syntax alone.
                _ => texts = None,
            }
        }
        Ok(texts)
    }
}

fn is_protobuf(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(false) };
    let given = given.to_str().map_err(|_| Refusal::UnsupportedMediaType)?;
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(PROTOBUF) {
        Ok(true)
    } else if kind.eq_ignore_ascii_case(JSON) || kind.is_empty() {
        Ok(false)
    } else {
        Err(Refusal::UnsupportedMediaType)
    }
}

fn of_json(error: JsonError) -> Refusal {
    let why = match &error {
        JsonError::NumberOutOfRange => return Refusal::refused(&error.code()),
        JsonError::Syntax => "the body is no JSON text".to_owned(),
        JsonError::Mismatch(at) => format!("an unknown name, or a value that does not fit, at {at}"),
    };
    Refusal::BadRequest { code: error.code(), why }
}

fn of_binary(error: json::Malformed) -> Refusal {
    match error {
        json::Malformed::NumberOutOfRange => Refusal::refused(error.code()),
        _ => Refusal::BadRequest { code: error.code().to_owned(), why: error.to_string() },
    }
}
