//! What an update did to client requests: states, deliveries to feeds, and the answer to the client.

use crate::names::{AccountNo, FeedNo, InstrumentNo};
use crate::wire::Span;

/// Events about the one client request that an update is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestOutcome {
    /// A request that became outstanding for a feed with this update: a ClientRequest event of the Feed view.
    pub routed: Option<RoutedRequest>,
    /// Progress of a request: the ClientRequestUpdate of the Feed view and of the audit.
    pub update: Option<RequestUpdateEvent>,
    /// The engine's answer to a client request; none for any other update.
    pub answer: Option<RequestAnswer>,
}

/// A client request after the update, for the Requests view; `removed`: shown one last time, since it ended.
#[derive(Debug, Clone, Copy)]
pub struct RequestEvent {
    /// Its number among the active requests; a later request may get the number of one that ended.
    pub number: u32,
    /// [`crate::names::request_key`].
    pub key: u128,
    pub account: AccountNo,
    /// What it trades; none for a cash transfer, a decision, and a request that names no known instrument.
    pub instrument: Option<InstrumentNo>,
    /// The feed that it is outstanding for (Pending or Submitted through this hub); none in a queue, at the end, and where
    /// the feed itself reported it.
    pub feed: Option<FeedNo>,
    pub removed: bool,
    pub completed: bool,
    /// The whole ClientRequestState, in the outcome's bytes.
    pub state: Span,
}

/// A request that became outstanding for a feed: Pending there, from a client or released from a queue.
#[derive(Debug, Clone, Copy)]
pub struct RoutedRequest {
    pub feed: FeedNo,
    pub account: AccountNo,
    pub instrument: Option<InstrumentNo>,
    /// The whole ClientRequest, in the outcome's bytes.
    pub request: Span,
}

/// Progress of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestUpdateEvent {
    /// The feed that the request was outstanding for; none: the Feed view does not show it.
    pub feed: Option<FeedNo>,
    pub account: AccountNo,
    pub instrument: Option<InstrumentNo>,
    /// The whole ClientRequestUpdate, in the outcome's bytes: as received, or as completed where the hub made it without
    /// naming the request.
    pub update: Span,
}

/// A request to be sent to the supplier of a feed: FeedEvent Request.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    pub feed: FeedNo,
    /// FeedEvent.RequestID: the journal sequence of the dispatch update, the same at every repetition.
    pub rpc: i64,
    /// [`crate::names::request_key`].
    pub key: u128,
    pub account: AccountNo,
    /// Whether it was delivered before, to an earlier supplier of the feed.
    pub is_repeated: bool,
    /// The whole ClientRequest, in the outcome's bytes.
    pub request: Span,
}

/// What the engine decided about a client request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Recorded as Pending and routed to a feed: the adapter's answer is the client's.
    Routed(FeedNo),
    /// The response says it all: queued, refused by a check, a decision that was carried out or not, or a repetition of a
    /// request in flight (its present status).
    Answered,
    /// A repetition of a request that ended at this instant, in nanoseconds since 1970: its state at the end is in the
    /// record of that instant. The response holds its status without errors and OrderID.
    Ended { at_ns: u64 },
    /// The RequestID belongs to another request of the account (`RequestID.Duplicate`): nothing was recorded.
    Duplicate,
}

/// The engine's answer to a client request.
#[derive(Debug, Clone, Copy)]
pub struct RequestAnswer {
    /// [`crate::names::request_key`].
    pub key: u128,
    pub account: AccountNo,
    pub decision: Decision,
    /// The whole ClientRequestResponse, in the outcome's bytes. Of [`Decision::Routed`] the status alone: what a client
    /// gets whose adapter never answers is the publisher's to say.
    pub response: Span,
}
