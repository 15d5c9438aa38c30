//! `RecordBody`: an array of records as a body that is encoded while it is sent, so that a long answer is never in
//! memory as a whole. It holds shared records, and not the views' lock.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use ordo_core::json::{self, ArrayWriter, MessageId, Style};

/// Pieces have about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json(Style),
    Protobuf,
}

/// An array that is written record by record.
pub(super) struct Array {
    message: MessageId,
    /// None for binary, and once the array is closed.
    writer: Option<ArrayWriter>,
}

impl Array {
    pub(super) fn new(form: Form, message: MessageId) -> Array {
        let writer = match form {
            Form::Json(style) => Some(ArrayWriter::new(message, style)),
            Form::Protobuf => None,
        };
        Array { message, writer }
    }

    pub(super) fn put(&mut self, record: &[u8], out: &mut Vec<u8>) {
        match &mut self.writer {
            None => json::put_delimited(record, out),
            Some(writer) => {
                if let Err(error) = writer.push(record, out) {
                    tracing::error!(?error, message = self.message.name(), "a record has no JSON form");
                }
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(writer) = self.writer.take() {
            writer.finish(out);
        }
    }
}

/// See the module.
pub(super) struct RecordBody {
    array: Array,
    records: Box<dyn Iterator<Item = Arc<[u8]>> + Send>,
    /// What stands before the array, until it is written, and behind it.
    before: Vec<u8>,
    after: &'static str,
    is_over: bool,
}

impl RecordBody {
    pub(super) fn new(
        form: Form,
        message: MessageId,
        records: Box<dyn Iterator<Item = Arc<[u8]>> + Send>,
    ) -> RecordBody {
        RecordBody { array: Array::new(form, message), records, before: Vec::new(), after: "", is_over: false }
    }

    /// The array as a part of something else.
    pub(super) fn within(self, before: String, after: &'static str) -> RecordBody {
        RecordBody { before: before.into_bytes(), after, ..self }
    }

    /// A short answer is sent as a whole, with its length.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next_piece();
        if self.is_over {
            return Body::from(first);
        }
        Body::new(Pieces { first: Some(first), records: self })
    }

    fn next_piece(&mut self) -> Vec<u8> {
        let mut piece = std::mem::take(&mut self.before);
        while piece.len() < PIECE_BYTES {
            let Some(record) = self.records.next() else {
                self.is_over = true;
                self.array.finish(&mut piece);
                piece.extend_from_slice(self.after.as_bytes());
                break;
            };
            self.array.put(&record, &mut piece);
        }
        piece
    }
}

/// A long answer in progress.
struct Pieces {
    first: Option<Vec<u8>>,
    records: RecordBody,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.first.take() {
            Some(first) => first,
            None if self.records.is_over => return Poll::Ready(None),
            None => self.records.next_piece(),
        };
        Poll::Ready(if piece.is_empty() { None } else { Some(Ok(Frame::data(piece.into()))) })
    }
}
