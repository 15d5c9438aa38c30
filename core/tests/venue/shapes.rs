//! Shapes of queues and prices at which books go wrong.

use ordo_core::venue::{Book, Event, NewOrder, PRICE_MAX, PRICE_MIN, Rules, Side};

use crate::text::check;

#[test]
fn orders_trade_by_price_then_time_at_the_resting_price() {
    check(
        Rules::default(),
        &[
            ("sell #1 5 @101", "+1"),
            ("sell #2 5 @100", "+2"),
            ("sell #3 5 @100", "+3"),
            ("buy #4 12 @101", "+4  4x2 5@100  4x3 5@100  4x1 2@101"),
        ],
    );
}

#[test]
fn a_sweep_skips_a_cancelled_head_and_a_cancelled_middle() {
    let queue = [("buy #1 1 @10", "+1"), ("buy #2 2 @10", "+2"), ("buy #3 3 @10", "+3"), ("buy #4 4 @10", "+4")];
    let head = [("cancel #1", "-1 1 Requested"), ("sell #9 9 @10", "+9  9x2 2@10  9x3 3@10  9x4 4@10")];
    check(Rules::default(), &[&queue[..], &head[..]].concat());
    let middle =
        [("cancel #2", "-2 2 Requested"), ("cancel #3", "-3 3 Requested"), ("sell #9 5 @10", "+9  9x1 1@10  9x4 4@10")];
    let book = check(Rules::default(), &[&queue[..], &middle[..]].concat());
    assert!(book.is_empty());
    let tail = [
        ("cancel #4", "-4 4 Requested"),
        ("buy #5 5 @10", "+5"),
        ("sell #9 7 @10", "+9  9x1 1@10  9x2 2@10  9x3 3@10  9x5 1@10"),
    ];
    check(Rules::default(), &[&queue[..], &tail[..]].concat());
}

#[test]
fn an_amend_into_a_cross_trades_with_price_improvement() {
    let book = check(
        Rules::default(),
        &[
            ("sell #1 5 @101", "+1"),
            ("sell #2 5 @103", "+2"),
            ("buy #3 7 @100", "+3"),
            ("amend #3 7 @104", "~3 7@104  3x1 5@101  3x2 2@103"),
            ("cancel #3", "!3 UnknownId"),
        ],
    );
    assert_eq!(book.depth_at(Side::Sell, 103), 3);
}

#[test]
fn an_amend_that_trades_in_part_stands_at_its_new_price() {
    let book = check(
        Rules::default(),
        &[
            ("sell #1 5 @101", "+1"),
            ("buy #2 9 @100", "+2"),
            ("amend #2 9 @102", "~2 9@102  2x1 5@101"),
            ("sell #3 4 @102", "+3  3x2 4@102"),
        ],
    );
    assert!(book.is_empty());
}

#[test]
fn a_sibling_at_the_same_price_survives_a_reprice() {
    let book = check(
        Rules::default(),
        &[
            ("buy #1 1 @10", "+1"),
            ("buy #2 2 @10", "+2"),
            ("amend #1 1 @9", "~1 1@9"),
            ("amend #1 1 @10", "~1 1@10"),
            ("sell #3 3 @10", "+3  3x2 2@10  3x1 1@10"),
        ],
    );
    assert!(book.is_empty());
}

#[test]
fn less_keeps_priority_and_more_loses_it() {
    let queue = [("buy #1 5 @10", "+1"), ("buy #2 5 @10", "+2")];
    let less = [("amend #1 2 @10", "~1 2@10"), ("sell #3 3 @10", "+3  3x1 2@10  3x2 1@10")];
    check(Rules::default(), &[&queue[..], &less[..]].concat());
    let same = [("amend #1 5 @10", "~1 5@10"), ("sell #3 3 @10", "+3  3x1 3@10")];
    check(Rules::default(), &[&queue[..], &same[..]].concat());
    let more = [("amend #1 6 @10", "~1 6@10"), ("sell #3 7 @10", "+3  3x2 5@10  3x1 2@10")];
    check(Rules::default(), &[&queue[..], &more[..]].concat());
}

