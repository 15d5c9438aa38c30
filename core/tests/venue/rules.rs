//! What is refused, when, and for how long orders live.

use ordo_core::venue::{Rules, Side};

use crate::text::check;

#[test]
fn ticks_lots_and_collar_are_checked() {
    let rules = Rules { tick: 5, lot: 10, collar_low: 50, collar_high: 150, ..Rules::default() };
    check(
        rules,
        &[
            ("buy #1 10 @101", "!1 Tick"),
            ("buy #1 15 @100", "!1 Lot"),
            ("buy #1 0 @100", "!1 Quantity"),
            ("buy #1 10 @155", "!1 Collar"),
            ("buy #1 10 @45", "!1 Collar"),
            ("buy #1 10 stop 101", "!1 Tick"),
            ("buy #1 10 stop 500 @155", "!1 Collar"),
            ("buy #1 10 @100", "+1"),
            ("amend #1 15 @100", "!1 Lot"),
            ("amend #1 10 @102", "!1 Tick"),
            ("amend #1 10 @155", "!1 Collar"),
            ("amend #1 0 @100", "!1 Quantity"),
        ],
    );
}

#[test]
fn a_market_order_ends_at_the_collar() {
    let rules = Rules { collar_low: 50, collar_high: 150, ..Rules::default() };
    check(
        rules,
        &[
            ("restore sell #1 5 @150", "+1"),
            ("restore sell #2 5 @151", "+2"),
            ("buy #3 9 market", "+3  3x1 5@150  -3 4 Immediate"),
            ("buy #4 9 @150", "+4"),
        ],
    );
}

#[test]
fn a_size_down_passes_where_the_price_has_left_the_collar() {
    let rules = Rules { collar_low: 50, collar_high: 150, ..Rules::default() };
    check(
        rules,
        &[("restore sell #1 5 @200", "+1"), ("amend #1 3 @200", "~1 3@200"), ("amend #1 3 @199", "!1 Collar")],
    );
}

#[test]
fn only_so_many_orders_are_live() {
    check(
        Rules { orders_max: 2, ..Rules::default() },
        &[
            ("buy #1 1 @10", "+1"),
            ("buy #2 1 stop 20", "+2"),
            ("buy #3 1 @10", "!3 Full"),
            ("cancel #1", "-1 1 Requested"),
            ("buy #3 1 @10", "+3"),
        ],
    );
}

#[test]
fn an_order_that_needs_one_page_too_many_is_cancelled() {
    // Sixty-four prices a page: the naive twin knows none, so that this is compared by hand.
    let mut book = ordo_core::venue::Book::new(Rules { pages_max: 1, ..Rules::default() });
    let mut events = Vec::new();
    for (id, price) in [(1, 0), (2, 63), (3, 64), (4, 5)] {
        book.submit(&ordo_core::venue::NewOrder::limit(id, 1, Side::Buy, price, 1), &mut events);
    }
    assert!(book.order(3).is_none() && book.len() == 3, "{events:?}");
    let full = ordo_core::venue::Event::Cancelled { id: 3, left: 1, reason: ordo_core::venue::Cancel::Full };
    assert!(events.contains(&full), "{events:?}");
    for id in [1, 2, 4] {
        book.cancel(id, &mut events);
    }
    book.submit(&ordo_core::venue::NewOrder::limit(3, 1, Side::Buy, 64, 1), &mut events);
    assert_eq!(book.best(Side::Buy).map(|best| best.price), Some(64));
}

#[test]
fn day_orders_end_with_the_day() {
    let book = check(
        Rules::default(),
        &[
            ("sell #1 1 @12 day", "+1"),
            ("buy #2 1 @10 day", "+2"),
            ("buy #3 1 @11 day", "+3"),
            ("buy #4 1 @11", "+4"),
            ("buy #5 1 stop 20 day", "+5"),
            ("end day", "-3 1 Expired  -2 1 Expired  -1 1 Expired  -5 1 Expired"),
        ],
    );
    assert_eq!(book.len(), 1);
}

#[test]
fn orders_expire_at_their_instant_earliest_first() {
    check(
        Rules::default(),
        &[
            ("buy #1 1 @10 till 30", "+1"),
            ("buy #2 1 @10 till 20", "+2"),
            ("buy #3 1 stop 15 till 10", "+3"),
            ("buy #4 1 @10 till 20", "+4"),
            ("buy #5 1 @9 till 25", "+5"),
            ("cancel #5", "-5 1 Requested"),
            ("expire 9", ""),
            ("expire 20", "-3 1 Expired  -2 1 Expired  -4 1 Expired"),
            ("buy #6 1 @10 till 20", "!6 Expiry"),
            ("expire 5", ""),
            ("buy #6 1 @10 till 20", "!6 Expiry"),
            ("amend #1 1 @11", "~1 1@11"),
            ("sell #7 1 @11", "+7  7x1 1@11"),
            ("expire 99", ""),
        ],
    );
}

#[test]
fn outside_trading_only_cancels_pass() {
    for phase in ["preopen", "close", "halt"] {
        let (name, reason) = match phase {
            "preopen" => ("PreOpen", "Phase"),
            "close" => ("Closed", "Phase"),
            _ => ("Continuous halted", "Halted"),
        };
        let refused = |id: u64| format!("!{id} {reason}");
        check(
            Rules::default(),
            &[
                ("buy #1 2 @10", "+1"),
                (phase, name),
                ("sell #2 2 @10", &refused(2)),
                ("amend #1 1 @10", &refused(1)),
                ("amend #1 1 stop 10", &refused(1)),
                ("move #1 to 7", &refused(1)),
                ("cancel #1", "-1 2 Requested"),
            ],
        );
    }
}

#[test]
fn a_mass_cancel_takes_an_account_a_side_or_all() {
    let orders = [
        ("buy #1 1 @10 by 7", "+1"),
        ("buy #2 1 @11 by 8", "+2"),
        ("sell #3 1 @12 by 7", "+3"),
        ("buy #4 1 stop 15 by 7", "+4"),
        ("sell #5 1 stop 5 by 8", "+5"),
    ];
    let account = [("cancel all by 7", "-1 1 Mass  -3 1 Mass  -4 1 Mass")];
    check(Rules::default(), &[&orders[..], &account[..]].concat());
    let side = [("cancel all buy", "-2 1 Mass  -1 1 Mass  -4 1 Mass")];
    check(Rules::default(), &[&orders[..], &side[..]].concat());
    let all = [("cancel all", "-2 1 Mass  -1 1 Mass  -3 1 Mass  -4 1 Mass  -5 1 Mass")];
    assert!(check(Rules::default(), &[&orders[..], &all[..]].concat()).is_empty());
}
