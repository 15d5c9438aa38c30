//! Actions and figures, made of what varies in them.

use ordo_core::dec::Dec;
use ordo_core::proto::{Account, BigNumber, CashTransfer, ExternalAction, ExternalActionType, Lifetime};
use ordo_core::proto::{AssetTransfer, TransactionDetails};
use ordo_core::proto::{OrderState, OrderTrade, OrderTradeType, OrderType, OrderUpdate, OrderUpdateReason};
use ordo_core::proto::{OrderUpdateType, Side, TimestampWithTimeZone};

pub const CURRENCY: &str = "AUD";
pub const EXCHANGE: &str = "XASX";
pub const CODE: &str = "BHP";

pub fn dec(digits: &str) -> Dec {
    digits.parse().unwrap_or_else(|_| panic!("'{digits}' is no figure"))
}

pub fn number(digits: &str) -> BigNumber {
    dec(digits).into()
}

/// An absent figure is zero.
pub fn figure(number: Option<BigNumber>) -> Dec {
    number.map_or(Dec::ZERO, BigNumber::dec)
}

pub fn account(owner: &str, account: &str) -> Account {
    Account { owner_id: owner.into(), account_id: account.into() }
}

/// An instant that the adapter sets: with it, the same update says the same in every run.
pub fn instant(seconds: u64) -> TimestampWithTimeZone {
    TimestampWithTimeZone { seconds: 1_790_000_000 + seconds, ..TimestampWithTimeZone::default() }
}

/// A limit order to buy or sell; nothing executed.
pub fn limit_order(of: &Account, id: &str, side: Side, quantity: &str, price: &str) -> OrderState {
    OrderState {
        order_id: id.into(),
        account: Some(of.clone()),
        code: CODE.into(),
        exchange: EXCHANGE.into(),
        currency: CURRENCY.into(),
        side: side as i32,
        order_type: OrderType::Limit as i32,
        price: Some(number(price)),
        quantity: Some(number(quantity)),
        lifetime: Lifetime::GoodTillCancel as i32,
        created: Some(instant(0)),
        timestamp: Some(instant(0)),
        ..OrderState::default()
    }
}

pub fn update(order: OrderState, reason: OrderUpdateReason) -> ExternalAction {
    let update =
        OrderUpdate { r#type: OrderUpdateType::Update as i32, reason: reason as i32, ..OrderUpdate::default() };
    ExternalAction {
        r#type: ExternalActionType::Update as i32,
        order: Some(order.into()),
        update: Some(update.into()),
        ..ExternalAction::default()
    }
}

pub fn replace(order: OrderState) -> ExternalAction {
    ExternalAction {
        r#type: ExternalActionType::Replace as i32,
        order: Some(order.into()),
        ..ExternalAction::default()
    }
}

pub fn order_trade(id: &str, kind: OrderTradeType, quantity: &str, price: &str) -> OrderTrade {
    OrderTrade {
        trade_id: id.into(),
        r#type: kind as i32,
        price: Some(number(price)),
        quantity: Some(number(quantity)),
        ..OrderTrade::default()
    }
}

pub fn trade(order: OrderState, trade: OrderTrade) -> ExternalAction {
    ExternalAction {
        r#type: ExternalActionType::Trade as i32,
        order: Some(order.into()),
        trade: Some(trade.into()),
        ..ExternalAction::default()
    }
}

pub fn details(of: &Account, id: &str) -> TransactionDetails {
    TransactionDetails { transaction_id: id.into(), account: Some(of.clone()), ..TransactionDetails::default() }
}

pub fn cash_transfer(value: &str) -> CashTransfer {
    CashTransfer { currency: CURRENCY.into(), value: Some(number(value)), ..CashTransfer::default() }
}

pub fn cash(details: TransactionDetails, transfer: CashTransfer) -> ExternalAction {
    ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: Some(details.into()),
        cash_transfer: Some(transfer.into()),
        ..ExternalAction::default()
    }
}

/// Booked cash into an account.
pub fn deposit(of: &Account, value: &str) -> ExternalAction {
    cash(details(of, ""), cash_transfer(value))
}

pub fn asset_transfer(value: &str) -> AssetTransfer {
    AssetTransfer {
        exchange: EXCHANGE.into(),
        code: CODE.into(),
        value: Some(number(value)),
        ..AssetTransfer::default()
    }
}

pub fn assets(details: TransactionDetails, transfer: AssetTransfer) -> ExternalAction {
    ExternalAction {
        r#type: ExternalActionType::AssetTransfer as i32,
        transaction: Some(details.into()),
        asset_transfer: Some(transfer.into()),
        ..ExternalAction::default()
    }
}
