//! What the book reports, in the order in which it happens.

use super::{Phase, Side};

/// Receives what happens. It is called in the middle of a command: it should store or send and return.
pub trait Sink {
    fn report(&mut self, event: Event);
}

impl Sink for Vec<Event> {
    #[inline]
    fn report(&mut self, event: Event) {
        self.push(event);
    }
}

/// One thing that happened. Quantities are lots, prices ticks; `left` is the open quantity after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A new order passed the checks. What follows of the same command is what became of it: fills, then `Priced` or
    /// `Cancelled`; a limit order that is still open without either stands on the book at its price.
    Accepted {
        id: u64,
    },
    /// The command on this order is refused and changed nothing.
    Rejected {
        id: u64,
        reason: Reject,
    },
    /// A trade. In an auction the buy is called incoming.
    Fill {
        resting: u64,
        incoming: u64,
        price: i64,
        quantity: u64,
        resting_left: u64,
        incoming_left: u64,
        /// The incoming order's.
        side: Side,
    },
    /// The rest of a market-to-limit order stands on the book at this price.
    Priced {
        id: u64,
        price: i64,
        left: u64,
    },
    /// The order is finished with `left` not traded.
    Cancelled {
        id: u64,
        left: u64,
        reason: Cancel,
    },
    /// The order's price and open quantity are these from now on; its fills follow.
    Amended {
        id: u64,
        price: i64,
        left: u64,
    },
    /// The waiting stop order's trigger, price (none of a plain stop) and open quantity from now on.
    StopAmended {
        id: u64,
        trigger: i64,
        price: Option<i64>,
        left: u64,
    },
    Reassigned {
        id: u64,
        account: u32,
    },
    /// A stop order starts trading; its fills follow.
    Triggered {
        id: u64,
    },
    /// An auction ends: `quantity` trades at `price`, the fills follow.
    Uncrossed {
        price: i64,
        quantity: u64,
    },
    PhaseChanged {
        phase: Phase,
        halted: bool,
    },
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// The phase does not allow the command, or not this kind of order.
    Phase,
    Halted,
    /// A live order has this id.
    DuplicateId,
    /// No live order has this id: unknown, filled, cancelled or expired.
    UnknownId,
    /// The quantity is zero, or the side's open quantity would exceed 64 bits.
    Quantity,
    /// The quantity is no multiple of the lot.
    Lot,
    /// The price or the trigger is outside [`PRICE_MIN`](super::PRICE_MIN) to [`PRICE_MAX`](super::PRICE_MAX).
    Price,
    /// The price or the trigger is no multiple of the tick.
    Tick,
    /// The price is outside the collar.
    Collar,
    /// The instant of expiry has passed.
    Expiry,
    /// The order waits as a stop, and the command is for orders on the book; or the other way round.
    Waiting,
    /// [`Rules::orders_max`](super::Rules::orders_max) orders are live.
    Full,
}

/// Why an order is finished without having traded in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// By a command for this order.
    Requested,
    /// By a command for many orders.
    Mass,
    /// Immediate or cancel, or a market order: nothing more to trade with.
    Immediate,
    /// Fill or kill: less to trade with than its quantity.
    Unfillable,
    SelfTrade,
    /// Its day or its instant is over.
    Expired,
    /// [`Rules::pages_max`](super::Rules::pages_max) blocks of prices, or
    /// [`Rules::orders_max`](super::Rules::orders_max) orders, are in use.
    Full,
}

const _: () = assert!(size_of::<Event>() <= 64, "an event fits a cache line");
