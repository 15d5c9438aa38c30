//! `Connection`: the writing half of a connection: the queue to its socket, and its subscriptions.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use ordo_core::subscription::Caller;
use ordo_history::clock::Clock;
use socket2::SockRef;

use super::subscription::Subscription;
use crate::subscription::chunks::Broken;
use crate::subscription::frames::{self, Form};

/// Capacity at the start; it grows up to the configured bound.
const QUEUE_BYTES: usize = 64 * 1024;
/// Chunks of a snapshot are queued while fewer bytes than this wait.
const SNAPSHOT_LOW_WATER: usize = 256 * 1024;
/// A connection whose close frame has been unread for this long is dropped.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Close code of a subscriber that fell too far behind.
const CLOSE_SLOW: u16 = 4408;
/// Close code of a connection that the hub cannot continue.
pub(super) const CLOSE_INTERNAL: u16 = 1011;

/// See the module. When its queue is full, the connection is closed with 4408; the subscriber reconnects and starts
/// anew.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Bytes to write; those before `written` have been written.
    queue: Vec<u8>,
    written: usize,
    queue_bytes_max: usize,
    pub(super) form: Form,
    pub(super) compact: bool,
    pub(super) caller: Caller,
    pub(super) subscriptions: Vec<Subscription>,
    /// Frames held back until snapshots of this connection are complete, in order.
    deferred: VecDeque<Deferred>,
    /// Bytes of all frames in `deferred`.
    deferred_bytes: usize,
    /// The socket's buffer is full.
    pub(super) is_blocked: bool,
    /// Listed for the next flush.
    pub(super) is_dirty: bool,
    /// Since when the connection ends once its queue is written.
    ending_since: Option<Instant>,
    clock: Clock,
}

/// A frame that is held back, or stands behind one.
#[derive(Debug)]
struct Deferred {
    /// The task that it belongs to.
    task: u64,
    /// Held back by snapshots of subscriptions that were accepted before it; otherwise only by frames before it.
    waits: bool,
    frame: Vec<u8>,
}

