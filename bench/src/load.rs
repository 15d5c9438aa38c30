//! The load: trades as a feed adapter sends them, each with the full state of its order.
//!
//! 50 accounts and 1,000 open orders; every order is filled in ten trades, removed with the last, and followed by a new
//! one. The book keeps its size, however long the run; trades are kept for late busts.

use ordo_core::dec::Dec;
use ordo_core::proto::{
    Account, ExternalAction, ExternalActionType, FeedPosition, FeedRequest, FeedRequestType, Lifetime, OrderState,
    OrderTrade, OrderTradeType, OrderType, OrderUpdate, OrderUpdateReason, RequestMessage, RequestMessageType, Side,
    SubscriptionDetails, SubscriptionTarget, SubscriptionType, TimestampWithTimeZone,
};
use prost::Message;

use crate::raw::put_frame;

pub const FEED: &str = "bench";
/// Owner of every account.
pub const OWNER: &str = "BENCH";
const ACCOUNTS: u64 = 50;
const ORDERS_OPEN: u64 = 1_000;
const FILLS: u64 = 10;
/// Trades until the same orders, under other ids, are traded in the same way again.
const ROUND: u64 = ORDERS_OPEN * FILLS;
/// The first position of a load without end: from here to [`LAST`] positions take the same number of bytes, which is
/// what lets [`Trades`] write a trade by copying one. A multiple of a round, plus one.
pub const FIRST: u64 = 1_000_000_001;
/// The last position of a load without end.
pub const LAST: u64 = (1 << 35) - 1;
/// The views that are streamed: every trade causes one event in each.
pub const VIEWS: [SubscriptionType; 4] =
    [SubscriptionType::Orders, SubscriptionType::Holdings, SubscriptionType::Balances, SubscriptionType::Transactions];

/// The request that opens the feed.
pub fn open() -> RequestMessage {
    feed_message(FeedRequest {
        r#type: FeedRequestType::Open as i32,
        position: Some(FeedPosition { sequence: FEED.into(), position: 0 }),
        ..FeedRequest::default()
    })
}

pub fn subscribe(view: SubscriptionType) -> RequestMessage {
    subscribe_to(view, Vec::new())
}

