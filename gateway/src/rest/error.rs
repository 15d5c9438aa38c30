//! Refusals as HTTP answers. Status codes of errors stand here and nowhere else.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use ordo_history::service::HistoryError;

/// Why a request is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Unauthorized,
    ForeignOrigin,
    NotFound,
    /// Cannot be read: a code, and what is wrong in words.
    BadRequest {
        code: String,
        why: String,
    },
    /// Readable, and refused by the rules.
    Unprocessable(Vec<String>),
    /// Neither JSON nor Protobuf is acceptable to the client.
    NotAcceptable,
    /// The body is neither JSON nor Protobuf.
    UnsupportedMediaType,
    /// More than is read, or more than one frame of the journal takes.
    TooLarge,
    /// It was there, and is archived now.
    Gone(String),
    /// As many look at the past as may at once.
    Busy,
    /// The hub is stopping, or takes no more for now.
    Unavailable,
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Refusal {
        match error {
            HistoryError::Busy => Refusal::Busy,
            HistoryError::Archived(_) => Refusal::Gone(error.to_string()),
            HistoryError::Stopping | HistoryError::Unwanted => Refusal::Unavailable,
            HistoryError::Replay(_) | HistoryError::Io(_) => {
                tracing::error!(%error, "the past cannot be told");
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
            Refusal::ForeignOrigin => StatusCode::FORBIDDEN.into_response(),
            Refusal::NotFound => StatusCode::NOT_FOUND.into_response(),
            Refusal::BadRequest { code, why } => codes(StatusCode::BAD_REQUEST, vec![code, why]),
            Refusal::Unprocessable(found) => codes(StatusCode::UNPROCESSABLE_ENTITY, found),
            Refusal::NotAcceptable => StatusCode::NOT_ACCEPTABLE.into_response(),
            Refusal::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Refusal::Gone(why) => codes(StatusCode::GONE, vec!["Archived".into(), why]),
            Refusal::Busy => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]).into_response(),
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// A JSON array of texts.
fn codes(status: StatusCode, codes: Vec<String>) -> Response {
    let body = serde_json::Value::from(codes).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
