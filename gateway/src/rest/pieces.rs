//! A JSON answer that a worker writes piece by piece, no faster than the client reads, within the limit of those who
//! look at the past at once.
//!
//! The answer begins with its first piece: what is refused before that is refused with a status.

use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use super::Shared;
use super::answer::JSON;
use super::error::Refusal;
use crate::history::History;

/// A piece is handed over when it has about this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that are ready before the worker waits for the client.
const PIECES_AHEAD: usize = 4;

type Piece = Result<Bytes, Refusal>;

/// The worker's end of an answer.
pub(super) struct Text {
    piece: Vec<u8>,
    to: mpsc::Sender<Piece>,
}

impl Text {
    /// Some more; goes on while the client listens.
    pub(super) fn put(&mut self, text: &str) -> ControlFlow<()> {
        self.piece.extend_from_slice(text.as_bytes());
        if self.piece.len() < PIECE_BYTES || self.hand_over() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn hand_over(&mut self) -> bool {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4));
        self.to.blocking_send(Ok(piece.into())).is_ok()
    }

    /// Whether anybody waits for what is yet to come.
    pub(super) fn watch(&self, history: &Arc<History>) -> impl Fn() -> bool + Send + 'static {
        let (to, history) = (self.to.clone(), history.clone());
        move || !to.is_closed() && history.is_running()
    }

    /// The end of the answer; one that failed breaks off, so that it cannot pass for a whole one.
    fn end(mut self, ended: Result<(), Refusal>) {
        let last = ended.map(|()| std::mem::take(&mut self.piece).into());
        let _ = self.to.blocking_send(last);
    }
}

/// The client's end.
struct Pieces {
    first: Option<Bytes>,
    others: mpsc::Receiver<Piece>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let broken = |_| io::Error::other("the answer breaks off");
        self.others.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data).map_err(broken)))
    }
}

/// An answer that `work` writes on a worker, from what has been told up to a sequence.
pub(super) async fn written(
    shared: &Shared,
    work: impl FnOnce(&Arc<History>, u64, &mut Text) -> Result<(), Refusal> + Send + 'static,
) -> Result<Response, Refusal> {
    let history = shared.history.clone();
    let permit = history.admit().await?;
    let told = history.told().await?;
    let (to, mut pieces) = mpsc::channel(PIECES_AHEAD);
    let mut text = Text { piece: Vec::new(), to };
    shared.history.on_worker(move || {
        let ended = work(&history, told, &mut text);
        // Who has the end of the answer may ask again at once.
        drop(permit);
        text.end(ended);
    })?;
    let first = pieces.recv().await.unwrap_or(Err(Refusal::Unavailable))?;
    let body = Body::new(Pieces { first: Some(first), others: pieces });
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}
