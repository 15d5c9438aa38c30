//! `Task`: what a slot of the ring is for, in types: what is recorded of it, and what is sent back.
//!
//! The two are independent of each other. An Open records a status of the feed and is answered with two events; a
//! duplicate records nothing and is answered like the update that it repeats; a Tick is recorded and answered by nobody.

use std::sync::Arc;

use ordo_core::names::FeedNo;
use ordo_core::proto::{RequestMessageType, SubscriptionDetails};
use ordo_core::record::Origin;
use ordo_core::subscription::Caller;
use ordo_core::wire::Span;

use super::ticket::Ticket;

/// A connection, counted from the start of the hub; a number is never given to a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct ConnNo(pub(crate) u32);

/// See the module. Spans point into the slot's bytes.
#[derive(Debug)]
pub(crate) struct Task {
    /// The connection that the reply goes to.
    pub(crate) conn: ConnNo,
    pub(crate) record: Record,
    pub(crate) reply: Reply,
}

impl Task {
    pub(crate) const EMPTY: Task = Task { conn: ConnNo(0), record: Record::Nothing, reply: Reply::Nothing };
}

/// What the journal stage records and the engine applies.
#[derive(Debug)]
pub(crate) enum Record {
    Nothing,
    Update(UpdateRecord),
    /// Engine settings that are in force from here on: the encoded `Settings`.
    Settings(Span),
    /// The time that the journal stage gives it: what was due by then is forgotten.
    Tick,
    /// The frame of a batch, ahead of its members. It changes nothing itself: it decides whether the members may.
    BatchFrame {
        body: Span,
        members: u32,
        writer: Writer,
    },
    /// The n-th member of a batch, from 1: recorded with the frame, applied n nanoseconds after it.
    BatchMember {
        nth: u32,
        writer: Writer,
    },
}

impl Record {
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Record::Nothing)
    }
}

/// An update, decoded into the slot's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpdateRecord {
    /// The public sequence that it counts in.
    pub(crate) feed: FeedNo,
    /// Its position there; 0 in `oms`, where the engine gives it.
    pub(crate) position: i64,
    /// The FeedRequest, as it is recorded.
    pub(crate) body: Span,
    pub(crate) writer: Writer,
}

/// Where an update came from, and who sent it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Writer {
    pub(crate) origin: Origin,
    pub(crate) caller: Caller,
}

/// What the publisher sends once the task may be published.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Only the events of the update itself.
    Nothing,
    /// A Response, if one was asked for or the update was refused.
    Response(Answer),
    /// A Response with this error.
    Failure {
        answer: Answer,
        code: String,
    },
    Feed(FeedReply),
    Subscribe {
        details: Box<SubscriptionDetails>,
        answer: Answer,
    },
    Unsubscribe {
        details: Box<SubscriptionDetails>,
        answer: Answer,
    },
    /// The result of a REST write, on its ticket.
    Ticket(Arc<Ticket>),
    /// The slot's bytes as they are: a control frame of the WebSocket codec.
    Frame,
    /// A ping of the hub's own.
    Ping,
    /// A close frame with this code, then the end of the connection.
    Close(u16),
    /// The connection is gone: nothing more can be sent to it.
    Gone,
}

impl Reply {
    /// How the message that the task was made of is answered; none if no message was.
    #[inline]
    pub(crate) fn answer(&self) -> Option<Answer> {
        match self {
            Reply::Response(answer)
            | Reply::Failure { answer, .. }
            | Reply::Subscribe { answer, .. }
            | Reply::Unsubscribe { answer, .. } => Some(*answer),
            Reply::Feed(reply) => reply.answer,
            Reply::Nothing | Reply::Ticket(_) | Reply::Frame | Reply::Ping | Reply::Close(_) | Reply::Gone => None,
        }
    }
}

/// How a client's message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Names the request in the Response.
    pub(crate) kind: RequestMessageType,
    pub(crate) request_id: Span,
    /// The message was text: the connection is answered in JSON from here on.
    pub(crate) text: bool,
}

/// Events to the adapter of a feed, behind the Response if there is a message to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FeedReply {
    pub(crate) event: FeedReplyEvent,
    pub(crate) feed: FeedNo,
    /// The last position admitted.
    pub(crate) position: i64,
    pub(crate) answer: Option<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedReplyEvent {
    /// Open, then Resume.
    Opened,
    /// Suspend: another connection supplies the feed.
    Parked,
    /// Error `Feed.Sequence`, then Resume: what was sent leaves a gap that the feed does not allow.
    Gap,
    /// Resume to a supplier that was sent Suspend: the hub takes more again.
    Resumed,
    Bookmark,
    Closed,
}

impl FeedReplyEvent {
    /// Whether a Resume goes out, which carries the feed's configuration.
    #[inline]
    pub(crate) fn resumes(self) -> bool {
        matches!(self, FeedReplyEvent::Opened | FeedReplyEvent::Gap | FeedReplyEvent::Resumed)
    }
}
