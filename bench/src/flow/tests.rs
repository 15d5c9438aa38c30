use ordo_core::dec::Dec;
use ordo_core::proto::{OrderState, Side};

use super::*;

/// The whole recording, which the project does not carry.
fn whole() -> PathBuf {
    let folder = std::env::var_os("ORDO_FLOW_DIR").expect("ORDO_FLOW_DIR names the folder of the recording");
    Path::new(&folder).join("btcusd-orders.csv.gz")
}

fn drained(mut flow: Flow) -> (Vec<ExternalAction>, Flow) {
    let actions = flow.by_ref().map(|action| action.expect("a row makes an update")).collect();
    (actions, flow)
}

fn order(action: &ExternalAction) -> &OrderState {
    action.order.as_ref().expect("every update of the flow states an order")
}

/// Quantity and value traded on a side.
fn traded(actions: &[ExternalAction], side: Side) -> (Dec, Dec) {
    let legs = actions.iter().filter(|action| action.trade.is_some() && order(action).side() == side);
    legs.fold((Dec::ZERO, Dec::ZERO), |(quantity, value), action| {
        let trade = action.trade.as_ref().expect("filtered");
        let (q, p) = (trade.quantity.expect("given").dec(), trade.price.expect("given").dec());
        (quantity.plus(q).expect("it fits"), value.plus(p.times(q).expect("it fits")).expect("it fits"))
    })
}

#[test]
fn the_shipped_flow_has_its_counts() {
    let (actions, flow) = drained(Flow::shipped(Removal::AtOnce));
    let counts = flow.counts();
    assert_eq!(counts.updates() as usize, actions.len());
    assert_eq!(counts.trade_legs, 2 * 66);
    assert_eq!(counts.created + counts.cancelled + counts.filled + counts.changed + counts.unknown, 78_966);
    let left = counts.created - counts.cancelled - counts.filled;
    let filled_and_not_deleted = left as usize - flow.open_orders();
    assert!(filled_and_not_deleted < 10, "{filled_and_not_deleted}");
}

#[test]
fn what_is_bought_is_sold() {
    let (actions, _) = drained(Flow::shipped(Removal::AtOnce));
    assert_eq!(traded(&actions, Side::Buy), traded(&actions, Side::Sell));
    assert!(traded(&actions, Side::Buy).0 > Dec::ZERO);
}

#[test]
fn an_order_that_is_done_leaves_unless_told_to_stay() {
    for (removal, leaves) in [(Removal::AtOnce, true), (Removal::Never, false)] {
        for action in Flow::shipped(removal).take(20_000).map(Result::unwrap) {
            let order = order(&action);
            assert_eq!(order.remove_after.is_some(), leaves && order.is_completed);
        }
    }
}

#[test]
fn rounds_go_on_with_new_orders_of_the_same_accounts_and_leave_none_open() {
    let mut open = std::collections::BTreeSet::new();
    let mut last_first = None;
    let shipped = Flow::shipped(Removal::AtOnce).count();
    for action in Rounds::of(None, Removal::AtOnce).expect("it opens").take(2 * shipped + 20_000).map(Result::unwrap) {
        let order = order(&action);
        let id: u64 = order.order_id.parse().expect("a number");
        assert_eq!(order.account, Some(account(id % ACCOUNTS)));
        if open.is_empty() {
            assert!(last_first.replace(id) < Some(id), "a round with ids of its own");
        }
        if order.is_completed {
            open.remove(&id)
        } else {
            open.insert(id)
        };
        assert!(open.len() < 20_000, "{} are open", open.len());
    }
    assert!(last_first > Some(20_000_000_000_000_000), "the third round has begun");
}

#[test]
fn volumes_in_exponent_form_keep_their_digits() {
    let is_small = |action: &ExternalAction| order(action).quantity.expect("given").dec() == "2.6e-06".parse().unwrap();
    let small = Flow::shipped(Removal::AtOnce).map(Result::unwrap).find(is_small).expect("the start book has one");
    assert_eq!(order(&small).quantity.expect("given").dec().to_string(), "0.0000026");
}

#[test]
fn a_broken_row_is_named() {
    let orders = "time_ms,order_id,action,side,price_usd,volume_btc\n1,2,c,b,1.5,1\n2,3,c,x,1,1\n";
    let trades = "time_ms,trade_id,buy_order_id,sell_order_id,taker_side,price_usd,amount_btc\n";
    let rows = Rows::new(Box::new(orders.as_bytes()), Box::new(trades.as_bytes())).expect("the columns are right");
    let mut flow = Flow::of(rows, Removal::AtOnce);
    assert!(flow.next().expect("the first row").is_ok());
    let error = flow.next().expect("the second row").expect_err("there is no side x");
    assert_eq!(error.to_string(), "orders, line 3: column 4: 'x'");
    assert!(flow.next().is_none());
}

#[test]
fn trades_come_after_the_orders_they_name_and_before_those_are_gone() {
    let orders = "time_ms,order_id,action,side,price_usd,volume_btc\n\
                  5,1,d,b,10,0\n5,1,c,b,10,2\n5,2,c,s,10,2\n5,2,d,s,10,0\n";
    let trades = "time_ms,trade_id,buy_order_id,sell_order_id,taker_side,price_usd,amount_btc\n5,9,1,2,b,10,2\n";
    let rows = Rows::new(Box::new(orders.as_bytes()), Box::new(trades.as_bytes())).expect("the columns are right");
    let (actions, flow) = drained(Flow::of(rows, Removal::AtOnce));
    let statuses: Vec<&str> = actions.iter().map(|action| &*order(action).status).collect();
    assert_eq!(statuses, ["OnMarket", "OnMarket", "Filled", "Filled"]);
    assert_eq!((flow.counts().filled, flow.counts().unknown), (2, 0));
}

#[test]
#[ignore = "needs ORDO_FLOW_DIR: run by .ci/run and perf/long_tests.sh where it is set"]
fn the_whole_recording_closes_every_order() {
    let (actions, flow) = drained(Flow::open(&whole(), Removal::AtOnce).expect("it opens"));
    let counts = flow.counts();
    assert_eq!((counts.created, counts.trade_legs, counts.changed, counts.unknown), (156_889, 568, 266, 13));
    assert_eq!(flow.open_orders(), 0);
    let (bought, sold) = (traded(&actions, Side::Buy), traded(&actions, Side::Sell));
    assert_eq!(bought, sold);
    assert_eq!(bought.0.to_string(), "15.02983915");
}