/// Result of writing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    All,
    Blocked,
    /// More bytes wait than allowed: the connection is to be closed.
    Behind,
    /// The connection has ended.
    Over,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        (compact, caller): (bool, Caller),
        queue_bytes_max: usize,
        clock: Clock,
    ) -> Connection {
        Connection {
            stream,
            queue: Vec::with_capacity(QUEUE_BYTES),
            written: 0,
            queue_bytes_max,
            form: Form::Binary,
            compact,
            caller,
            subscriptions: Vec::new(),
            deferred: VecDeque::new(),
            deferred_bytes: 0,
            is_blocked: false,
            is_dirty: false,
            ending_since: None,
            clock,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn set_form(&mut self, text: bool) {
        self.form = if text { Form::Json { compact: self.compact } } else { Form::Binary };
    }

    /// The queue, to append frames to.
    #[inline]
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending_since.is_some()
    }

    /// Whether the close frame has been unread for [`END_WITHIN`].
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.ending_since.is_some_and(|since| now.saturating_duration_since(since) >= END_WITHIN)
    }

    pub(super) fn wants_snapshot(&self) -> bool {
        self.queue.len() - self.written < SNAPSHOT_LOW_WATER
    }

    pub(super) fn is_holding(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_held)
    }

    /// Why the connection has to be closed although its socket may be writable: too many live events wait behind a
    /// snapshot, or the snapshot will not come.
    pub(super) fn broken(&self) -> Option<Broken> {
        let of_one = self.subscriptions.iter().find_map(Subscription::broken);
        of_one.or_else(|| (self.held_bytes() > self.queue_bytes_max).then_some(Broken::Unread))
    }

    fn held_bytes(&self) -> usize {
        self.subscriptions.iter().map(Subscription::held_bytes).sum()
    }

    /// Queues a frame of a task. `waits`: it comes after all snapshots in progress.
    pub(super) fn put_in_order(&mut self, task: u64, waits: bool, parts: &[&[u8]]) {
        if self.deferred.is_empty() && !(waits && self.is_held_before(task)) {
            return frames::put_message(&mut self.queue, self.form, parts);
        }
        let mut frame = Vec::new();
        frames::put_message(&mut frame, self.form, parts);
        self.deferred_bytes += frame.len();
        self.deferred.push_back(Deferred { task, waits, frame });
    }

    /// Queues the frames that no snapshot holds back any more.
    pub(super) fn release_deferred(&mut self) {
        while let Some(first) = self.deferred.front() {
            if first.waits && self.is_held_before(first.task) {
                return;
            }
            self.queue.extend_from_slice(&first.frame);
            self.deferred_bytes -= first.frame.len();
            self.deferred.pop_front();
        }
    }

    /// The first task whose frames are held back; those of all later tasks are too.
    pub(super) fn deferred_from(&self) -> u64 {
        self.deferred.front().map_or(u64::MAX, |first| first.task)
    }

    fn is_held_before(&self, task: u64) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.is_held_before(task))
    }

    /// Writes the queue to the socket.
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
        if self.is_ending() {
            return Flushed::Over;
        }
        // The socket may take every byte of a snapshot that is slow to come, while frames gather behind it.
        if self.is_behind() { Flushed::Behind } else { Flushed::All }
    }

    /// Whether more bytes wait than may, in the queue and behind the snapshots in progress.
    fn is_behind(&self) -> bool {
        self.queue.len() - self.written + self.held_bytes() + self.deferred_bytes > self.queue_bytes_max
    }

    fn blocked(&mut self) -> Flushed {
        self.is_blocked = true;
        // The written part is removed once it is the larger one, so that every byte is moved once at most.
        if self.written > self.queue.len() / 2 {
            self.queue.drain(..self.written);
            self.written = 0;
        }
        if !self.is_ending() && self.is_behind() { Flushed::Behind } else { Flushed::Blocked }
    }

    /// Closes a subscriber that is too slow: a close frame goes behind what is queued, and nothing after it.
    pub(super) fn fall_behind(&mut self) {
        tracing::warn!(bytes = self.queue.len() - self.written, "subscriber too slow: closing with {CLOSE_SLOW}");
        (self.deferred, self.deferred_bytes) = (VecDeque::new(), 0);
        self.end(CLOSE_SLOW, "slow subscriber");
    }

    /// Queues a close frame, then the end. The caller has taken the connection out of everything else.
    pub(super) fn end(&mut self, code: u16, reason: &str) {
        frames::put_close(&mut self.queue, code, reason);
        self.ending_since = Some(self.clock.now());
    }

    pub(super) fn put_ping(&mut self) {
        frames::put_ping(&mut self.queue);
    }

    /// Resets the connection: the peer has not read its end.
    pub(super) fn abort(&mut self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the writing side; what was written is still delivered.
    pub(super) fn shut_down(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use ordo_core::proto::{SubscriptionDetails, SubscriptionType};

    use super::*;
    use ordo_core::subscription::Filter;

    /// A client that reads fast, and asks faster than its snapshot comes: its socket is never blocked.
    #[test]
    fn what_waits_behind_a_snapshot_is_bounded_though_the_socket_takes_all_that_is_queued() {
        const BYTES_MAX: usize = 10_000;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let peer = std::net::TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        peer.set_nonblocking(true).expect("a mode");
        let mut connection =
            Connection::new(TcpStream::from_std(peer), (false, Caller::SYSTEM), BYTES_MAX, Clock::system());
        let details = SubscriptionDetails { r#type: SubscriptionType::Orders as i32, ..SubscriptionDetails::default() };
        let filter = Filter::of(&details, Caller::SYSTEM).expect("a filter of nothing");
        connection.subscriptions.push(Subscription::new(details, filter, 1, None));
        let response = [0; 1_000];
        for task in 2..11 {
            connection.put_in_order(task, true, &[&response]);
            assert_eq!(connection.flush(), Flushed::All, "task {task}");
        }
        connection.put_in_order(11, true, &[&response]);
        assert_eq!(connection.flush(), Flushed::Behind);
        connection.subscriptions.clear();
        connection.release_deferred();
        assert_eq!(connection.flush(), Flushed::All, "nothing waits any more");
    }
}
