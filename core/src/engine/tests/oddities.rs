//! What a market does although nobody planned it: trades twice, late, unknown, on what is done or gone.

use super::*;
use crate::proto::{ClientTransactionType, SettlementStatus};

#[test]
fn a_trade_seen_twice_counts_once_and_its_order_state_still_applies() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10                  -> cash A 0 -400 -600 0 | order A #1 100 40 400 open
        trade #1 T1 40@10 done             -> cash A 0 -400 0 0 | order A #1 100 40 400 done | held A 40 0 10
                                           -> events action order balance | oddities 1 0 0
        ",
    );
}

#[test]
fn a_cancelled_trade_stays_at_zero() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10 fee 5            -> cash A 0 -405 -600 0
        bust #1 T1                         -> cash A 0 0 -1000 0 | held A none | order A #1 100 0 0 open
        bust #1 T1                         -> cash A 0 0 -1000 0 | events action order
        trade #1 T1 40@10                  -> cash A 0 0 -1000 0 | oddities 1 0 0
        correct #1 T1 30@9 fee 1           -> cash A 0 -271 -700 0 | held A 30 0 9 | order A #1 100 30 270 open
        correct #1 T1 31@9                 -> cash A 0 -279 -690 0 | held A 31 0 9
        ",
    );
}

#[test]
fn a_revision_of_an_unknown_trade_books_what_the_order_says_changed() {
    check(
        "
        buy A #1 100@10 exec 40/400
        bust #1 T8 exec 30/290             -> cash A 0 110 -700 0 | held A -10 0 none | order A #1 100 30 290 open
        correct #1 T9 5@11 exec 35/-       -> cash A 0 55 -650 0 | order A #1 100 35 345 open | oddities 0 2 0
        bust #1 T7                         -> cash A 0 55 -650 0 | order A #1 100 35 345 open | oddities 0 3 0
        ",
    );
}

#[test]
fn a_revision_of_an_unknown_trade_of_an_unknown_order_moves_no_money() {
    let mut table = check("buy A #1 100@10");
    let mut action = table.action("bust #1 T1 exec 40/400");
    action.order.as_mut().unwrap().order_id = "#2".into();
    table.apply(&action);
    assert_eq!(table.order("A", "#2"), "100 40 400 open");
    assert_eq!((table.cash("A").as_str(), table.held("A").as_str()), ("0 0 -1600 0", "none"));
}

#[test]
fn a_trade_of_an_unknown_order_is_booked() {
    let mut table = check("buy A #1 100@10");
    let mut action = table.action("trade #1 T1 40@10");
    action.order.as_mut().unwrap().order_id = "#2".into();
    table.apply(&action);
    assert_eq!(table.order("A", "#2"), "100 40 400 open");
    assert_eq!((table.cash("A").as_str(), table.held("A").as_str()), ("0 -400 -1600 0", "40 0 10"));
}

#[test]
fn more_than_the_rest_of_an_order_may_trade() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 130@10                 -> cash A 0 -1300 0 0 | order A #1 100 130 1300 open
        bust #1 T1                         -> cash A 0 0 -1000 0
        amend #1 done                      -> cash A none
        trade #1 T2 10@10 done             -> cash A 0 -100 0 0 | order A #1 100 10 100 done
        amend #1 open exec 10/100          -> cash A 0 -100 -900 0 | order A #1 100 10 100 open
        amend #1 5@10                      -> cash A 0 -100 0 0 | order A #1 5 10 100 open
        amend #1 exec 0/0                  -> cash A 0 -100 -50 0 | order A #1 5 0 0 open
        ",
    );
}

#[test]
fn given_executed_figures_are_believed_and_a_difference_is_counted() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10 exec 50/-        -> cash A 0 -400 -500 0 | order A #1 100 50 400 open | oddities 0 0 1
        trade #1 T2 10@10 exec 60/500      -> cash A 0 -500 -400 0 | order A #1 100 60 500 open | oddities 0 0 1
        ",
    );
}

#[test]
fn fees_are_reserved_fund_by_fund_until_they_are_paid() {
    check(
        "
        buy A #1 100@10 est 5              -> cash A 0 0 -1005 0
        trade #1 T1 40@10 fee 3            -> cash A 0 -403 -602 0
        trade #1 T2 10@10 fee 3            -> cash A 0 -506 -500 0
        bust #1 T2                         -> cash A 0 -403 -602 0
        sell A #2 10@10 est 5              -> cash A 0 -403 -602 0 | held A 40 -10 10
        ",
    );
}

