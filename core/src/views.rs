//! Views: the latest record by key, encoded, as REST answers and subscription snapshots show it.
//!
//! A fold of outcomes behind the publisher's gate, on a thread of its own: readers never touch the engine, and what
//! they see is never ahead of what may be told. The same fold, run over a replay, gives any past state.

mod live;
mod metadata;
mod requests;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use live::Live;
use requests::Requests;
pub use table::Table;

use crate::encode;
use crate::engine::Engine;
use crate::metadata::Metadata;
use crate::names::{AccountNo, FeedNo, InstrumentNo, NameKind, Names, order_key};
use crate::outcome::Outcome;
use crate::wire::ReverseWriter;

/// A record of a view: whose it is, on which exchange, and its message's content.
#[derive(Debug, Clone)]
pub struct Record {
    pub account: AccountNo,
    /// None for a record that has no exchange.
    pub instrument: Option<InstrumentNo>,
    /// An order that is done; false for any other record.
    pub completed: bool,
    pub bytes: Arc<[u8]>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Views {
    names: Names,
    balances: Table<Record>,
    holdings: Table<Record>,
    orders: Table<Record>,
    order_keys: BTreeMap<u128, u32>,
    account_numbers: BTreeMap<Box<str>, BTreeMap<Box<str>, AccountNo>>,
    balances_of: BTreeSet<(AccountNo, u32)>,
    holdings_of: BTreeSet<(AccountNo, u32)>,
    orders_of: BTreeSet<(AccountNo, u32)>,
    requests: Requests,
    metadata: Metadata,
    live: Live,
    /// FeedDetails by feed number; empty until the feed had a status.
    feeds: Vec<Arc<[u8]>>,
    positions: Vec<i64>,
    time_ns: u64,
    scratch: ReverseWriter,
}

impl Views {
    /// The views of a state that was loaded rather than folded.
    pub fn of(engine: &Engine) -> Views {
        let mut views = Views::default();
        let mut outcome = Outcome::default();
        views.learn_all(engine.names());
        engine.describe(&mut outcome);
        views.fold(&outcome);
        for (feed, details) in engine.feed_details() {
            views.set_feed(feed, details.into());
        }
        for (number, feed) in engine.feeds().iter().enumerate() {
            views.set_position(FeedNo(number as u32), feed.position);
        }
        views.time_ns = engine.public_time_ns();
        views
    }

