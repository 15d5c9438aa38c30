//! Refusals as HTTP answers, with the only table of status codes for errors.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use ordo_history::service::HistoryError;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthorized,
    /// From a page of another site, or to a name that is not the hub's.
    ForeignOrigin,
    /// Names what the caller may not see.
    Forbidden,
    NotFound,
    /// Malformed: an error code and an explanation.
    BadRequest {
        code: String,
        why: String,
    },
    /// Well-formed, and refused by the rules.
    Unprocessable(Vec<String>),
    /// The client accepts neither JSON nor Protobuf.
    NotAcceptable,
    /// The body is neither JSON nor Protobuf.
    UnsupportedMediaType,
    /// The body is larger than is read, or than a frame of the journal takes.
    TooLarge,
    /// The record that it asks for is archived.
    Gone(String),
    /// Too many queries of the past at once.
    Busy,
    /// The requests under way take all the memory that requests may take.
    OutOfMemory,
    /// There are as many connections as may be.
    Crowded,
    /// The hub is stopping, or overloaded.
    Unavailable,
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Refusal {
        match error {
            HistoryError::Busy => Refusal::Busy,
            HistoryError::Archived(_) => Refusal::Gone(error.to_string()),
            HistoryError::Stopping | HistoryError::Unwanted => Refusal::Unavailable,
            HistoryError::Replay(_) | HistoryError::Io(_) => {
                tracing::error!(%error, "a query of the past failed");
                Refusal::Unavailable
            }
        }
    }
}

impl Refusal {
    pub(super) fn bad(why: impl Into<String>) -> Refusal {
        Refusal::BadRequest { code: "Data".to_owned(), why: why.into() }
    }

    pub(super) fn refused(code: &str) -> Refusal {
        Refusal::Unprocessable(vec![code.to_owned()])
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response(),
            Refusal::ForeignOrigin | Refusal::Forbidden => StatusCode::FORBIDDEN.into_response(),
            Refusal::NotFound => StatusCode::NOT_FOUND.into_response(),
            Refusal::BadRequest { code, why } => codes(StatusCode::BAD_REQUEST, vec![code, why]),
            Refusal::Unprocessable(found) => codes(StatusCode::UNPROCESSABLE_ENTITY, found),
            Refusal::NotAcceptable => StatusCode::NOT_ACCEPTABLE.into_response(),
            Refusal::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refusal::Gone(why) => codes(StatusCode::GONE, vec!["Archived".into(), why]),
            Refusal::Busy => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]).into_response(),
            Refusal::OutOfMemory | Refusal::Crowded => {
                (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response()
            }
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// A JSON array of texts.
fn codes(status: StatusCode, codes: Vec<String>) -> Response {
    let body = serde_json::Value::from(codes).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