#[test]
fn a_negative_price_reserves_nothing_and_pays_the_buyer() {
    check(
        "
        buy A #1 10@-5 est 3               -> cash A none | order A #1 10 0 0 open
        trade #1 T1 4@-5                   -> cash A 0 20 0 0 | held A 4 0 -5
        ",
    );
}

#[test]
fn an_order_that_changes_its_exchange_says_which_one_it_left() {
    check(
        r#"
        sell A #1 10@1                     -> events action order holding
        amend #1 code CBA                  -> events action order -holding holding
        amend #1 exchange XNZE             -> events action order<XASX -holding holding
        trade #1 T1 2@1 exchange XASX      -> events action order<XNZE -holding holding balance transaction
        amend #1 exchange "" remove        -> events action -order<XASX holding
        // A move between accounts leaves the one under its own key; where it comes to, there was none.
        buy A #2 10@1
        amend #2 exchange XNZE to B        -> events action -order order balance balance
        // It takes the place of one that is there on another exchange.
        buy A #2 10@1 exchange XASX
        amend #2 exchange XASX to B        -> events action -order order<XNZE balance
        amend #2 done exchange XASX        -> events action order -balance
        "#,
    );
}

#[test]
fn an_order_without_currency_keeps_the_one_it_had() {
    check(
        r#"
        buy A #1 10@1                      -> cash A 0 0 -10 0
        amend #1 20@1 currency ""          -> cash A 0 0 -20 0
        buy A #2 5@1 currency ""           -> cash A/ 0 0 -5 0
        amend #2 5@1 currency USD          -> cash A/ none | cash A/USD 0 0 -5 0 | events action order -balance balance
        "#,
    );
}

#[test]
fn a_state_sent_again_makes_no_event() {
    check(
        "
        buy A #1 100@10 at 1795323845      -> events action order balance
        amend #1 at 1795323845             -> events action
        amend #1 at 1795323846             -> events action order
        cash A 0                           -> events transaction
        ",
    );
}

/// The hub filled in Created, so that a re-sent state that brings it has its fields in another order.
#[test]
fn a_state_sent_again_with_what_the_hub_filled_in_makes_no_event() {
    let mut table = check("buy A #1 100@10 at 1795323845");
    let account = table.views.account("O", "A").unwrap();
    let stored = proto::OrderState::decode(&table.views.order(account, "#1").unwrap().bytes[..]).unwrap();
    let mut action = table.action("amend #1 at 1795323845");
    action.order = Some(Box::new(stored));
    table.apply(&action);
    assert_eq!(table.events(), " action");
    // The engine kept the bytes that came last, and a view loaded from it showed others than one that had listened.
    let loaded = Views::of(&table.engine);
    assert_eq!(table.views.order(account, "#1").unwrap().bytes, loaded.order(account, "#1").unwrap().bytes);
}

#[test]
fn a_removal_needs_seconds_to_be_zero_and_nothing_else() {
    let mut table = check("buy A #1 100@10");
    let mut action = table.action("amend #1 remove");
    action.order.as_mut().unwrap().remove_after.as_mut().unwrap().nanoseconds = 1;
    table.apply(&action);
    assert_eq!(table.events(), " action -order -balance");
}

/// The trade was booked on B under an order that began on A; with the order gone, the bust found no trade and moved
/// no money.
#[test]
fn a_late_bust_after_a_move_and_a_removal_still_reverses() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 30@10
        amend #1 to B exec 30/300
        trade #1 T2 20@10                  -> cash A 0 -300 0 0 | cash B 0 -200 -500 0
        amend #1 exec 50/500 done
        amend #1 remove                    -> order B #1 gone | cash B 0 -200 0 0
        bust #1 T2 done                    -> cash B none | held B none | cash A 0 -300 0 0
        amend #1 remove
        bust #1 T1 done                    -> cash A none | held A none | oddities 0 0 0
        ",
    );
}

/// Two records under one key cannot be: the one that moves in goes on, and trades of the other can still be busted.
#[test]
fn an_order_that_moves_onto_another_takes_its_place() {
    let mut table = check(
        "
        buy B #1 50@10
        trade #1 T9 5@10                   -> cash B 0 -50 -450 0
        ",
    );
    let mut action = table.action("buy A #1 100@10");
    table.apply(&action);
    action = table.action("amend #1 to B");
    table.apply(&action);
    assert_eq!((table.cash("A").as_str(), table.cash("B").as_str()), ("none", "0 -50 -1000 0"));
    assert_eq!(table.events(), " action -order order -balance balance");
    action = table.action("bust #1 T9 exec 0/0");
    table.apply(&action);
    assert_eq!((table.cash("B").as_str(), table.held("B").as_str()), ("0 0 -1000 0", "none"));
}

