//! Answers: records as JSON or Protobuf, as the client accepts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use ordo_core::json::{self, MessageId, Style};
use ordo_core::subscription::Caller;

use super::error::Refusal;
use super::parameters::{Parameters, header_flag};
use super::query;
use super::records::{Array, Form, RecordBody};

pub(super) const JSON: &str = "application/json";
pub(super) const PROTOBUF: &str = "application/x-protobuf";

/// How a client wants its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Who asks.
    pub(super) caller: Caller,
    form: Form,
    pub(super) only_active: bool,
    /// The instant to answer for, in nanoseconds since 1970 UTC; none: the latest state.
    pub(super) as_at: Option<u64>,
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Wanted, Refusal> {
        let form = match prefers_protobuf(&parts.headers).ok_or(Refusal::NotAcceptable)? {
            true => Form::Protobuf,
            false => Form::Json(Style { is_compact: header_flag(&parts.headers, "X-OMS-Compact") }),
        };
        let parameters = Parameters::from_request_parts(parts, state).await?;
        let as_at = parameters.get("asAt").map(|text| query::instant("asAt", text)).transpose()?;
        // Set by the guard, which all routes except diagnostics pass.
        let caller = parts.extensions.get::<Caller>().copied().ok_or(Refusal::Unauthorized)?;
        Ok(Wanted { caller, form, only_active: parameters.flag("onlyActive")?, as_at })
    }
}

/// Whether the client prefers Protobuf; false if it accepts both equally. `None`: it accepts neither form.
fn prefers_protobuf(headers: &HeaderMap) -> Option<bool> {
    let mut given = headers.get_all(ACCEPT).iter().peekable();
    if given.peek().is_none() {
        return Some(false);
    }
    let ranges = given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut best: Option<(f32, bool)> = None;
    for (weight, protobuf) in ranges.filter_map(form_of_range) {
        // Of equal weights, the first counts.
        if weight > best.map_or(0.0, |(weight, _)| weight) {
            best = Some((weight, protobuf));
        }
    }
    best.map(|(_, protobuf)| protobuf)
}

/// Weight of a media range, and whether it names Protobuf. `None`: it matches neither form.
fn form_of_range(range: &str) -> Option<(f32, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let protobuf = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        PROTOBUF => true,
        JSON | "*/*" | "application/*" | "" => false,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse().ok());
    Some((weight.unwrap_or(1.0), protobuf))
}

impl Wanted {
    /// An answer of many messages, encoded while it is sent.
    pub(super) fn many(
        &self,
        message: MessageId,
        records: impl Iterator<Item = Arc<[u8]>> + Send + 'static,
    ) -> Response {
        let body = RecordBody::new(self.form, message, Box::new(records)).into_body();
        ([(CONTENT_TYPE, self.content_type())], body).into_response()
    }

    /// An answer of one message.
    pub(super) fn one(&self, message: MessageId, record: &[u8]) -> Response {
        let body = match self.form {
            Form::Protobuf => record.to_vec(),
            Form::Json(style) => {
                let mut body = Vec::new();
                if let Err(error) = json::from_binary(message, record, style, &mut body) {
                    tracing::error!(?error, message = message.name(), "a record has no JSON form");
                }
                body
            }
        };
        ([(CONTENT_TYPE, self.content_type())], Body::from(body)).into_response()
    }

    /// An array in the accepted form, for answers written in pieces.
    pub(super) fn array(&self, message: MessageId) -> Array {
        Array::new(self.form, message)
    }

    /// An array of messages within a JSON object, of which `before` is what stands before it and `after` what stands
    /// behind it; written while it is sent, too.
    pub(super) fn json_within(
        &self,
        (before, after): (String, &'static str),
        message: MessageId,
        records: impl Iterator<Item = Arc<[u8]>> + Send + 'static,
    ) -> Response {
        let body = RecordBody::new(Form::Json(self.style()), message, Box::new(records)).within(before, after);
        ([(CONTENT_TYPE, JSON)], body.into_body()).into_response()
    }

    /// The JSON style, for answers without another form.
    pub(super) fn style(&self) -> Style {
        if let Form::Json(style) = self.form { style } else { Style::default() }
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(if self.form == Form::Protobuf { PROTOBUF } else { JSON })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &'static str) -> Option<bool> {
        prefers_protobuf(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn the_most_welcome_form_is_taken_and_of_equals_the_first() {
        assert_eq!(prefers_protobuf(&HeaderMap::new()), Some(false));
        assert_eq!(preferred("*/*"), Some(false));
        assert_eq!(preferred("text/html, application/x-protobuf;q=0.9"), Some(true));
        assert_eq!(preferred("application/json, application/x-protobuf"), Some(false));
        assert_eq!(preferred("application/json;q=0.5, application/x-protobuf"), Some(true));
        assert_eq!(preferred("*/*;q=0.1, application/x-protobuf; q=0.2"), Some(true));
        assert_eq!(preferred("application/json;q=0"), None);
        assert_eq!(preferred("text/html"), None);
    }
}
