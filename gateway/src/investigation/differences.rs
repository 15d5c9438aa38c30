//! `differences`: what is another in one state than in another, record by record, field by field.

use std::collections::BTreeMap;

use ordo_core::dec::Dec;
use ordo_core::proto::{CashPosition, OrderState};
use ordo_core::views::{Record, Table, Views};
use prost::Message;

use super::explain::{Moved, moves};
use super::fields::{self, Fields};

/// What kind of record differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    Balance,
    Holding,
    Order,
}

impl RecordKind {
    pub const fn name(self) -> &'static str {
        match self {
            RecordKind::Balance => "balance",
            RecordKind::Holding => "holding",
            RecordKind::Order => "order",
        }
    }
}

/// One field of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: RecordKind,
    pub owner: String,
    pub account: String,
    /// Currency, `EXCHANGE/CODE`, or OrderID.
    pub key: String,
    pub field: String,
    /// Empty: not there.
    pub before: String,
    pub after: String,
    pub change: Option<Dec>,
}

/// Everything that differs, sorted by record.
pub fn differences(before: &Views, after: &Views) -> Vec<Difference> {
    let mut all = Vec::new();
    compare(RecordKind::Balance, (before, before.balances()), (after, after.balances()), &mut all);
    compare(RecordKind::Holding, (before, before.holdings()), (after, after.holdings()), &mut all);
    compare(RecordKind::Order, (before, before.orders()), (after, after.orders()), &mut all);
    all
}

/// Owner, account, and what names the record under it.
type Key = (Box<str>, Box<str>, String);

fn compare(
    kind: RecordKind,
    (before, old): (&Views, &Table<Record>),
    (after, new): (&Views, &Table<Record>),
    all: &mut Vec<Difference>,
) {
    let old = by_key(kind, before, old);
    let new = by_key(kind, after, new);
    let none = Fields::new();
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let mut keys: Vec<&Key> = new.keys().chain(gone).collect();
    keys.sort();
    for key in keys {
        let fields = |records: &BTreeMap<Key, &[u8]>| {
            records.get(key).map_or_else(|| none.clone(), |bytes| fields_of(kind, bytes))
        };
        if old.get(key) == new.get(key) {
            continue;
        }
        for Moved { name, before, after, change } in moves(&fields(&old), &fields(&new)) {
            let (owner, account, id) = (key.0.to_string(), key.1.to_string(), key.2.clone());
            all.push(Difference { kind, owner, account, key: id, field: name, before, after, change });
        }
    }
}

fn by_key<'v>(kind: RecordKind, views: &'v Views, records: &'v Table<Record>) -> BTreeMap<Key, &'v [u8]> {
    let names = views.names();
    let keyed = records.iter().map(|record| {
        let account = names.account(record.account);
        let id = match (kind, record.instrument) {
            (RecordKind::Holding, Some(no)) => {
                let instrument = names.instrument(no);
                format!("{}/{}", instrument.exchange, instrument.code)
            }
            (RecordKind::Balance, _) => CashPosition::decode(&*record.bytes).unwrap_or_default().currency,
            (RecordKind::Holding | RecordKind::Order, _) => {
                OrderState::decode(&*record.bytes).unwrap_or_default().order_id
            }
        };
        ((account.owner.clone(), account.account.clone(), id), &*record.bytes)
    });
    keyed.collect()
}

fn fields_of(kind: RecordKind, bytes: &[u8]) -> Fields {
    match kind {
        RecordKind::Balance => fields::balance(bytes),
        RecordKind::Holding => fields::holding(bytes),
        RecordKind::Order => fields::order(bytes),
    }
}