    /// Takes in what one update did.
    pub fn fold(&mut self, outcome: &Outcome) {
        for name in &outcome.names {
            let (first, second) = (name.first.text(&outcome.bytes), name.second.text(&outcome.bytes));
            self.names.learn(name.kind, name.number, first, second);
            if name.kind == NameKind::Account {
                index_account(&mut self.account_numbers, first, second, name.number);
            }
        }
        self.live.learn(&self.names);
        for event in &outcome.metadata {
            self.set_metadata(outcome, event);
        }
        for event in &outcome.orders {
            let record = Record {
                account: event.account,
                instrument: Some(event.instrument),
                completed: event.completed,
                bytes: outcome.bytes_of(event.state).into(),
            };
            self.set_order(event.number, event.key, (!event.removed).then_some(record));
        }
        for event in &outcome.balances {
            self.scratch.clear();
            encode::cash_position(&mut self.scratch, &self.names, outcome, event);
            let record = (!event.removed).then(|| Record {
                account: event.account,
                instrument: None,
                completed: false,
                bytes: self.scratch.bytes().into(),
            });
            set(&mut self.balances, &mut self.balances_of, &mut self.live, event.number, record);
        }
        for event in &outcome.holdings {
            self.scratch.clear();
            encode::asset_position(&mut self.scratch, &self.names, event);
            let record = (!event.removed).then(|| Record {
                account: event.account,
                instrument: Some(event.instrument),
                completed: false,
                bytes: self.scratch.bytes().into(),
            });
            set(&mut self.holdings, &mut self.holdings_of, &mut self.live, event.number, record);
        }
        for event in &outcome.requests {
            self.requests.fold(outcome, event, &mut self.live);
        }
        if let Some((feed, details)) = outcome.status {
            self.set_feed(feed, outcome.bytes_of(details).into());
        }
        if !outcome.takes_no_position() {
            self.set_position(outcome.stamp.feed, outcome.stamp.position);
            self.time_ns = outcome.stamp.time_ns;
        }
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    pub fn balances(&self) -> &Table<Record> {
        &self.balances
    }

    pub fn holdings(&self) -> &Table<Record> {
        &self.holdings
    }

    pub fn orders(&self) -> &Table<Record> {
        &self.orders
    }

    /// Time of the newest public update; 0 if there is none.
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// FeedDetails of every feed that had a status.
    pub fn feeds(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.feeds.iter().filter(|details| !details.is_empty())
    }

    pub fn feed(&self, name: &str) -> Option<&Arc<[u8]>> {
        let number = self.names.feeds.iter().position(|known| **known == *name)?;
        self.feeds.get(number).filter(|details| !details.is_empty())
    }

    /// The number of an account that any record ever named.
    pub fn account(&self, owner: &str, account: &str) -> Option<AccountNo> {
        self.account_numbers.get(owner)?.get(account).copied()
    }

    /// Every account of an owner that any record ever named.
    pub fn accounts_of(&self, owner: &str) -> impl Iterator<Item = AccountNo> {
        self.account_numbers.get(owner).into_iter().flat_map(|accounts| accounts.values().copied())
    }

    pub fn balances_of(&self, account: AccountNo) -> impl Iterator<Item = &Record> {
        of_account(&self.balances, &self.balances_of, account)
    }

    pub fn holdings_of(&self, account: AccountNo) -> impl Iterator<Item = &Record> {
        of_account(&self.holdings, &self.holdings_of, account)
    }

    pub fn orders_of(&self, account: AccountNo) -> impl Iterator<Item = &Record> {
        of_account(&self.orders, &self.orders_of, account)
    }

    pub fn order(&self, account: AccountNo, order_id: &str) -> Option<&Record> {
        let key = order_key(self.names.account(account).hash, order_id.as_bytes());
        self.orders.get(*self.order_keys.get(&key)?)
    }

    /// The position of every sequence that has one.
    pub fn positions(&self) -> Vec<(Box<str>, i64)> {
        let named = self.names.feeds.iter().cloned().zip(self.positions.iter().copied());
        named.filter(|(_, position)| *position != 0).collect()
    }

    fn learn_all(&mut self, names: &Names) {
        self.names = names.clone();
        for (number, name) in names.accounts.iter().enumerate() {
            index_account(&mut self.account_numbers, &name.owner, &name.account, number as u32);
        }
    }

    fn set_order(&mut self, number: u32, key: u128, record: Option<Record>) {
        if record.is_some() {
            self.order_keys.insert(key, number);
        } else {
            self.order_keys.remove(&key);
        }
        set(&mut self.orders, &mut self.orders_of, &mut self.live, number, record);
    }

    fn set_feed(&mut self, feed: FeedNo, details: Arc<[u8]>) {
        while self.feeds.len() <= feed.index() {
            self.feeds.push(Arc::default());
        }
        self.feeds[feed.index()] = details;
    }

    fn set_position(&mut self, feed: FeedNo, position: i64) {
        while self.positions.len() <= feed.index() {
            self.positions.push(0);
        }
        self.positions[feed.index()] = position;
    }
}

fn index_account(
    index: &mut BTreeMap<Box<str>, BTreeMap<Box<str>, AccountNo>>,
    owner: &str,
    account: &str,
    number: u32,
) {
    index.entry(owner.into()).or_default().insert(account.into(), AccountNo(number));
}

fn set(
    table: &mut Table<Record>,
    by_account: &mut BTreeSet<(AccountNo, u32)>,
    live: &mut Live,
    number: u32,
    record: Option<Record>,
) {
    live.change(table.get(number), record.as_ref());
    let account = record.as_ref().map(|record| record.account);
    let old = table.set(number, record).map(|old| old.account);
    if old == account {
        return;
    }
    old.map(|account| by_account.remove(&(account, number)));
    account.map(|account| by_account.insert((account, number)));
}

fn of_account<'a>(
    table: &'a Table<Record>,
    by_account: &'a BTreeSet<(AccountNo, u32)>,
    account: AccountNo,
) -> impl Iterator<Item = &'a Record> {
    by_account.range((account, 0)..=(account, u32::MAX)).filter_map(|(_, number)| table.get(*number))
}
