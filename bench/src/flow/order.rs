//! An order of the recording, and its state as an adapter sends it.

use ordo_core::dec::{Dec, OutOfRange};
use ordo_core::proto::{ExternalAction, ExternalActionType, Lifetime, OrderState, OrderTrade, OrderTradeType};
use ordo_core::proto::{OrderType, OrderUpdate, OrderUpdateReason, OrderUpdateType, Side, TimestampWithTimeZone};

use super::rows::{OrderRow, TradeRow};
use super::{ACCOUNTS, CODE, CURRENCY, EXCHANGE, Removal, account};

/// The price of market orders in the recording.
const PRICE_OF_MARKET_ORDERS: i64 = 999_999_999;

#[derive(Debug, Clone)]
pub(super) struct Order {
    id: u64,
    is_buy: bool,
    /// None of a market order.
    price: Option<Dec>,
    quantity: Dec,
    executed_quantity: Dec,
    executed_value: Dec,
    created_ms: u64,
    pub(super) is_completed: bool,
}

impl Order {
    pub(super) fn new(row: &OrderRow, id_offset: u64) -> Order {
        Order {
            id: id_offset + row.order_id,
            is_buy: row.is_buy,
            price: (row.price != Dec::whole(PRICE_OF_MARKET_ORDERS)).then_some(row.price),
            quantity: row.volume,
            executed_quantity: Dec::ZERO,
            executed_value: Dec::ZERO,
            created_ms: row.time_ms,
            is_completed: false,
        }
    }

    pub(super) fn fill(&mut self, price: Dec, amount: Dec) -> Result<(), OutOfRange> {
        self.executed_quantity = self.executed_quantity.plus(amount)?;
        self.executed_value = self.executed_value.plus(price.times(amount)?)?;
        self.is_completed = self.executed_quantity >= self.quantity;
        Ok(())
    }

    pub(super) fn update(&self, time_ms: u64, reason: OrderUpdateReason, removal: Removal) -> ExternalAction {
        let update =
            OrderUpdate { r#type: OrderUpdateType::Update as i32, reason: reason as i32, ..OrderUpdate::default() };
        ExternalAction {
            r#type: ExternalActionType::Update as i32,
            order: Some(Box::new(self.state(time_ms, removal))),
            update: Some(Box::new(update)),
            ..ExternalAction::default()
        }
    }

    pub(super) fn trade(&self, row: &TradeRow, trade_id: String, removal: Removal) -> ExternalAction {
        let trade = OrderTrade {
            trade_id,
            r#type: OrderTradeType::Trade as i32,
            price: Some(row.price.into()),
            quantity: Some(row.amount.into()),
            ..OrderTrade::default()
        };
        ExternalAction {
            r#type: ExternalActionType::Trade as i32,
            order: Some(Box::new(self.state(row.time_ms, removal))),
            trade: Some(Box::new(trade)),
            ..ExternalAction::default()
        }
    }

    fn state(&self, time_ms: u64, removal: Removal) -> OrderState {
        let leaves = self.is_completed && removal == Removal::AtOnce;
        OrderState {
            order_id: self.id.to_string(),
            account: Some(account(self.id % ACCOUNTS)),
            code: CODE.into(),
            exchange: EXCHANGE.into(),
            currency: CURRENCY.into(),
            side: if self.is_buy { Side::Buy } else { Side::Sell } as i32,
            order_type: if self.price.is_some() { OrderType::Limit } else { OrderType::Market } as i32,
            price: self.price.map(Into::into),
            quantity: Some(self.quantity.into()),
            lifetime: Lifetime::GoodTillCancel as i32,
            executed_quantity: Some(self.executed_quantity.into()),
            executed_value: Some(self.executed_value.into()),
            created: Some(instant(self.created_ms)),
            timestamp: Some(instant(time_ms)),
            is_completed: self.is_completed,
            status: self.status().into(),
            // Seconds 0: removed with this update.
            remove_after: leaves.then(TimestampWithTimeZone::default),
            ..OrderState::default()
        }
    }

    fn status(&self) -> &'static str {
        match (self.is_completed, self.executed_quantity >= self.quantity) {
            (true, true) => "Filled",
            (true, false) => "Cancelled",
            (false, _) if self.executed_quantity.is_zero() => "OnMarket",
            (false, _) => "PartialFill",
        }
    }
}

fn instant(time_ms: u64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::from_unix_nanos(time_ms * 1_000_000)
}
