//! Events to their messages: what the hub found out, spliced with the bytes it received.
//!
//! Hot path: threads of the publisher and the views. Written back to front, nothing decoded again, no allocation once
//! the writer is warm. The messages are those of `proto/updates.proto`.

use crate::dec::Dec;
use crate::engine::Input;
use crate::names::Names;
use crate::outcome::{
    ActionEvent, BalanceEvent, Booking, Delivery, FormerOrder, HoldingEvent, MetadataEvent, MetadataKind, OrderEvent,
    Outcome, RequestEvent, TransactionEvent,
};
use crate::proto::{
    ClientTransactionType, FeedEventType, SettlementStatus, TimestampWithTimeZone, UpdateAction, UpdateEventType,
};
use crate::wire::{ReverseWriter, field};

/// The reason of an adjustment that a correction made.
const REASON_CORRECTION: &str = "TradeCorrection";
/// The reason of an adjustment that a cancel made.
const REASON_CANCEL: &str = "TradeCancel";

/// The same of a transfer that the older protocol corrected or cancelled.
const REASON_TRANSFER_CORRECTION: &str = "Correction";
const REASON_TRANSFER_CANCEL: &str = "Cancel";

/// Content of a `CashPosition`: all four figures, zero or not.
#[inline]
pub fn cash_position(w: &mut ReverseWriter, names: &Names, outcome: &Outcome, event: &BalanceEvent) {
    use field::cash_position as f;
    if event.values.is_given() {
        w.put(outcome.bytes_of(event.values));
    }
    w.figure(f::UNFILLED_BUYS, event.unfilled_buys);
    w.figure(f::UNBOOKED_TRANSACTIONS, event.unbooked);
    w.figure(f::BALANCE, event.balance);
    w.figure(f::MARGIN, event.margin);
    w.text(f::CURRENCY, names.currency(event.currency).as_bytes());
    w.delimited(f::ACCOUNT, &names.account(event.account).encoded);
}

/// Content of an `AssetPosition`: quantity and unfilled sells, zero or not; the average price where there is one.
#[inline]
pub fn asset_position(w: &mut ReverseWriter, names: &Names, event: &HoldingEvent) {
    use field::asset_position as f;
    w.text(f::CURRENCY, names.currency(event.currency).as_bytes());
    if let Some(average) = event.average_price() {
        w.figure(f::AVERAGE_PRICE, average);
    }
    w.figure(f::UNFILLED_SELLS, event.unfilled_sells);
    w.figure(f::QUANTITY, event.quantity);
    let instrument = names.instrument(event.instrument);
    w.text(f::EXCHANGE, instrument.exchange.as_bytes());
    w.text(f::CODE, instrument.code.as_bytes());
    w.delimited(f::ACCOUNT, &names.account(event.account).encoded);
}

/// An `UpdateEvent` as an occurrence of `EventMessage.Updates`: `content` writes the record itself.
#[inline]
pub fn update_event(
    w: &mut ReverseWriter,
    kind: UpdateEventType,
    action: UpdateAction,
    content: impl FnOnce(&mut ReverseWriter),
) {
    use field::update_event as f;
    let record = match kind {
        UpdateEventType::Operation => f::OPERATION,
        UpdateEventType::Action => f::ACTION,
        UpdateEventType::ClientRequest => f::CLIENT_REQUEST,
        UpdateEventType::ClientRequestUpdate => f::CLIENT_REQUEST_UPDATE,
        UpdateEventType::Status => f::STATUS,
        UpdateEventType::Holding => f::HOLDING,
        UpdateEventType::Balance => f::BALANCE,
        UpdateEventType::Order => f::ORDER,
        UpdateEventType::Request => f::REQUEST,
        UpdateEventType::Transaction => f::TRANSACTION,
        UpdateEventType::Unknown => unreachable!("no event is of an unknown type"),
    };
    let event = w.len();
    content(w);
    w.close(record, event);
    w.int(f::UPDATE_ACTION, action as i64);
    w.int(f::TYPE, kind as i64);
    w.close(field::event_message::UPDATES, event);
}

#[inline]
fn action_of(removed: bool) -> UpdateAction {
    if removed { UpdateAction::Remove } else { UpdateAction::Update }
}

#[inline]
pub fn balance_event(w: &mut ReverseWriter, names: &Names, outcome: &Outcome, event: &BalanceEvent) {
    update_event(w, UpdateEventType::Balance, action_of(event.removed), |w| cash_position(w, names, outcome, event));
}

