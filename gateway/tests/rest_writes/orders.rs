//! Orders: replacement, and which lists show what.

use ordo_client::Form;
use ordo_core::json::message;
use ordo_core::proto::{OrderState, OrderUpdateReason, Side, SubscriptionType, TimestampWithTimeZone, UpdateAction};
use prost::Message;

use crate::sending::*;
use ordo_testkit::hub::*;

const TARGET: &str = "/order/for/XS/A/1";

/// An account with cash and one open order, `1`: 10 at 5.
fn with_order(rig: &Rig) -> FeedLine {
    let (mut line, _) = FeedLine::open(rig, "f", Form::Binary);
    let of = account("XS", "A");
    line.act(0, deposit(&of, "1000"));
    line.act(0, update(limit_order(&of, "1", Side::Buy, "10", "5"), OrderUpdateReason::New));
    line
}

fn patch(rig: &Rig, target: &str, body: &str) -> (String, String) {
    let answer = send(rig, "PATCH", target, &[JSON], body.as_bytes());
    (told(&answer), answer.text())
}

const SMALLER: &str =
    r#"{"Code":"BHP","Exchange":"XASX","Currency":"AUD","Side":"BUY","OrderType":"LIMIT","Price":5,"Quantity":4}"#;

#[test]
fn a_replaced_order_is_answered_as_it_is_now() {
    let rig = Rig::start();
    let _line = with_order(&rig);
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Orders);
    let answer = send(&rig, "PATCH", TARGET, &[JSON], SMALLER.as_bytes());
    let order: OrderState = answer.record(message::ORDER_STATE).expect("the order");
    assert_eq!((order.order_id.as_str(), figure(order.quantity)), ("1", dec("4")));
    assert_eq!(order.account, Some(account("XS", "A")), "the path names the account");
    assert_eq!(answer.body, rig.get(TARGET).body);
    assert!(rig.get("/balance/for/XS/A").text().contains("\"UnfilledBuys\":-20,"));
    assert_eq!(events_of(&heard_until_synchronised(&mut watcher)).len(), 1);
    // In binary, both ways.
    let body = OrderState { quantity: Some(number("3")), ..order }.encode_to_vec();
    let answer = send(&rig, "PATCH", TARGET, &[PROTOBUF, WANTS_PROTOBUF], &body);
    let order = OrderState::decode(&*answer.body).expect("one order");
    assert_eq!((answer.status, figure(order.quantity)), (200, dec("3")));
    let compact = send(&rig, "PATCH", TARGET, &[PROTOBUF, COMPACT], &body);
    assert!(compact.status == 200 && compact.text().contains("\"Side\":\"BUY\""), "{}", compact.text());
}

#[test]
fn a_replacement_that_changes_nothing_takes_no_position() {
    let rig = Rig::start();
    let _line = with_order(&rig);
    let now = rig.get(TARGET).text();
    let before = oms_position(&rig);
    assert_eq!(patch(&rig, TARGET, &now), ("200".into(), now.clone()));
    assert_eq!((oms_position(&rig), rig.get(TARGET).text()), (before, now));
}

