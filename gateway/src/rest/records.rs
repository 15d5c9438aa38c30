//! `Records`: an array of records as a body that is written while it is sent, so that a long answer is never whole in
//! memory. Holds shared records, never the views' lock.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use ordo_core::json::MessageId;

use super::array::{ArrayForm, Form};

/// Records are written into pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// See the module.
pub(super) struct Records {
    array: ArrayForm,
    records: Box<dyn Iterator<Item = Arc<[u8]>> + Send>,
    is_over: bool,
}

impl Records {
    pub(super) fn new(form: Form, message: MessageId, records: Box<dyn Iterator<Item = Arc<[u8]>> + Send>) -> Records {
        Records { array: ArrayForm::of(form, message), records, is_over: false }
    }

    /// A short answer is sent whole, with its length.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next_piece();
        if self.is_over {
            return Body::from(first);
        }
        Body::new(Pieces { first: Some(first), records: self })
    }

    fn next_piece(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            let Some(record) = self.records.next() else {
                self.is_over = true;
                self.array.finish(&mut piece);
                break;
            };
            self.array.put(&record, &mut piece);
        }
        piece
    }
}

/// A long answer on its way.
struct Pieces {
    first: Option<Vec<u8>>,
    records: Records,
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
