//! `Connections`: every connection, and what each is sent.
//!
//! Hot path: thread of the publisher. Kept apart from the rings, so that a batch of them can be read while this is
//! written to. Subscriptions and their snapshots are in `connections/subscriptions.rs`.

mod feed_view;
mod subscriptions;

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
use ordo_core::subscription::{EventEncoder, VIEWS_WITH_EVENTS};
use ordo_core::wire::{ReverseWriter, field};
use ordo_history::clock::Clock;

pub(super) use self::feed_view::FeedNews;
use super::Writing;
use super::bookmarks::Bookmarks;
use super::connection::{Connection, Flushed};
use crate::subscription::snapshots::{Job, Taken};
use crate::wiring::slot::Slot;
use crate::wiring::task::{Answer, ConnNo, FeedReply, FeedReplyEvent, Record, Reply};
use crate::wiring::ticket::{Ticket, WriteResult};

/// A subscriber without events gets a Bookmark after this time.
const SUBSCRIBER_BOOKMARK_EVERY: Duration = Duration::from_secs(1);

/// Interval at which connections are looked for whose close frame is unread.
const OVERDUE_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Connections {
    names: Names,
    /// By connection number, the first being `first`.
    connections: VecDeque<Option<Connection>>,
    first: u32,
    dirty: Vec<ConnNo>,
    blocked: usize,
    /// Subscriptions whose snapshot is not complete.
    held: usize,
    live_by_view: [Vec<ConnNo>; VIEWS],
    encoder: EventEncoder,
    /// For Responses and FeedEvents.
    writer: ReverseWriter,
    bookmarks: Bookmarks,
    feed_news: FeedNews,
    taken: Channel<Taken>,
    /// Snapshots for subscriptions that this stage has not reached, or has refused.
    early: VecDeque<Taken>,
    jobs: Sender<Job>,
    queue_bytes_max: usize,
    /// The task being published.
    task: u64,
    /// By feed number: its newest published update.
    newest: Vec<Newest>,
    /// Number of tasks up to the newest published update of any feed.
    newest_task: u64,
    bookmarked_at: Instant,
    /// Results of REST writes. They are handed over once `Progress::published` is set, so that a client can read what
    /// it wrote.
    tickets: Vec<(Arc<Ticket>, WriteResult)>,
    overdue_looked_at: Instant,
    clock: Clock,
}

/// The newest update of a sequence.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    /// Number of tasks up to and including it.
    tasks: u64,
    position: i64,
    time_ns: u64,
}

/// Views have numbers up to 40 on the wire.
const VIEWS: usize = 41;

