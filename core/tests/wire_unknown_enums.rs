//! Numbers that no enum of the schema names, as a newer adapter would send them: kept and passed on wherever the hub
//! only carries them, in events, in records at rest and in JSON; refused where it would have to act on them.

mod naive;

use naive::hub::Hub;
use naive::stream::{deposit, number};
use ordo_core::engine::Engine;
use ordo_core::json::{self, MessageId, Style, message};
use ordo_core::proto::{self, ExternalActionType, OrderTradeType};
use ordo_core::refusal::Code;
use ordo_core::wire::OrderState;
use prost::Message;

const UNKNOWN: [i32; 4] = [9_999, -1, i32::MIN, i32::MAX];

/// An order that uses the unknown number in all that is carried.
fn order(unknown: i32) -> proto::OrderState {
    proto::OrderState {
        order_id: "#1".into(),
        account: Some(proto::Account { account_id: "A".into(), owner_id: "O".into() }),
        code: "BHP".into(),
        exchange: "XASX".into(),
        currency: "AUD".into(),
        quantity: Some(number("100")),
        price: Some(number("10.50")),
        side: unknown,
        order_type: unknown,
        lifetime: unknown,
        ..Default::default()
    }
}

fn action(r#type: ExternalActionType, order: proto::OrderState) -> proto::ExternalAction {
    proto::ExternalAction { r#type: r#type as i32, order: Some(Box::new(order)), ..Default::default() }
}

fn update(unknown: i32) -> proto::ExternalAction {
    let update = proto::OrderUpdate { r#type: unknown, reason: unknown, ..Default::default() };
    let update = Some(Box::new(update));
    proto::ExternalAction { version: unknown, update, ..action(ExternalActionType::Update, order(unknown)) }
}

fn trade(kind: i32, side: i32) -> proto::ExternalAction {
    let trade = proto::OrderTrade {
        trade_id: "T1".into(),
        r#type: kind,
        price: Some(number("10.50")),
        quantity: Some(number("40")),
        ..Default::default()
    };
    let order = proto::OrderState { side, ..order(9_999) };
    proto::ExternalAction { trade: Some(Box::new(trade)), ..action(ExternalActionType::Trade, order) }
}

fn text(id: MessageId, bytes: &[u8], is_compact: bool) -> String {
    let mut out = Vec::new();
    json::from_binary(id, bytes, Style { is_compact }, &mut out).expect("the hub's own bytes");
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[test]
fn an_unknown_number_that_is_only_carried_is_passed_on() {
    for unknown in UNKNOWN {
        let mut hub = Hub::new();
        let sent = update(unknown);
        assert!(hub.apply_and_listen(&sent), "{:?}", hub.outcome.refusals);
        let shown = hub.events.iter().find_map(|event| event.action.as_ref()).expect("the action as received");
        let (update, given) = (shown.update.as_deref().expect("given"), sent.update.as_deref().expect("given"));
        assert_eq!((shown.version, update.r#type, update.reason), (unknown, given.r#type, given.reason));
        let orders = hub.events.iter().filter_map(|event| event.order.as_deref().or(shown.order.as_deref()));
        for order in orders {
            assert_eq!((order.side, order.order_type, order.lifetime), (unknown, unknown, unknown));
        }
        for is_compact in [false, true] {
            let event = text(message::EVENT_MESSAGE, &hub.written, is_compact);
            for name in ["Side", "OrderType", "Lifetime", "Reason", "Version"] {
                assert!(event.contains(&format!("\"{name}\":{unknown}")), "{name} in {event}");
            }
        }
    }
}

#[test]
fn an_unknown_number_survives_in_the_record_and_a_restart() {
    for unknown in UNKNOWN {
        let mut hub = Hub::new();
        assert!(hub.apply(&update(unknown)));
        let before = hub.engine.image();
        hub.restart();
        assert_eq!(Engine::from_image(&before).expect("just made").image(), before);
        let record = hub.views.orders().iter().next().expect("one order");
        let flat = OrderState::decode(&record.bytes).expect("a stored order");
        assert_eq!((flat.side, flat.order_type, flat.lifetime), (unknown, unknown, unknown));
        let shown = text(message::ORDER_STATE, &record.bytes, true);
        assert!(shown.contains(&format!("\"Side\":{unknown},\"OrderType\":{unknown}")), "{shown}");
        let mut again = Vec::new();
        json::to_binary(message::ORDER_STATE, shown.as_bytes(), json::Read::default(), &mut again).expect("its own");
        let stored = proto::OrderState::decode(&*record.bytes).expect("a stored order");
        assert_eq!(proto::OrderState::decode(&again[..]).expect("an order"), stored);
    }
}

#[test]
fn an_unknown_number_that_the_hub_would_act_on_is_refused() {
    for unknown in UNKNOWN {
        let mut transfer = deposit("A", "100");
        transfer.cash_transfer.as_mut().expect("given").settlement = unknown;
        for (sent, reject) in [
            (proto::ExternalAction { r#type: unknown, ..update(0) }, Code::OperationUnknown),
            (trade(OrderTradeType::Trade as i32, unknown), Code::Side),
            (trade(unknown, 1), Code::OperationUnknown),
            (transfer, Code::Settlement),
        ] {
            let mut hub = Hub::new();
            let before = hub.records();
            assert!(!hub.apply_and_listen(&sent), "{sent:?}");
            assert_eq!(hub.outcome.refusals[..], [reject], "{sent:?}");
            assert_eq!(hub.records(), before, "a refusal changes nothing");
        }
    }
}
