//! What the back-to-front writer writes is what prost reads: every event of random outcomes, against the action that
//! made it and the outcome it was made of.

mod naive;

use naive::figure::Figure;
use naive::hub::{Hub, request};
use naive::stream::Stream;
use ordo_core::encode;
use ordo_core::names::Names;
use ordo_core::outcome::{BalanceEvent, Booking, HoldingEvent, Outcome, TransactionEvent};
use ordo_core::proto::{self, DESCRIPTOR_SET, TimestampWithTimeZone, UpdateEventType};
use ordo_core::wire::ReverseWriter;
use ordo_testkit::seeds::for_seeds;
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

#[test]
fn every_event_says_what_the_outcome_and_the_action_say() {
    let mut seen = [0; 6];
    for_seeds(400..408, |seed| {
        let (mut hub, mut stream) = (Hub::new(), Stream::new(seed));
        for _ in 0..700 {
            let mut action = stream.next();
            // Carried and shown, never interpreted.
            action.version = 7;
            hub.apply_and_listen(&action);
            check(&hub, &action, &mut seen);
        }
    });
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

/// Takes the events in the order in which they are sent.
fn check(hub: &Hub, action: &proto::ExternalAction, seen: &mut [usize; 6]) {
    let (outcome, names) = (&hub.outcome, hub.views.names());
    let mut events = hub.events.iter();
    if let Some(told) = &outcome.action {
        seen[0] += 1;
        let event = next(&mut events, UpdateEventType::Action, false);
        let shown = event.action.as_ref().expect("an action");
        let order = proto::OrderState::decode(outcome.bytes_of(told.state)).expect("an order");
        let expected = proto::ExternalAction { order: Some(Box::new(order)), ..action.clone() };
        assert_eq!(shown, &expected);
    }
    for told in &outcome.orders {
        seen[1] += 1;
        let event = next(&mut events, UpdateEventType::Order, told.removed);
        let order = proto::OrderState::decode(outcome.bytes_of(told.state)).expect("an order");
        assert_eq!(event.order.as_deref(), Some(&order));
        assert_eq!(order.is_completed, told.completed);
        assert_eq!(order.account, account(names, told.account.index()));
    }
    for told in &outcome.holdings {
        seen[2] += 1;
        let event = next(&mut events, UpdateEventType::Holding, told.removed);
        assert_holding(event.holding.as_deref().expect("a holding"), told, names);
    }
    for told in &outcome.balances {
        seen[3] += 1;
        let event = next(&mut events, UpdateEventType::Balance, told.removed);
        let shown = event.balance.as_deref().expect("a balance");
        assert_balance(shown, told, outcome, names);
        seen[5] += usize::from(!shown.values.is_empty());
    }
    if let Some(told) = &outcome.transaction {
        seen[4] += 1;
        let event = next(&mut events, UpdateEventType::Transaction, false);
        assert_transaction(event.transaction.as_ref().expect("a transaction"), told, action, outcome, names);
    }
    assert_eq!(events.next(), None);
}

fn next<'a>(
    events: &mut impl Iterator<Item = &'a proto::UpdateEvent>,
    kind: UpdateEventType,
    removed: bool,
) -> &'a proto::UpdateEvent {
    let event = events.next().expect("an event for each that was told");
    assert_eq!((event.r#type, event.update_action), (kind as i32, i32::from(removed)));
    event
}

fn account(names: &Names, number: usize) -> Option<proto::Account> {
    let name = &names.accounts[number];
    Some(proto::Account { owner_id: name.owner.to_string(), account_id: name.account.to_string() })
}

fn assert_balance(shown: &proto::CashPosition, told: &BalanceEvent, outcome: &Outcome, names: &Names) {
    let figures = [told.balance, told.unbooked, told.unfilled_buys, told.margin].map(|figure| Some(figure.into()));
    assert_eq!([shown.balance, shown.unbooked_transactions, shown.unfilled_buys, shown.margin], figures);
    assert_eq!(shown.account, account(names, told.account.index()));
    assert_eq!(shown.currency, names.currency(told.currency));
    let pools = proto::CashPosition::decode(outcome.bytes_of(told.values)).expect("entries of a record");
    assert_eq!(shown.values, pools.values);
}

fn assert_holding(shown: &proto::AssetPosition, told: &HoldingEvent, names: &Names) {
    let figures = [told.quantity, told.unfilled_sells].map(|figure| Some(figure.into()));
    assert_eq!([shown.quantity, shown.unfilled_sells], figures);
    let instrument = names.instrument(told.instrument);
    assert_eq!((shown.exchange.as_str(), shown.code.as_str()), (&*instrument.exchange, &*instrument.code));
    assert_eq!(shown.account, account(names, told.account.index()));
    assert_eq!(shown.currency, names.currency(told.currency));
}

fn assert_transaction(
    shown: &proto::ClientTransaction,
    told: &TransactionEvent,
    action: &proto::ExternalAction,
    outcome: &Outcome,
    names: &Names,
) {
    let now = TimestampWithTimeZone::from_unix_nanos(outcome.stamp.time_ns);
    let details = shown.details.as_deref().expect("always there");
    assert_eq!(details.account, account(names, told.account.index()));
    match told.booking {
        Booking::CashTransfer => {
            assert_eq!((shown.r#type, &shown.cash_transfer), (21, &action.cash_transfer));
            assert_details_of_transfer(details, action, now);
        }
        Booking::AssetTransfer => {
            assert_eq!((shown.r#type, &shown.asset_transfer), (20, &action.asset_transfer));
            assert_details_of_transfer(details, action, now);
        }
        Booking::TransferAdjustment { .. } => panic!("the stream has no form of the older protocol"),
        Booking::Trade { cash, stock } => {
            assert_eq!(shown.r#type, 10);
            assert_details_of_trade(details, action, now);
            let (trade, order) = (action.trade.as_deref().unwrap(), action.order.as_deref().unwrap());
            assert_eq!(details.transaction_id, trade.trade_id);
            let money = shown.cash_transfer.as_deref().expect("a cash leg");
            assert_eq!((money.settlement, money.value), (1, Some(cash.into())));
            assert_eq!(&money.additional_funds, &trade.additional_funds);
            assert_eq!(money.currency, names.currency(told.currency));
            let asset = shown.asset_transfer.as_deref().expect("a stock leg");
            assert_eq!((asset.value, asset.order_id.as_ref()), (Some(stock.into()), Some(&order.order_id)));
            assert_eq!((&asset.exchange, &asset.code), (&order.exchange, &order.code));
            assert_eq!(asset.ex_destination, trade.ex_destination);
        }
        Booking::Adjustment { cash, stock, cancel } => {
            assert_eq!(shown.r#type, 11);
            assert_details_of_trade(details, action, now);
            let id = action.trade.as_deref().unwrap().trade_id.clone() + "/";
            assert!(details.transaction_id.strip_prefix(&id).is_some_and(|count| count.parse::<u32>().is_ok()));
            let reason = if cancel { "TradeCancel" } else { "TradeCorrection" };
            let money = shown.cash_adjustment.as_deref().expect("always both");
            assert_eq!((money.value, money.reason.as_str(), money.settlement), (Some(cash.into()), reason, 1));
            assert_eq!((money.currency.as_str(), &money.pool), (names.currency(told.currency), &None));
            let asset = shown.asset_adjustment.as_deref().expect("always both");
            assert_eq!((asset.value, asset.reason.as_str()), (Some(stock.into()), reason));
        }
    }
}

fn assert_details_of_transfer(
    shown: &proto::TransactionDetails,
    action: &proto::ExternalAction,
    now: TimestampWithTimeZone,
) {
    let mut expected = action.transaction.as_deref().expect("it was accepted").clone();
    expected.timestamp = expected.timestamp.or(Some(now));
    if expected.transaction_id.is_empty() {
        expected.transaction_id.clone_from(&shown.transaction_id);
        assert_eq!(shown.transaction_id.len(), 22);
    }
    assert_eq!(shown, &expected);
}

fn assert_details_of_trade(
    shown: &proto::TransactionDetails,
    action: &proto::ExternalAction,
    now: TimestampWithTimeZone,
) {
    let update = action.update.as_deref().cloned().unwrap_or_default();
    assert_eq!((&shown.values, &shown.properties, &shown.i_ds), (&update.values, &update.properties, &update.i_ds));
    assert_eq!(shown.timestamp, action.order.as_ref().expect("it was accepted").timestamp.or(Some(now)));
}

/// A field that the schema does not have would be lost on every reader.
#[test]
fn no_event_has_a_field_that_the_schema_has_not() {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).expect("the build wrote it");
    let descriptor = pool.all_messages().find(|message| message.name() == "EventMessage").expect("in the schema");
    let (mut hub, mut stream) = (Hub::new(), Stream::new(9));
    for _ in 0..400 {
        hub.apply_and_listen(&stream.next());
        assert_known(&hub.written, &descriptor);
    }
}

fn assert_known(bytes: &[u8], descriptor: &MessageDescriptor) {
    fn known(message: &DynamicMessage) -> bool {
        message.unknown_fields().next().is_none() && message.fields().all(|(_, value)| known_value(value))
    }
    fn known_value(value: &Value) -> bool {
        match value {
            Value::Message(message) => known(message),
            Value::List(items) => items.iter().all(known_value),
            Value::Map(entries) => entries.values().all(known_value),
            _ => true,
        }
    }
    assert!(known(&DynamicMessage::decode(descriptor.clone(), bytes).expect("prost read it too")));
}

#[test]
fn records_at_rest_are_shown_as_they_are() {
    let (mut hub, mut stream) = (Hub::new(), Stream::new(3));
    hub.run(&mut stream, 200);
    for record in hub.views.orders().iter() {
        let mut w = ReverseWriter::default();
        encode::record_event(&mut w, UpdateEventType::Order, &record.bytes);
        encode::replace_action_event(&mut w, &record.bytes);
        let message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
        let order = proto::OrderState::decode(&record.bytes[..]).expect("a record is a message");
        let [action, shown] = &message.updates[..] else { panic!("{} events", message.updates.len()) };
        assert_eq!(shown.order.as_deref(), Some(&order));
        let action = action.action.as_ref().expect("an action");
        assert_eq!((action.r#type, action.order.as_deref()), (111, Some(&order)));
    }
}

/// What is in the order's bytes and not in the schema stays there; the records still read.
#[test]
fn unknown_fields_and_any_order_of_fields_are_carried() {
    let mut hub = Hub::new();
    let order = proto::OrderState {
        order_id: "#1".into(),
        account: Some(proto::Account { account_id: "A".into(), owner_id: "O".into() }),
        quantity: Some(naive::stream::number("100")),
        side: 1,
        price: Some(naive::stream::number("10")),
        ..Default::default()
    };
    let action = proto::ExternalAction { r#type: 110, order: Some(Box::new(order)), ..Default::default() };
    // Field 1999 of the order, in front of all others.
    let inner = [&b"\xfa\x7c\x03new"[..], &action.order.as_ref().unwrap().encode_to_vec()].concat();
    let mut outer = b"\x10\x6e\x52".to_vec();
    encode_varint(inner.len() as u64, &mut outer);
    outer.extend_from_slice(&inner);
    let mut bytes = b"\x08\x15\xaa\x01".to_vec();
    encode_varint(outer.len() as u64, &mut bytes);
    bytes.extend_from_slice(&outer);
    assert!(hub.apply_bytes(&bytes));
    let record = hub.views.orders().iter().next().expect("one order");
    assert!(record.bytes.windows(6).any(|window| window == b"\xfa\x7c\x03new"));
    assert!(hub.apply(&action));
    let balance = hub.records().balances.into_values().next().expect("one balance");
    assert_eq!(balance.unfilled_buys, Figure::from(-1_000));
    assert_eq!(proto::FeedRequest::decode(&request(&action)[..]).expect("prost's own").action, Some(action));
}

#[test]
fn varints_have_the_length_that_was_told() {
    for shift in 0..64 {
        for value in [(1u64 << shift) - 1, 1 << shift, u64::MAX >> shift] {
            let mut out = Vec::new();
            encode_varint(value, &mut out);
            let mut w = ReverseWriter::default();
            w.varint(value);
            assert_eq!((out.len(), &out[..]), (encoded_len_varint(value), w.bytes()));
            assert_eq!(prost::encoding::decode_varint(&mut &out[..]), Ok(value));
        }
    }
}
