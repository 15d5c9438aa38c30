//! Each refusal by its code; `check` sees to it that none changes anything.

use super::*;
use crate::refusal::Code;

#[test]
fn orders_need_keys_and_no_negative_quantity() {
    check(
        r#"
        buy A #1 100@10
        buy "" #2 100@10                   -> refused Account | events
        buy A "" 100@10                    -> refused Order | events
        buy "" "" -1@10                    -> refused Account Order TotalQuantity
        amend #1 -100@10                   -> refused TotalQuantity | order A #1 100 0 0 open | events
        "#,
    );
}

#[test]
fn trades_need_a_side_a_kind_a_price_and_a_quantity() {
    let mut table = check(
        r#"
        buy A #1 100@10
        buy A #2 100@10 side 0
        buy A #3 100@10 side 77            -> order A #3 100 0 0 open | cash A 0 0 -1000 0
        trade #2 T1 1@1                    -> refused Side | held A none
        trade #3 T1 1@1                    -> refused Side
        trade #1 T1 -@1                    -> refused Data
        trade #1 T1 1@-                    -> refused Data
        trade #1 T1 -1@1                   -> refused TotalQuantity
        correct #1 T1 1@-                  -> refused Data
        trade #1 T1 1@1                    -> held A 1 0 1
        "#,
    );
    for kind in [0, 1, 13, -1, i32::MAX] {
        let mut action = table.action("trade #1 T9 1@1");
        action.trade.as_mut().unwrap().r#type = kind;
        refused(&mut table, &action, &[Code::OperationUnknown]);
    }
}

#[test]
fn transfers_need_an_account_and_what_is_moved() {
    let mut table = check(
        r#"
        cash "" 1                          -> refused Account | events
        cash "" 1 currency ""              -> refused Account Currency
        cash A 1 currency ""               -> refused Currency
        cash A 1 unheard-of                -> refused Settlement
        stock "" 1 exchange "" code ""     -> refused Account Exchange Symbol
        stock A 1 code ""                  -> refused Symbol
        "#,
    );
    let mut action = table.action("cash A 1");
    action.cash_transfer = None;
    refused(&mut table, &action, &[Code::Details]);
    let mut action = table.action("stock A 1");
    action.asset_transfer = None;
    refused(&mut table, &action, &[Code::Details]);
}

