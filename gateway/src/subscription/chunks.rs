//! The channel of a snapshot's chunks, from its encoder to the connection: a few in advance, and the end of either
//! side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded};

/// Chunks that may be ready before the encoder waits.
const CHUNKS_AHEAD: usize = 4;

/// Frames of a snapshot.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) frames: Vec<u8>,
    pub(crate) is_last: bool,
}

/// Why a snapshot ended before its last chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The subscriber took no chunk for too long.
    Unread = 1,
    /// The updates that it missed cannot be read.
    HistoryLost = 2,
}

/// The receiver was dropped. The side that ends first sets it.
const GONE: u8 = 3;

#[derive(Debug)]
pub(crate) struct ChunkSender {
    to: Sender<Chunk>,
    ended: Arc<AtomicU8>,
}

#[derive(Debug)]
pub(crate) struct ChunkReceiver {
    from: Receiver<Chunk>,
    ended: Arc<AtomicU8>,
}

/// Both ends of a snapshot's channel.
pub(crate) fn chunks() -> (ChunkSender, ChunkReceiver) {
    let (to, from) = bounded(CHUNKS_AHEAD);
    let ended = Arc::new(AtomicU8::new(0));
    (ChunkSender { to, ended: ended.clone() }, ChunkReceiver { from, ended })
}

impl ChunkSender {
    pub(super) fn try_send(&self, chunk: Chunk) -> Result<(), TrySendError<Chunk>> {
        self.to.try_send(chunk)
    }

    pub(crate) fn send_timeout(&self, chunk: Chunk, timeout: Duration) -> Result<(), SendTimeoutError<Chunk>> {
        self.to.send_timeout(chunk, timeout)
    }

    /// Whether the subscription still exists.
    pub(crate) fn is_wanted(&self) -> bool {
        self.ended.load(Ordering::Acquire) == 0
    }

    /// Ends the snapshot early: the connection is closed for this reason.
    pub(crate) fn break_off(&self, why: Broken) {
        self.ended.store(why as u8, Ordering::Release);
    }
}

impl ChunkReceiver {
    pub(crate) fn try_recv(&self) -> Result<Chunk, TryRecvError> {
        self.from.try_recv()
    }

    pub(crate) fn broken(&self) -> Option<Broken> {
        match self.ended.load(Ordering::Acquire) {
            at if at == Broken::Unread as u8 => Some(Broken::Unread),
            at if at == Broken::HistoryLost as u8 => Some(Broken::HistoryLost),
            _ => None,
        }
    }
}

impl Drop for ChunkReceiver {
    fn drop(&mut self) {
        self.ended.store(GONE, Ordering::Release);
    }
}
