//! The publisher stage: tells clients what happened, once it may be told.
//!
//! Hot path: one pinned thread. It reads tasks and outcomes in step, up to the gate (`Progress::releasable`): nothing
//! leaves the hub that a crash could take back. It alone writes to sockets. An event is encoded once, whoever gets it,
//! and a view that nobody subscribes to is not encoded. Nothing is allocated for a binary subscriber once warm.
//!
//! Every queue to a connection is bounded; a subscriber that does not keep up is closed and slows nobody.

mod bookmarks;
mod connection;
mod events;
pub(crate) mod frames;
pub(crate) mod subscription;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Channel, Sender};
use mio::{Events, Interest, Poll, Token};
use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names};
use ordo_core::outcome::Outcome;
use ordo_core::proto::{
    EventMessage, EventMessageType, FeedEventType, RequestMessageType, SubscriptionDetails, SubscriptionType,
    UpdatePosition,
};
use ordo_core::ring::{Behind, First, Stage};
use ordo_core::wire::{ReverseWriter, field};
use prost::Message;

use self::bookmarks::Bookmarks;
use self::connection::{Connection, Flushed};
use self::events::EventEncoder;
use self::subscription::{Subscription, message_head};
use crate::filter::Filter;
use crate::progress::{Fault, Progress};
use crate::slot::{ConnNo, Reply, Slot};
use crate::snapshots::{Job, Taken, chunks};

/// The writing half of a new connection, on its way from the receiver.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) conn: ConnNo,
    pub(crate) stream: mio::net::TcpStream,
    pub(crate) compact: bool,
}

/// Blocked sockets are looked at every so many polls.
const POLLS_BETWEEN_LOOKS: u32 = 32;
/// A subscriber that gets nothing hears how far the hub is.
const SUBSCRIBER_BOOKMARK_EVERY: Duration = Duration::from_secs(1);
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

/// Everything about connections.
struct Desk {
    names: Names,
    /// By connection number, the first being `first`.
    connections: VecDeque<Option<Connection>>,
    first: u32,
    dirty: Vec<ConnNo>,
    blocked: usize,
    /// Subscriptions without their snapshot.
    held: usize,
    live_by_view: [Vec<ConnNo>; VIEWS],
    encoder: EventEncoder,
    /// For responses and feed events.
    writer: ReverseWriter,
    bookmarks: Bookmarks,
    taken: Channel<Taken>,
    /// Snapshots taken for a subscription that this stage has not come to, or has refused.
    early: VecDeque<Taken>,
    jobs: Sender<Job>,
    queue_bytes_max: usize,
    /// The newest public update told: sequence, position, time.
    newest: Option<(FeedNo, i64, u64)>,
    /// Tasks before the newest public update, itself included.
    newest_task: u64,
    bookmarked_at: Instant,
}

/// Views have numbers up to 40 on the wire.
const VIEWS: usize = 41;

impl Publisher {
    pub(crate) fn new(
        (tasks, outcomes): (Behind<Slot>, First<Outcome>),
        progress: Arc<Progress>,
        newcomers: Channel<Writing>,
        (taken, jobs): (Channel<Taken>, Sender<Job>),
        engine: &Engine,
        queue_bytes_max: usize,
    ) -> io::Result<Publisher> {
        let desk = Desk {
            names: engine.names().clone(),
            connections: VecDeque::new(),
            first: 0,
            dirty: Vec::with_capacity(256),
            blocked: 0,
            held: 0,
            live_by_view: std::array::from_fn(|_| Vec::new()),
            encoder: EventEncoder::default(),
            writer: ReverseWriter::with_capacity(1024),
            bookmarks: Bookmarks::of(engine),
            taken,
            early: VecDeque::new(),
            jobs,
            queue_bytes_max,
            newest: None,
            newest_task: 0,
            bookmarked_at: Instant::now(),
        };
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
        for (slot, outcome) in (&mut tasks).zip(&mut outcomes) {
            // A connection is handed over before anything of it enters the ring.
            if self.desk.is_unknown(slot.conn) {
                self.desk.welcome_all(&self.newcomers, &self.poll);
            }
            self.desk.tell(task, slot, outcome);
            task += 1;
        }
        drop(outcomes);
        drop(tasks);
        self.told = task;
        // Before any byte is written: who hears of it can ask REST for it.
        self.progress.told.store_release(task);
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
        let is_idle = told < budget;
        self.desk.bookmarks_due(is_idle);
        let moved = self.desk.advance_snapshots(self.told);
        self.desk.flush_dirty(&self.poll);
        self.polls_since_look += 1;
        if self.desk.blocked > 0 && self.polls_since_look >= POLLS_BETWEEN_LOOKS {
            self.look();
        }
        if self.progress.is_stopping() && self.stopping_since.is_none() {
            self.stopping_since = Some(Instant::now());
        }
        told + moved
    }

