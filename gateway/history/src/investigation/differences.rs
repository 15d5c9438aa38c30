//! `differences`: the fields that differ between two states, record by record.
//!
//! Each is reported as it is found and not kept: every balance may differ. The records of one account are in memory at
//! a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ordo_core::dec::Dec;
use ordo_core::json::{MessageId, Style, message};
use ordo_core::names::AccountNo;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{CashPosition, OrderState};
use ordo_core::views::{Record, Views};
use prost::Message;

use super::fields::{Fields, fields_of};
use super::moved::{Moved, moves};
use super::value::Value;

/// Kinds of records that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    Balance,
    Holding,
    Order,
    Definition(MetadataKind),
}

impl RecordKind {
    pub const fn name(self) -> &'static str {
        match self {
            RecordKind::Balance => "balance",
            RecordKind::Holding => "holding",
            RecordKind::Order => "order",
            RecordKind::Definition(MetadataKind::Owner) => "owner",
            RecordKind::Definition(MetadataKind::Account) => "account",
            RecordKind::Definition(MetadataKind::Exchange) => "exchange",
            RecordKind::Definition(MetadataKind::RequestStatus) => "status",
            RecordKind::Definition(MetadataKind::Identity) => "identity",
            RecordKind::Definition(MetadataKind::IdentitySource) => "identitysource",
        }
    }

    /// Whether only administrators may see such records: identities and their sources.
    pub const fn is_public(self) -> bool {
        !matches!(self, RecordKind::Definition(kind) if !kind.is_in_view())
    }

    pub(super) const fn message(self) -> MessageId {
        match self {
            RecordKind::Balance => message::CASH_POSITION,
            RecordKind::Holding => message::ASSET_POSITION,
            RecordKind::Order => message::ORDER_STATE,
            RecordKind::Definition(MetadataKind::Owner) => message::OWNER_DETAILS,
            RecordKind::Definition(MetadataKind::Account) => message::ACCOUNT_DETAILS,
            RecordKind::Definition(MetadataKind::Exchange) => message::EXCHANGE_DETAILS,
            RecordKind::Definition(MetadataKind::RequestStatus) => message::REQUEST_STATUS_DETAILS,
            RecordKind::Definition(MetadataKind::Identity) => message::PERMISSIONS,
            RecordKind::Definition(MetadataKind::IdentitySource) => message::IDENTITY_SOURCE,
        }
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: RecordKind,
    /// Empty for records without an owner; likewise the account.
    pub owner: String,
    pub account: String,
    /// Currency, `EXCHANGE/CODE`, OrderID or the code of a definition; empty where owner and account are the whole key.
    pub key: String,
    pub field: String,
    pub before: Value,
    pub after: Value,
    pub change: Option<Dec>,
}

/// Reports every field of balances, holdings, orders and definitions that differs, sorted by record, until `report`
/// breaks off. Feeds and their statuses are not compared.
pub fn differences(
    before: &Views,
    after: &Views,
    style: Style,
    mut report: impl FnMut(Difference) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let states = [before, after];
    let accounts = accounts_of(states);
    for kind in [RecordKind::Balance, RecordKind::Holding, RecordKind::Order] {
        for (owner, account) in &accounts {
            let records = states.map(|views| records_of(kind, views, (owner, account)));
            compare(records, |id, before, after| {
                report_record(kind, style, [owner, account, id], (before, after), &mut report)
            })?;
        }
    }
    for kind in MetadataKind::ALL {
        let records = states.map(|views| definitions_of(kind, views));
        compare(records, |(first, second), before, after| {
            let kind = RecordKind::Definition(kind);
            let key = definition_key(kind, first, second);
            let names = [key.0, key.1, &*key.2];
            report_record(kind, style, names, (before, after), &mut report)
        })?;
    }
    ControlFlow::Continue(())
}

/// Owner and account of every account in either state.
fn accounts_of(states: [&Views; 2]) -> BTreeSet<(&str, &str)> {
    let names = states.into_iter().flat_map(|views| &views.names().accounts);
    names.map(|name| (&*name.owner, &*name.account)).collect()
}

/// The records of one kind of an account, by key.
pub(super) fn records_of<'v>(
    kind: RecordKind,
    views: &'v Views,
    (owner, account): (&str, &str),
) -> BTreeMap<String, &'v [u8]> {
    let Some(account) = views.account(owner, account) else { return BTreeMap::new() };
    match kind {
        RecordKind::Balance => {
            let currency = |record: &Record| CashPosition::decode(&*record.bytes).unwrap_or_default().currency;
            views.balances_of(account).map(|record| (currency(record), &*record.bytes)).collect()
        }
        RecordKind::Holding => holdings_of(views, account),
        RecordKind::Definition(_) => BTreeMap::new(),
        RecordKind::Order => {
            let id = |record: &Record| OrderState::decode(&*record.bytes).unwrap_or_default().order_id;
            views.orders_of(account).map(|record| (id(record), &*record.bytes)).collect()
        }
    }
}

fn holdings_of(views: &Views, account: AccountNo) -> BTreeMap<String, &[u8]> {
    let named = views.holdings_of(account).filter_map(|record| {
        let instrument = views.names().instrument(record.instrument?);
        Some((format!("{}/{}", instrument.exchange, instrument.code), &*record.bytes))
    });
    named.collect()
}

fn definitions_of(kind: MetadataKind, views: &Views) -> BTreeMap<(&str, &str), &[u8]> {
    views.metadata().all(kind).map(|record| (record.details.key(), &*record.bytes)).collect()
}

/// Owner, account and key of a definition.
fn definition_key<'k>(kind: RecordKind, first: &'k str, second: &'k str) -> (&'k str, &'k str, String) {
    match kind {
        RecordKind::Definition(MetadataKind::Owner | MetadataKind::Account) => (first, second, String::new()),
        _ if second.is_empty() => ("", "", first.to_owned()),
        _ => ("", "", format!("{first}/{second}")),
    }
}

/// Pairs of records with the same key that are not equal; none stands for a missing record.
fn compare<K: Ord>(
    [old, new]: [BTreeMap<K, &[u8]>; 2],
    mut differs: impl FnMut(&K, Option<&[u8]>, Option<&[u8]>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let (before, after) = (old.get(key).copied(), new.get(key).copied());
        if before != after {
            differs(key, before, after)?;
        }
    }
    ControlFlow::Continue(())
}

fn report_record(
    kind: RecordKind,
    style: Style,
    [owner, account, key]: [&str; 3],
    (before, after): (Option<&[u8]>, Option<&[u8]>),
    report: &mut impl FnMut(Difference) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let fields = |bytes: Option<&[u8]>| bytes.map_or_else(Fields::new, |bytes| fields_of(kind.message(), bytes, style));
    for Moved { name, before, after, change } in moves(&fields(before), &fields(after)) {
        let [owner, account, key] = [owner, account, key].map(str::to_owned);
        report(Difference { kind, owner, account, key, field: name, before, after, change })?;
    }
    ControlFlow::Continue(())
}
