//! The desk: every connection, who gets what, and what is said to whom.
//!
//! Hot path: thread of the publisher. Apart from the rings, so that a batch of them can be read while this is written
//! to. Subscriptions and their snapshots are in `desk/subscribing.rs`.

mod routed;
mod subscribing;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver as Channel, Sender};
use mio::{Interest, Poll, Token};
use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names};
use ordo_core::outcome::Outcome;
use ordo_core::proto::{EventMessageType, FeedEventType, RequestMessageType, SubscriptionType};
use ordo_core::wire::{ReverseWriter, field};

pub(super) use self::routed::FeedNews;
use super::Writing;
use super::bookmarks::Bookmarks;
use super::connection::{Connection, Flushed};
use super::events::{self, EventEncoder};
use crate::slot::{ConnNo, Part, Reply, Slot};
use crate::snapshots::{Job, Taken};
use crate::ticket::{Ticket, Told};

/// A subscriber that gets nothing hears how far the hub is.
const SUBSCRIBER_BOOKMARK_EVERY: Duration = Duration::from_secs(1);

/// Between looks for connections whose end nobody reads.
const OVERDUE_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Desk {
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
    feed_news: FeedNews,
    taken: Channel<Taken>,
    /// Snapshots taken for a subscription that this stage has not come to, or has refused.
    early: VecDeque<Taken>,
    jobs: Sender<Job>,
    queue_bytes_max: usize,
    /// The task being told.
    task: u64,
    /// By feed number: the newest public update told of it.
    newest: Vec<Newest>,
    /// Tasks before the newest public update of all, itself included.
    newest_task: u64,
    bookmarked_at: Instant,
    /// REST writes that may be told, once `Progress::told` says so: who gets his answer may read what he wrote.
    tickets: Vec<(Arc<Ticket>, Told)>,
    overdue_looked_at: Instant,
}

/// The newest update of a sequence.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    /// Tasks before it, itself included.
    tasks: u64,
    position: i64,
    time_ns: u64,
}

/// Views have numbers up to 40 on the wire.
const VIEWS: usize = 41;

impl Desk {
    pub(super) fn new(
        engine: &Engine,
        (taken, jobs): (Channel<Taken>, Sender<Job>),
        feed_news: FeedNews,
        queue_bytes_max: usize,
    ) -> Desk {
        Desk {
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
            feed_news,
            taken,
            early: VecDeque::new(),
            jobs,
            queue_bytes_max,
            task: 0,
            newest: Vec::with_capacity(64),
            newest_task: 0,
            bookmarked_at: Instant::now(),
            overdue_looked_at: Instant::now(),
            tickets: Vec::new(),
        }
    }

    /// Whether any socket takes no more for now.
    pub(super) fn has_blocked(&self) -> bool {
        self.blocked > 0
    }

