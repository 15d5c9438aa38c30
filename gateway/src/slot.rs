//! `Slot`: one task on its way through the pipeline.
//!
//! The receiver fills it, every later stage reads it. What a stage tells the next ones is an atomic in the slot,
//! stored before the ring's cursor is released. Everything that concerns a connection goes through slots too, recorded
//! or not: the ring's order is the order in which a connection is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ordo_core::names::FeedNo;
use ordo_core::outcome::Stamp;
use ordo_core::proto::{RequestMessageType, SubscriptionDetails};
use ordo_core::record::{Origin, Rules};
use ordo_core::wire::{FeedRequest, Span};
use ordo_journal::Kind;

use crate::ticket::Ticket;

/// A connection, counted from the start of the hub and never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct ConnNo(pub(crate) u32);

/// What the publisher owes once a task may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Nothing but what the update itself brings.
    Nothing,
    /// A Response, if one was asked for or the update was refused.
    Response,
    /// A Response that holds the slot's errors.
    Failure,
    /// FeedEvent Open, then Resume.
    FeedOpened,
    /// FeedEvent Suspend: another connection supplies the feed.
    FeedParked,
    /// FeedEvent Resume: what was sent leaves a gap that the feed does not allow.
    FeedGap,
    /// FeedEvent Resume to a supplier that was told to wait: the hub takes more again.
    FeedResumed,
    FeedBookmark,
    FeedClosed,
    Subscribed,
    Unsubscribed,
    /// The answer to a REST write, on its ticket.
    Rest,
    /// The slot's bytes as they are: a control frame.
    Frame,
    /// A ping of the hub's own.
    Ping,
    /// A close frame with this code, then the end of the connection.
    Close(u16),
    /// The connection is gone: nothing more can be told to it.
    Gone,
}

/// Which part of a batch a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// None: an update of its own.
    Alone,
    /// The frame that records the batch, ahead of so many members. Changes nothing itself: it says whether they may.
    Frame { members: u32 },
    /// The n-th member, from 1: recorded with the frame, applied n nanoseconds after it.
    Member(u32),
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) reply: Reply,
    /// Goes into the journal and the engine.
    pub(crate) recorded: bool,
    /// As what it is recorded: an update, or a word of the hub's own.
    pub(crate) frame: Kind,
    pub(crate) conn: ConnNo,
    /// The connection's last data frame was text: it is answered in JSON from here on.
    pub(crate) text: bool,
    /// Names the request in a Response.
    pub(crate) kind: RequestMessageType,
    /// The sequence that a recorded update counts in.
    pub(crate) feed: FeedNo,
    /// Its position there; for a reply to an adapter, the position it tells.
    pub(crate) position: i64,
    /// The feed that a reply to an adapter is about.
    pub(crate) about: FeedNo,
    pub(crate) identity: u32,
    pub(crate) origin: Origin,
    pub(crate) part: Part,
    /// Answered where a REST write waits for this task.
    pub(crate) ticket: Option<Arc<Ticket>>,
    /// The message, in binary.
    pub(crate) bytes: Vec<u8>,
    /// The FeedRequest in it: what is recorded.
    pub(crate) body: Span,
    pub(crate) request_id: Span,
    pub(crate) request: FeedRequest,
    pub(crate) subscription: Option<Box<SubscriptionDetails>>,
    pub(crate) errors: Vec<String>,
    sequence: AtomicU64,
    time_ns: AtomicU64,
}

/// Room kept for a message; what a rare larger one took is given back with the next.
const BYTES_KEPT: usize = 1024;

impl Slot {
    pub(crate) fn with_room() -> Slot {
        Slot {
            reply: Reply::Nothing,
            recorded: false,
            frame: Kind::Update,
            conn: ConnNo::default(),
            text: false,
            kind: RequestMessageType::Unknown,
            feed: FeedNo::OMS,
            position: 0,
            about: FeedNo::OMS,
            identity: 0,
            origin: Origin::default(),
            part: Part::Alone,
            ticket: None,
            bytes: Vec::with_capacity(BYTES_KEPT),
            body: Span::default(),
            request_id: Span::default(),
            request: FeedRequest::default(),
            subscription: None,
            errors: Vec::new(),
            sequence: AtomicU64::new(0),
            time_ns: AtomicU64::new(0),
        }
    }

    /// Empties the slot for a task of a connection; all that is not said is nothing.
    pub(crate) fn begin(&mut self, reply: Reply, conn: ConnNo) {
        self.reply = reply;
        self.recorded = false;
        self.frame = Kind::Update;
        self.conn = conn;
        self.text = false;
        self.kind = RequestMessageType::Unknown;
        self.feed = FeedNo::OMS;
        self.position = 0;
        self.about = FeedNo::OMS;
        self.identity = 0;
        self.origin = Origin::default();
        self.part = Part::Alone;
        self.ticket = None;
        self.bytes.clear();
        if self.bytes.capacity() > BYTES_KEPT {
            self.bytes.shrink_to(BYTES_KEPT);
        }
        self.body = Span::default();
        self.request_id = Span::default();
        self.subscription = None;
        self.errors.clear();
        *self.sequence.get_mut() = 0;
        *self.time_ns.get_mut() = 0;
    }

    pub(crate) fn request_id(&self) -> &[u8] {
        self.request_id.of(&self.bytes)
    }

    /// The journal stage says where it put the update. Relaxed: the ring's cursor, released after, publishes it.
    #[inline]
    pub(crate) fn set_recorded(&self, sequence: u64, time_ns: u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
        self.time_ns.store(time_ns, Ordering::Relaxed);
    }

    /// The position that goes into the record: the engine gives those of `oms`.
    #[inline]
    pub(crate) fn position_recorded(&self) -> i64 {
        if self.feed == FeedNo::OMS { 0 } else { self.position }
    }

    /// For stages behind the journal.
    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            sequence: self.sequence.load(Ordering::Relaxed),
            time_ns: self.time_ns.load(Ordering::Relaxed),
            feed: self.feed,
            position: self.position_recorded(),
            origin: self.origin,
            rules: Rules::CURRENT,
        }
    }
}
