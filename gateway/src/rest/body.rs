//! Request bodies: JSON or Protobuf, decoded into messages.
//!
//! A malformed body is a 400 that names the place; a figure that cannot be held is a 422, like a sum out of range.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};
use ordo_core::json::{self, Delimited, JsonError, MessageId};
use prost::Message;

use super::Shared;
use super::answer::{JSON, PROTOBUF};
use super::error::Refusal;

/// A client that has not sent its body within this time is refused.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A body as received, and its form.
#[derive(Debug)]
pub(super) struct Sent {
    bytes: Bytes,
    is_protobuf: bool,
    options: json::Read,
}

impl FromRequest<Shared> for Sent {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Sent, Refusal> {
        let headers = request.headers();
        let is_protobuf = is_protobuf(headers)?;
        let options = json::Read { is_lenient: headers.get("X-OMS-Lenient").is_some_and(|value| value == "true") };
        // Checked before reading, where the length is known.
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > shared.body_bytes_max) {
            return Err(Refusal::TooLarge);
        }
        let read = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, shared)).await;
        let bytes = read.map_err(|_| Refusal::bad("the body has not come in time"))?.map_err(unreadable)?;
        Ok(Sent { bytes, is_protobuf, options })
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
        if self.is_protobuf {
            check_binary(message, &self.bytes)?;
            return Ok(self.bytes.to_vec());
        }
        if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        }
        let mut binary = Vec::with_capacity(self.bytes.len());
        json::to_binary(message, &self.bytes, self.options, &mut binary).map_err(of_json)?;
        Ok(binary)
    }

    /// The one message of the body; a message without fields if the body is empty.
    pub(super) fn optional<M: Message + Default>(&self, message: MessageId) -> Result<M, Refusal> {
        if self.is_nothing() { Ok(M::default()) } else { self.one(message) }
    }

    /// An array of messages; length-delimited in binary.
    pub(super) fn many<M: Message + Default>(&self, message: MessageId) -> Result<Vec<M>, Refusal> {
        let mut transcoded = Vec::new();
        let delimited = if self.is_protobuf {
            &*self.bytes
        } else if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        } else {
            json::array_to_delimited(message, &self.bytes, self.options, &mut transcoded).map_err(of_json)?;
            &transcoded
        };
        let one = |bytes: Result<&[u8], json::Malformed>| {
            let bytes = bytes.map_err(of_binary)?;
            if self.is_protobuf {
                check_binary(message, bytes)?;
            }
            M::decode(bytes).map_err(|error| Refusal::bad(error.to_string()))
        };
        Delimited::new(delimited).map(one).collect()
    }

    /// A JSON array of texts.
    pub(super) fn texts(&self) -> Result<Vec<String>, Refusal> {
        if self.is_protobuf {
            return Err(Refusal::UnsupportedMediaType);
        }
        if self.is_nothing() {
            return Err(Refusal::refused("Details"));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| Refusal::bad(format!("not an array of texts: {error}")))
    }

    fn is_nothing(&self) -> bool {
        matches!(self.bytes.trim_ascii(), b"" | b"null")
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

fn unreadable(rejection: BytesRejection) -> Refusal {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Refusal::TooLarge
    } else {
        Refusal::bad("the body ends early")
    }
}

/// Checks a binary message as JSON would be checked: texts, figures and instants must be representable.
fn check_binary(message: MessageId, bytes: &[u8]) -> Result<(), Refusal> {
    json::from_binary(message, bytes, json::Style::default(), &mut Vec::new()).map_err(of_binary)
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
