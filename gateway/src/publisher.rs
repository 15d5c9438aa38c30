//! The publisher stage: tells clients what happened, once it may be told.
//!
//! Hot path: one pinned thread. It reads tasks and outcomes in step, up to the gate (`Progress::releasable`): nothing
//! leaves the hub that a crash could take back. It alone writes to sockets. An event is encoded once, whoever gets it,
//! and a view that nobody subscribes to is not encoded. Nothing is allocated for a binary subscriber once warm.
//!
//! Every queue to a connection is bounded; a subscriber that does not keep up is closed and slows nobody.

mod bookmarks;
mod connection;
mod desk;
mod subscription;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Channel, Sender};
use mio::{Events, Poll};
use ordo_core::engine::Engine;
use ordo_core::outcome::Outcome;
use ordo_core::ring::{Behind, First, Stage};

use self::desk::{Desk, FeedNews};
use crate::subscription::feed_view::FeedViewReceiver;
use crate::subscription::snapshots::{Job, Taken};
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::{ConnNo, Slot};

/// The writing half of a new connection, on its way from the receiver.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) conn: ConnNo,
    pub(crate) stream: mio::net::TcpStream,
    pub(crate) compact: bool,
}

/// Blocked sockets are looked at every so many polls.
const POLLS_BETWEEN_LOOKS: u32 = 32;
/// A stopping hub waits this long for sockets that take no more.
const LINGER: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Publisher {
    tasks: Behind<Slot>,
    outcomes: First<Outcome>,
    progress: Arc<Progress>,
    told: u64,
    newcomers: Channel<Writing>,
    poll: Poll,
    poll_events: Events,
    polls_since_look: u32,
    /// What it answers with; apart from the rings, so that a batch can be read while this is written to.
    desk: Desk,
    stopping_since: Option<Instant>,
}

impl Publisher {
    pub(crate) fn new(
        (tasks, outcomes): (Behind<Slot>, First<Outcome>),
        progress: Arc<Progress>,
        newcomers: Channel<Writing>,
        (taken, jobs, news): (Channel<Taken>, Sender<Job>, FeedViewReceiver),
        engine: &Engine,
        queue_bytes_max: usize,
    ) -> io::Result<Publisher> {
        let desk = Desk::new(engine, (taken, jobs), FeedNews::new(news), queue_bytes_max);
        Ok(Publisher {
            tasks,
            outcomes,
            progress,
            told: 0,
            newcomers,
            poll: Poll::new()?,
            poll_events: Events::with_capacity(256),
            polls_since_look: 0,
            desk,
            stopping_since: None,
        })
    }

    /// Tells what the gate lets through; the number of tasks.
    fn tell_batch(&mut self, budget: usize) -> usize {
        let limit = (self.progress.releasable.load_acquire() - self.told).min(budget as u64);
        if limit == 0 {
            return 0;
        }
        let Ok(mut tasks) = self.tasks.take(limit) else { return 0 };
        let count = ExactSizeIterator::len(&&mut tasks);
        let Ok(mut outcomes) = self.outcomes.take(count as u64) else { return 0 };
        let mut task = self.told;
        let mut sequence = 0;
        for (slot, outcome) in (&mut tasks).zip(&mut outcomes) {
            // A connection is handed over before anything of it enters the ring.
            if self.desk.is_unknown(slot.conn) {
                self.desk.welcome_all(&self.newcomers, &self.poll);
            }
            self.desk.tell(task, slot, outcome);
            if slot.recorded {
                sequence = slot.stamp().sequence;
            }
            task += 1;
        }
        drop(outcomes);
        drop(tasks);
        self.told = task;
        // Before any byte is written: who hears of it can ask REST for it.
        if sequence > 0 {
            self.progress.told_sequence.store_release(sequence);
        }
        self.progress.told.store_release(task);
        self.desk.answer_tickets();
        count
    }

    /// Asks the system which blocked sockets take more.
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
            if self.desk.connection(conn).is_some_and(|connection| connection.is_blocked) {
                self.desk.touch(conn);
            }
        }
    }
}

impl Stage for Publisher {
    fn name(&self) -> &'static str {
        "publisher"
    }

    fn poll(&mut self, budget: usize) -> usize {
        let told = self.tell_batch(budget);
        if self.progress.is_holding_feeds() {
            self.desk.suspend_feeds();
        }
        let is_idle = told < budget;
        self.desk.bookmarks_due(is_idle);
        let viewed = self.progress.viewed.load_acquire();
        let moved = self.desk.advance_snapshots(self.told) + self.desk.advance_feeds(self.told, viewed);
        self.desk.flush_dirty(&self.poll);
        self.polls_since_look += 1;
        if self.desk.has_blocked() && self.polls_since_look >= POLLS_BETWEEN_LOOKS {
            self.look();
        }
        self.desk.drop_overdue(&self.poll);
        if self.progress.is_stopping() && self.stopping_since.is_none() {
            self.stopping_since = Some(Instant::now());
        }
        told + moved
    }

    fn is_finished(&self) -> bool {
        let lingered = self.stopping_since.is_some_and(|since| since.elapsed() >= LINGER);
        self.progress.is_end(self.told) && (self.desk.is_empty() || lingered)
    }
}