#[test]
fn a_move_keeps_priority() {
    check(
        Rules::default(),
        &[
            ("buy #1 5 @10", "+1"),
            ("buy #2 5 @10", "+2"),
            ("move #1 to 77", "1 to 77"),
            ("sell #3 6 @10", "+3  3x1 5@10  3x2 1@10"),
            ("move #1 to 78", "!1 UnknownId"),
        ],
    );
}

#[test]
fn a_cancel_or_amend_after_a_full_fill_is_refused() {
    check(
        Rules::default(),
        &[
            ("buy #1 5 @10", "+1"),
            ("sell #2 5 @10", "+2  2x1 5@10"),
            ("cancel #1", "!1 UnknownId"),
            ("cancel #2", "!2 UnknownId"),
            ("amend #1 4 @10", "!1 UnknownId"),
        ],
    );
}

#[test]
fn ids_are_used_again_after_cancel_and_fill_and_not_before() {
    let book = check(
        Rules::default(),
        &[
            ("buy #1 5 @10", "+1"),
            ("buy #1 5 @11", "!1 DuplicateId"),
            ("sell #1 5 @10", "!1 DuplicateId"),
            ("cancel #1", "-1 5 Requested"),
            ("sell #1 3 @12", "+1"),
            ("buy #2 3 @12", "+2  2x1 3@12"),
            ("buy #1 7 @9", "+1"),
            ("buy #2 7 @9", "+2"),
        ],
    );
    assert_eq!(book.order(1).map(|order| (order.side, order.price, order.left)), Some((Side::Buy, 9, 7)));
}

#[test]
fn the_next_price_is_best_once_the_top_level_is_cancelled() {
    let book = check(
        Rules::default(),
        &[
            ("buy #1 1 @100", "+1"),
            ("buy #2 1 @36", "+2"),
            ("buy #3 1 @-5000000", "+3"),
            ("cancel #1", "-1 1 Requested"),
            ("sell #4 1 @100", "+4"),
            ("sell #5 1 @36", "+5  5x2 1@36"),
            ("sell #6 2 market", "+6  6x3 1@-5000000  -6 1 Immediate"),
        ],
    );
    assert_eq!(book.best(Side::Buy), None);
    assert_eq!(book.best(Side::Sell).map(|best| best.price), Some(100));
}

#[test]
fn the_rest_of_an_immediate_order_never_stands() {
    let book = check(
        Rules::default(),
        &[
            ("sell #1 5 @100", "+1"),
            ("buy #2 9 @100 ioc", "+2  2x1 5@100  -2 4 Immediate"),
            ("buy #3 9 @100 ioc", "+3  -3 9 Immediate"),
            ("buy #4 9 market", "+4  -4 9 Immediate"),
            ("sell #5 1 @99", "+5"),
        ],
    );
    assert_eq!((book.len(), book.best(Side::Buy)), (1, None));
}

#[test]
fn a_fill_or_kill_order_trades_in_full_or_not_at_all() {
    check(
        Rules::default(),
        &[
            ("sell #1 5 @100", "+1"),
            ("sell #2 5 @101", "+2"),
            ("buy #3 11 @101 fok", "+3  -3 11 Unfillable"),
            ("buy #4 6 @100 fok", "+4  -4 6 Unfillable"),
            ("buy #5 11 market fok", "+5  -5 11 Unfillable"),
            ("buy #6 6 @101 fok", "+6  6x1 5@100  6x2 1@101"),
            ("buy #7 4 market fok", "+7  7x2 4@101"),
        ],
    );
}

#[test]
fn a_marketable_limit_stands_at_its_own_price() {
    let book = check(
        Rules::default(),
        &[("sell #1 5 @100", "+1"), ("buy #2 9 @105", "+2  2x1 5@100"), ("sell #3 1 @105", "+3  3x2 1@105")],
    );
    assert_eq!(book.best(Side::Buy).map(|best| (best.price, best.quantity)), Some((105, 3)));
}