    fn is_finished(&self) -> bool {
        let lingered = self.stopping_since.is_some_and(|since| since.elapsed() >= LINGER);
        self.progress.is_end(self.told) && (self.desk.connections.iter().all(Option::is_none) || lingered)
    }
}

impl Desk {
    fn place(&self, conn: ConnNo) -> Option<usize> {
        conn.0.checked_sub(self.first).map(|at| at as usize)
    }

    fn is_unknown(&self, conn: ConnNo) -> bool {
        self.place(conn).is_some_and(|at| at >= self.connections.len())
    }

    #[inline]
    fn connection(&mut self, conn: ConnNo) -> Option<&mut Connection> {
        let at = self.place(conn)?;
        self.connections.get_mut(at)?.as_mut()
    }

    fn welcome_all(&mut self, newcomers: &Channel<Writing>, poll: &Poll) {
        while let Ok(Writing { conn, mut stream, compact }) = newcomers.try_recv() {
            if self.connections.is_empty() {
                self.first = conn.0;
            }
            let token = Token(conn.0 as usize);
            if let Err(error) = poll.registry().register(&mut stream, token, Interest::WRITABLE) {
                tracing::warn!(%error, "a socket cannot be watched");
            }
            self.connections.push_back(Some(Connection::new(stream, compact, self.queue_bytes_max)));
        }
    }