#[test]
fn a_trade_of_nothing_leaves_the_average_price() {
    check(
        "
        stock A 100 price 8
        buy A #1 100@10 currency USD
        trade #1 T1 0@10 fee 2             -> held A 100 0 8 | cash A/USD 0 -2 -1000 0
        trade #1 T2 10@10                  -> held A 110 0 8.18181818
        ",
    );
}

#[test]
fn a_trade_in_another_currency_ends_the_average_price_until_flat() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 10@10                  -> held A 10 0 10
        buy A #2 100@10 currency USD
        trade #2 T1 10@10                  -> held A 20 0 none
        trade #2 T2 10@10                  -> held A 30 0 none
        sell A #3 100@10 currency USD
        trade #3 T1 30@9                   -> held A 0 -70 none
        trade #2 T3 10@7                   -> held A 10 -70 7
        trade #3 T2 15@6                   -> held A -5 -55 6
        ",
    );
}

/// A position at zero is gone; it kept the currency of its last trade, which the next transfer then showed.
#[test]
fn a_position_that_comes_again_has_no_currency_from_before() {
    let table = check(
        "
        buy A #1 100@10
        trade #1 T1 10@10 done
        stock A -10                        -> held A none
        stock A 5                          -> held A 5 0 none
        ",
    );
    let account = table.views.account("O", "A").unwrap();
    let record = table.views.holdings_of(account).next().unwrap();
    assert_eq!(proto::AssetPosition::decode(&record.bytes[..]).unwrap().currency, "");
}

#[test]
fn transactions_carry_what_was_booked_and_where() {
    let mut table = check("buy A #1 100@10");
    let mut run = |command: &str| {
        let action = table.action(command);
        table.apply(&action);
        table.transaction(&action)
    };
    let trade = run("trade #1 T1 40@9.90 fee 9.95 at 77");
    assert_eq!(trade.r#type, ClientTransactionType::Trade as i32);
    let (details, cash) = (trade.details.unwrap(), trade.cash_transfer.unwrap());
    let asset = trade.asset_transfer.unwrap();
    assert_eq!((details.transaction_id.as_str(), details.timestamp.unwrap().seconds), ("T1", 77));
    assert_eq!((plain(cash.value), cash.settlement), ("-396".into(), SettlementStatus::Unbooked as i32));
    assert_eq!((cash.currency.as_str(), plain(Some(cash.additional_funds["Brokerage"]))), ("AUD", "9.95".into()));
    assert_eq!((asset.order_id.as_deref(), plain(asset.value)), (Some("#1"), "40".into()));

    let moved = run("correct #1 T1 50@9.80 to B");
    assert_eq!(moved.r#type, ClientTransactionType::Adjustment as i32);
    let details = moved.details.unwrap();
    assert_eq!((details.transaction_id.as_str(), details.account.unwrap().account_id.as_str()), ("T1/1", "A"));
    let (cash, asset) = (moved.cash_adjustment.unwrap(), moved.asset_adjustment.unwrap());
    assert_eq!((plain(cash.value), plain(asset.value)), ("-84.05".into(), "10".into()));
    assert_eq!((cash.reason.as_str(), asset.reason.as_str()), ("TradeCorrection", "TradeCorrection"));
    assert_eq!((cash.settlement, asset.code.as_str()), (SettlementStatus::Unbooked as i32, "BHP"));

    let bust = run("bust #1 T1");
    assert_eq!(bust.details.unwrap().transaction_id, "T1/2");
    let cash = bust.cash_adjustment.unwrap();
    assert_eq!((plain(cash.value), cash.reason.as_str()), ("490".into(), "TradeCancel"));
    assert_eq!(plain(bust.asset_adjustment.unwrap().value), "-50");

    let transfer = run("cash A 5");
    let details = transfer.details.unwrap();
    assert_eq!((details.transaction_id.len(), transfer.r#type), (22, ClientTransactionType::CashTransfer as i32));
    assert_eq!(plain(transfer.cash_transfer.unwrap().value), "5");
}

/// So few units that the twelfth place shows; the last two are halves, which go to the even neighbour.
#[test]
fn a_cost_is_divided_to_twelve_places_half_even() {
    check(
        "
        stock A 3 price 1
        stock A 4 price 1.01               -> held A 7 0 1.00571429
        stock A -6.9999                    -> held A 0.0001 0 1.00571429
        stock B 0.000002 price 0.0000015
        stock B -0.000001                  -> held B 0.000001 0 0.000002
        stock C 0.000002 price 0.0000025
        stock C -0.000001                  -> held C 0.000001 0 0.000002
        stock D -0.000002 price 0.0000015
        stock D 0.000001                   -> held D -0.000001 0 0.000002
        ",
    );
}
