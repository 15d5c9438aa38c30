//! Answers too long for memory: made on a worker, handed over piece by piece, taken as fast as the client reads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use ordo_core::json::MessageId;
use tokio::sync::mpsc;

use super::super::Shared;
use super::super::answer::Wanted;
use super::super::error::Refusal;
use super::super::records::Array;
use crate::history::{History, HistoryError};

/// A piece is handed over when it has about this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that are ready before the worker waits for the client.
const PIECES_AHEAD: usize = 4;

/// The worker's end of an answer.
pub(in crate::rest) struct Answers {
    array: Array,
    piece: Vec<u8>,
    to: mpsc::Sender<io::Result<Bytes>>,
}

impl Answers {
    /// One more record; whether the client still listens.
    pub(in crate::rest) fn put(&mut self, record: &[u8]) -> bool {
        self.array.put(record, &mut self.piece);
        self.piece.len() < PIECE_BYTES || self.hand_over()
    }

    fn hand_over(&mut self) -> bool {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4));
        self.to.blocking_send(Ok(piece.into())).is_ok()
    }

    /// Whether anybody waits for what is yet to come.
    pub(in crate::rest) fn watch(&self, history: &Arc<History>) -> Box<dyn Fn() -> bool + Send> {
        let (to, history) = (self.to.clone(), history.clone());
        Box::new(move || !to.is_closed() && history.is_running())
    }

    /// The end of the answer; one that failed breaks off, so that it cannot pass for a whole one.
    fn end(mut self, ended: Result<(), HistoryError>) {
        match ended {
            Ok(()) => {
                self.array.finish(&mut self.piece);
                self.hand_over();
            }
            Err(HistoryError::Unwanted | HistoryError::Stopping | HistoryError::Busy) => self.break_off(),
            Err(error) => {
                tracing::error!(%error, "the past cannot be told");
                self.break_off();
            }
        }
    }

    fn break_off(self) {
        let _ = self.to.blocking_send(Err(io::Error::other("the answer breaks off")));
    }
}

/// The client's end.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.get_mut().0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An answer that `work` makes on a worker, from what has been told up to a sequence.
pub(in crate::rest) async fn answered(
    shared: &Shared,
    wanted: &Wanted,
    message: MessageId,
    work: impl FnOnce(&Arc<History>, u64, &mut Answers) -> Result<(), HistoryError> + Send + 'static,
) -> Result<Response, Refusal> {
    let history = shared.history.clone();
    let permit = history.admit().await?;
    let told = history.told().await?;
    let (to, pieces) = mpsc::channel(PIECES_AHEAD);
    let mut answers = Answers { array: wanted.array(message), piece: Vec::new(), to };
    shared.history.on_worker(move || {
        let ended = work(&history, told, &mut answers);
        // Who has the end of the answer may ask again at once.
        drop(permit);
        answers.end(ended);
    })?;
    Ok(([(CONTENT_TYPE, wanted.content_type())], Body::new(Pieces(pieces))).into_response())
}