    /// Lists a connection for the next flush.
    #[inline]
    fn touch(&mut self, conn: ConnNo) {
        if let Some(connection) = self.connection(conn)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(conn);
        }
    }

    /// One task: first what the update brings to all, then what its sender is owed.
    #[inline]
    fn tell(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        for name in &outcome.names {
            let (first, second) = (name.first.text(&outcome.bytes), name.second.text(&outcome.bytes));
            self.names.learn(name.kind, name.number, first, second);
        }
        if slot.recorded && !outcome.is_silent() {
            let input = Input { stamp: outcome.stamp, bytes: &slot.bytes, request: &slot.request };
            self.newest = Some((outcome.stamp.feed, outcome.stamp.position, outcome.stamp.time_ns));
            self.newest_task = task + 1;
            if slot.feed != FeedNo::OMS {
                self.bookmarks.recorded(slot.feed, outcome.stamp.position);
            }
            self.tell_events(task, &input, outcome);
        }
        self.reply(task, slot, outcome);
    }

    fn tell_events(&mut self, task: u64, input: &Input<'_>, outcome: &Outcome) {
        for view in events::VIEWS_WITH_EVENTS {
            if self.live_by_view[view as usize].is_empty() {
                continue;
            }
            if !self.encoder.encode(view, &self.names, input, outcome) {
                continue;
            }
            for at in 0..self.live_by_view[view as usize].len() {
                let conn = self.live_by_view[view as usize][at];
                self.tell_subscriber(conn, view, task);
            }
        }
    }

    #[inline]
    fn tell_subscriber(&mut self, conn: ConnNo, view: SubscriptionType, task: u64) {
        let Some(at) = self.place(conn) else { return };
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        let mut subscriptions = std::mem::take(&mut connection.subscriptions);
        let form = connection.form;
        for subscription in subscriptions.iter_mut().filter(|subscription| subscription.view == view) {
            if let Some(parts) = self.encoder.parts(&self.names, &mut subscription.filter) {
                subscription.put_update(connection.queue(), form, parts);
                subscription.told = task + 1;
            }
        }
        connection.subscriptions = subscriptions;
        self.touch(conn);
    }

    fn reply(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        if let Some(connection) = self.connection(slot.conn)
            && slot.kind != RequestMessageType::Unknown
        {
            connection.heard(slot.text);
        }
        let about = (slot.about, slot.position);
        match slot.reply {
            Reply::Nothing => {}
            Reply::Response => self.respond(slot, outcome),
            Reply::Failure => {
                // What could not be read says no more than in which form it came.
                if let Some(connection) = self.connection(slot.conn) {
                    connection.heard(slot.text);
                }
                self.respond(slot, outcome);
            }
            Reply::FeedOpened => {
                self.respond(slot, outcome);
                self.bookmarks.opened(slot.about, slot.conn, slot.position);
                self.feed_event(slot.conn, FeedEventType::Open, about, &[]);
                let configuration = outcome.bytes_of(outcome.configuration);
                self.feed_event(slot.conn, FeedEventType::Resume, about, configuration);
            }
            Reply::FeedParked => {
                self.respond(slot, outcome);
                self.feed_event(slot.conn, FeedEventType::Suspend, about, &[]);
            }
            Reply::FeedGap => {
                self.respond(slot, outcome);
                let configuration = outcome.bytes_of(outcome.configuration);
                self.feed_event(slot.conn, FeedEventType::Resume, about, configuration);
            }
            Reply::FeedBookmark => {
                self.respond(slot, outcome);
                self.bookmarks.told(slot.about);
                self.feed_event(slot.conn, FeedEventType::Bookmark, about, &[]);
            }
            Reply::FeedClosed => {
                self.respond(slot, outcome);
                self.bookmarks.closed(slot.about, slot.conn);
                self.feed_event(slot.conn, FeedEventType::Close, (slot.about, 0), &[]);
            }
            Reply::Subscribed => self.subscribe(task, slot, outcome),
            Reply::Unsubscribed => self.unsubscribe(slot, outcome),
            Reply::Frame => self.with(slot.conn, |connection| connection.queue().extend_from_slice(&slot.bytes)),
            Reply::Ping => self.with(slot.conn, Connection::put_ping),
            Reply::Close(code) => {
                self.forget(slot.conn);
                self.with(slot.conn, |connection| connection.end(code, ""));
            }
            Reply::Gone => {
                self.forget(slot.conn);
                self.drop_connection(slot.conn);
            }
        }
    }

    fn with(&mut self, conn: ConnNo, act: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connection(conn)
            && !connection.is_ending()
        {
            act(connection);
            self.touch(conn);
        }
    }

    /// The one Response to a request: if it has a RequestID, or failed.
    fn respond(&mut self, slot: &Slot, outcome: &Outcome) {
        let failed = !slot.errors.is_empty() || (slot.recorded && !outcome.rejects.is_empty());
        if slot.request_id().is_empty() && !failed {
            return;
        }
        let rejects = if slot.recorded { &outcome.rejects[..] } else { &[] };
        let errors = slot.errors.iter().map(String::as_str).chain(rejects.iter().map(|reject| reject.code()));
        self.respond_with(slot, errors);
    }

    fn respond_with<'e>(&mut self, slot: &Slot, errors: impl DoubleEndedIterator<Item = &'e str>) {
        use field::{event_message as message, request_details as details};
        let mut w = std::mem::take(&mut self.writer);
        w.clear();
        for error in errors.rev() {
            w.delimited(details::ERRORS, error.as_bytes());
        }
        w.text(details::REQUEST_ID, slot.request_id());
        w.int(details::TYPE, slot.kind as i64);
        w.close(message::REQUEST, 0);
        w.int(message::TYPE, EventMessageType::Response as i64);
        let wait = slot.kind == RequestMessageType::Synchronise;
        self.with(slot.conn, |connection| connection.put_in_order(wait, &[w.bytes()]));
        self.writer = w;
    }

    fn feed_event(&mut self, conn: ConnNo, kind: FeedEventType, (feed, position): (FeedNo, i64), configuration: &[u8]) {
        use field::{event_message as message, feed_event as event, feed_position as at};
        let mut w = std::mem::take(&mut self.writer);
        w.clear();
        if !configuration.is_empty() {
            w.delimited(event::CONFIGURATION, configuration);
        }
        let before = w.len();
        w.int(at::POSITION, position);
        w.text(at::SEQUENCE, self.names.feeds.get(feed.index()).map_or(&[], |name| name.as_bytes()));
        w.close(event::POSITION, before);
        w.int(event::TYPE, kind as i64);
        w.close(message::FEED, 0);
        w.int(message::TYPE, EventMessageType::Feed as i64);
        self.with(conn, |connection| connection.put_in_order(false, &[w.bytes()]));
        self.writer = w;
    }

    fn subscribe(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        let Some(details) = slot.subscription.as_deref() else { return };
        let accepted = match Filter::of(&details.targets) {
            Err(code) => Err(code),
            Ok(filter) => match self.connection(slot.conn) {
                None => return,
                Some(connection) if connection.subscriptions.iter().any(|other| other.details == *details) => {
                    Err("AlreadySubscribed")
                }
                Some(connection) => {
                    connection.subscriptions.push(Subscription::new(details.clone(), filter, task));
                    Ok(())
                }
            },
        };
        match accepted {
            Err(code) => self.respond_with(slot, [code].into_iter()),
            Ok(()) => {
                self.held += 1;
                self.respond(slot, outcome);
                let live = &mut self.live_by_view[details.r#type as usize];
                if !live.contains(&slot.conn) {
                    live.push(slot.conn);
                }
            }
        }
    }

    fn unsubscribe(&mut self, slot: &Slot, outcome: &Outcome) {
        let Some(details) = slot.subscription.as_deref() else { return };
        let Some(connection) = self.connection(slot.conn) else { return };
        let Some(at) = connection.subscriptions.iter().position(|other| other.details == *details) else {
            return self.respond_with(slot, ["Operation"].into_iter());
        };
        let ended = connection.subscriptions.remove(at);
        connection.release_deferred();
        if ended.is_held() {
            self.held -= 1;
        }
        self.respond(slot, outcome);
        self.refresh_live(slot.conn);
    }

    /// Lists a connection under just the views it still subscribes to.
    fn refresh_live(&mut self, conn: ConnNo) {
        let views: Vec<SubscriptionType> = self
            .connection(conn)
            .map(|connection| connection.subscriptions.iter().map(|subscription| subscription.view).collect())
            .unwrap_or_default();
        for (number, live) in self.live_by_view.iter_mut().enumerate() {
            if !views.iter().any(|view| *view as usize == number) {
                live.retain(|other| *other != conn);
            }
        }
    }

    /// Takes a connection out of everything but its own queue.
    fn forget(&mut self, conn: ConnNo) {
        self.bookmarks.gone(conn);
        self.live_by_view.iter_mut().for_each(|live| live.retain(|other| *other != conn));
        if let Some(connection) = self.connection(conn) {
            let held = connection.subscriptions.iter().filter(|subscription| subscription.is_held()).count();
            connection.subscriptions.clear();
            self.held -= held;
        }
    }

    fn drop_connection(&mut self, conn: ConnNo) {
        let Some(at) = self.place(conn) else { return };
        if let Some(mut connection) = self.connections.get_mut(at).and_then(Option::take) {
            self.blocked -= usize::from(connection.is_blocked);
            // A last try for what is queued: the peer may have closed its half only.
            connection.flush();
            connection.shut_down();
        }
        while self.connections.front().is_some_and(Option::is_none) {
            self.connections.pop_front();
            self.first += 1;
        }
    }

    /// Pairs snapshots with the subscriptions they are for, and moves those in progress on.
    fn advance_snapshots(&mut self, told: u64) -> usize {
        while let Ok(taken) = self.taken.try_recv() {
            self.early.push_back(taken);
        }
        if self.held == 0 && self.early.is_empty() {
            return 0;
        }
        let mut moved = self.start_encoding(told);
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            if !connection.is_holding() || !connection.wants_snapshot() {
                continue;
            }
            let conn = ConnNo(self.first + at as u32);
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            let mut moved_here = 0;
            for subscription in subscriptions.iter_mut().filter(|subscription| subscription.is_held()) {
                moved_here += usize::from(subscription.advance_snapshot(connection.queue()));
                self.held -= usize::from(!subscription.is_held());
            }
            connection.subscriptions = subscriptions;
            connection.release_deferred();
            if moved_here > 0 {
                self.touch(conn);
                moved += moved_here;
            }
        }
        moved
    }

    fn start_encoding(&mut self, told: u64) -> usize {
        let mut started = 0;
        for _ in 0..self.early.len() {
            let Some(taken) = self.early.pop_front() else { break };
            let waiting = self.connections.iter_mut().flatten().find_map(|connection| {
                let form = connection.form;
                let mut subscriptions = connection.subscriptions.iter_mut();
                subscriptions.find(|subscription| subscription.awaits(taken.task)).map(|found| (found, form))
            });
            let Some((subscription, form)) = waiting else {
                // Refused, gone, or not come to yet: only the last is worth keeping.
                if taken.task >= told {
                    self.early.push_back(taken);
                }
                continue;
            };
            let (to, from) = chunks();
            subscription.snapshot_comes(from);
            let (details, filter) = (subscription.details.clone(), subscription.filter.clone());
            started += 1;
            // The encoder ends after this stage; a failure to send is the end of the hub.
            let _ = self.jobs.send(Job { taken, details, filter, form, to });
        }
        started
    }

    /// Bookmarks to adapters, and to subscribers that have heard nothing for a while.
    fn bookmarks_due(&mut self, is_idle: bool) {
        if let Some(now) = self.bookmarks.is_due(is_idle) {
            while let Some((conn, feed, position)) = self.bookmarks.next(now, is_idle) {
                self.feed_event(conn, FeedEventType::Bookmark, (feed, position), &[]);
            }
        }
        if self.newest_task > 0 && self.bookmarks.now().duration_since(self.bookmarked_at) >= SUBSCRIBER_BOOKMARK_EVERY
        {
            self.bookmarked_at = self.bookmarks.now();
            self.bookmark_subscribers();
        }
    }

    fn bookmark_subscribers(&mut self) {
        let Some((feed, position, time_ns)) = self.newest else { return };
        let executed_at = ordo_core::proto::TimestampWithTimeZone::from_unix_nanos(time_ns);
        let position =
            UpdatePosition { sequence: self.names.feed(feed).to_owned(), position, executed_at: Some(executed_at) };
        let tail = EventMessage { position: Some(position), ..EventMessage::default() }.encode_to_vec();
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            let newest_task = self.newest_task;
            let behind = |subscription: &&mut Subscription| !subscription.is_held() && subscription.told < newest_task;
            let mut heads: Vec<Vec<u8>> = Vec::new();
            for subscription in connection.subscriptions.iter_mut().filter(behind) {
                subscription.told = newest_task;
                heads.push(bookmark_head(&subscription.details));
            }
            let form = connection.form;
            for head in &heads {
                frames::put_message(connection.queue(), form, &[head, &tail]);
            }
            if !heads.is_empty() {
                self.touch(ConnNo(self.first + at as u32));
            }
        }
    }

    fn flush_dirty(&mut self, poll: &Poll) {
        while let Some(conn) = self.dirty.pop() {
            let Some(connection) = self.connection(conn) else { continue };
            connection.is_dirty = false;
            let was_blocked = connection.is_blocked;
            let held_before = connection.subscriptions.iter().filter(|subscription| subscription.is_held()).count();
            let flushed = connection.flush();
            let is_blocked = connection.is_blocked;
            let held_after = connection.subscriptions.iter().filter(|subscription| subscription.is_held()).count();
            self.held -= held_before - held_after;
            self.blocked = self.blocked + usize::from(is_blocked) - usize::from(was_blocked);
            if flushed == Flushed::Over {
                self.forget(conn);
                if let Some(connection) = self.connection(conn) {
                    let _ = poll.registry().deregister(connection.stream());
                }
                self.drop_connection(conn);
            }
        }
    }
}

fn bookmark_head(details: &SubscriptionDetails) -> Vec<u8> {
    message_head(EventMessageType::Bookmark, details)
}
