//! Stop orders.

use ordo_core::venue::{Book, Event, Kind, Life, NewOrder, Rules, Side};

use crate::text::check;

#[test]
fn a_stop_starts_when_a_trade_reaches_it() {
    check(
        Rules::default(),
        &[
            ("sell #1 1 @100", "+1"),
            ("sell #2 1 @105", "+2"),
            ("sell #3 9 @106", "+3"),
            ("buy #4 2 stop 105", "+4"),
            ("buy #5 1 market", "+5  5x1 1@100"),
            ("buy #6 1 market", "+6  6x2 1@105  ^4  4x3 2@106"),
        ],
    );
}

#[test]
fn a_stop_limit_stands_at_its_limit() {
    let book = check(
        Rules::default(),
        &[
            ("buy #1 1 @100", "+1"),
            ("buy #2 1 @90", "+2"),
            ("sell #3 5 stop 100 @95", "+3"),
            ("sell #4 1 @100", "+4  4x1 1@100  ^3"),
            ("buy #5 5 @96", "+5  5x3 5@95"),
        ],
    );
    assert_eq!(book.len(), 1);
}

#[test]
fn a_stop_that_the_last_trade_has_reached_starts_at_once() {
    check(
        Rules::default(),
        &[
            ("sell #1 2 @100", "+1"),
            ("buy #2 1 @100", "+2  2x1 1@100"),
            ("buy #3 1 stop 99", "+3  ^3  3x1 1@100"),
            ("sell #4 1 stop 100", "+4  ^4  -4 1 Immediate"),
            ("sell #5 1 stop 99", "+5"),
        ],
    );
}

/// A sweep upwards passes a price at which a stop to sell was waiting, however far it goes on.
#[test]
fn the_first_trade_of_a_sweep_counts_too() {
    check(
        Rules::default(),
        &[
            ("sell #1 1 @100", "+1"),
            ("sell #2 1 @110", "+2"),
            ("sell #3 1 stop 100", "+3"),
            ("buy #4 3 @110", "+4  4x1 1@100  4x2 1@110  ^3  3x4 1@110"),
        ],
    );
}

#[test]
fn reached_stops_start_buys_first_nearest_first_then_in_time() {
    check(
        Rules::default(),
        &[
            ("buy #1 9 @100", "+1"),
            ("sell #2 1 stop 99", "+2"),
            ("sell #3 1 stop 100", "+3"),
            ("sell #4 1 stop 100", "+4"),
            ("buy #5 1 stop 100 @90", "+5"),
            ("sell #6 1 @100", "+6  6x1 1@100  ^5  ^3  3x1 1@100  ^4  4x1 1@100"),
            ("sell #7 1 @101", "+7"),
        ],
    );
}

#[test]
fn stops_chain_to_their_end() {
    const LINKS: u64 = 100_000;
    let mut book = Book::new(Rules::default());
    let mut events = Vec::new();
    for link in 0..=LINKS {
        let price = link as i64;
        book.submit(&NewOrder::limit(link, 1, Side::Sell, price, 1), &mut events);
        let kind = Kind::Stop { trigger: price };
        let stop = NewOrder {
            id: LINKS + 1 + link,
            account: 2,
            side: Side::Buy,
            kind,
            life: Life::GoodTillCancel,
            quantity: 1,
        };
        book.submit(&stop, &mut events);
    }
    events.clear();
    book.submit(&NewOrder::limit(u64::MAX, 3, Side::Buy, 0, 1), &mut events);
    let fills = events.iter().filter(|event| matches!(event, Event::Fill { .. })).count();
    assert_eq!(fills as u64, LINKS + 1);
    assert_eq!(
        events.last(),
        Some(&Event::Cancelled { id: 2 * LINKS + 1, left: 1, reason: ordo_core::venue::Cancel::Immediate })
    );
    assert!(book.is_empty());
}

#[test]
fn what_a_stop_reaches_starts_after_what_was_reached_before() {
    check(
        Rules::default(),
        &[
            ("sell #1 1 @100", "+1"),
            ("sell #2 1 @101", "+2"),
            ("sell #3 1 @102", "+3"),
            ("sell #4 1 @103", "+4"),
            ("buy #5 1 stop 100", "+5"),
            ("buy #6 1 stop 101", "+6"),
            ("buy #7 1 stop 100", "+7"),
            ("buy #8 1 @100", "+8  8x1 1@100  ^5  5x2 1@101  ^7  7x3 1@102  ^6  6x4 1@103"),
        ],
    );
}

#[test]
fn waiting_stops_are_amended_and_cancelled_by_their_own_rules() {
    check(
        Rules::default(),
        &[
            ("sell #9 9 @150", "+9"),
            ("buy #1 5 stop 120", "+1"),
            ("buy #2 5 stop 120 @160", "+2"),
            ("amend #1 4 @120", "!1 Waiting"),
            ("amend #9 4 stop 120", "!9 Waiting"),
            ("amend #1 4 stop 120 @160", "!1 Price"),
            ("amend #1 6 stop 120", "~1 6 stop 120"),
            ("amend #2 1 stop 120 @155", "~2 1 stop 120 @155"),
            ("sell #8 1 @130", "+8"),
            ("buy #7 1 market", "+7  7x8 1@130  ^2  2x9 1@150  ^1  1x9 6@150"),
            ("cancel #1", "!1 UnknownId"),
            ("sell #3 5 stop 120", "+3"),
            ("amend #3 5 stop 150", "~3 5 stop 150  ^3  -3 5 Immediate"),
        ],
    );
}

#[test]
fn a_stop_asks_for_its_life_when_it_starts() {
    check(
        Rules::default(),
        &[
            ("sell #1 3 @100", "+1"),
            ("buy #2 5 stop 100 @100 ioc", "+2"),
            ("buy #3 5 stop 100 @100 fok", "+3"),
            ("buy #4 1 market", "+4  4x1 1@100  ^2  2x1 2@100  -2 3 Immediate  ^3  -3 5 Unfillable"),
        ],
    );
}
