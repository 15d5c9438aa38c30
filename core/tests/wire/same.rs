//! Whether the flat struct and the prost struct of one message say the same, field by field.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ordo_core::dec::Dec;
use ordo_core::proto::{self, BigNumber, CarriedNumber, TimestampWithTimeZone};
use ordo_core::wire::{self, Carried, Figures, Repeated, ReverseWriter, Span, field};
use prost::Message;

/// # Panics
/// Where they differ.
pub(crate) fn feed_request(bytes: &[u8], flat: &wire::FeedRequest, said: &proto::FeedRequest) {
    assert_eq!((flat.r#type, flat.request_id), (said.r#type, said.request_id));
    present(bytes, flat.position.span, said.position.as_ref(), |position| {
        text(bytes, flat.position.sequence, &position.sequence);
        assert_eq!(flat.position.position, position.position);
    });
    cold(bytes, flat.status, said.status.as_ref());
    cold(bytes, flat.configuration, said.configuration.as_deref());
    cold(bytes, flat.operation, said.operation.as_deref());
    cold(bytes, flat.request, said.request.as_deref());
    cold(bytes, flat.update, said.update.as_deref());
    cold(bytes, flat.legacy_update, said.legacy_update.as_deref());
    cold(bytes, flat.legacy_trade, said.legacy_trade.as_deref());
    cold(bytes, flat.legacy_request, said.legacy_request.as_deref());
    cold(bytes, flat.legacy_transaction, said.legacy_transaction.as_deref());
    cold(bytes, flat.request_response, said.request_response.as_deref());
    cold(bytes, flat.query_response, said.query_response.as_deref());
    present(bytes, flat.action.span, said.action.as_ref(), |said| action(bytes, &flat.action, said));
}

fn action(bytes: &[u8], flat: &wire::ExternalAction, said: &proto::ExternalAction) {
    assert_eq!((flat.version, flat.r#type), (said.version, said.r#type));
    present(bytes, flat.order.span, said.order.as_deref(), |said| order(bytes, &flat.order, said));
    present(bytes, flat.update.span, said.update.as_deref(), |said| update(bytes, &flat.update, said));
    present(bytes, flat.trade.span, said.trade.as_deref(), |said| trade(bytes, &flat.trade, said));
    present(bytes, flat.transaction.span, said.transaction.as_deref(), |s| transaction(bytes, &flat.transaction, s));
    present(bytes, flat.cash_transfer.span, said.cash_transfer.as_deref(), |s| cash(bytes, &flat.cash_transfer, s));
    present(bytes, flat.asset_transfer.span, said.asset_transfer.as_deref(), |s| asset(bytes, &flat.asset_transfer, s));
}

pub(crate) fn order(bytes: &[u8], flat: &wire::OrderState, said: &proto::OrderState) {
    use field::order_state as f;
    for (span, expected) in [
        (flat.order_id, &said.order_id),
        (flat.external_id, &said.external_id),
        (flat.request_id, &said.request_id),
        (flat.code, &said.code),
        (flat.exchange, &said.exchange),
        (flat.currency, &said.currency),
        (flat.group, &said.group),
        (flat.cfi_code, &said.cfi_code),
        (flat.ex_destination, &said.ex_destination),
        (flat.status, &said.status),
    ] {
        text(bytes, span, expected);
    }
    account(bytes, &flat.account, said.account.as_ref());
    assert_eq!((flat.side, flat.order_type, flat.lifetime), (said.side, said.order_type, said.lifetime));
    assert_eq!(flat.is_completed, said.is_completed);
    figure(flat.price, said.price);
    figure(flat.quantity, said.quantity);
    figure(flat.executed_value, said.executed_value);
    figure(flat.executed_quantity, said.executed_quantity);
    instant(flat.expiry_date, said.expiry_date);
    instant(flat.created, said.created);
    instant(flat.timestamp, said.timestamp);
    instant(flat.remove_after, said.remove_after);
    figures(flat.additional_funds(bytes), &said.additional_funds);
    carried(flat.values(bytes), &said.values);
    figures(flat.executed_additional_funds(bytes), &said.executed_additional_funds);
    let none = proto::OrderState::default;
    repeated(
        bytes,
        flat.properties,
        f::PROPERTIES,
        &proto::OrderState { properties: said.properties.clone(), ..none() },
    );
    repeated(bytes, flat.ids, f::IDS, &proto::OrderState { i_ds: said.i_ds.clone(), ..none() });
    repeated(bytes, flat.fee_codes, f::FEE_CODES, &proto::OrderState { fee_codes: said.fee_codes.clone(), ..none() });
    repeated(bytes, flat.errors, f::ERRORS, &proto::OrderState { errors: said.errors.clone(), ..none() });
    let funds = proto::OrderState { additional_funds: said.additional_funds.clone(), ..none() };
    repeated(bytes, flat.additional_funds, f::ADDITIONAL_FUNDS, &funds);
}

fn update(bytes: &[u8], flat: &wire::OrderUpdate, said: &proto::OrderUpdate) {
    use field::order_update as f;
    text(bytes, flat.update_id, &said.update_id);
    account(bytes, &flat.previous_account, said.previous_account.as_ref());
    assert_eq!((flat.r#type, flat.reason), (said.r#type, said.reason));
    carried(flat.values(bytes), &said.values);
    let none = proto::OrderUpdate::default;
    let properties = proto::OrderUpdate { properties: said.properties.clone(), ..none() };
    repeated(bytes, flat.properties, f::PROPERTIES, &properties);
    repeated(bytes, flat.ids, f::IDS, &proto::OrderUpdate { i_ds: said.i_ds.clone(), ..none() });
}

fn trade(bytes: &[u8], flat: &wire::OrderTrade, said: &proto::OrderTrade) {
    text(bytes, flat.trade_id, &said.trade_id);
    text(bytes, flat.ex_destination, &said.ex_destination);
    assert_eq!(flat.r#type, said.r#type);
    figure(flat.price, said.price);
    figure(flat.quantity, said.quantity);
    figures(flat.additional_funds(bytes), &said.additional_funds);
}

fn transaction(bytes: &[u8], flat: &wire::TransactionDetails, said: &proto::TransactionDetails) {
    use field::transaction_details as f;
    text(bytes, flat.transaction_id, &said.transaction_id);
    account(bytes, &flat.account, said.account.as_ref());
    instant(flat.timestamp, said.timestamp);
    carried(flat.values(bytes), &said.values);
    let none = proto::TransactionDetails::default;
    let authorities = proto::TransactionDetails { authorities: said.authorities.clone(), ..none() };
    repeated(bytes, flat.authorities, f::AUTHORITIES, &authorities);
    let properties = proto::TransactionDetails { properties: said.properties.clone(), ..none() };
    repeated(bytes, flat.properties, f::PROPERTIES, &properties);
    repeated(bytes, flat.ids, f::IDS, &proto::TransactionDetails { i_ds: said.i_ds.clone(), ..none() });
}

fn cash(bytes: &[u8], flat: &wire::CashTransfer, said: &proto::CashTransfer) {
    text(bytes, flat.currency, &said.currency);
    optional_text(bytes, flat.pool, said.pool.as_deref());
    optional_text(bytes, flat.external_account, said.external_account.as_deref());
    assert_eq!(flat.settlement, said.settlement);
    figure(flat.value, said.value);
    figures(flat.additional_funds(bytes), &said.additional_funds);
}

fn asset(bytes: &[u8], flat: &wire::AssetTransfer, said: &proto::AssetTransfer) {
    optional_text(bytes, flat.order_id, said.order_id.as_deref());
    text(bytes, flat.code, &said.code);
    text(bytes, flat.exchange, &said.exchange);
    text(bytes, flat.ex_destination, &said.ex_destination);
    figure(flat.value, said.value);
}

fn account(bytes: &[u8], flat: &wire::Account, said: Option<&proto::Account>) {
    present(bytes, flat.span, said, |said| {
        text(bytes, flat.owner_id, &said.owner_id);
        text(bytes, flat.account_id, &said.account_id);
    });
}

fn present<M: Message + Default + PartialEq + Debug>(
    bytes: &[u8],
    span: Span,
    said: Option<&M>,
    fields: impl FnOnce(&M),
) {
    // The span says all that the message says.
    cold(bytes, span, said);
    if let Some(said) = said {
        fields(said);
    }
}

fn cold<M: Message + Default + PartialEq + Debug>(bytes: &[u8], span: Span, said: Option<&M>) {
    let found = span.is_given().then(|| M::decode(span.of(bytes)).expect("checked by the flat decoder"));
    assert_eq!(found.as_ref(), said);
}

fn text(bytes: &[u8], span: Span, said: &str) {
    assert_eq!(span.text(bytes), said);
}

fn optional_text(bytes: &[u8], span: Span, said: Option<&str>) {
    assert_eq!(span.is_given().then(|| span.text(bytes)), said);
}

/// Value and scale: `10.5` is not `10.50`.
fn figure(flat: Option<Dec>, said: Option<BigNumber>) {
    assert_eq!(flat.map(BigNumber::from), said);
}

/// Those that can be held; the bytes of all of them are compared with the message's.
fn carried(flat: Carried<'_>, said: &BTreeMap<String, CarriedNumber>) {
    let read: BTreeMap<String, Option<Dec>> =
        flat.map(|(key, value)| (String::from_utf8(key.to_vec()).expect("checked"), value.ok())).collect();
    let said: BTreeMap<String, Option<Dec>> = said.iter().map(|(key, value)| (key.clone(), value.dec().ok())).collect();
    assert_eq!(read, said);
}

/// An odd offset is read as what it can mean.
fn instant(flat: Option<TimestampWithTimeZone>, said: Option<TimestampWithTimeZone>) {
    assert_eq!(flat, said.map(|said| said.checked().expect("the flat decoder read it")));
}

fn figures(flat: Figures<'_>, said: &BTreeMap<String, BigNumber>) {
    let entries: Vec<(String, BigNumber)> =
        flat.map(|(key, value)| (String::from_utf8(key.to_vec()).expect("checked"), value.into())).collect();
    let count = entries.len();
    let map: BTreeMap<String, BigNumber> = entries.into_iter().collect();
    assert_eq!((&map, count), (said, said.len()));
}

/// The occurrences copied out on their own say what prost read of the field.
fn repeated<M: Message + Default + PartialEq + Debug>(bytes: &[u8], field: Repeated, number: u32, said: &M) {
    let mut w = ReverseWriter::default();
    w.copy_repeated(bytes, field, number);
    assert_eq!(&M::decode(w.bytes()).expect("copied from what was read"), said);
    assert_eq!(field.count == 0, w.is_empty());
}
