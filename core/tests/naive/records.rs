//! The records that views show, as plain values: from the hub's encoded records by prost, and from the naive model.

use std::collections::BTreeMap;

use ordo_core::metadata::Details;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto;
use ordo_core::views::{Record, Table, Views};
use prost::Message;

use super::figure::Figure;
use super::model::{Account, Funds, Model, account_of};
use super::operations::definition_key;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) balance: Figure,
    pub(crate) unbooked: Figure,
    pub(crate) unfilled_buys: Figure,
    pub(crate) margin: Figure,
    pub(crate) pools: Funds,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) quantity: Figure,
    pub(crate) unfilled_sells: Figure,
    pub(crate) average: Option<Figure>,
    pub(crate) currency: String,
}

/// Every visible record by its key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Records {
    pub(crate) balances: BTreeMap<(Account, String), Balance>,
    pub(crate) holdings: BTreeMap<(Account, (String, String)), Holding>,
    pub(crate) orders: BTreeMap<(Account, String), proto::OrderState>,
    /// By the operation that defines such a record, and the two parts of its key.
    pub(crate) definitions: BTreeMap<(i32, String, String), Details>,
}

impl Records {
    pub(crate) fn of_views(views: &Views) -> Records {
        let kinds = MetadataKind::ALL.into_iter();
        let definitions = kinds.flat_map(|kind| views.metadata().all(kind)).map(|record| &record.details);
        Records {
            definitions: definitions.map(|details| (definition_key(details), details.clone())).collect(),
            balances: decoded(views.balances()).iter().map(balance).collect(),
            holdings: decoded(views.holdings()).iter().map(holding).collect(),
            orders: decoded(views.orders()).into_iter().map(order).collect(),
        }
    }

    pub(crate) fn of_model(model: &Model) -> Records {
        let mut records = Records { definitions: model.definitions.clone(), ..Records::default() };
        for (key, cash) in &model.cash {
            let record = records.balances.entry(key.clone()).or_default();
            record.balance = cash.balance.clone();
            record.unbooked = cash.unbooked.clone();
            record.margin = cash.margin.clone();
            record.pools = cash.pools.clone();
        }
        for (key, position) in &model.positions {
            let record = records.holdings.entry(key.clone()).or_default();
            record.quantity = position.quantity.clone();
            record.average = position.average();
            record.currency.clone_from(&position.currency);
        }
        for ((account, id), state) in &model.orders {
            let cash = (account.clone(), state.currency.clone());
            let stock = (account.clone(), (state.exchange.clone(), state.code.clone()));
            records.balances.entry(cash).or_default();
            records.holdings.entry(stock).or_default();
            records.orders.insert(order(state.clone()).0, order(state.clone()).1);
            assert_eq!(id, &state.order_id);
        }
        for ((account, currency), record) in &mut records.balances {
            record.unfilled_buys = model.unfilled_buys(account, currency);
        }
        for ((account, instrument), record) in &mut records.holdings {
            record.unfilled_sells = model.unfilled_sells(account, instrument);
        }
        records.balances.retain(|_, record| *record != Balance::default());
        records.holdings.retain(|_, record| !record.quantity.is_zero() || !record.unfilled_sells.is_zero());
        records
    }

    /// # Panics
    /// At the first record that differs.
    pub(crate) fn assert_same(&self, other: &Records) {
        assert_maps("balance", &self.balances, &other.balances);
        assert_maps("holding", &self.holdings, &other.holdings);
        assert_maps("order", &self.orders, &other.orders);
        assert_maps("definition", &self.definitions, &other.definitions);
    }
}

fn assert_maps<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    left: &BTreeMap<K, V>,
    right: &BTreeMap<K, V>,
) {
    for key in left.keys().chain(right.keys()) {
        assert_eq!(left.get(key), right.get(key), "{what} {key:?}");
    }
}

fn decoded<M: Message + Default>(table: &Table<Record>) -> Vec<M> {
    table.iter().map(|record| M::decode(&record.bytes[..]).expect("a record is a message")).collect()
}

pub(crate) fn order_of(record: &Record) -> proto::OrderState {
    proto::OrderState::decode(&record.bytes[..]).expect("a record is a message")
}

pub(crate) fn balance(position: &proto::CashPosition) -> ((Account, String), Balance) {
    let record = Balance {
        balance: Figure::of(position.balance),
        unbooked: Figure::of(position.unbooked_transactions),
        unfilled_buys: Figure::of(position.unfilled_buys),
        margin: Figure::of(position.margin),
        pools: position.values.iter().map(|(name, value)| (name.clone(), Figure::of(Some(*value)))).collect(),
    };
    ((account_of(position.account.as_ref()), position.currency.clone()), record)
}

pub(crate) fn holding(position: &proto::AssetPosition) -> ((Account, (String, String)), Holding) {
    let record = Holding {
        quantity: Figure::of(position.quantity),
        unfilled_sells: Figure::of(position.unfilled_sells),
        average: position.average_price.map(|price| Figure::of(Some(price))),
        currency: position.currency.clone(),
    };
    let instrument = (position.exchange.clone(), position.code.clone());
    ((account_of(position.account.as_ref()), instrument), record)
}

/// Absent and zero executed figures, and funds at zero, are not told apart; nor are spellings of one figure.
pub(crate) fn order(mut state: proto::OrderState) -> ((Account, String), proto::OrderState) {
    let plain = |number: Option<proto::BigNumber>| {
        Some(Figure::of(number)).filter(|figure| !figure.is_zero()).map(|figure| figure.number())
    };
    state.executed_quantity = plain(state.executed_quantity);
    state.executed_value = plain(state.executed_value);
    state.executed_additional_funds.retain(|_, value| !value.dec().is_zero());
    state.executed_additional_funds.values_mut().for_each(|value| *value = Figure::of(Some(*value)).number());
    ((account_of(state.account.as_ref()), state.order_id.clone()), state)
}
