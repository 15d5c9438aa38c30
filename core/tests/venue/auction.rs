//! Auctions: one price, by most traded, least surplus, nearest to the last trade, lowest.

use ordo_core::venue::{Rules, Side};

use crate::text::check;

#[test]
fn orders_stand_crossed_and_trade_at_one_price() {
    let book = check(
        Rules::default(),
        &[
            ("auction", "Auction"),
            ("buy #1 5 @105", "+1"),
            ("buy #2 5 @103", "+2"),
            ("sell #3 4 @101", "+3"),
            ("sell #4 4 @103", "+4"),
            ("sell #5 4 @104", "+5"),
            ("open", "Continuous  all 8@103  1x3 4@103  1x4 1@103  2x4 3@103"),
        ],
    );
    assert_eq!((book.best(Side::Buy).unwrap().price, book.best(Side::Sell).unwrap().price), (103, 104));
    assert_eq!(book.last(), Some(103));
}

#[test]
fn an_auction_without_a_cross_trades_nothing() {
    check(
        Rules::default(),
        &[("auction", "Auction"), ("buy #1 5 @99", "+1"), ("sell #2 5 @100", "+2"), ("open", "Continuous")],
    );
}

/// Between 100 and 104 all prices trade 5 and leave nothing.
#[test]
fn of_equal_prices_the_nearest_to_the_last_trade_counts() {
    for (last, price) in [(102, 102), (90, 100), (110, 104)] {
        let bid = format!("buy #1 1 @{last}");
        let trade = format!("+2  2x1 1@{last}");
        let ask = format!("sell #2 1 @{last}");
        let opened = format!("Continuous  all 5@{price}  3x4 5@{price}");
        check(
            Rules::default(),
            &[
                (&bid, "+1"),
                (&ask, &trade),
                ("auction", "Auction"),
                ("buy #3 5 @104", "+3"),
                ("sell #4 5 @100", "+4"),
                ("open", &opened),
            ],
        );
    }
}

#[test]
fn without_a_last_trade_the_lowest_of_equal_prices_counts() {
    check(
        Rules::default(),
        &[
            ("auction", "Auction"),
            ("buy #3 5 @104", "+3"),
            ("sell #4 5 @100", "+4"),
            ("open", "Continuous  all 5@100  3x4 5@100"),
        ],
    );
}

/// 10 trades from 100 to 105; up to 103 with a surplus of 5 to buy, above with none.
#[test]
fn the_smallest_surplus_comes_before_the_last_trade() {
    check(
        Rules::default(),
        &[
            ("buy #8 1 @100", "+8"),
            ("sell #9 1 @100", "+9  9x8 1@100"),
            ("auction", "Auction"),
            ("buy #1 10 @105", "+1"),
            ("buy #2 5 @103", "+2"),
            ("sell #3 10 @100", "+3"),
            ("open", "Continuous  all 10@104  1x3 10@104"),
        ],
    );
}

#[test]
fn the_price_is_on_the_tick() {
    check(
        Rules { tick: 10, ..Rules::default() },
        &[
            ("auction", "Auction"),
            ("buy #1 10 @150", "+1"),
            ("buy #2 5 @130", "+2"),
            ("sell #3 10 @100", "+3"),
            ("open", "Continuous  all 10@140  1x3 10@140"),
        ],
    );
}

#[test]
fn orders_that_cannot_stand_are_refused_in_an_auction() {
    check(
        Rules::default(),
        &[
            ("auction", "Auction"),
            ("buy #1 5 market", "!1 Phase"),
            ("buy #1 5 mtl", "!1 Phase"),
            ("buy #1 5 @10 ioc", "!1 Phase"),
            ("buy #1 5 @10 fok", "!1 Phase"),
            ("buy #1 5 stop 12", "+1"),
        ],
    );
}

#[test]
fn amends_in_an_auction_do_not_trade() {
    check(
        Rules::default(),
        &[
            ("auction", "Auction"),
            ("buy #1 5 @10", "+1"),
            ("sell #2 5 @12", "+2"),
            ("amend #2 6 @9", "~2 6@9"),
            ("amend #1 2 @11", "~1 2@11"),
            ("open", "Continuous  all 2@9  1x2 2@9"),
        ],
    );
}

#[test]
fn the_auction_price_starts_stops() {
    check(
        Rules::default(),
        &[
            ("sell #1 1 @120", "+1"),
            ("buy #2 1 @120", "+2  2x1 1@120"),
            ("auction", "Auction"),
            ("sell #3 3 stop 110", "+3"),
            ("sell #4 3 stop 100", "+4"),
            ("buy #5 9 @105", "+5"),
            ("sell #6 5 @105", "+6"),
            ("open", "Continuous  all 5@105  5x6 5@105  ^3  3x5 3@105"),
        ],
    );
}

#[test]
fn a_halt_holds_the_auction_back() {
    check(
        Rules::default(),
        &[
            ("auction", "Auction"),
            ("buy #1 5 @10", "+1"),
            ("sell #2 5 @10", "+2"),
            ("halt", "Auction halted"),
            ("open", "Continuous halted"),
            ("resume", "Continuous  all 5@10  1x2 5@10"),
        ],
    );
}
