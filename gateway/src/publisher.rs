//! The publisher stage: sends events, responses and Bookmarks, as far as the gate is open.
//!
//! Hot path: one pinned thread, the only one that writes to sockets. It reads tasks and outcomes in step, up to the
//! [`Gate`](crate::wiring::gate::Gate): nothing leaves the hub that a crash could take back. An event is encoded once
//! for all its receivers, and a view without subscribers is not encoded. Once warm, binary subscribers cost no
//! allocation.
//!
//! Every queue to a connection is bounded: a subscriber that falls too far behind is closed, and delays nobody.

mod bookmarks;
mod connection;
mod connections;
mod subscription;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Channel, Sender};
use mio::{Events, Poll};
use ordo_core::engine::Engine;
use ordo_core::outcome::Outcome;
use ordo_core::ring::{Behind, First, Stage, read_in_step};
use ordo_core::subscription::Caller;
use ordo_history::clock::Clock;

use self::connections::{Connections, FeedNews};
use crate::subscription::feed_view::FeedViewReceiver;
use crate::subscription::snapshots::{Job, Taken};
use crate::wiring::config::StageName;
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::Slot;
use crate::wiring::task::ConnNo;

/// The writing half of a new connection, on its way from the receiver.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) conn: ConnNo,
    pub(crate) stream: mio::net::TcpStream,
    pub(crate) compact: bool,
    pub(crate) caller: Caller,
}

/// Polls between two queries of epoll for blocked sockets.
const POLLS_BETWEEN_LOOKS: u32 = 32;
/// A stopping hub waits this long for blocked sockets.
const LINGER: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Publisher {
    tasks: Behind<Slot>,
    outcomes: First<Outcome>,
    progress: Arc<Progress>,
    published: u64,
    newcomers: Channel<Writing>,
    poll: Poll,
    poll_events: Events,
    polls_since_look: u32,
    /// Kept apart from the rings, so that a batch can be read while this is written to.
    connections: Connections,
    stopping_since: Option<Instant>,
    clock: Clock,
}

impl Publisher {
    pub(crate) fn new(
        (tasks, outcomes): (Behind<Slot>, First<Outcome>),
        progress: Arc<Progress>,
        newcomers: Channel<Writing>,
        (taken, jobs, news): (Channel<Taken>, Sender<Job>, FeedViewReceiver),
        engine: &Engine,
        (queue_bytes_max, clock): (usize, Clock),
    ) -> io::Result<Publisher> {
        let connections =
            Connections::new(engine, (taken, jobs), FeedNews::new(news), (queue_bytes_max, clock.clone()));
        Ok(Publisher {
            tasks,
            outcomes,
            progress,
            published: 0,
            newcomers,
            poll: Poll::new()?,
            poll_events: Events::with_capacity(256),
            polls_since_look: 0,
            connections,
            stopping_since: None,
            clock,
        })
    }

    /// Publishes tasks up to the gate; returns their number.
    fn publish_batch(&mut self, budget: usize) -> usize {
        let limit = self.progress.gate.beyond(self.published).min(budget as u64);
        if limit == 0 {
            return 0;
        }
        let mut task = self.published;
        let mut sequence = 0;
        let Publisher { tasks, outcomes, connections, newcomers, poll, .. } = self;
        let count = read_in_step((tasks, outcomes), limit, |slot: &Slot, outcome: &Outcome| {
            // The receiver hands a connection over before any task of it enters the ring.
            if connections.is_unknown(slot.task.conn) {
                connections.welcome_all(newcomers, poll);
            }
            connections.publish(task, slot, outcome);
            if slot.task.record.is_some() {
                sequence = slot.stamp().sequence;
            }
            task += 1;
        });
        self.published = task;
        // Set before any byte is written: whoever receives an event may query REST about it.
        if sequence > 0 {
            self.progress.published_sequence.store_release(sequence);
        }
        self.progress.published.store_release(task);
        self.connections.answer_tickets();
        count
    }

    /// Queries epoll for blocked sockets that have become writable.
    fn look(&mut self) {
        self.polls_since_look = 0;
        if let Err(error) = self.poll.poll(&mut self.poll_events, Some(Duration::ZERO))
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.progress.fail(Fault::Failed(format!("epoll: {error}")));
            return;
        }
        for event in &self.poll_events {
            let conn = ConnNo(event.token().0 as u32);
            if self.connections.connection(conn).is_some_and(|connection| connection.is_blocked) {
                self.connections.touch(conn);
            }
        }
    }
}

impl Stage for Publisher {
    fn name(&self) -> &'static str {
        StageName::Publisher.spec().name
    }

    fn poll(&mut self, budget: usize) -> usize {
        let published = self.publish_batch(budget);
        if self.progress.is_holding_feeds() {
            self.connections.suspend_feeds();
        }
        let is_idle = published < budget;
        self.connections.bookmarks_due(is_idle);
        let viewed = self.progress.viewed.load_acquire();
        let moved =
            self.connections.advance_snapshots(self.published) + self.connections.advance_feeds(self.published, viewed);
        self.connections.flush_dirty(&self.poll);
        self.polls_since_look += 1;
        if self.connections.has_blocked() && self.polls_since_look >= POLLS_BETWEEN_LOOKS {
            self.look();
        }
        self.connections.drop_overdue(&self.poll);
        if self.progress.is_stopping() && self.stopping_since.is_none() {
            self.stopping_since = Some(self.clock.now());
        }
        published + moved
    }

    fn tasks_done(&self) -> u64 {
        self.published
    }

    fn is_finished(&self) -> bool {
        let lingered = self.stopping_since.is_some_and(|since| self.clock.since(since) >= LINGER);
        self.progress.is_end(self.published) && (self.connections.is_empty() || lingered)
    }
}
