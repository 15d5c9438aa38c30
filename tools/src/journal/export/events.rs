//! Events as rows: what each update did, view by view, in the order of a message of events.

use ordo_core::encode;
use ordo_core::json::{self, MessageId, Style, message};
use ordo_core::names::AccountNo;
use ordo_core::outcome::{MetadataKind, Outcome};
use ordo_core::proto::OrderState;
use ordo_core::wire::ReverseWriter;
use ordo_history::replay::Applied;
use prost::Message;

use super::{Columns, Row, Type, place, text};
use crate::Failure;

pub(super) const COLUMNS: Columns = &[
    ("Number", Type::Number),
    ("Sequence", Type::Text),
    ("Position", Type::NumberIfAny),
    ("Time", Type::Time),
    ("View", Type::Text),
    ("Action", Type::Text),
    ("OwnerID", Type::Text),
    ("AccountID", Type::Text),
    ("Key", Type::Text),
    ("Record", Type::Text),
];

/// Receives the rows.
type Put<'p> = &'p mut dyn FnMut(Row) -> Result<(), Failure>;

/// The columns of a row between its place and its record.
struct Event<'a> {
    view: &'static str,
    is_removed: bool,
    owner: &'a str,
    account: &'a str,
    key: String,
}

pub(super) fn rows(applied: &Applied<'_>, put: Put<'_>) -> Result<(), Failure> {
    definitions(applied, put)?;
    received(applied, put)?;
    positions(applied, put)
}

/// Definitions, transforms and the status of feeds.
fn definitions(applied: &Applied<'_>, put: Put<'_>) -> Result<(), Failure> {
    let (names, outcome) = (applied.names, applied.outcome);
    for it in &outcome.metadata {
        let (first, second) = (it.first.text(&outcome.bytes), it.second.text(&outcome.bytes));
        let (owner, account, key) = match it.kind {
            MetadataKind::Owner => (first, "", String::new()),
            MetadataKind::Account => (first, second, String::new()),
            _ => ("", "", [first, second].join("/").trim_end_matches('/').to_owned()),
        };
        let event = Event { view: "Metadata", is_removed: it.removed, owner, account, key };
        put(event.row(applied, message::OPERATION, outcome.bytes_of(it.operation))?)?;
    }
    if let Some(operation) = outcome.operation {
        let event = Event { view: "Updates", is_removed: false, owner: "", account: "", key: String::new() };
        put(event.row(applied, message::OPERATION, outcome.bytes_of(operation))?)?;
    }
    if let Some((feed, details)) = outcome.status {
        let key = names.feed(feed).to_owned();
        let event = Event { view: "Status", is_removed: false, owner: "", account: "", key };
        put(event.row(applied, message::FEED_DETAILS, outcome.bytes_of(details))?)?;
    }
    Ok(())
}

/// Order actions, and transactions.
fn received(applied: &Applied<'_>, put: Put<'_>) -> Result<(), Failure> {
    let (names, outcome) = (applied.names, applied.outcome);
    let mut writer = ReverseWriter::default();
    if let Some(action) = outcome.action {
        let key = order_id(outcome.bytes_of(action.state));
        encode::external_action(&mut writer, &applied.input, outcome, &action);
        let event = Event::of(applied, "Updates", action.account, false, key);
        put(event.row(applied, message::EXTERNAL_ACTION, writer.bytes())?)?;
    }
    if let Some(transaction) = outcome.transaction {
        writer.clear();
        encode::transaction(&mut writer, names, &applied.input, outcome, &transaction);
        let key = transaction_id(applied.input.bytes, applied, outcome);
        let event = Event::of(applied, "Transactions", transaction.account, false, key);
        put(event.row(applied, message::CLIENT_TRANSACTION, writer.bytes())?)?;
    }
    Ok(())
}

/// Orders, holdings and balances.
fn positions(applied: &Applied<'_>, put: Put<'_>) -> Result<(), Failure> {
    let (names, outcome) = (applied.names, applied.outcome);
    let mut writer = ReverseWriter::default();
    for order in &outcome.orders {
        let state = outcome.bytes_of(order.state);
        let event = Event::of(applied, "Orders", order.account, order.removed, order_id(state));
        put(event.row(applied, message::ORDER_STATE, state)?)?;
    }
    for holding in &outcome.holdings {
        writer.clear();
        encode::asset_position(&mut writer, names, holding);
        let instrument = names.instrument(holding.instrument);
        let key = format!("{}/{}", instrument.exchange, instrument.code);
        let event = Event::of(applied, "Holdings", holding.account, holding.removed, key);
        put(event.row(applied, message::ASSET_POSITION, writer.bytes())?)?;
    }
    for balance in &outcome.balances {
        writer.clear();
        encode::cash_position(&mut writer, names, outcome, balance);
        let key = names.currency(balance.currency).to_owned();
        let event = Event::of(applied, "Balances", balance.account, balance.removed, key);
        put(event.row(applied, message::CASH_POSITION, writer.bytes())?)?;
    }
    Ok(())
}

impl<'a> Event<'a> {
    fn of(applied: &Applied<'a>, view: &'static str, account: AccountNo, is_removed: bool, key: String) -> Event<'a> {
        let name = applied.names.account(account);
        Event { view, is_removed, owner: &name.owner, account: &name.account, key }
    }

    fn row(self, applied: &Applied<'_>, kind: MessageId, record: &[u8]) -> Result<Row, Failure> {
        let action = if self.is_removed { "Remove" } else { "Update" };
        let mut row = place(applied);
        row.extend([self.view, action, self.owner, self.account, &self.key].map(text));
        row.push(text(json(kind, record)?));
        Ok(row)
    }
}

fn order_id(state: &[u8]) -> String {
    OrderState::decode(state).unwrap_or_default().order_id
}

fn transaction_id(bytes: &[u8], applied: &Applied<'_>, outcome: &Outcome) -> String {
    let given = outcome.transaction.map(|transaction| outcome.bytes_of(transaction.id)).unwrap_or_default();
    let action = &applied.input.request.action;
    let sent = if action.trade.span.is_given() { action.trade.trade_id } else { action.transaction.transaction_id };
    if given.is_empty() { sent.text(bytes).to_owned() } else { String::from_utf8_lossy(given).into_owned() }
}

/// A record as JSON, without fields at their defaults.
pub(super) fn json(kind: MessageId, record: &[u8]) -> Result<String, Failure> {
    let mut text = Vec::new();
    let written = json::from_binary(kind, record, Style { is_compact: true }, &mut text);
    let unreadable = |why: String| Failure::with_code(65, format!("a record cannot be read: {why}"));
    written.map_err(|error| unreadable(format!("{error:?}")))?;
    String::from_utf8(text).map_err(|error| unreadable(error.to_string()))
}