#[test]
fn the_rest_of_a_market_to_limit_order_stands_at_its_last_fill() {
    check(
        Rules::default(),
        &[
            ("buy #1 5 mtl", "+1  -1 5 Immediate"),
            ("sell #2 1 @100", "+2"),
            ("sell #3 1 @107", "+3"),
            ("buy #4 5 mtl", "+4  4x2 1@100  4x3 1@107  =4 3@107"),
            ("sell #5 1 @100", "+5  5x4 1@107"),
            ("sell #6 5 mtl ioc", "+6  6x4 2@107  -6 3 Immediate"),
        ],
    );
}

#[test]
fn one_order_sweeps_five_thousand() {
    let mut book = Book::new(Rules::default());
    let mut events = Vec::new();
    for id in 1..=5_000 {
        book.submit(&NewOrder::limit(id, 1, Side::Sell, 1_000 + (id as i64 * 7) % 900, id % 5 + 1), &mut events);
    }
    let open = book.open_quantity(Side::Sell);
    events.clear();
    book.submit(&NewOrder::limit(9_999, 2, Side::Buy, 5_000, open + 1), &mut events);
    let fills: Vec<(i64, u64)> = events
        .iter()
        .filter_map(|event| match *event {
            Event::Fill { price, resting, .. } => Some((price, resting)),
            _ => None,
        })
        .collect();
    assert_eq!(fills.len(), 5_000);
    assert!(fills.is_sorted(), "by price, then by time");
    assert_eq!(book.order(9_999).map(|order| order.left), Some(1));
    assert_eq!((book.len(), book.best(Side::Sell)), (1, None));
}

#[test]
fn prices_at_the_ends_of_the_range_trade() {
    let book = check(
        Rules::default(),
        &[
            ("sell #1 1 @9223372036854775806", "+1"),
            ("buy #2 1 @-9223372036854775807", "+2"),
            ("sell #3 1 @9223372036854775807", "!3 Price"),
            ("buy #4 1 @-9223372036854775808", "!4 Price"),
            ("buy #5 1 @0", "+5"),
            ("sell #6 2 @-9223372036854775807", "+6  6x5 1@0  6x2 1@-9223372036854775807"),
            ("buy #7 2 @9223372036854775806", "+7  7x1 1@9223372036854775806"),
            ("sell #8 2 market", "+8  8x7 1@9223372036854775806  -8 1 Immediate"),
        ],
    );
    assert!(book.is_empty());
    assert_eq!((PRICE_MIN, PRICE_MAX), (-9223372036854775807, 9223372036854775806));
}

#[test]
fn quantities_at_the_end_of_the_range_are_counted() {
    check(
        Rules::default(),
        &[
            ("buy #1 18446744073709551615 @10", "+1"),
            ("buy #2 1 @9", "!2 Quantity"),
            ("buy #3 1 stop 20", "!3 Quantity"),
            ("amend #1 18446744073709551614 @10", "~1 18446744073709551614@10"),
            ("buy #2 1 @9", "+2"),
            ("amend #2 2 @9", "!2 Quantity"),
            ("sell #4 18446744073709551615 @9", "+4  4x1 18446744073709551614@10  4x2 1@9"),
        ],
    );
}

#[test]
fn restored_orders_stand_crossed_and_in_their_order() {
    check(
        Rules::default(),
        &[
            ("close", "Closed"),
            ("restore buy #1 5 @101", "+1"),
            ("restore sell #2 5 @100", "+2"),
            ("restore sell #3 5 @100", "+3"),
            ("restore sell #4 5 market", "!4 Phase"),
            ("restore buy #5 5 stop 90 @95", "+5"),
            ("buy #6 1 @90", "!6 Phase"),
            ("open", "Continuous  all 5@100  1x2 5@100  ^5"),
            ("buy #7 1 @100", "+7  7x3 1@100"),
        ],
    );
}
