//! The receiver stage: from sockets to the ring.
//!
//! Hot path: one pinned thread, the only producer of the ring in. It reads frames, decodes each once into its slot,
//! refuses malformed and inadmissible messages, and keeps the admission state (feed positions, duplicates). A binary
//! feed update costs no allocation and no system call but the read. JSON is transcoded to binary here: later stages
//! know one form.
//!
//! Every message fills a slot, refused or not: the ring's order is the order of the answers. While the ring is full,
//! sockets are not read, and TCP holds the senders back.

mod admission;
mod backpressure;
mod boundary;
mod due;
mod feeds;
mod messages;
mod pending;
mod session;
mod sessions;
mod writes;

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use mio::{Events, Poll};
use ordo_core::engine::Engine;
use ordo_core::record::Settings;
use ordo_core::ring::{Filler, Stage};
use ordo_history::clock::Clock;

use self::backpressure::Backpressure;
use self::due::Due;
use self::feeds::Feeds;
use self::pending::{Pending, left_online};
use self::sessions::Sessions;
use crate::publisher::Writing;
use crate::wiring::config::StageName;
use crate::wiring::ingress::IngressReceiver;
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::Slot;
use crate::wiring::task::{ConnNo, Reply};

/// The largest number of slots that one message fills: a close that hands over several feeds takes them one by one.
const SLOTS_AHEAD: u64 = 8;
/// Messages that are read from one connection before the next one's turn.
const TURN: usize = 64;
/// Under load, polls between two queries of epoll; without load it is queried in every poll.
const POLLS_BETWEEN_LOOKS: u32 = 16;
const TIMERS_EVERY: Duration = Duration::from_millis(500);
const CLOSE_GOING_AWAY: u16 = 1001;

/// See the module.
pub(crate) struct Receiver {
    ring: Filler<Slot>,
    ring_slots: u64,
    filled: u64,
    progress: Arc<Progress>,
    poll: Poll,
    events: Events,
    polls_since_look: u32,
    ingress: IngressReceiver,
    writers: Sender<Writing>,
    sessions: Sessions,
    ready: VecDeque<ConnNo>,
    feeds: Feeds,
    /// Slots that the hub makes, in order, until the ring has room for them.
    pending: VecDeque<Pending>,
    /// Statuses that cannot be recorded while the disk is full, in order.
    unrecorded: VecDeque<Pending>,
    backpressure: Backpressure,
    transcoded: Vec<u8>,
    timers_at: Instant,
    clock: Clock,
    due_checked_at: Instant,
    removals: Due,
    prunings: Due,
    message_bytes_max: usize,
    is_closing: bool,
}

impl Receiver {
    pub(crate) fn new(
        ring: Filler<Slot>,
        ring_slots: usize,
        progress: Arc<Progress>,
        (ingress, writers): (IngressReceiver, Sender<Writing>),
        engine: &Engine,
        settings: Settings,
        (message_bytes_max, clock): (usize, Clock),
    ) -> io::Result<Receiver> {
        // Recorded first, so that they are in force for everything this run records.
        let settings = (settings != *engine.settings()).then_some(Pending::Settings(settings));
        Ok(Receiver {
            ring,
            ring_slots: ring_slots as u64,
            filled: 0,
            progress,
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            polls_since_look: 0,
            ingress,
            writers,
            sessions: Sessions::default(),
            ready: VecDeque::with_capacity(256),
            feeds: Feeds::of(engine),
            pending: settings.into_iter().chain(left_online(engine)).collect(),
            unrecorded: VecDeque::new(),
            backpressure: Backpressure::default(),
            transcoded: Vec::with_capacity(4096),
            timers_at: clock.now(),
            due_checked_at: clock.now(),
            clock,
            removals: Due::default(),
            prunings: Due::default(),
            message_bytes_max,
            is_closing: false,
        })
    }

    /// Whether the ring has room for the slots of one more message.
    #[inline]
    fn has_room(&self) -> bool {
        self.filled - self.done() + SLOTS_AHEAD <= self.ring_slots
    }

    /// Slots that publisher and views have released.
    #[inline]
    fn done(&self) -> u64 {
        self.progress.published.load_acquire().min(self.progress.viewed.load_acquire())
    }

    /// Fills the next slot. Only to be called where `has_room`.
    #[inline]
    fn fill(&mut self, fill: impl FnOnce(&mut Slot)) {
        use disruptor::Producer;
        let filled = self.ring.try_publish(fill);
        assert!(filled.is_ok(), "invariant: room was checked");
        self.filled += 1;
    }

    /// Accepts new connections, queries epoll, and runs what is due by time.
    fn look(&mut self) {
        self.polls_since_look = 0;
        while let Ok(new) = self.ingress.connections.try_recv() {
            if let Err(error) = self.welcome(new) {
                tracing::warn!(%error, "a connection was lost on its way to the receiver");
            }
        }
        if let Err(error) = self.poll.poll(&mut self.events, Some(Duration::ZERO))
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.progress.fail(Fault::Failed(format!("epoll: {error}")));
            return;
        }
        for event in &self.events {
            let conn = ConnNo(event.token().0 as u32);
            if let Some(session) = self.sessions.get(conn)
                && !session.is_ready
            {
                session.is_ready = true;
                self.ready.push_back(conn);
            }
        }
        let now = self.clock.now();
        self.check_backpressure(now);
        // Removals and Ticks wait until the disk has room for them.
        if now.duration_since(self.due_checked_at) >= due::EVERY && !self.feeds.is_storage_full {
            self.due_checked_at = now;
            self.run_due(now);
        }
        if now.duration_since(self.timers_at) >= TIMERS_EVERY {
            self.timers_at = now;
            self.run_timers(now);
        }
    }

    /// Ends every session once; the rings are drained afterwards.
    fn close_all(&mut self) {
        self.is_closing = true;
        while let Ok(new) = self.ingress.connections.try_recv() {
            let _ = new.stream.shutdown(Shutdown::Both);
        }
        let open: Vec<ConnNo> = self.sessions.iter().map(|session| session.conn).collect();
        for conn in open {
            self.end_session(conn, Reply::Close(CLOSE_GOING_AWAY));
        }
    }
}

impl Stage for Receiver {
    fn name(&self) -> &'static str {
        StageName::Receiver.spec().name
    }

    fn poll(&mut self, budget: usize) -> usize {
        self.feeds.is_storage_full = self.progress.is_storage_full();
        let mut done = self.drain_pending();
        if self.progress.is_stopping() {
            if !self.is_closing {
                self.close_all();
                done += 1 + self.drain_pending();
            }
            self.refuse_writes();
            if self.pending.is_empty() {
                self.progress.end_at(self.filled);
            }
            return done;
        }
        self.polls_since_look += 1;
        if self.ready.is_empty() || self.polls_since_look >= POLLS_BETWEEN_LOOKS {
            self.look();
            done += self.take_writes();
        }
        for _ in 0..self.ready.len() {
            if done >= budget || !self.pending.is_empty() || !self.has_room() {
                break;
            }
            let Some(conn) = self.ready.pop_front() else { break };
            done += self.read_turn(conn, budget - done);
        }
        done
    }

    fn tasks_done(&self) -> u64 {
        self.filled
    }

    fn is_finished(&self) -> bool {
        self.is_closing && self.pending.is_empty()
    }
}