impl Connections {
    pub(super) fn new(
        engine: &Engine,
        (taken, jobs): (Channel<Taken>, Sender<Job>),
        feed_news: FeedNews,
        (queue_bytes_max, clock): (usize, Clock),
    ) -> Connections {
        Connections {
            names: engine.names().clone(),
            connections: VecDeque::new(),
            first: 0,
            dirty: Vec::with_capacity(256),
            blocked: 0,
            held: 0,
            live_by_view: std::array::from_fn(|_| Vec::new()),
            encoder: EventEncoder::default(),
            writer: ReverseWriter::with_capacity(1024),
            bookmarks: Bookmarks::of(engine, clock.clone()),
            feed_news,
            taken,
            early: VecDeque::new(),
            jobs,
            queue_bytes_max,
            task: 0,
            newest: Vec::with_capacity(64),
            newest_task: 0,
            bookmarked_at: clock.now(),
            overdue_looked_at: clock.now(),
            tickets: Vec::new(),
            clock,
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
        while let Ok(Writing { conn, mut stream, compact, caller }) = newcomers.try_recv() {
            if self.connections.is_empty() {
                self.first = conn.0;
            }
            let token = Token(conn.0 as usize);
            if let Err(error) = poll.registry().register(&mut stream, token, Interest::WRITABLE) {
                tracing::warn!(%error, "epoll does not accept a socket");
            }
            self.connections.push_back(Some(Connection::new(
                stream,
                (compact, caller),
                self.queue_bytes_max,
                self.clock.clone(),
            )));
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

    /// Publishes a task: events first, then the reply.
    #[inline]
    pub(super) fn publish(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        self.task = task;
        for name in &outcome.names {
            let (first, second) = (name.first.text(&outcome.bytes), name.second.text(&outcome.bytes));
            self.names.learn(name.kind, name.number, first, second);
        }
        if slot.task.record.is_some() && !outcome.is_silent() {
            let input = Input { stamp: outcome.stamp, bytes: &slot.bytes, request: &slot.request };
            self.note_newest(outcome, task + 1);
            if outcome.stamp.feed != FeedNo::OMS {
                self.bookmarks.recorded(outcome.stamp.feed, outcome.stamp.position);
            }
            self.publish_events(task, &input, outcome);
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

    fn publish_events(&mut self, task: u64, input: &Input<'_>, outcome: &Outcome) {
        for view in VIEWS_WITH_EVENTS {
            if self.live_by_view[view as usize].is_empty() {
                continue;
            }
            if !self.encoder.encode(view, &self.names, input, outcome) {
                continue;
            }
            for at in 0..self.live_by_view[view as usize].len() {
                let conn = self.live_by_view[view as usize][at];
                self.publish_to(conn, view, outcome.stamp.feed, task);
            }
        }
    }

    #[inline]
    fn publish_to(&mut self, conn: ConnNo, view: SubscriptionType, feed: FeedNo, task: u64) {
        let Some(at) = self.place(conn) else { return };
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        let mut subscriptions = std::mem::take(&mut connection.subscriptions);
        let form = connection.form;
        for subscription in subscriptions.iter_mut().filter(|subscription| subscription.view == view) {
            if let Some(parts) = self.encoder.parts(&self.names, &mut subscription.filter) {
                subscription.put_update(connection.queue(), form, parts);
                subscription.set_published(feed, task);
            }
        }
        connection.subscriptions = subscriptions;
        self.touch(conn);
    }

    fn reply(&mut self, task: u64, slot: &Slot, outcome: &Outcome) {
        let (conn, reply) = (slot.task.conn, &slot.task.reply);
        if let Some(answer) = reply.answer()
            && let Some(connection) = self.connection(conn)
        {
            connection.set_form(answer.text);
        }
        match reply {
            Reply::Nothing => {}
            Reply::Response(answer) => self.respond(slot, *answer, outcome),
            Reply::Failure { answer, code } => self.respond_with(slot, *answer, [code.as_str()].into_iter()),
            Reply::Feed(reply) => self.reply_to_feed(slot, *reply, outcome),
            Reply::Subscribe { details, answer } => {
                if self.subscribe(task, slot, details, *answer) {
                    self.respond(slot, *answer, outcome);
                }
            }
            Reply::Unsubscribe { details, answer } => {
                if self.unsubscribe(slot, details, *answer) {
                    self.respond(slot, *answer, outcome);
                    self.refresh_live(conn);
                }
            }
            Reply::Frame => self.with(conn, |connection| connection.queue().extend_from_slice(&slot.bytes)),
            Reply::Ticket(ticket) => self.answer_ticket(ticket, &slot.task.record, outcome),
            Reply::Ping => self.with(conn, Connection::put_ping),
            Reply::Close(code) => {
                self.forget(conn);
                self.with(conn, |connection| connection.end(*code, ""));
            }
            Reply::Gone => {
                self.forget(conn);
                self.drop_connection(conn);
            }
        }
    }

    fn reply_to_feed(&mut self, slot: &Slot, reply: FeedReply, outcome: &Outcome) {
        let FeedReply { event, feed, position, answer } = reply;
        let (conn, about) = (slot.task.conn, (feed, position));
        match answer {
            Some(answer) if event == FeedReplyEvent::Gap => {
                self.respond_with(slot, answer, ["Feed.Sequence"].into_iter());
            }
            Some(answer) => self.respond(slot, answer, outcome),
            None => {}
        }
        let mut resumes = event.resumes();
        match event {
            FeedReplyEvent::Opened => {
                self.bookmarks.opened(feed, conn, position);
                self.feed_event(conn, FeedEventType::Open, about, &[]);
            }
            FeedReplyEvent::Parked => self.feed_event(conn, FeedEventType::Suspend, about, &[]),
            FeedReplyEvent::Gap => {}
            FeedReplyEvent::Resumed => resumes = self.bookmarks.resumed(feed),
            FeedReplyEvent::Bookmark => {
                self.bookmarks.sent(feed);
                self.feed_event(conn, FeedEventType::Bookmark, about, &[]);
            }
            FeedReplyEvent::Closed => {
                self.bookmarks.closed(feed, conn);
                self.feed_event(conn, FeedEventType::Close, about, &[]);
            }
        }
        if resumes {
            let configuration = outcome.bytes_of(outcome.configuration);
            self.feed_event(conn, FeedEventType::Resume, about, configuration);
        }
    }

    /// Answers the ticket of a REST write. A batch is answered by its frame if that is refused, else by its last
    /// member.
    #[cold]
    fn answer_ticket(&mut self, ticket: &Arc<Ticket>, record: &Record, outcome: &Outcome) {
        let result = if !outcome.is_accepted() {
            WriteResult::Refused(outcome.codes().map(Cow::into_owned).collect())
        } else if matches!(record, Record::BatchFrame { .. }) {
            // Its last member answers.
            return;
        } else if outcome.is_silent() {
            WriteResult::Nothing { is_repeated: outcome.is_repeated }
        } else {
            let order = outcome.orders.last().filter(|_| ticket.wants_order());
            WriteResult::Applied(order.map(|event| outcome.bytes_of(event.state).to_vec()))
        };
        self.tickets.push((ticket.clone(), result));
    }

    pub(super) fn answer_tickets(&mut self) {
        for (ticket, result) in self.tickets.drain(..) {
            ticket.answer(result);
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

    /// Sends the Response to a request, if it has a RequestID or its update was refused.
    fn respond(&mut self, slot: &Slot, answer: Answer, outcome: &Outcome) {
        let is_refused = slot.task.record.is_some() && !outcome.is_accepted();
        if is_refused {
            self.respond_with(slot, answer, outcome.codes());
        } else if !answer.request_id.is_empty() {
            self.respond_with(slot, answer, std::iter::empty::<&str>());
        }
    }

    fn respond_with<E: AsRef<str>>(&mut self, slot: &Slot, answer: Answer, errors: impl DoubleEndedIterator<Item = E>) {
        use field::{event_message as message, request_details as details};
        let mut w = std::mem::take(&mut self.writer);
        w.clear();
        for error in errors.rev() {
            w.delimited(details::ERRORS, error.as_ref().as_bytes());
        }
        w.text(details::REQUEST_ID, answer.request_id.of(&slot.bytes));
        w.int(details::TYPE, answer.kind as i64);
        w.close(message::REQUEST, 0);
        w.int(message::TYPE, EventMessageType::Response as i64);
        let (task, waits) = (self.task, answer.kind == RequestMessageType::Synchronise);
        self.with(slot.task.conn, |connection| connection.put_in_order(task, waits, &[w.bytes()]));
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
            // A last attempt to write the queue: the peer may have closed its sending side only.
            connection.flush();
            connection.shut_down();
        }
        self.drop_gone();
    }

    /// Sends Suspend to every supplier that has not been sent it. Not through the ring, which may be full.
    pub(super) fn suspend_feeds(&mut self) {
        while let Some((conn, feed, position)) = self.bookmarks.next_to_suspend() {
            self.feed_event(conn, FeedEventType::Suspend, (feed, position), &[]);
        }
    }

    /// Sends Bookmarks that are due, to adapters and to subscribers.
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

    /// Drops connections whose close frame is unread.
    pub(super) fn drop_overdue(&mut self, poll: &Poll) {
        let now = self.bookmarks.now();
        if self.blocked == 0 || now.duration_since(self.overdue_looked_at) < OVERDUE_EVERY {
            return;
        }
        self.overdue_looked_at = now;
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections[at].as_mut() else { continue };
            if connection.is_blocked && connection.is_overdue(now) {
                tracing::warn!(conn = self.first + at as u32, "close frame unread: connection dropped");
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
                    self.with(conn, Connection::fall_behind);
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
