//! Trades as rows: those that were applied, with corrections and cancels as they came.

use ordo_core::proto::{BigNumber, ExternalActionType, OrderState, OrderTrade, OrderTradeType, Side};
use ordo_history::replay::Applied;
use prost::Message;

use super::{Columns, Row, Type, place, text};
use crate::Failure;

pub(super) const COLUMNS: Columns = &[
    ("Number", Type::Number),
    ("Sequence", Type::Text),
    ("Position", Type::NumberIfAny),
    ("Time", Type::Time),
    ("OwnerID", Type::Text),
    ("AccountID", Type::Text),
    ("OrderID", Type::Text),
    ("TradeID", Type::Text),
    ("Type", Type::Text),
    ("Side", Type::Text),
    ("Price", Type::Text),
    ("Quantity", Type::Text),
    ("Exchange", Type::Text),
    ("Code", Type::Text),
    ("Currency", Type::Text),
];

/// None of an update that is no trade, or was refused.
pub(super) fn row(applied: &Applied<'_>) -> Result<Option<Row>, Failure> {
    let (input, outcome) = (&applied.input, applied.outcome);
    let action = &input.request.action;
    let Some(event) = outcome.action.filter(|_| action.r#type == ExternalActionType::Trade as i32) else {
        return Ok(None);
    };
    let unreadable = |error| Failure::with_code(65, format!("a trade cannot be read: {error}"));
    let order = OrderState::decode(outcome.bytes_of(event.state)).map_err(unreadable)?;
    let trade = OrderTrade::decode(action.trade.span.of(input.bytes)).map_err(unreadable)?;
    let account = applied.names.account(event.account);
    let instrument = applied.names.instrument(event.instrument);
    let kind = OrderTradeType::try_from(trade.r#type).unwrap_or_default().as_str_name();
    let side = Side::try_from(order.side).unwrap_or_default().as_str_name();
    let figure = |figure: Option<BigNumber>| figure.map_or_else(String::new, |figure| figure.dec().to_string());
    let mut row = place(applied);
    row.extend(
        [&*account.owner, &*account.account, &order.order_id, &trade.trade_id, short(kind), short(side)].map(text),
    );
    row.extend([figure(trade.price), figure(trade.quantity)].map(text));
    row.extend([&*instrument.exchange, &*instrument.code, &order.currency].map(text));
    Ok(Some(row))
}

/// A name of the schema without its type before it.
fn short(name: &str) -> &str {
    name.split_once('_').map_or(name, |(_, short)| short)
}
