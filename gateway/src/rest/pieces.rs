//! Answers too long for memory: made on a worker, handed over piece by piece, taken as fast as the client reads.
//!
//! A worker holds a place among those who look at the past, so it waits for its reader only so long: one who takes
//! nothing any more loses the place and the answer. It breaks off then, as it does whenever it is not whole: on HTTP/1.1
//! the connection is cut, on HTTP/2, where it may carry other answers, the stream is reset once its reader goes on.

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

/// A piece is handed over when it has about this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that are ready before the worker waits for the client.
const PIECES_AHEAD: usize = 4;

/// Who asked: how it wants the answer, and its connection, where that carries nothing else.
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

/// What both ends of an answer know.
#[derive(Debug, Default)]
struct Line {
    /// Set with the last piece: an answer that ends without it breaks off.
    is_whole: AtomicBool,
    /// The reader took nothing for too long.
    is_given_up: AtomicBool,
    /// Who waits for room.
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
    /// Some more; whether the client still listens.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(&mut self.piece);
        self.piece.len() < PIECE_BYTES || self.hand_over()
    }

    /// Waits for room.
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
        tracing::warn!(patience = ?self.patience, "a reader of the past takes nothing: its answer breaks off");
        self.line.is_given_up.store(true, Ordering::Release);
        if let Some(cutter) = &self.cutter {
            cutter.cut();
        }
    }

    pub(super) fn is_listened_to(&self) -> bool {
        is_listened_to(&self.to, &self.line)
    }

    /// Whether anybody waits for what is yet to come.
    pub(super) fn watch(&self, history: &Arc<History>) -> Box<dyn Fn() -> bool + Send> {
        let (to, line, history) = (self.to.clone(), self.line.clone(), history.clone());
        Box::new(move || is_listened_to(&to, &line) && history.is_running())
    }

    /// The end of the answer. One that is dropped without it breaks off, so that it cannot pass for a whole one.
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
    /// Waited for before the answer begins.
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
    /// Nobody takes any more: the worker is to see that at once.
    fn drop(&mut self) {
        self.pieces.close();
        self.line.wake_worker();
    }
}

/// An answer that `work` makes on a worker, from what has been told up to a sequence. It begins with its first piece: what
/// is refused before that is refused with a status.
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
        // Who has the end of the answer may ask again at once.
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

/// Records, as an array.
pub(super) struct RecordPieces<'a> {
    array: Array,
    pub(super) pieces: &'a mut Pieces,
}

impl RecordPieces<'_> {
    /// One more; whether the client still listens.
    pub(super) fn put(&mut self, record: &[u8]) -> bool {
        self.pieces.put(|piece| self.array.put(record, piece))
    }
}

/// An answer of records, in the form that is wanted.
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