/// The same with targets.
pub fn subscribe_to(view: SubscriptionType, targets: Vec<SubscriptionTarget>) -> RequestMessage {
    RequestMessage {
        r#type: RequestMessageType::Subscribe as i32,
        request_id: "s".into(),
        subscription: Some(SubscriptionDetails { r#type: view as i32, targets }),
        ..RequestMessage::default()
    }
}

pub fn synchronise() -> RequestMessage {
    RequestMessage {
        r#type: RequestMessageType::Synchronise as i32,
        request_id: "sync".into(),
        ..RequestMessage::default()
    }
}

fn feed_message(feed: FeedRequest) -> RequestMessage {
    RequestMessage {
        r#type: RequestMessageType::FeedRequest as i32,
        feed: Some(Box::new(feed)),
        ..RequestMessage::default()
    }
}

/// The message of the trade at a position; positions begin at 1.
pub fn trade(position: u64) -> RequestMessage {
    let at = position - 1;
    let (round, order) = (at / (ORDERS_OPEN * FILLS), at % ORDERS_OPEN);
    let fill = at / ORDERS_OPEN % FILLS + 1;
    let buy = order.is_multiple_of(2);
    let done = fill == FILLS;
    let price = dec(78_300 + i128::from(order % 97) * 10, 1);
    let quantity = dec(1_250, 5);
    let executed = dec(1_250 * i128::from(fill), 5);
    let number = round * ORDERS_OPEN + order;
    let order = OrderState {
        order_id: format!("B{number:015}"),
        account: Some(Account { account_id: format!("{:04}", order % ACCOUNTS), owner_id: OWNER.into() }),
        code: "BTC".into(),
        exchange: "XBTS".into(),
        currency: "USD".into(),
        side: if buy { Side::Buy } else { Side::Sell } as i32,
        order_type: OrderType::Limit as i32,
        price: Some(price.into()),
        quantity: Some(dec(1_250 * i128::from(FILLS), 5).into()),
        lifetime: Lifetime::Day as i32,
        created: Some(TimestampWithTimeZone { seconds: 1_777_689_380, nanoseconds: 521_000_000, tz_offset: 0 }),
        timestamp: Some(TimestampWithTimeZone {
            seconds: 1_777_689_381,
            nanoseconds: (at % ROUND) as u32,
            tz_offset: 0,
        }),
        executed_value: Some(price.times(executed).expect("small figures").into()),
        executed_quantity: Some(executed.into()),
        is_completed: done,
        status: if done { "Filled" } else { "PartialFill" }.into(),
        remove_after: done.then(TimestampWithTimeZone::default),
        ..OrderState::default()
    };
    let action = ExternalAction {
        r#type: ExternalActionType::Trade as i32,
        order: Some(Box::new(order)),
        update: Some(Box::new(OrderUpdate { reason: OrderUpdateReason::Trade as i32, ..OrderUpdate::default() })),
        trade: Some(Box::new(OrderTrade {
            trade_id: format!("T{position:012}"),
            r#type: OrderTradeType::Trade as i32,
            price: Some(price.into()),
            quantity: Some(quantity.into()),
            ..OrderTrade::default()
        })),
        ..ExternalAction::default()
    };
    feed_message(FeedRequest {
        r#type: FeedRequestType::Action as i32,
        position: Some(FeedPosition { sequence: FEED.into(), position: position as i64 }),
        action: Some(action),
        ..FeedRequest::default()
    })
}

fn dec(mantissa: i128, scale: u32) -> Dec {
    Dec::new(mantissa, scale).expect("small figures")
}

/// Encoded frames and their bounds.
#[derive(Debug, Default)]
pub struct Frames {
    pub bytes: Vec<u8>,
    /// The end of each frame.
    pub ends: Vec<usize>,
}

impl Frames {
    pub fn push(&mut self, message: &RequestMessage) {
        put_frame(&mut self.bytes, &message.encode_to_vec());
        self.ends.push(self.bytes.len());
    }

    /// The trades at these positions.
    pub fn trades(positions: std::ops::Range<u64>) -> Frames {
        let mut frames = Frames::default();
        positions.for_each(|position| frames.push(&trade(position)));
        frames
    }

    pub fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}

/// Trades without end, as frames: the trades of one round, copied with the ids and the position of the trade that is
/// due. Encoding each anew would take more of the cores that the hub under test needs.
#[derive(Debug)]
pub struct Trades {
    round: Frames,
    places: Vec<Places>,
    /// Of the next trade.
    position: u64,
}

/// Where a frame has what differs from round to round.
#[derive(Debug, Clone, Copy)]
struct Places {
    position: usize,
    order_digits: usize,
    trade_digits: usize,
}

const ORDER_DIGITS: usize = 15;
const TRADE_DIGITS: usize = 12;
const POSITION_BYTES: usize = 5;

impl Trades {
    /// # Panics
    /// If the position is before [`FIRST`].
    #[must_use]
    pub fn from_position(position: u64) -> Trades {
        assert!((FIRST..=LAST).contains(&position), "positions begin at {FIRST}");
        let round = Frames::trades(FIRST..FIRST + ROUND);
        let places = (0..ROUND).map(|at| Places::of(round.get(at as usize), FIRST + at)).collect();
        Trades { round, places, position }
    }

    /// The position of the next trade.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Appends the next frame.
    pub fn put_next(&mut self, out: &mut Vec<u8>) {
        let at = (self.position - 1) % ROUND;
        let (round, places) = ((self.position - 1) / ROUND, self.places[at as usize]);
        let start = out.len();
        out.extend_from_slice(self.round.get(at as usize));
        let frame = &mut out[start..];
        put_digits(&mut frame[places.order_digits..][..ORDER_DIGITS], round * ORDERS_OPEN + at % ORDERS_OPEN);
        put_digits(&mut frame[places.trade_digits..][..TRADE_DIGITS], self.position);
        put_varint(&mut frame[places.position..][..POSITION_BYTES], self.position);
        self.position += 1;
    }
}

impl Places {
    fn of(frame: &[u8], position: u64) -> Places {
        let at = position - 1;
        let order = format!("B{:015}", at / ROUND * ORDERS_OPEN + at % ORDERS_OPEN);
        let supply = FeedPosition { sequence: FEED.into(), position: position as i64 }.encode_to_vec();
        Places {
            position: place_of(frame, &supply) + supply.len() - POSITION_BYTES,
            order_digits: place_of(frame, order.as_bytes()) + 1,
            trade_digits: place_of(frame, format!("T{position:012}").as_bytes()) + 1,
        }
    }
}

fn place_of(frame: &[u8], wanted: &[u8]) -> usize {
    let found = frame.windows(wanted.len()).position(|window| window == wanted);
    found.expect("invariant: a trade holds its ids and its position")
}

fn put_digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn put_varint(out: &mut [u8], number: u64) {
    let last = out.len() - 1;
    for (at, byte) in out.iter_mut().enumerate() {
        let more = if at == last { 0 } else { 0x80 };
        *byte = (number >> (7 * at)) as u8 & 0x7f | more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_trades_are_those_that_would_have_been_encoded() {
        for first in [FIRST, FIRST + ROUND - 3, LAST - ROUND] {
            let mut trades = Trades::from_position(first);
            let mut copied = Vec::new();
            (0..6).for_each(|_| trades.put_next(&mut copied));
            assert_eq!(copied, Frames::trades(first..first + 6).bytes, "from {first}");
            assert_eq!(trades.position(), first + 6);
        }
    }
}