#[inline]
pub fn holding_event(w: &mut ReverseWriter, names: &Names, event: &HoldingEvent) {
    update_event(w, UpdateEventType::Holding, action_of(event.removed), |w| asset_position(w, names, event));
}

#[inline]
pub fn order_event(w: &mut ReverseWriter, outcome: &Outcome, event: &OrderEvent) {
    update_event(w, UpdateEventType::Order, action_of(event.removed), |w| w.put(outcome.bytes_of(event.state)));
}

/// For who may not see where the order is now: it is there no more, as it was.
pub fn order_left_event(w: &mut ReverseWriter, outcome: &Outcome, former: &FormerOrder) {
    update_event(w, UpdateEventType::Order, UpdateAction::Remove, |w| w.put(outcome.bytes_of(former.state)));
}

/// The order action as received, with the order as completed. Writes nothing if the update was none.
pub fn action_event(w: &mut ReverseWriter, input: &Input<'_>, outcome: &Outcome) {
    if let Some(event) = outcome.action {
        update_event(w, UpdateEventType::Action, UpdateAction::Update, |w| external_action(w, input, outcome, &event));
    }
}

/// Content of the `ExternalAction` of an order action.
pub fn external_action(w: &mut ReverseWriter, input: &Input<'_>, outcome: &Outcome, event: &ActionEvent) {
    use field::external_action as f;
    let input = &outcome.read_as(input);
    let (bytes, action) = (input.bytes, &input.request.action);
    if action.trade.span.is_given() {
        w.delimited(f::TRADE, action.trade.span.of(bytes));
    }
    if action.update.span.is_given() {
        w.delimited(f::UPDATE, action.update.span.of(bytes));
    }
    w.delimited(f::ORDER, outcome.bytes_of(event.state));
    w.int(f::TYPE, i64::from(action.r#type));
    w.int(f::VERSION, i64::from(action.version));
}

/// An order at rest as the Updates view shows it in a snapshot: an Action of type Replace.
pub fn replace_action_event(w: &mut ReverseWriter, state: &[u8]) {
    use field::external_action as f;
    update_event(w, UpdateEventType::Action, UpdateAction::Update, |w| {
        w.delimited(f::ORDER, state);
        w.int(f::TYPE, crate::proto::ExternalActionType::Replace as i64);
    });
}

/// The operation of a transform, as the Updates view shows it. Writes nothing if the update was none.
pub fn operation_event(w: &mut ReverseWriter, outcome: &Outcome) {
    if let Some(operation) = outcome.operation {
        record_event(w, UpdateEventType::Operation, outcome.bytes_of(operation));
    }
}

/// A definition that was made, changed or dropped, as the Metadata view shows it.
pub fn metadata_event(w: &mut ReverseWriter, outcome: &Outcome, event: &MetadataEvent) {
    let operation = outcome.bytes_of(event.operation);
    update_event(w, UpdateEventType::Operation, action_of(event.removed), |w| w.put(operation));
}

/// A definition at rest, as the Metadata view shows it in a snapshot: the operation that would make it.
pub fn definition_event(w: &mut ReverseWriter, kind: MetadataKind, details: &[u8]) {
    update_event(w, UpdateEventType::Operation, UpdateAction::Update, |w| {
        w.delimited(kind.field(), details);
        w.int(field::operation::TYPE, kind.define() as i64);
    });
}

/// A client request's state, as the Requests view shows it.
#[inline]
pub fn request_event(w: &mut ReverseWriter, outcome: &Outcome, event: &RequestEvent) {
    update_event(w, UpdateEventType::Request, action_of(event.removed), |w| w.put(outcome.bytes_of(event.state)));
}

/// A request that became outstanding for a feed, as the Feed view shows it. Writes nothing if the update was none.
#[inline]
pub fn client_request_event(w: &mut ReverseWriter, outcome: &Outcome) {
    if let Some(event) = outcome.request().routed {
        record_event(w, UpdateEventType::ClientRequest, outcome.bytes_of(event.request));
    }
}

/// Progress of a request, as the Feed view and the audit show it. Writes nothing if the update was none.
#[inline]
pub fn client_request_update_event(w: &mut ReverseWriter, outcome: &Outcome) {
    if let Some(event) = outcome.request().update {
        record_event(w, UpdateEventType::ClientRequestUpdate, outcome.bytes_of(event.update));
    }
}

/// A request at rest, as the Feed view shows it in a snapshot: the ClientRequest inside its state.
pub fn outstanding_request_event(w: &mut ReverseWriter, state: &[u8]) {
    let mut fields = crate::wire::TopFields::of(state);
    let request = fields.find(|known| known.number == field::client_request_state::REQUEST);
    record_event(w, UpdateEventType::ClientRequest, request.map_or(&[], |known| known.content));
}

/// `EventMessage.Feed` of a delivery: the FeedEvent Request for the supplier of its feed.
#[inline]
pub fn delivery(w: &mut ReverseWriter, outcome: &Outcome, delivery: &Delivery) {
    use field::feed_event as f;
    let before = w.len();
    w.delimited(f::REQUEST, outcome.bytes_of(delivery.request));
    w.int(f::REQUEST_ID, delivery.rpc);
    w.int(f::TYPE, FeedEventType::Request as i64);
    w.close(field::event_message::FEED, before);
}

/// `EventMessage.RequestResponse` of the engine's own answer. Writes nothing if the update was no client request.
#[inline]
pub fn request_response(w: &mut ReverseWriter, outcome: &Outcome) {
    if let Some(answer) = outcome.request().answer {
        w.delimited(field::event_message::REQUEST_RESPONSE, outcome.bytes_of(answer.response));
    }
}

/// A record at rest, as a snapshot shows it.
#[inline]
pub fn record_event(w: &mut ReverseWriter, kind: UpdateEventType, record: &[u8]) {
    update_event(w, kind, UpdateAction::Update, |w| w.put(record));
}

/// `EventMessage.Position`: where an update stands.
#[inline]
pub fn position(w: &mut ReverseWriter, sequence: &str, position: i64, time_ns: u64) {
    use field::update_position as f;
    let before = w.len();
    w.time(f::EXECUTED_AT, TimestampWithTimeZone::from_unix_nanos(time_ns));
    w.int(f::POSITION, position);
    w.text(f::SEQUENCE, sequence.as_bytes());
    w.close(field::event_message::POSITION, before);
}

/// The update's transaction. Writes nothing if it made none.
pub fn transaction_event(w: &mut ReverseWriter, names: &Names, input: &Input<'_>, outcome: &Outcome) {
    if let Some(event) = outcome.transaction {
        update_event(w, UpdateEventType::Transaction, UpdateAction::Update, |w| {
            transaction(w, names, input, outcome, &event);
        });
    }
}

/// Content of the `ClientTransaction` of a transaction.
pub fn transaction(
    w: &mut ReverseWriter,
    names: &Names,
    input: &Input<'_>,
    outcome: &Outcome,
    event: &TransactionEvent,
) {
    use field::client_transaction as f;
    let input = &outcome.read_as(input);
    let (bytes, action) = (input.bytes, &input.request.action);
    let kind = match event.booking {
        Booking::Trade { cash, stock } => {
            trade_legs(w, names, input, event, cash, stock);
            trade_details(w, names, input, outcome, event);
            ClientTransactionType::Trade
        }
        Booking::Adjustment { cash, stock, cancel } => {
            adjustment_legs(w, names, event, cash, stock, cancel);
            trade_details(w, names, input, outcome, event);
            ClientTransactionType::Adjustment
        }
        Booking::CashTransfer => {
            w.delimited(f::CASH_TRANSFER, action.cash_transfer.span.of(bytes));
            transfer_details(w, input, outcome, event);
            ClientTransactionType::CashTransfer
        }
        Booking::AssetTransfer => {
            w.delimited(f::ASSET_TRANSFER, action.asset_transfer.span.of(bytes));
            transfer_details(w, input, outcome, event);
            ClientTransactionType::AssetTransfer
        }
        Booking::TransferAdjustment { cancel } => {
            transfer_adjustment(w, input, event, cancel);
            transfer_details(w, input, outcome, event);
            ClientTransactionType::Adjustment
        }
    };
    w.int(f::TYPE, kind as i64);
}

/// The details as received, completed with the id and time that the hub gave.
fn transfer_details(w: &mut ReverseWriter, input: &Input<'_>, outcome: &Outcome, event: &TransactionEvent) {
    use field::transaction_details as f;
    let details = &input.request.action.transaction;
    let before = w.len();
    if details.timestamp.is_none() {
        w.time(f::TIMESTAMP, TimestampWithTimeZone::from_unix_nanos(outcome.stamp.time_ns));
    }
    if event.id.is_given() {
        w.text(f::TRANSACTION_ID, outcome.bytes_of(event.id));
    }
    w.put(details.span.of(input.bytes));
    w.close(field::client_transaction::DETAILS, before);
}

fn trade_details(w: &mut ReverseWriter, names: &Names, input: &Input<'_>, outcome: &Outcome, event: &TransactionEvent) {
    use field::transaction_details as f;
    let (bytes, action) = (input.bytes, &input.request.action);
    let before = w.len();
    let now = || TimestampWithTimeZone::from_unix_nanos(outcome.stamp.time_ns);
    w.time(f::TIMESTAMP, action.order.timestamp.unwrap_or_else(now));
    // OrderUpdate has these three under the same numbers.
    w.copy_repeated(bytes, action.update.ids, f::IDS);
    w.copy_repeated(bytes, action.update.properties, f::PROPERTIES);
    w.copy_repeated(bytes, action.update.values, f::VALUES);
    w.delimited(f::ACCOUNT, &names.account(event.account).encoded);
    let id = if event.id.is_given() { outcome.bytes_of(event.id) } else { action.trade.trade_id.of(bytes) };
    w.text(f::TRANSACTION_ID, id);
    w.close(field::client_transaction::DETAILS, before);
}

fn trade_legs(
    w: &mut ReverseWriter,
    names: &Names,
    input: &Input<'_>,
    event: &TransactionEvent,
    cash: Dec,
    stock: Dec,
) {
    use field::{asset_transfer as asset, cash_transfer as money};
    let (bytes, action) = (input.bytes, &input.request.action);
    let before = w.len();
    w.text(asset::EX_DESTINATION, action.trade.ex_destination.of(bytes));
    w.figure(asset::VALUE, stock);
    if let Some(instrument) = event.instrument.map(|no| names.instrument(no)) {
        w.text(asset::EXCHANGE, instrument.exchange.as_bytes());
        w.text(asset::CODE, instrument.code.as_bytes());
    }
    w.text(asset::ORDER_ID, action.order.order_id.of(bytes));
    w.close(field::client_transaction::ASSET_TRANSFER, before);
    let before = w.len();
    w.int(money::SETTLEMENT, SettlementStatus::Unbooked as i64);
    w.figure(money::VALUE, cash);
    // OrderTrade has its funds under the same number.
    w.copy_repeated(bytes, action.trade.additional_funds, money::ADDITIONAL_FUNDS);
    w.text(money::CURRENCY, names.currency(event.currency).as_bytes());
    w.close(field::client_transaction::CASH_TRANSFER, before);
}

/// The difference that a corrected or cancelled transfer makes, from the transfer of that difference.
fn transfer_adjustment(w: &mut ReverseWriter, input: &Input<'_>, event: &TransactionEvent, cancel: bool) {
    use field::{asset_adjustment as asset, cash_adjustment as money};
    let (bytes, action) = (input.bytes, &input.request.action);
    let reason = if cancel { REASON_TRANSFER_CANCEL } else { REASON_TRANSFER_CORRECTION }.as_bytes();
    let before = w.len();
    if event.instrument.is_some() {
        w.text(asset::REASON, reason);
        w.figure(asset::VALUE, action.asset_transfer.value.unwrap_or_default());
        w.text(asset::EXCHANGE, action.asset_transfer.exchange.of(bytes));
        w.text(asset::CODE, action.asset_transfer.code.of(bytes));
        w.close(field::client_transaction::ASSET_ADJUSTMENT, before);
    } else {
        w.int(money::SETTLEMENT, i64::from(action.cash_transfer.settlement));
        w.text(money::REASON, reason);
        w.figure(money::VALUE, action.cash_transfer.value.unwrap_or_default());
        w.text(money::CURRENCY, action.cash_transfer.currency.of(bytes));
        w.close(field::client_transaction::CASH_ADJUSTMENT, before);
    }
}

fn adjustment_legs(
    w: &mut ReverseWriter,
    names: &Names,
    event: &TransactionEvent,
    cash: Dec,
    stock: Dec,
    cancel: bool,
) {
    use field::{asset_adjustment as asset, cash_adjustment as money};
    let reason = if cancel { REASON_CANCEL } else { REASON_CORRECTION }.as_bytes();
    let before = w.len();
    w.int(money::SETTLEMENT, SettlementStatus::Unbooked as i64);
    w.text(money::REASON, reason);
    w.figure(money::VALUE, cash);
    w.text(money::CURRENCY, names.currency(event.currency).as_bytes());
    w.close(field::client_transaction::CASH_ADJUSTMENT, before);
    let before = w.len();
    w.text(asset::REASON, reason);
    w.figure(asset::VALUE, stock);
    if let Some(instrument) = event.instrument.map(|no| names.instrument(no)) {
        w.text(asset::EXCHANGE, instrument.exchange.as_bytes());
        w.text(asset::CODE, instrument.code.as_bytes());
    }
    w.close(field::client_transaction::ASSET_ADJUSTMENT, before);
}
