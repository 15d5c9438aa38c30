//! Updates at random, the same in every run of a seed.

use ordo_core::proto::{ExternalAction, OrderTradeType, OrderUpdateReason, Side, TimestampWithTimeZone};

use crate::Random;
use crate::actions::*;

const ACCOUNTS: u64 = 7;

/// An update like any: orders come, trade, go; cash moves. Some are refused, some change nothing.
pub fn any_update(random: &mut Random, n: i64) -> ExternalAction {
    let of = account(["XA", "XB"][random.below(2) as usize], &random.below(ACCOUNTS).to_string());
    let id = random.below(60).to_string();
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let mut order = limit_order(&of, &id, side, "100", &format!("{}.{}", 1 + random.below(90), random.below(100)));
    match random.below(8) {
        0 => cash(details(&of, &n.to_string()), cash_transfer(&format!("{}", 1 + random.below(1000)))),
        1 => assets(details(&of, &n.to_string()), asset_transfer(&format!("{}", 1 + random.below(1000)))),
        2 => {
            order.is_completed = true;
            order.remove_after = Some(TimestampWithTimeZone::default());
            update(order, OrderUpdateReason::Cancel)
        }
        3 => {
            order.account = None;
            update(order, OrderUpdateReason::New)
        }
        4 | 5 => trade(order, order_trade(&format!("T{n}"), OrderTradeType::Trade, "1", "7.25")),
        _ => update(order, OrderUpdateReason::New),
    }
}
