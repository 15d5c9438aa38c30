//! What transactions booked, kept beside the engine: the books of the random streams, and what operations make of names.

use std::collections::BTreeMap;

use super::*;
use crate::outcome::Booking;
use crate::proto::OperationType;

/// What transactions booked, by the names that the positions have now.
#[derive(Default)]
pub(super) struct Books {
    pub(super) cash: BTreeMap<[String; 3], Dec>,
    pub(super) stock: BTreeMap<[String; 4], Dec>,
}

impl Books {
    /// What an applied action booked, from the transaction's message and its event.
    pub(super) fn book(&mut self, table: &Table, action: &proto::ExternalAction) {
        let Some(event) = table.outcome.transaction else { return };
        let names = table.views.names();
        let name = names.account(event.account);
        let (owner, account) = (name.owner.to_string(), name.account.to_string());
        let money = match event.booking {
            Booking::Trade { cash, .. } => {
                let trade = action.trade.as_ref().expect("a trade");
                trade.additional_funds.values().fold(cash, |sum, fund| sum.minus(fund.dec()).unwrap())
            }
            Booking::Adjustment { cash, .. } => cash,
            Booking::CashTransfer => booked(action.cash_transfer.as_ref().expect("a transfer")),
            Booking::AssetTransfer => Dec::ZERO,
            Booking::TransferAdjustment { .. } => panic!("no table has the older protocol"),
        };
        let stock = match event.booking {
            Booking::Trade { stock, .. } | Booking::Adjustment { stock, .. } => stock,
            Booking::AssetTransfer => {
                action.asset_transfer.as_ref().and_then(|asset| asset.value).expect("given").dec()
            }
            Booking::CashTransfer | Booking::TransferAdjustment { .. } => Dec::ZERO,
        };
        if let Some(instrument) = event.instrument.map(|number| names.instrument(number)) {
            let (exchange, code) = (instrument.exchange.to_string(), instrument.code.to_string());
            add(&mut self.stock, [owner.clone(), account.clone(), exchange, code], stock);
        }
        add(&mut self.cash, [owner, account, names.currency(event.currency).to_owned()], money);
    }

    /// What an applied operation made of the names.
    pub(super) fn follow(&mut self, operation: &proto::Operation) {
        let (cash, stock) = (std::mem::take(&mut self.cash), std::mem::take(&mut self.stock));
        for ([owner, account, currency], sum) in cash {
            let place = Place { owner, account, currency, ..Place::default() };
            if let Some(Place { owner, account, currency, .. }) = place.after(operation) {
                add(&mut self.cash, [owner, account, currency], sum);
            }
        }
        for ([owner, account, exchange, code], sum) in stock {
            let place = Place { owner, account, exchange, code, ..Place::default() };
            if let Some(Place { owner, account, exchange, code, .. }) = place.after(operation) {
                add(&mut self.stock, [owner, account, exchange, code], sum);
            }
        }
    }
}

/// The names of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) owner: String,
    pub(super) account: String,
    pub(super) currency: String,
    pub(super) exchange: String,
    pub(super) code: String,
}

impl Place {
    /// The names it has after an operation; none if it goes with its owner.
    pub(super) fn after(mut self, operation: &proto::Operation) -> Option<Place> {
        let undefines = operation.r#type == OperationType::UndefineOwner as i32;
        if undefines && operation.owner_details.as_ref().is_some_and(|owner| owner.owner_id == self.owner) {
            return None;
        }
        if let Some(transform) = &operation.transform
            && let Some(new_code) = transform.parameters.get("NewCode")
        {
            if transform.exchange.is_empty() && self.currency == transform.code {
                self.currency.clone_from(new_code);
            }
            if !transform.exchange.is_empty() && self.exchange == transform.exchange && self.code == transform.code {
                self.code.clone_from(new_code);
            }
        }
        if let Some(transform) = &operation.account_transform
            && transform
                .account
                .as_ref()
                .is_some_and(|from| [&from.owner_id, &from.account_id] == [&self.owner, &self.account])
        {
            self.owner.clone_from(&transform.parameters["NewOwner"]);
            self.account.clone_from(&transform.parameters["NewAccount"]);
        }
        if let Some(transform) = &operation.owner_transform
            && transform.owner_id == self.owner
        {
            self.owner.clone_from(&transform.parameters["NewOwner"]);
        }
        Some(self)
    }
}

/// What a transfer adds to Balance and UnbookedTransactions together.
fn booked(transfer: &proto::CashTransfer) -> Dec {
    let is_between = transfer.settlement > 1;
    let is_pool = transfer.pool.as_ref().is_some_and(|pool| !pool.is_empty());
    if is_between || is_pool { Dec::ZERO } else { transfer.value.expect("given").dec() }
}

pub(super) fn add<K: Ord>(sums: &mut BTreeMap<K, Dec>, key: K, value: Dec) {
    let sum = sums.entry(key).or_insert(Dec::ZERO);
    *sum = sum.plus(value).expect("small");
}