#[test]
fn an_order_that_is_not_there_is_404_and_another_ones_state_422() {
    let rig = Rig::start();
    let _line = with_order(&rig);
    let before = oms_position(&rig);
    for target in ["/order/for/XS/A/2", "/order/for/XS/B/1", "/order/for//A/1", "/order/for/XT/A/1"] {
        assert_eq!(patch(&rig, target, SMALLER).0, "404", "{target}");
    }
    let with = |member: &str| SMALLER.replacen('{', &format!("{{{member},"), 1);
    let other_account = with(r#""Account":{"OwnerID":"XS","AccountID":"B"}"#);
    let other_order = with(r#""OrderID":"2""#);
    let both = with(r#""OrderID":"2","Account":{"AccountID":"A"}"#);
    assert_eq!(patch(&rig, TARGET, &other_account).0, "422 Account");
    assert_eq!(patch(&rig, TARGET, &other_order).0, "422 Order");
    assert_eq!(patch(&rig, TARGET, &both).0, "422 Account Order");
    assert_eq!(patch(&rig, TARGET, "").0, "422 Details");
    assert_eq!(patch(&rig, TARGET, r#"{"Quantity":"many"}"#).0, "400 Data.Deserialise Quantity");
    assert_eq!(oms_position(&rig), before);
    let same = with(r#""OrderID":"1","Account":{"OwnerID":"XS","AccountID":"A"}"#);
    assert_eq!(patch(&rig, TARGET, &same).0, "200");
}

/// E11 of the semantics.
#[test]
fn an_order_that_is_removed_is_answered_one_last_time() {
    let rig = Rig::start();
    let _line = with_order(&rig);
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Orders);
    let body = SMALLER.replacen('{', r#"{"RemoveAfter":"1970-01-01T00:00:00Z","#, 1);
    let (status, text) = patch(&rig, TARGET, &body);
    assert!(status == "200" && text.contains("\"RemoveAfter\":\"1970-01-01T00:00:00Z\""), "{status} {text}");
    assert_eq!(rig.get(TARGET).status, 404);
    assert!(rig.get("/balance/for/XS/A").text().contains("\"UnfilledBuys\":0,"));
    let events = events_of(&heard_until_synchronised(&mut watcher));
    assert_eq!(events[0].update_action(), UpdateAction::Remove);
    assert_eq!(patch(&rig, TARGET, SMALLER).0, "404");
}

#[test]
fn only_active_leaves_out_statuses_that_the_exchange_completes() {
    let rig = Rig::start();
    let mut line = with_order(&rig);
    let of = account("XS", "A");
    for (id, status) in [("2", "Filled"), ("3", "OnMarket")] {
        let order = OrderState { status: status.into(), ..limit_order(&of, id, Side::Buy, "1", "1") };
        line.act(0, update(order, OrderUpdateReason::New));
    }
    let active = |target: &str| {
        let orders: Vec<OrderState> = rig.get(target).records(message::ORDER_STATE).expect("orders");
        let mut ids: Vec<String> = orders.into_iter().map(|order| order.order_id).collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(active("/order?onlyActive=true"), "1 2 3");
    let exchange = r#"{"Exchange":"XASX","OrderStatuses":[{"Code":"OnMarket"},{"Code":"Filled","IsCompleted":true}]}"#;
    assert_eq!(post(&rig, "/exchange", exchange), "204");
    for target in ["/order", "/order/for/XS", "/order/for/XS/A", "/order/on/XASX"] {
        assert_eq!(active(&format!("{target}?onlyActive=true")), "1 3", "{target}");
        assert_eq!(active(target), "1 2 3", "{target}");
    }
}

#[test]
fn a_long_list_is_streamed_whole() {
    let rig = Rig::start();
    let mut line = with_order(&rig);
    let of = account("XS", "L");
    for n in 0..1200 {
        let mut order = limit_order(&of, &format!("{n:0100}"), Side::Buy, "1", "1");
        order.remove_after = Some(TimestampWithTimeZone { seconds: 4_000_000_000, ..Default::default() });
        line.send(ordo_client::messages::action("f", 0, update(order, OrderUpdateReason::New)), "");
    }
    line.act(0, deposit(&of, "1"));
    let answer = rig.get("/order/for/XS/L");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let orders: Vec<OrderState> = answer.records(message::ORDER_STATE).expect("orders");
    assert_eq!(orders.len(), 1200);
    let binary = send(&rig, "GET", "/order", &[WANTS_PROTOBUF], b"");
    let all = ordo_core::json::Delimited::new(&binary.body).map(|bytes| OrderState::decode(bytes.expect("a record")));
    assert_eq!(all.filter(|order| order.is_ok()).count(), 1201);
}
