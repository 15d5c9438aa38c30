//! The record as the engine reads it: its steps ([`Step`]), the rules each was recorded under ([`Rules`]), and the messages that the
//! hub itself records beside those of the API (batches, settings, flags for the origin of an update).
//!
//! These are recorded bytes: a tag or a flag here is never given another meaning.

mod due;
mod rules;
mod step;

pub use due::{DUE_BY, DueRecord, due, removal_body};
pub use rules::{Rules, UnknownRules};
pub use step::{Step, StepError, StepHeader, StepKind};

use crate::proto::{BigNumber, FeedRequest};

/// Where an update comes from, where that decides what becomes of it. Kept in the flags of its frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Through REST: an update that changes nothing, or is refused, takes no position and shows in no history. A feed
    /// is believed, and its updates keep the positions they came with.
    pub is_rest: bool,
    /// The caller insists (`force=true`): an owner goes with all that is attached.
    pub is_forced: bool,
    /// A ClientRequest that a client submitted (WebSocket, or POST /request), in `oms`: it is checked, and routed or
    /// queued. One without this flag was reported by an adapter: it is believed.
    pub is_client: bool,
    /// Made by the hub for its requests: a ClientRequestUpdate in `oms` that delivers or expires a request (see
    /// `engine::Due`), or a Status of a feed that another connection supplies from now on.
    pub is_dispatch: bool,
}

/// Bit of a frame's flags: its body is a [`Batch`].
pub const BATCH: u32 = 4;
const REST: u32 = 1;
const FORCED: u32 = 2;
const CLIENT: u32 = 8;
const DISPATCH: u32 = 16;

impl Origin {
    const NONE: Origin = Origin { is_rest: false, is_forced: false, is_client: false, is_dispatch: false };

    pub const REST: Origin = Origin { is_rest: true, ..Origin::NONE };
    pub const CLIENT: Origin = Origin { is_client: true, ..Origin::NONE };
    pub const DISPATCH: Origin = Origin { is_dispatch: true, ..Origin::NONE };

    pub const fn flags(self) -> u32 {
        (if self.is_rest { REST } else { 0 })
            | (if self.is_forced { FORCED } else { 0 })
            | (if self.is_client { CLIENT } else { 0 })
            | (if self.is_dispatch { DISPATCH } else { 0 })
    }

    pub const fn from_flags(flags: u32) -> Origin {
        Origin {
            is_rest: flags & REST != 0,
            is_forced: flags & FORCED != 0,
            is_client: flags & CLIENT != 0,
            is_dispatch: flags & DISPATCH != 0,
        }
    }
}

/// Updates of which all are applied or none, recorded as one frame. Each is an update of its own: it takes a position,
/// and a time one nanosecond after the one before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Batch {
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<BatchMember>,
    /// Names a settlement: one that was applied with the same content is not applied again. Empty for other batches.
    #[prost(string, tag = "2")]
    pub settlement_id: String,
}

/// One update of a batch, and what must hold just before it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchMember {
    #[prost(message, optional, boxed, tag = "1")]
    pub update: Option<Box<FeedRequest>>,
    /// The booked balance that the transfer's account must have; absent: any.
    #[prost(message, optional, tag = "2")]
    pub expected_balance: Option<BigNumber>,
}

/// Settings that the engine's results depend on. In force from their place in the record on.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Settings {
    /// Seconds that a trade of an order that is gone is kept for a late correction.
    #[prost(uint64, tag = "1")]
    pub trade_retention_s: u64,
    /// Seconds from its completion to the removal of an order that says nothing of its own; 0: never.
    #[prost(uint64, tag = "2")]
    pub completed_order_retention_s: u64,
    /// Seconds that ids of transactions, transforms and settlements are compared.
    #[prost(uint64, tag = "3")]
    pub idempotency_retention_s: u64,
    /// Seconds that a client request waits for its feed before it is rejected (`Timeout`); 0: [`REQUEST_TIMEOUT_S`].
    #[prost(uint64, tag = "4")]
    pub request_timeout_s: u64,
}

/// Seconds that a client request waits for its feed, where the settings give none.
pub const REQUEST_TIMEOUT_S: u64 = 30;

impl Settings {
    /// In force until a record says otherwise.
    pub fn initial() -> Settings {
        const DAY: u64 = 86_400;
        Settings {
            trade_retention_s: 10 * DAY,
            completed_order_retention_s: 0,
            idempotency_retention_s: 30 * DAY,
            // Settings recorded before there were requests read 0 here, and hash as they did.
            request_timeout_s: 0,
        }
    }

    /// How long a client request waits for its feed, in nanoseconds.
    pub fn request_timeout_ns(&self) -> u64 {
        let seconds = if self.request_timeout_s == 0 { REQUEST_TIMEOUT_S } else { self.request_timeout_s };
        seconds.saturating_mul(1_000_000_000)
    }
}
