//! The life of a client request: one table of every status and every input.
//!
//! A request begins as Pending (routed), as Queued (it waits for authorisation), as Submitted (its adapter reported it), or
//! as Completed or Rejected where its first update ends it. From there on this table decides. Statuses that an adapter
//! gives under names of its own are shown as given; here they are the phase that their RequestStatusDetails imply.

use crate::refusal::Code;

/// How far a request is. The number goes into hashes and images: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Checked and routed; waits for its feed.
    Pending = 1,
    /// Waits for authorisation; not routed.
    Queued = 2,
    /// Delivered to its feed, or reported by it.
    Submitted = 3,
    Completed = 4,
    Rejected = 5,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Happening {
    /// The hub's dispatch, while the feed is online.
    Deliver,
    /// Another connection supplies the feed from now on.
    Redeliver,
    /// The hub's record that its time is up: `request_timeout` of a Pending one, ExpireAfter of a Queued one.
    TimeOut,
    /// A decision: authorised.
    Authorise,
    /// A decision: another queue, or other fields of it.
    MoveQueue,
    /// A decision: refused, or withdrawn.
    Refuse,
    /// A decision: authorised, but the checks refuse it now.
    FailRelease,
    /// A decision: other content.
    Replace,
    /// ClientRequestUpdate of an adapter that does not end it.
    Progress,
    /// ClientRequestUpdate of an adapter that puts it into a queue.
    Enqueue,
    /// ClientRequestUpdate of an adapter that releases it from its queue.
    Release,
    /// ClientRequestUpdate of an adapter with a completing status.
    Complete,
    /// ClientRequestUpdate of an adapter that rejects it, or an order action with Reason Rejected.
    Reject,
    /// A ClientRequest of an adapter (form 22): the same request, as the adapter has it.
    Report,
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    To(Phase),
    /// Nothing changes, and nothing is wrong: the happening came late, or twice.
    Ignored,
    /// The sender's mistake, by this error code.
    Refused(Code),
}

use Happening::{
    Authorise, Complete, Deliver, Enqueue, FailRelease, MoveQueue, Progress, Redeliver, Refuse, Reject, Release,
    Replace, Report, TimeOut,
};
use Next::{Ignored, To};
use Phase::{Completed, Pending, Queued, Rejected, Submitted};

/// Phases in the order of the table's columns.
pub const PHASES: [Phase; 5] = [Pending, Queued, Submitted, Completed, Rejected];

/// A decision on a request that is not queued.
const NOT_QUEUED: Next = Next::Refused(Code::Status);

/// The table: a line for every happening, a column for every phase of [`PHASES`].
#[rustfmt::skip]
pub const TABLE: [(Happening, [Next; PHASES.len()]); 14] = [
    //             Pending        Queued         Submitted      Completed   Rejected
    (Deliver,     [To(Submitted), Ignored,       Ignored,       Ignored,    Ignored]),
    // Sent again under its first number; the adapter drops what it has.
    (Redeliver,   [Ignored,       Ignored,       To(Submitted), Ignored,    Ignored]),
    // A submitted request has no time-out: only its adapter knows what became of it.
    (TimeOut,     [To(Rejected),  To(Rejected),  Ignored,       Ignored,    Ignored]),
    (Authorise,   [NOT_QUEUED,    To(Pending),   NOT_QUEUED,    NOT_QUEUED, NOT_QUEUED]),
    (MoveQueue,   [NOT_QUEUED,    To(Queued),    NOT_QUEUED,    NOT_QUEUED, NOT_QUEUED]),
    (Refuse,      [NOT_QUEUED,    To(Rejected),  NOT_QUEUED,    NOT_QUEUED, NOT_QUEUED]),
    (FailRelease, [NOT_QUEUED,    To(Rejected),  NOT_QUEUED,    NOT_QUEUED, NOT_QUEUED]),
    (Replace,     [NOT_QUEUED,    To(Queued),    NOT_QUEUED,    NOT_QUEUED, NOT_QUEUED]),
    // Whoever reports progress has the request, however it got there. In a queue it stays until it is released.
    (Progress,    [To(Submitted), To(Queued),    To(Submitted), Ignored,    Ignored]),
    (Enqueue,     [To(Queued),    To(Queued),    To(Queued),    Ignored,    Ignored]),
    (Release,     [Ignored,       To(Pending),   Ignored,       Ignored,    Ignored]),
    // The first end counts: what an adapter sends after it changes nothing.
    (Complete,    [To(Completed), To(Completed), To(Completed), Ignored,    Ignored]),
    (Reject,      [To(Rejected),  To(Rejected),  To(Rejected),  Ignored,    Ignored]),
    (Report,      [To(Submitted), To(Queued),    To(Submitted), Ignored,    Ignored]),
];

impl Phase {
    /// Whether nothing more will happen.
    pub const fn is_end(self) -> bool {
        matches!(self, Completed | Rejected)
    }

    /// The status that the hub shows for it.
    pub const fn code(self) -> &'static str {
        match self {
            Pending => "Pending",
            Queued => "Queued",
            Submitted => "Submitted",
            Completed => "Completed",
            Rejected => "Rejected",
        }
    }

    /// As written in an image.
    pub(in crate::engine) const fn from_number(number: u8) -> Option<Phase> {
        match number {
            1 => Some(Pending),
            2 => Some(Queued),
            3 => Some(Submitted),
            4 => Some(Completed),
            5 => Some(Rejected),
            _ => None,
        }
    }
}

/// What the table says of a happening.
#[inline]
pub const fn next(phase: Phase, happening: Happening) -> Next {
    TABLE[happening as usize].1[phase as usize - 1]
}
