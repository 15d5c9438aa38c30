//! Answers too long for memory: made by a worker, passed on piece by piece, at the pace of the client.
//!
//! A worker holds a query's permit, so it waits for its reader for a limited time. Afterwards, and whenever it fails,
//! the answer breaks off: on HTTP/1.1 the connection is cut; on HTTP/2, which may carry other answers, the stream is
//! reset once its reader continues.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread::{self, Thread};
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::Version;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use ordo_core::json::MessageId;
use ordo_history::clock::Clock;
use ordo_history::service::{History, HistoryError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::answer::{JSON, Wanted};
use super::connection::Cutter;
use super::error::Refusal;
use super::records::Array;

/// A piece is passed on at about this size.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that may be ready before the worker waits.
const PIECES_AHEAD: usize = 4;

/// A client's wishes for its answer, and its connection if that carries no other answer.
pub(super) struct Asker {
    pub(super) wanted: Wanted,
    pub(super) cutter: Option<Cutter>,
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asker, Refusal> {
        let wanted = Wanted::from_request_parts(parts, state).await?;
        Ok(Asker {
            wanted,
            cutter: parts.extensions.get::<Cutter>().filter(|_| parts.version < Version::HTTP_2).cloned(),
        })
    }
}

/// State shared by both ends of an answer.
#[derive(Debug, Default)]
struct Line {
    /// Set with the last piece: without it, the end of the answer is a failure.
    is_whole: AtomicBool,
    /// The reader took nothing for too long.
    is_given_up: AtomicBool,
    /// The thread to wake when there is room.
    worker: OnceLock<Thread>,
}

impl Line {
    fn wake_worker(&self) {
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
    }
}

/// The worker's end of an answer.
pub(super) struct Pieces {
    piece: Vec<u8>,
    to: mpsc::Sender<Bytes>,
    line: Arc<Line>,
    /// How long a reader may take nothing.
    patience: Duration,
    clock: Clock,
    cutter: Option<Cutter>,
}

/// Both ends of an answer.
fn pipe((patience, clock): (Duration, Clock), cutter: Option<Cutter>) -> (Pieces, Taken) {
    let (to, pieces) = mpsc::channel(PIECES_AHEAD);
    let line = Arc::<Line>::default();
    let taken = Taken { first: None, pieces, line: line.clone() };
    (Pieces { piece: Vec::new(), to, line, patience, clock, cutter }, taken)
}

impl Pieces {
    /// Appends to the answer; false if the client is gone.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(&mut self.piece);
        self.piece.len() < PIECE_BYTES || self.hand_over()
    }

    /// Passes a piece on, waiting for room.
    fn hand_over(&mut self) -> bool {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4));
        let mut piece = Bytes::from(piece);
        self.line.worker.get_or_init(thread::current);
        let begun = self.clock.now();
        while self.is_listened_to() {
            piece = match self.to.try_send(piece) {
                Ok(()) => return true,
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Full(piece)) => piece,
            };
            match self.patience.checked_sub(self.clock.since(begun)) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => self.give_up(),
            }
        }
        false
    }

    #[cold]
    fn give_up(&self) {
        tracing::warn!(patience = ?self.patience, "a reader takes nothing: its answer is broken off");
        self.line.is_given_up.store(true, Ordering::Release);
        if let Some(cutter) = &self.cutter {
            cutter.cut();
        }
    }

    pub(super) fn is_listened_to(&self) -> bool {
        is_listened_to(&self.to, &self.line)
    }

    /// Whether the client still reads the answer.
    pub(super) fn watch(&self, history: &Arc<History>) -> Box<dyn Fn() -> bool + Send> {
        let (to, line, history) = (self.to.clone(), self.line.clone(), history.clone());
        Box::new(move || is_listened_to(&to, &line) && history.is_running())
    }

    /// Ends the answer. If it is dropped without this, it breaks off, so that it cannot pass for complete.
    fn finish(mut self) {
        if self.hand_over() {
            self.line.is_whole.store(true, Ordering::Release);
        }
    }
}

fn is_listened_to(to: &mpsc::Sender<Bytes>, line: &Line) -> bool {
    !to.is_closed() && !line.is_given_up.load(Ordering::Acquire)
}

/// The client's end.
struct Taken {
    /// The piece that the answer's head waits for.
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Bytes>,
    line: Arc<Line>,
}

impl hyper::body::Body for Taken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let broken_off = || Poll::Ready(Some(Err(io::Error::other("the answer breaks off"))));
        if this.line.is_given_up.load(Ordering::Acquire) {
            return broken_off();
        }
        if let Some(first) = this.first.take() {
            this.line.wake_worker();
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match this.pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(piece)) => {
                this.line.wake_worker();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(None) if this.line.is_whole.load(Ordering::Acquire) => Poll::Ready(None),
            Poll::Ready(None) => broken_off(),
        }
    }
}

impl Drop for Taken {
    /// Lets the worker see at once that the client is gone.
    fn drop(&mut self) {
        self.pieces.close();
        self.line.wake_worker();
    }
}

/// An answer that `work` makes on a worker, from the record up to the published sequence. Its head is sent with the
/// first piece: errors before that are answered with a status.
async fn piped(
    shared: &Shared,
    cutter: Option<Cutter>,
    content_type: HeaderValue,
    work: impl FnOnce(&Arc<History>, u64, &mut Pieces) -> Result<(), Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    let history = shared.history.clone();
    let permit = history.admit().await?;
    let published = history.published().await?;
    let (mut pieces, mut taken) = pipe((shared.reader_patience, history.clock().clone()), cutter);
    let (refuse, refused) = oneshot::channel();
    shared.history.on_worker(move || {
        let ended = work(&history, published, &mut pieces);
        // The client may send its next query as soon as the answer ends, and needs the permit then.
        drop(permit);
        match ended {
            Ok(()) => pieces.finish(),
            Err(refusal) => drop(refuse.send(refusal)),
        }
    })?;
    taken.first = taken.pieces.recv().await;
    if taken.first.is_none() {
        return Err(refused.await.unwrap_or(Refusal::Unavailable));
    }
    Ok(([(CONTENT_TYPE, content_type)], Body::new(taken)).into_response())
}

/// Records, encoded as an array.
pub(super) struct RecordPieces<'a> {
    array: Array,
    pub(super) pieces: &'a mut Pieces,
}

impl RecordPieces<'_> {
    /// Appends a record; false if the client is gone.
    pub(super) fn put(&mut self, record: &[u8]) -> bool {
        self.pieces.put(|piece| self.array.put(record, piece))
    }
}

/// An answer of records, in the accepted form.
pub(super) async fn records(
    shared: &Shared,
    Asker { wanted, cutter }: Asker,
    message: MessageId,
    work: impl FnOnce(&Arc<History>, u64, &mut RecordPieces<'_>) -> Result<(), HistoryError> + Send + 'static,
) -> Result<Response, Refusal> {
    let array = wanted.array(message);
    let work = |history: &Arc<History>, published, pieces: &mut Pieces| {
        let mut records = RecordPieces { array, pieces };
        work(history, published, &mut records)?;
        let RecordPieces { mut array, pieces } = records;
        pieces.put(|piece| array.finish(piece));
        Ok(())
    };
    piped(shared, cutter, wanted.content_type(), work).await
}

/// A JSON answer.
pub(super) async fn text(
    shared: &Shared,
    cutter: Option<Cutter>,
    work: impl FnOnce(&Arc<History>, u64, &mut Pieces) -> Result<(), Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    piped(shared, cutter, HeaderValue::from_static(JSON), work).await
}

#[cfg(test)]
mod tests;
