//! Orders as they come in, and the rules that they must meet.

/// The lowest legal price, in ticks: one above the lowest number, which stands for "no price".
pub const PRICE_MIN: i64 = i64::MIN + 1;
/// The highest legal price, in ticks: one below the highest number, which stands for "no price".
pub const PRICE_MAX: i64 = i64::MAX - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    #[inline]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// How an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Trades at `price` ticks or better; the rest stands on the book at `price`.
    Limit { price: i64 },
    /// Trades at any price within the collar; the rest is cancelled.
    Market,
    /// As a market order, but the rest stands on the book at the price of its last fill.
    MarketToLimit,
    /// Waits until a trade at `trigger` or beyond (above for a buy, below for a sell); then a market order.
    Stop { trigger: i64 },
    /// Waits like a stop; then a limit order at `price`.
    StopLimit { trigger: i64, price: i64 },
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until [`Book::end_day`](super::Book::end_day).
    Day,
    /// Until it is filled or cancelled.
    GoodTillCancel,
    /// Until the clock that [`Book::expire`](super::Book::expire) is given reaches this instant. Any unit, one origin.
    GoodTill(u64),
    /// What does not trade at once is cancelled.
    ImmediateOrCancel,
    /// Trades in full at once or not at all.
    FillOrKill,
}

/// A new order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// Free to be used again once the order is finished.
    pub id: u64,
    /// The account, or its owner where self-trades are prevented by owner: the book compares it and nothing else.
    pub account: u32,
    pub side: Side,
    pub kind: Kind,
    pub life: Life,
    /// Lots, over zero.
    pub quantity: u64,
}

impl NewOrder {
    /// A limit order that lives until it is cancelled.
    #[inline]
    pub fn limit(id: u64, account: u32, side: Side, price: i64, quantity: u64) -> NewOrder {
        NewOrder { id, account, side, kind: Kind::Limit { price }, life: Life::GoodTillCancel, quantity }
    }
}

/// What happens where two orders of one account would trade with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelfTrade {
    /// They trade.
    #[default]
    Allow,
    /// The resting order is cancelled and the incoming one goes on.
    CancelResting,
    /// What is left of the incoming order is cancelled.
    CancelIncoming,
    /// Both are cancelled.
    CancelBoth,
}

/// What the book checks orders against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Prices are multiples of it. Above 1 where the unit of price is finer than the tick. Default 1; 0 is as 1.
    pub tick: i64,
    /// Quantities are multiples of it. Default 1; 0 is as 1.
    pub lot: u64,
    pub self_trade: SelfTrade,
    /// The lowest price of a limit order, and where a market order to sell ends. Default [`PRICE_MIN`].
    pub collar_low: i64,
    /// The highest price of a limit order, and where a market order to buy ends. Default [`PRICE_MAX`].
    pub collar_high: i64,
    /// Live orders at most; more are refused with [`Reject::Full`](super::Reject::Full). 32 bytes each. Default: as
    /// many as numbers of 32 bits allow.
    pub orders_max: u32,
    /// Blocks of 64 neighbouring prices that one side may have in use, about 1 KiB each; an order that needs one more
    /// to stand in is cancelled. Default and most: 4,194,304.
    pub pages_max: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            tick: 1,
            lot: 1,
            self_trade: SelfTrade::Allow,
            collar_low: PRICE_MIN,
            collar_high: PRICE_MAX,
            orders_max: u32::MAX - 1,
            pages_max: 1 << 22,
        }
    }
}

/// What the market does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Cancels only.
    PreOpen,
    /// Orders stand on the book without trading, crossed or not.
    Auction,
    /// Orders trade as they come.
    #[default]
    Continuous,
    /// Cancels only.
    Closed,
}
