//! What transforms cost where there is much to look at. Measured by hand, in a release build; asserts no times.

use std::time::Instant;

use super::transform_command::operation;
use super::*;
use crate::proto::{ExternalActionType, OrderTradeType};

const ORDERS: usize = 1_000_000;
const ACCOUNTS: usize = 1_000;

fn order(at: usize) -> proto::OrderState {
    proto::OrderState {
        order_id: format!("#{at}"),
        account: super::command::account_of(&format!("A{}", at % ACCOUNTS)),
        code: ["BHP", "CBA", "NAB", "ANZ"][at / ACCOUNTS % 4].into(),
        exchange: "XASX".into(),
        currency: "AUD".into(),
        external_id: format!("EX{at:012}"),
        group: "day".into(),
        ex_destination: "Lit".into(),
        status: "OnMarket".into(),
        side: 1,
        price: Some(figure("10.25")),
        quantity: Some(figure("100")),
        ..Default::default()
    }
}

/// An order with a trade of a part of it.
fn bytes(at: usize) -> Vec<u8> {
    let trade = proto::OrderTrade {
        trade_id: "T1".into(),
        r#type: OrderTradeType::Trade as i32,
        price: Some(figure("10.25")),
        quantity: Some(figure("40")),
        ..Default::default()
    };
    let action = proto::ExternalAction {
        r#type: ExternalActionType::Trade as i32,
        order: Some(Box::new(order(at))),
        trade: Some(Box::new(trade)),
        ..Default::default()
    };
    let r#type = FeedRequestType::Action as i32;
    proto::FeedRequest { r#type, action: Some(action), ..Default::default() }.encode_to_vec()
}

#[test]
#[ignore = "a measurement: run it alone, in a release build, with --nocapture"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn cost_of_transforms_over_a_million_orders() {
    let mut engine = Engine::new(ORDERS);
    let mut out = Outcome::default();
    let mut apply = |engine: &mut Engine, bytes: &[u8]| {
        let request = FeedRequest::decode(bytes).expect("written by prost");
        let sequence = engine.sequence() + 1;
        let stamp = Stamp { sequence, time_ns: 1_000_000_000 + sequence, feed: FeedNo::OMS, ..Stamp::default() };
        let start = Instant::now();
        engine.apply(Input { stamp, bytes, request: &request }, &mut out);
        (start.elapsed(), out.orders.len())
    };
    for at in 0..ORDERS {
        apply(&mut engine, &bytes(at));
    }
    println!("{ORDERS} orders with a trade each, {ACCOUNTS} accounts");
    for command in [
        "exchange XASX OnMarket=open Held=open Expired=done",
        "restate Held from Elsewhere",
        "restate Held code NAB",
        "restate Held",
        "restate Expired",
        "account A7 B7",
        "account A8 B7",
        "symbol BHP BHX",
        "currency AUD AUX",
        "owner O P",
        "remove Expired code NAB",
        "undefine P",
    ] {
        let r#type = FeedRequestType::Operation as i32;
        let operation = operation(command).map(Box::new);
        let bytes = proto::FeedRequest { r#type, operation, ..Default::default() }.encode_to_vec();
        let (time, events) = apply(&mut engine, &bytes);
        println!("{command:30} {:>8.1} ms  {events:>8} order events", time.as_secs_f64() * 1e3);
    }
    assert_eq!(engine.counts().orders, 0);
}
