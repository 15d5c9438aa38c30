//! A large state: what an account and an open order take in the engine, and whether updates wait because of them.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::proto::{
    Account, CashTransfer, ExternalAction, ExternalActionType, FeedRequest as FeedRequestMessage, FeedRequestType,
    OrderState, TransactionDetails,
};
use ordo_core::wire::FeedRequest;
use prost::Message;

use crate::latency::{Latencies, histogram};
use crate::load;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Large {
    pub bytes_an_account: f64,
    pub bytes_an_order: f64,
    /// Of one update in the engine, nanoseconds: deposits, new orders, then trades on orders all over the table.
    pub applying: Latencies,
}

/// An engine, and the clock of what goes into it.
struct Loaded {
    engine: Engine,
    outcome: Outcome,
    sequence: u64,
    applying: Latencies,
}

/// So many accounts with a balance each, so many open orders (one an account), then a fifth as many trades on them.
///
/// # Errors
/// If the memory in use cannot be read.
pub fn run(count: u64) -> io::Result<Large> {
    let mut loaded =
        Loaded { engine: Engine::new(0), outcome: Outcome::with_room(), sequence: 0, applying: histogram() };
    let before = memory_bytes()?;
    (0..count).for_each(|n| loaded.apply(deposit(n)));
    let with_accounts = memory_bytes()?;
    (0..count).for_each(|n| loaded.apply(order(n, count, false)));
    let with_orders = memory_bytes()?;
    // A step that has no factor in common with the count: neighbours in time are far apart in memory.
    (0..count / 5).for_each(|n| loaded.apply(order(n.wrapping_mul(7_919) % count, count, true)));
    let counts = loaded.engine.counts();
    assert_eq!((counts.accounts as u64, counts.orders as u64), (count, count), "all of them are there");
    black_box(&loaded.engine);
    Ok(Large {
        bytes_an_account: (with_accounts - before) as f64 / count as f64,
        bytes_an_order: (with_orders - with_accounts) as f64 / count as f64,
        applying: loaded.applying,
    })
}

impl Loaded {
    fn apply(&mut self, action: ExternalAction) {
        self.sequence += 1;
        let request = FeedRequestMessage {
            r#type: FeedRequestType::Action as i32,
            action: Some(action),
            ..FeedRequestMessage::default()
        };
        let bytes = request.encode_to_vec();
        let request = FeedRequest::decode(&bytes).expect("an action decodes");
        let (sequence, time_ns) = (self.sequence, 1_777_689_383_817_000_000 + self.sequence);
        let stamp = Stamp { sequence, time_ns, feed: FeedNo::OMS, ..Stamp::default() };
        let start = Instant::now();
        self.engine.apply(Input { stamp, bytes: &bytes, request: &request }, &mut self.outcome);
        self.applying.saturating_record(start.elapsed().as_nanos() as u64);
        assert!(self.outcome.is_accepted(), "{:?}", self.outcome.refusals);
    }
}

fn account(n: u64) -> Option<Account> {
    Some(Account { account_id: format!("{n:07}"), owner_id: load::OWNER.into() })
}

fn deposit(n: u64) -> ExternalAction {
    let details = TransactionDetails { account: account(n), ..TransactionDetails::default() };
    let value = load::trade(1).feed.and_then(|feed| feed.action).and_then(|action| action.trade?.price);
    ExternalAction {
        r#type: ExternalActionType::CashTransfer as i32,
        transaction: Some(Box::new(details)),
        cash_transfer: Some(Box::new(CashTransfer { currency: "USD".into(), value, ..CashTransfer::default() })),
        ..ExternalAction::default()
    }
}

/// The n-th order: as it comes, or with a trade on it.
fn order(n: u64, count: u64, traded: bool) -> ExternalAction {
    let mut action = load::trade(1).feed.and_then(|feed| feed.action).expect("a trade has an action");
    let template = action.order.take().map(|order| *order).unwrap_or_default();
    action.order = Some(Box::new(OrderState {
        order_id: format!("B{n:015}"),
        account: account(n % count),
        executed_quantity: if traded { template.executed_quantity } else { None },
        executed_value: if traded { template.executed_value } else { None },
        ..template
    }));
    if traded {
        action.trade.as_mut().expect("a trade").trade_id = format!("T{n:012}");
    } else {
        action.trade = None;
        action.r#type = ExternalActionType::Update as i32;
    }
    action
}

/// Bytes of memory that the process holds.
fn memory_bytes() -> io::Result<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: i64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    Ok(pages * 4096)
}