    /// Whether every connection has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.iter().all(Option::is_none)
    }

    fn place(&self, conn: ConnNo) -> Option<usize> {
        conn.0.checked_sub(self.first).map(|at| at as usize)
    }

    pub(super) fn is_unknown(&self, conn: ConnNo) -> bool {
        self.place(conn).is_some_and(|at| at >= self.connections.len())
    }

    #[inline]
    pub(super) fn connection(&mut self, conn: ConnNo) -> Option<&mut Connection> {
        let at = self.place(conn)?;
        self.connections.get_mut(at)?.as_mut()
    }

    pub(super) fn welcome_all(&mut self, newcomers: &Channel<Writing>, poll: &Poll) {
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
    pub(super) fn touch(&mut self, conn: ConnNo) {
        if let Some(connection) = self.connection(conn)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(conn);
        }
    }

    /// One task: first what the update brings to all, then what its sender is owed.
    #[inline]
    pub(super) fn tell(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        self.task = task;
        for name in &outcome.names {
            let (first, second) = (name.first.text(&outcome.bytes), name.second.text(&outcome.bytes));
            self.names.learn(name.kind, name.number, first, second);
        }
        if slot.recorded && !outcome.is_silent() {
            let input = Input { stamp: outcome.stamp, bytes: &slot.bytes, request: &slot.request };
            self.note_newest(outcome, task + 1);
            if slot.feed != FeedNo::OMS {
                self.bookmarks.recorded(slot.feed, outcome.stamp.position);
            }
            self.tell_events(task, &input, outcome);
        }
        self.reply(task, slot, outcome);
    }

    #[inline]
    fn note_newest(&mut self, outcome: &Outcome, tasks: u64) {
        let feed = outcome.stamp.feed.index();
        if self.newest.len() <= feed {
            self.newest.resize(feed + 1, Newest::default());
        }
        self.newest[feed] = Newest { tasks, position: outcome.stamp.position, time_ns: outcome.stamp.time_ns };
        self.newest_task = tasks;
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
                self.tell_subscriber(conn, view, outcome.stamp.feed, task);
            }
        }
    }

    #[inline]
    fn tell_subscriber(&mut self, conn: ConnNo, view: SubscriptionType, feed: FeedNo, task: u64) {
        let Some(at) = self.place(conn) else { return };
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        let mut subscriptions = std::mem::take(&mut connection.subscriptions);
        let form = connection.form;
        for subscription in subscriptions.iter_mut().filter(|subscription| subscription.view == view) {
            if let Some(parts) = self.encoder.parts(&self.names, &mut subscription.filter) {
                subscription.put_update(connection.queue(), form, parts);
                subscription.set_told(feed, task);
            }
        }
        connection.subscriptions = subscriptions;
        self.touch(conn);
    }

    fn reply(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        // What could not be read says no more than in which form it came; what the hub itself has to say, not even that.
        let is_heard = slot.kind != RequestMessageType::Unknown || slot.reply == Reply::Failure;
        if let Some(connection) = self.connection(slot.conn)
            && is_heard
        {
            connection.heard(slot.text);
        }
        let about = (slot.about, slot.position);
        match slot.reply {
            Reply::Nothing => {}
            Reply::Response | Reply::Failure => self.respond(slot, outcome),
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
            Reply::FeedResumed if self.bookmarks.resumed(slot.about) => {
                let configuration = outcome.bytes_of(outcome.configuration);
                self.feed_event(slot.conn, FeedEventType::Resume, about, configuration);
            }
            Reply::FeedResumed => {}
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
            Reply::Rest => self.answer_ticket(slot, outcome),
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

    /// A batch is answered by its frame if that is refused, else by its last member; the first answer counts.
    #[cold]
    fn answer_ticket(&mut self, slot: &Slot, outcome: &Outcome) {
        let Some(ticket) = &slot.ticket else { return };
        if !outcome.is_accepted() {
            self.tickets.push((ticket.clone(), Told::Refused(outcome.codes().map(Cow::into_owned).collect())));
        } else if matches!(slot.part, Part::Frame { .. }) {
            // Its last member answers.
        } else if outcome.is_silent() {
            self.tickets.push((ticket.clone(), Told::Nothing { is_repeated: outcome.is_repeated }));
        } else {
            let order = outcome.orders.last().filter(|_| ticket.wants_order());
            let order = order.map(|event| outcome.bytes_of(event.state).to_vec());
            self.tickets.push((ticket.clone(), Told::Applied(order)));
        }
    }

    pub(super) fn answer_tickets(&mut self) {
        for (ticket, told) in self.tickets.drain(..) {
            ticket.answer(told);
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
        let failed = !slot.errors.is_empty() || (slot.recorded && !outcome.is_accepted());
        if slot.request_id().is_empty() && !failed {
            return;
        }
        let codes: Vec<_> = slot.recorded.then(|| outcome.codes()).into_iter().flatten().collect();
        let errors = slot.errors.iter().map(String::as_str).chain(codes.iter().map(|code| &**code));
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
        let (task, waits) = (self.task, slot.kind == RequestMessageType::Synchronise);
        self.with(slot.conn, |connection| connection.put_in_order(task, waits, &[w.bytes()]));
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
        let task = self.task;
        self.with(conn, |connection| connection.put_in_order(task, false, &[w.bytes()]));
        self.writer = w;
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
        self.drop_gone();
    }

    /// Tells every supplier that has not been told so to wait. Not by a task: the ring may be full of what the disk
    /// holds up.
    pub(super) fn suspend_feeds(&mut self) {
        while let Some((conn, feed, position)) = self.bookmarks.next_to_suspend() {
            self.feed_event(conn, FeedEventType::Suspend, (feed, position), &[]);
        }
    }

    /// Bookmarks to adapters, and to subscribers that have heard nothing for a while.
    pub(super) fn bookmarks_due(&mut self, is_idle: bool) {
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

    /// Drops connections whose end nobody reads.
    pub(super) fn drop_overdue(&mut self, poll: &Poll) {
        let now = self.bookmarks.now();
        if self.blocked == 0 || now.duration_since(self.overdue_looked_at) < OVERDUE_EVERY {
            return;
        }
        self.overdue_looked_at = now;
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            if connection.is_blocked && connection.is_overdue(now) {
                tracing::warn!(conn = self.first + at as u32, "its end is not read: dropped");
                let _ = poll.registry().deregister(connection.stream());
                connection.abort();
                self.blocked -= 1;
                self.connections[at] = None;
            }
        }
        self.drop_gone();
    }

    fn drop_gone(&mut self) {
        while self.connections.front().is_some_and(Option::is_none) {
            self.connections.pop_front();
            self.first += 1;
        }
    }

    pub(super) fn flush_dirty(&mut self, poll: &Poll) {
        while let Some(conn) = self.dirty.pop() {
            let Some(connection) = self.connection(conn) else { continue };
            connection.is_dirty = false;
            let was_blocked = connection.is_blocked;
            let flushed = connection.flush();
            let is_blocked = connection.is_blocked;
            self.blocked = self.blocked + usize::from(is_blocked) - usize::from(was_blocked);
            match flushed {
                Flushed::All | Flushed::Blocked => {}
                Flushed::Behind => {
                    self.forget(conn);
                    if let Some(connection) = self.connection(conn) {
                        connection.fall_behind();
                    }
                }
                Flushed::Over => {
                    self.forget(conn);
                    if let Some(connection) = self.connection(conn) {
                        let _ = poll.registry().deregister(connection.stream());
                    }
                    self.drop_connection(conn);
                }
            }
        }
    }
}
