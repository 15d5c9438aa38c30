//! A connection's writing half: what waits to be written, and its subscriptions.

use std::io::{self, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use super::frames::{self, Form};
use super::subscription::Subscription;

/// Room at the start; grows with what a subscriber lets wait, up to the configured bound.
const QUEUE_BYTES: usize = 64 * 1024;
/// A snapshot goes on when less than this waits.
const SNAPSHOT_LOW_WATER: usize = 256 * 1024;
/// Closed because it fell too far behind.
const CLOSE_SLOW: u16 = 4408;

/// See the module. Full queue: the connection is closed with 4408; a subscriber comes back and starts anew.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Bytes to write; those before `written` are gone already.
    queue: Vec<u8>,
    written: usize,
    queue_bytes_max: usize,
    pub(super) form: Form,
    pub(super) compact: bool,
    pub(super) subscriptions: Vec<Subscription>,
    /// Responses that wait until all snapshots of this connection are complete.
    pub(super) deferred: Vec<u8>,
    /// The socket takes no more for now.
    pub(super) is_blocked: bool,
    /// Listed for the next flush.
    pub(super) is_dirty: bool,
    /// Ends once the queue is written.
    is_ending: bool,
}

/// What writing came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    All,
    Blocked,
    /// Blocked, and more waits than may: the connection is to be given up.
    Behind,
    /// The connection is over.
    Over,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, compact: bool, queue_bytes_max: usize) -> Connection {
        Connection {
            stream,
            queue: Vec::with_capacity(QUEUE_BYTES),
            written: 0,
            queue_bytes_max,
            form: Form::Binary,
            compact,
            subscriptions: Vec::new(),
            deferred: Vec::new(),
            is_blocked: false,
            is_dirty: false,
            is_ending: false,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn heard(&mut self, text: bool) {
        self.form = if text { Form::Json { compact: self.compact } } else { Form::Binary };
    }

    /// Where frames are appended.
    #[inline]
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    pub(super) fn wants_snapshot(&self) -> bool {
        self.queue.len() - self.written < SNAPSHOT_LOW_WATER
    }

    pub(super) fn is_holding(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_held)
    }

    /// A frame that must come after all that a snapshot in progress brings.
    pub(super) fn put_in_order(&mut self, wait_for_snapshots: bool, parts: &[&[u8]]) {
        let defer = !self.deferred.is_empty() || (wait_for_snapshots && self.is_holding());
        let to = if defer { &mut self.deferred } else { &mut self.queue };
        frames::put_message(to, self.form, parts);
    }

    /// Lets go of deferred responses once no snapshot is in progress.
    pub(super) fn release_deferred(&mut self) {
        if !self.deferred.is_empty() && !self.is_holding() {
            self.queue.append(&mut self.deferred);
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) -> Flushed {
        while self.written < self.queue.len() {
            match self.stream.write(&self.queue[self.written..]) {
                Ok(0) => return Flushed::Over,
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.blocked(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Flushed::Over,
            }
        }
        self.queue.clear();
        self.written = 0;
        self.is_blocked = false;
        if self.is_ending {
            return Flushed::Over;
        }
        Flushed::All
    }

    fn blocked(&mut self) -> Flushed {
        self.is_blocked = true;
        // The written part is dropped when it is the larger one: every byte moves once at the most.
        if self.written > self.queue.len() / 2 {
            self.queue.drain(..self.written);
            self.written = 0;
        }
        let held: usize = self.subscriptions.iter().map(Subscription::held_bytes).sum();
        let waiting = self.queue.len() - self.written + held + self.deferred.len();
        if !self.is_ending && waiting > self.queue_bytes_max { Flushed::Behind } else { Flushed::Blocked }
    }

    /// Too slow: nothing more is queued but the word why the connection ends, behind what waits already.
    pub(super) fn fall_behind(&mut self) {
        tracing::warn!(bytes = self.queue.len() - self.written, "subscriber too slow: closing with {CLOSE_SLOW}");
        self.deferred = Vec::new();
        self.end(CLOSE_SLOW, "slow subscriber");
    }

    /// A close frame, then the end. Whoever ends a connection has taken it out of everything else.
    pub(super) fn end(&mut self, code: u16, reason: &str) {
        frames::put_close(&mut self.queue, code, reason);
        self.is_ending = true;
    }

    pub(super) fn put_ping(&mut self) {
        frames::put_ping(&mut self.queue);
    }

    /// Whatever was written is on its way; nothing more comes in either.
    pub(super) fn shut_down(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