#[test]
fn what_is_no_action_is_refused() {
    let mut table = Table::new();
    let request = |r#type, action| proto::FeedRequest { r#type, action, ..Default::default() }.encode_to_vec();
    let action = FeedRequestType::Action as i32;
    for (bytes, reject) in [
        (request(action, None), Code::Details),
        (request(action, Some(proto::ExternalAction::default())), Code::OperationUnknown),
        (request(action, Some(proto::ExternalAction { r#type: 999, ..Default::default() })), Code::OperationUnknown),
        (request(0, None), Code::OperationUnknown),
        (request(-5, Some(proto::ExternalAction::default())), Code::OperationUnknown),
    ] {
        table.apply_bytes(&bytes);
        assert_eq!(table.outcome.refusals[..], [reject]);
        assert_eq!(table.engine.state.hash, 0);
    }
    assert_eq!(table.engine.oddities().refused, 5);
}

/// A result of more than 38 digits, wherever in the update it would arise, refuses all of it.
#[test]
fn a_figure_that_cannot_be_held_refuses_the_whole_update() {
    let large = "170141183460469231731687303715884105727";
    check(&format!(
        "
        cash A {large}                     -> cash A {large} 0 0 0
        cash A 1                           -> refused NumberOutOfRange | cash A {large} 0 0 0 | events
        cash A 0.1                         -> refused NumberOutOfRange
        cash A 1 reverse                   -> cash A 170141183460469231731687303715884105726 1 0 0
        cash A 1 settle fund -1            -> refused NumberOutOfRange
        cash A {large} pool P
        cash A 1 pool P                    -> refused NumberOutOfRange
        buy A #1 {large}@10                -> refused NumberOutOfRange | order A #1 gone | events
        buy A #1 100@10 est {large}        -> refused NumberOutOfRange | order A #1 gone
        buy A #1 100@10                    -> cash A 170141183460469231731687303715884105726 1 -1000 0 P={large}
        amend #1 100@{large}               -> refused NumberOutOfRange | order A #1 100 0 0 open
        trade #1 T1 2@{large}              -> refused NumberOutOfRange | held A none | order A #1 100 0 0 open
        trade #1 T1 1@1 fee {large}        -> refused NumberOutOfRange | order A #1 100 0 0 open
        trade #1 T1 1@1                    -> held A 1 0 1 | oddities 0 0 0
        correct #1 T1 3@{large}            -> refused NumberOutOfRange | held A 1 0 1
        bust #1 T1                         -> held A none
        stock A {large}                    -> held A {large} 0 none
        stock A 1                          -> refused NumberOutOfRange | held A {large} 0 none
        stock B 2 price {large}            -> refused NumberOutOfRange | held B none
        sell B #2 {large}@1
        sell B #3 1@1                      -> refused NumberOutOfRange | order B #3 gone
        "
    ));
}

fn refused(table: &mut Table, action: &proto::ExternalAction, rejects: &[Code]) {
    let hash = table.engine.state.hash;
    table.apply(action);
    assert_eq!(table.outcome.refusals[..], *rejects);
    assert_eq!(table.events(), "");
    assert_eq!(table.engine.state.hash, hash, "a refusal changes nothing");
}

#[test]
fn a_trade_is_told_all_its_problems_at_once() {
    let mut table = Table::new();
    let trade = proto::OrderTrade { trade_id: "T1".into(), r#type: 10, ..Default::default() };
    let action = proto::ExternalAction {
        r#type: proto::ExternalActionType::Trade as i32,
        trade: Some(Box::new(trade)),
        ..Default::default()
    };
    refused(&mut table, &action, &[Code::Account, Code::Order, Code::Side, Code::Data]);
}

#[test]
fn ids_of_more_than_256_bytes_are_refused_by_their_code() {
    let (fits, long) = ("x".repeat(256), "x".repeat(257));
    check(&format!(
        "
        buy {fits} #1 100@10
        buy {long} #2 100@10               -> refused Account | events
        buy {long}:A #2 100@10             -> refused Owner
        buy A {fits} 100@10
        buy A {long} 100@10                -> refused Order
        buy A #2 100@10 code {long} exchange {long} currency {long} -> refused Exchange Symbol Currency
        buy A #3 100@10
        trade #3 {long} 1@1                -> refused TradeID | held A none
        trade #3 {fits} 1@1                -> held A 1 0 1
        amend #3 100@10 to {long}          -> refused Account
        cash {long} 1                      -> refused Account
        cash A 1 currency {long}           -> refused Currency
        stock A 1 code {long} exchange {long} -> refused Exchange Symbol
        symbol BHP {long}                  -> refused Symbol
        currency AUD {long}                -> refused Currency
        account A {long}                   -> refused Account
        owner O {long}                     -> refused Owner
        exchange {long}                    -> refused Exchange
        "
    ));
    let mut table = Table::new();
    let mut action = table.action("buy A #1 100@10");
    action.order.as_mut().unwrap().request_id = long.clone();
    refused(&mut table, &action, &[Code::RequestId]);
    let order = table.action(&format!("buy A {long} 100@10"));
    let r#type = FeedRequestType::Action as i32;
    let bytes = proto::FeedRequest { r#type, action: Some(order), ..Default::default() }.encode_to_vec();
    table.apply_at(Stamp { rules: crate::record::Rules::V1, ..table.next_stamp() }, &bytes);
    assert!(table.outcome.is_accepted(), "the first rules knew no limit");
}
