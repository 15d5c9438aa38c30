//! What an operation does to the naive model: definitions, restatements, removals, renames, an owner that goes.

use std::collections::BTreeMap;

use ordo_core::metadata::Details;
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::TransformType;
use ordo_core::proto::{self, AccountTransformType, OperationType, OwnerTransformType, TimestampWithTimeZone};
use ordo_core::record::Origin;

use super::model::{Account, Model};

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Refused,
    /// Accepted, and everything is as it was.
    Nothing,
    Changed,
}

/// Old account to new; the rest is the key's.
type Renamed<'a> = &'a dyn Fn(&Account) -> Account;

impl Model {
    pub(crate) fn operate(&mut self, operation: &proto::Operation, origin: Origin, now: u64) -> Effect {
        let before = self.clone();
        let accepted = match operation.r#type() {
            OperationType::Unknown => None,
            OperationType::Transform => operation.transform.as_ref().and_then(|it| self.transform(it, now)),
            OperationType::TransformAccount => {
                operation.account_transform.as_ref().and_then(|it| self.rename_account(it, now))
            }
            OperationType::TransformOwner => {
                operation.owner_transform.as_ref().and_then(|it| self.rename_owner(it, now))
            }
            OperationType::UndefineOwner => self.undefine_owner(operation, origin),
            _ => self.define_or_drop(operation),
        };
        if accepted.is_none() {
            *self = before;
            return Effect::Refused;
        }
        self.drop_zeros();
        self.note_all(now);
        let changed = (&self.cash, &self.positions, &self.orders) != (&before.cash, &before.positions, &before.orders)
            || self.definitions != before.definitions;
        if changed {
            return Effect::Changed;
        }
        // What changed nothing was not applied: its id does not count.
        self.applied = before.applied;
        Effect::Nothing
    }

    fn define_or_drop(&mut self, operation: &proto::Operation) -> Option<()> {
        let kinds = MetadataKind::ALL.into_iter();
        let kind = kinds.clone().find(|kind| [kind.define(), kind.undefine()].contains(&operation.r#type()))?;
        let details = Details::of_operation(kind, operation)?;
        let key = definition_key(&details);
        let is_keyed = match kind {
            MetadataKind::Account => !key.2.is_empty(),
            MetadataKind::Identity => !key.1.is_empty() && !key.2.is_empty(),
            _ => !key.1.is_empty(),
        };
        if !is_keyed {
            return None;
        }
        if kind.define() == operation.r#type() {
            self.definitions.insert(key, details);
        } else {
            self.definitions.remove(&key);
        }
        Some(())
    }

    /// Whether a transform of that id is still to be applied; an id counts once for as long as ids are compared.
    fn is_new(&mut self, id: &str, now: u64) -> bool {
        let kept_ns = self.settings.idempotency_retention_s * 1_000_000_000;
        if id.is_empty() || self.applied.get(id).is_some_and(|since| since + kept_ns > now) {
            return id.is_empty();
        }
        self.applied.insert(id.to_owned(), now);
        true
    }

    fn transform(&mut self, transform: &proto::Transform, now: u64) -> Option<()> {
        match transform.transform_type() {
            TransformType::Restatement => {
                if self.is_new(&transform.transform_id, now) {
                    self.restate(transform);
                }
            }
            TransformType::Remove => {
                if self.is_new(&transform.transform_id, now) {
                    self.remove(transform);
                }
            }
            TransformType::RenameSymbol => {
                let new = transform.parameters.get("NewCode").filter(|new| !new.is_empty())?;
                if transform.exchange.is_empty() || transform.code.is_empty() {
                    return None;
                }
                if self.is_new(&transform.transform_id, now) {
                    self.rename_symbol(&transform.exchange, &transform.code, new);
                }
            }
            TransformType::RenameCurrency => {
                let new = transform.parameters.get("NewCode").filter(|new| !new.is_empty())?;
                if transform.code.is_empty() {
                    return None;
                }
                if self.is_new(&transform.transform_id, now) {
                    self.rename_currency(&transform.code, new);
                }
            }
        }
        Some(())
    }

    fn restate(&mut self, transform: &proto::Transform) {
        let definitions = &self.definitions;
        let from = transform.parameters.get("FromStatus");
        let orders = self.orders.values_mut().filter(|order| matches(transform, order));
        for order in orders.filter(|order| from.is_none_or(|from| *from == order.status)) {
            if !transform.order_status.is_empty() {
                order.status.clone_from(&transform.order_status);
            }
            let exchange = (OperationType::DefineExchange as i32, order.exchange.clone(), String::new());
            if let Some(Details::Exchange(details)) =
                definitions.get(&exchange).filter(|_| !transform.order_status.is_empty())
            {
                let status = details.order_statuses.iter().find(|status| status.code == order.status);
                order.is_completed = status.map_or(order.is_completed, |status| status.is_completed);
            }
            if !transform.text.is_empty() {
                order.errors = vec![transform.text.clone()];
            }
            order.remove_after = transform.remove_after.or(order.remove_after);
        }
        self.orders.retain(|_, order| order.remove_after.is_none_or(|at| at.seconds != 0));
    }

    fn remove(&mut self, transform: &proto::Transform) {
        if let Some(due_by) = transform.parameters.get("DueBy") {
            let due_by: TimestampWithTimeZone = due_by.parse().expect("the tests write instants");
            let due_by = due_by.unix_nanos().expect("of our time");
            let (completed, kept_s) = (&self.completed_since, self.settings.completed_order_retention_s);
            self.orders.retain(|key, order| {
                let of_its_own = order.remove_after.map(|at| at.unix_nanos().expect("of our time"));
                let since = completed.get(key).filter(|_| kept_s > 0 && order.is_completed);
                let due = of_its_own.or(since.map(|since| since + kept_s * 1_000_000_000));
                due.is_none_or(|due| due > due_by)
            });
        } else {
            self.orders.retain(|_, order| !(matches(transform, order) && order.status == transform.order_status));
        }
    }

    fn rename_symbol(&mut self, exchange: &str, code: &str, new: &str) {
        let renamed = |instrument: &(String, String)| match (&*instrument.0, &*instrument.1) == (exchange, code) {
            true => (exchange.to_owned(), new.to_owned()),
            false => instrument.clone(),
        };
        for order in self.orders.values_mut().filter(|order| order.exchange == exchange && order.code == code) {
            order.code = new.to_owned();
        }
        // What was booked under the old code stands under the new one; there a bust has to find it.
        self.trades.values_mut().for_each(|trade| trade.instrument = renamed(&trade.instrument));
        self.merge_positions(|account, instrument| (account.clone(), renamed(instrument)));
    }

    fn rename_currency(&mut self, code: &str, new: &str) {
        let renamed = |currency: &mut String| {
            if currency == code {
                *currency = new.to_owned();
            }
        };
        self.orders.values_mut().for_each(|order| renamed(&mut order.currency));
        self.trades.values_mut().for_each(|trade| renamed(&mut trade.currency));
        self.positions.values_mut().for_each(|position| renamed(&mut position.currency));
        self.merge_cash(|account, currency| {
            let mut currency = currency.to_owned();
            renamed(&mut currency);
            (account.clone(), currency)
        });
    }

    fn rename_account(&mut self, transform: &proto::AccountTransform, now: u64) -> Option<()> {
        let old = super::model::account_of(transform.account.as_ref());
        let parameter = |name: &str| transform.parameters.get(name).cloned();
        let (owner, account) = (parameter("NewOwner"), parameter("NewAccount"));
        let new = (owner.clone().unwrap_or(old.0.clone()), account.clone().unwrap_or(old.1.clone()));
        if transform.r#type() != AccountTransformType::Rename
            || old.1.is_empty()
            || new.1.is_empty()
            || (owner.is_none() && account.is_none())
        {
            return None;
        }
        if !self.is_new(&transform.transform_id, now) {
            return Some(());
        }
        self.rename(&|account| if *account == old { new.clone() } else { account.clone() })
    }

    fn rename_owner(&mut self, transform: &proto::OwnerTransform, now: u64) -> Option<()> {
        let (old, new) = (&transform.owner_id, transform.parameters.get("NewOwner").filter(|new| !new.is_empty())?);
        if transform.r#type() != OwnerTransformType::Rename || old.is_empty() {
            return None;
        }
        if !self.is_new(&transform.transform_id, now) {
            return Some(());
        }
        self.rename(&|account| if account.0 == *old { (new.clone(), account.1.clone()) } else { account.clone() })?;
        if old == new {
            return Some(());
        }
        let key = |owner: &str| (OperationType::DefineOwner as i32, owner.to_owned(), String::new());
        if let Some(Details::Owner(mut details)) = self.definitions.remove(&key(old)) {
            details.owner_id.clone_from(new);
            self.definitions.entry(key(new)).or_insert(Details::Owner(details));
        }
        for details in self.definitions.values_mut() {
            if let Details::Identity(permissions) = details
                && permissions.owners.contains(old)
            {
                let had = permissions.owners.contains(new);
                permissions.owners.retain(|owner| !(had && owner == old));
                permissions.owners.iter_mut().filter(|owner| *owner == old).for_each(|owner| owner.clone_from(new));
            }
        }
        Some(())
    }

    /// Everything of an account goes to what it is now called; none if two orders would be one.
    fn rename(&mut self, renamed: Renamed<'_>) -> Option<()> {
        let key = |(account, id): &(Account, String)| (renamed(account), id.clone());
        let mut orders = BTreeMap::new();
        for (old, mut order) in std::mem::take(&mut self.orders) {
            if key(&old) != old {
                let (owner_id, account_id) = renamed(&old.0);
                order.account = Some(proto::Account { owner_id, account_id });
            }
            if orders.insert(key(&old), order).is_some() {
                return None;
            }
        }
        self.orders = orders;
        let since = std::mem::take(&mut self.completed_since);
        self.completed_since = since.into_iter().map(|(old, since)| (key(&old), since)).collect();
        for (old, since) in std::mem::take(&mut self.gone_since) {
            let gone = self.gone_since.entry(key(&old)).or_default();
            *gone = since.max(*gone);
        }
        for (old, homes) in std::mem::take(&mut self.homes) {
            let into = self.homes.entry(key(&old)).or_default();
            into.extend(homes.iter().map(renamed));
        }
        for (key, homes) in &mut self.homes {
            homes.retain(|home| *home != key.0);
            homes.push(key.0.clone());
        }
        for ((account, order, id), mut trade) in std::mem::take(&mut self.trades) {
            trade.account = renamed(&trade.account);
            let twice = self.trades.insert((renamed(&account), order, id), trade);
            assert!(twice.is_none(), "the streams give a trade id once");
        }
        self.merge_cash(|account, currency| (renamed(account), currency.to_owned()));
        self.merge_positions(|account, instrument| (renamed(account), instrument.clone()));
        self.rename_account_details(renamed);
        Some(())
    }

    /// Whether a rename would give two trades one key.
    pub(crate) fn trades_collide(&self, renamed: impl Fn(&Account) -> Account) -> bool {
        let keys = self.trades.keys().map(|(account, order, id)| (renamed(account), order, id));
        keys.collect::<std::collections::BTreeSet<_>>().len() < self.trades.len()
    }

    /// The details of the account that was there stay.
    fn rename_account_details(&mut self, renamed: Renamed<'_>) {
        let kind = OperationType::DefineAccount as i32;
        let keys: Vec<_> = self.definitions.keys().filter(|key| key.0 == kind).cloned().collect();
        for key in keys {
            let (old, new) = ((key.1.clone(), key.2.clone()), renamed(&(key.1.clone(), key.2.clone())));
            if new != old
                && let Some(Details::Account(mut details)) = self.definitions.remove(&key)
            {
                details.account = Some(proto::Account { owner_id: new.0.clone(), account_id: new.1.clone() });
                self.definitions.entry((kind, new.0, new.1)).or_insert(Details::Account(details));
            }
        }
    }

    fn merge_cash(&mut self, renamed: impl Fn(&Account, &str) -> (Account, String)) {
        for ((account, currency), cash) in std::mem::take(&mut self.cash) {
            let into = self.cash.entry(renamed(&account, &currency)).or_default();
            into.balance += &cash.balance;
            into.unbooked += &cash.unbooked;
            into.margin += &cash.margin;
            for (pool, value) in &cash.pools {
                *into.pools.entry(pool.clone()).or_default() += value;
            }
        }
    }

    fn merge_positions(&mut self, renamed: impl Fn(&Account, &(String, String)) -> (Account, (String, String))) {
        let mut merged: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((account, instrument), position) in std::mem::take(&mut self.positions) {
            let new = renamed(&account, &instrument);
            let is_old = new != (account, instrument);
            merged.entry(new).or_default().push((is_old, position));
        }
        for (key, mut positions) in merged {
            // The one that was there first.
            positions.sort_by_key(|(is_old, _)| *is_old);
            let mut positions = positions.into_iter().map(|(_, position)| position);
            let first = positions.next().expect("never empty");
            self.positions.insert(key, positions.fold(first, |into, other| into.merged(other)));
        }
    }

    /// What the owner's orders had booked to others stays theirs; whoever comes under the owner's names is new.
    fn leave_to_others(&mut self, owner: &str) {
        for ((account, id), mut homes) in std::mem::take(&mut self.homes) {
            homes.retain(|home| home.0 != *owner);
            if account.0 != *owner {
                self.homes.insert((account, id), homes);
            } else if let Some(last) = homes.last().cloned() {
                let others = self.homes.entry((last, id)).or_default();
                homes.retain(|home| !others.contains(home));
                others.splice(0..0, homes);
            }
        }
    }

    /// From REST it stays while it is in use, unless the caller insists.
    fn undefine_owner(&mut self, operation: &proto::Operation, origin: Origin) -> Option<()> {
        let owner = &operation.owner_details.as_ref()?.owner_id;
        if owner.is_empty() {
            return None;
        }
        let is_open = self.orders.iter().any(|((account, _), order)| account.0 == *owner && !order.is_completed);
        let is_held = self.cash.keys().map(|(account, _)| account).any(|account| account.0 == *owner)
            || self.positions.keys().map(|(account, _)| account).any(|account| account.0 == *owner);
        if origin.is_rest && !origin.is_forced && (is_open || is_held) {
            return None;
        }
        self.orders.retain(|(account, _), _| account.0 != *owner);
        self.cash.retain(|(account, _), _| account.0 != *owner);
        self.positions.retain(|(account, _), _| account.0 != *owner);
        self.trades.retain(|(account, _, _), _| account.0 != *owner);
        self.leave_to_others(owner);
        let of_owner = [OperationType::DefineOwner as i32, OperationType::DefineAccount as i32];
        self.definitions.retain(|key, _| !(of_owner.contains(&key.0) && key.1 == *owner));
        Some(())
    }
}

pub(crate) fn definition_key(details: &Details) -> (i32, String, String) {
    let (first, second) = details.key();
    (details.kind().define() as i32, first.to_owned(), second.to_owned())
}

/// Exchange, group and code where they are given, and the time.
fn matches(transform: &proto::Transform, order: &proto::OrderState) -> bool {
    let given = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    let at = |time: Option<TimestampWithTimeZone>| time.map(|time| time.unix_nanos().expect("of our time"));
    given(&transform.exchange, &order.exchange)
        && given(&transform.group, &order.group)
        && given(&transform.code, &order.code)
        && at(transform.not_after).is_none_or(|last| at(order.timestamp).is_some_and(|time| time <= last))
}
