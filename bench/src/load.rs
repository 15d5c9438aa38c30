//! The load: trades as a feed adapter sends them, each with the full state of its order.
//!
//! 50 accounts, 1,000 orders a round; every order is filled in ten trades, then completed and removed, and a new one
//! begins: the state stays as large as it is at the start, however long the run.

use ordo_core::dec::Dec;
use ordo_core::proto::{
    Account, ExternalAction, ExternalActionType, FeedPosition, FeedRequest, FeedRequestType, Lifetime, OrderState,
    OrderTrade, OrderTradeType, OrderType, OrderUpdate, OrderUpdateReason, RequestMessage, RequestMessageType, Side,
    SubscriptionDetails, SubscriptionTarget, SubscriptionType, TimestampWithTimeZone,
};
use prost::Message;

use crate::raw::put_frame;

pub const FEED: &str = "bench";
/// Owner of every account that trades here.
pub const OWNER: &str = "BENCH";
const ACCOUNTS: u64 = 50;
const ORDERS_OPEN: u64 = 1_000;
const FILLS: u64 = 10;
/// The views of the benchmark: every trade makes one event in each.
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

/// The same, of what the targets choose.
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

/// The trade at a position (from 1), as the message that carries it.
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
            nanoseconds: at as u32 % 1_000_000_000,
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

/// Frames ready to be written, with the bounds of each.
#[derive(Debug, Default)]
pub struct Frames {
    pub bytes: Vec<u8>,
    /// Where each frame ends.
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
