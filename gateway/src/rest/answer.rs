//! Answers: records as JSON or Protobuf, as the client accepts.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use hyper::http::request::Parts;
use ordo_core::json::{self, ArrayWriter, MessageId, Style};

use super::error::Refusal;
use super::query;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// How a client wants its answer, and what of it: everything of a read request but its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    protobuf: bool,
    style: Style,
    pub(super) only_active: bool,
    /// The state as it was then, in nanoseconds since 1970; none: as it is.
    pub(super) as_at: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Wanted, Refusal> {
        let compact = parts.headers.get("X-OMS-Compact").is_some_and(|value| value == "true");
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
        let protobuf = prefers_protobuf(accept).ok_or(Refusal::NotAcceptable)?;
        let mut wanted = Wanted { protobuf, style: Style { is_compact: compact }, only_active: false, as_at: None };
        for (key, value) in query::pairs(parts.uri.query().unwrap_or_default())? {
            match &*key {
                "onlyActive" => {
                    wanted.only_active = value.parse().map_err(|_| Refusal::bad("onlyActive: true or false"))?;
                }
                "asAt" => wanted.as_at = Some(query::instant("asAt", &value)?),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// The first acceptable form; JSON where the client takes anything. `None`: it takes neither.
fn prefers_protobuf(accept: &str) -> Option<bool> {
    accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim()).find_map(|range| match range {
        PROTOBUF => Some(true),
        JSON | "*/*" | "application/*" | "" => Some(false),
        _ => None,
    })
}

/// An array on its way out, record by record, in the form that was asked for.
pub(super) enum ArrayForm {
    Protobuf,
    Json(Option<ArrayWriter>, MessageId),
}

impl ArrayForm {
    pub(super) fn put(&mut self, record: &[u8], out: &mut Vec<u8>) {
        match self {
            ArrayForm::Protobuf => json::put_delimited(record, out),
            ArrayForm::Json(Some(array), message) => {
                if let Err(error) = array.push(record, out) {
                    tracing::error!(?error, message = message.name(), "a record has no JSON form");
                }
            }
            ArrayForm::Json(None, _) => unreachable!("invariant: nothing comes behind the end"),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let ArrayForm::Json(array, _) = self
            && let Some(array) = array.take()
        {
            array.finish(out);
        }
    }
}

impl Wanted {
    pub(super) fn array(&self, message: MessageId) -> ArrayForm {
        if self.protobuf { ArrayForm::Protobuf } else { self.json_array(message) }
    }

    /// For what has no other form.
    pub(super) fn json_array(&self, message: MessageId) -> ArrayForm {
        ArrayForm::Json(Some(ArrayWriter::new(message, self.style)), message)
    }

    pub(super) fn content_type(&self) -> [(HeaderName, &'static str); 1] {
        [(CONTENT_TYPE, if self.protobuf { PROTOBUF } else { JSON })]
    }

    /// An array of messages.
    pub(super) fn many<'a>(&self, message: MessageId, records: impl Iterator<Item = &'a [u8]>) -> Response {
        let (mut array, mut body) = (self.array(message), Vec::new());
        records.for_each(|record| array.put(record, &mut body));
        array.finish(&mut body);
        (self.content_type(), body).into_response()
    }

    /// One message.
    pub(super) fn one(&self, message: MessageId, record: &[u8]) -> Response {
        if self.protobuf {
            return ([(CONTENT_TYPE, PROTOBUF)], record.to_vec()).into_response();
        }
        let mut body = Vec::new();
        if let Err(error) = json::from_binary(message, record, self.style, &mut body) {
            tracing::error!(?error, message = message.name(), "a record has no JSON form");
        }
        ([(CONTENT_TYPE, JSON)], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_acceptable_form_is_taken() {
        assert_eq!(prefers_protobuf("*/*"), Some(false));
        assert_eq!(prefers_protobuf("text/html, application/x-protobuf;q=0.9"), Some(true));
        assert_eq!(prefers_protobuf("application/json, application/x-protobuf"), Some(false));
        assert_eq!(prefers_protobuf("text/html"), None);
    }
}
