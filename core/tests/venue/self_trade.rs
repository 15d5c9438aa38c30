//! Two orders of one account meet.

use ordo_core::venue::{Rules, SelfTrade};

use crate::text::check;

const QUEUE: [(&str, &str); 3] =
    [("sell #1 2 @100 by 8", "+1"), ("sell #2 3 @100 by 7", "+2"), ("sell #3 4 @101 by 8", "+3")];

fn meet(self_trade: SelfTrade, then: &[(&str, &str)]) {
    check(Rules { self_trade, ..Rules::default() }, &[&QUEUE[..], then].concat());
}

#[test]
fn they_trade_where_that_is_allowed() {
    meet(SelfTrade::Allow, &[("buy #9 6 @101 by 7", "+9  9x1 2@100  9x2 3@100  9x3 1@101")]);
}

#[test]
fn the_resting_order_is_cancelled() {
    meet(SelfTrade::CancelResting, &[("buy #9 7 @101 by 7", "+9  9x1 2@100  -2 3 SelfTrade  9x3 4@101")]);
}

#[test]
fn the_incoming_order_is_cancelled() {
    meet(
        SelfTrade::CancelIncoming,
        &[
            ("buy #9 7 @101 by 7", "+9  9x1 2@100  -9 5 SelfTrade"),
            ("buy #10 7 @101 by 9", "+10  10x2 3@100  10x3 4@101"),
        ],
    );
}

#[test]
fn both_are_cancelled() {
    meet(
        SelfTrade::CancelBoth,
        &[
            ("buy #9 7 @101 by 7", "+9  9x1 2@100  -2 3 SelfTrade  -9 5 SelfTrade"),
            ("buy #10 7 @101 by 9", "+10  10x3 4@101"),
        ],
    );
}

#[test]
fn fill_or_kill_does_not_count_on_what_it_may_not_trade_with() {
    meet(
        SelfTrade::CancelResting,
        &[
            ("buy #9 7 @101 by 7 fok", "+9  -9 7 Unfillable"),
            ("buy #10 6 @101 by 7 fok", "+10  10x1 2@100  -2 3 SelfTrade  10x3 4@101"),
        ],
    );
    meet(
        SelfTrade::CancelIncoming,
        &[("buy #9 3 @101 by 7 fok", "+9  -9 3 Unfillable"), ("buy #10 2 @101 by 7 fok", "+10  10x1 2@100")],
    );
}

#[test]
fn an_order_follows_the_account_it_is_moved_to() {
    meet(
        SelfTrade::CancelResting,
        &[
            ("move #1 to 7", "1 to 7"),
            ("move #2 to 9", "2 to 9"),
            ("buy #9 4 @100 by 7", "+9  -1 2 SelfTrade  9x2 3@100"),
        ],
    );
}

#[test]
fn an_amended_order_does_not_meet_itself() {
    meet(SelfTrade::CancelBoth, &[("buy #9 1 @99 by 7", "+9"), ("amend #9 2 @100", "~9 2@100  9x1 2@100")]);
}
