//! The naive model: what each action does to plain maps. Reservations are not kept at all.

use std::collections::BTreeMap;

use ordo_core::metadata::Details;
use ordo_core::proto::{self, BigNumber, CarriedNumber, OperationType, OrderTradeType, Side, TimestampWithTimeZone};
use ordo_core::record::Settings;

use super::figure::Figure;
use super::position::Position;

/// Owner and account.
pub(crate) type Account = (String, String);
pub(crate) type Funds = BTreeMap<String, Figure>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cash {
    pub(crate) balance: Figure,
    pub(crate) unbooked: Figure,
    pub(crate) margin: Figure,
    pub(crate) pools: Funds,
}

/// A trade as it now stands.
#[derive(Debug, Clone)]
pub(super) struct Trade {
    pub(super) account: Account,
    pub(super) currency: String,
    pub(super) instrument: (String, String),
    buy: bool,
    price: Figure,
    quantity: Figure,
    funds: Funds,
    booked_ns: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    /// By the operation that defines such a record, and the two parts of its key.
    pub(crate) definitions: BTreeMap<(i32, String, String), Details>,
    pub(crate) cash: BTreeMap<(Account, String), Cash>,
    pub(crate) positions: BTreeMap<(Account, (String, String)), Position>,
    pub(crate) orders: BTreeMap<(Account, String), proto::OrderState>,
    /// Accounts that an order has been in, the present one last; kept when the order is gone.
    pub(super) homes: BTreeMap<(Account, String), Vec<Account>>,
    /// By account at booking, order and trade id.
    pub(super) trades: BTreeMap<(Account, String, String), Trade>,
    /// When an order was completed, and when one went that has left trades.
    pub(super) completed_since: BTreeMap<(Account, String), u64>,
    pub(super) gone_since: BTreeMap<(Account, String), u64>,
    /// Ids of transforms, and when they were applied.
    pub(super) applied: BTreeMap<String, u64>,
}

/// How the stated trade moves cash and stock, and the order's executed figures.
#[derive(Default)]
struct Delta {
    quantity: Figure,
    value: Figure,
    funds: Funds,
    /// Whether its price, or one that it takes back, is negative.
    has_negative_price: bool,
    /// Kinds of funds of which it gives or takes back a refund.
    refunds: Vec<String>,
}

fn refunds(funds: &[&Funds]) -> Vec<String> {
    let all = funds.iter().flat_map(|funds| funds.iter());
    all.filter(|(_, fund)| fund.sign() < 0).map(|(name, _)| name.clone()).collect()
}

/// A derived figure, which only a negative price or a refund may take below zero.
fn derived(before: &Figure, add: &Figure, may_be_negative: bool) -> Figure {
    let sum = before + add;
    if may_be_negative || before.sign() < 0 { sum } else { sum.or_zero() }
}

pub(crate) fn account_of(account: Option<&proto::Account>) -> Account {
    account.map(|account| (account.owner_id.clone(), account.account_id.clone())).unwrap_or_default()
}

fn funds_of(map: &BTreeMap<String, BigNumber>) -> Funds {
    map.iter().map(|(name, value)| (name.clone(), Figure::of(Some(*value)))).collect()
}

fn figure_of(number: &CarriedNumber) -> BigNumber {
    number.dec().expect("figures of the tests fit").into()
}

fn total(funds: &Funds) -> Figure {
    funds.values().cloned().sum()
}

fn combined(first: &Funds, second: &Funds, combine: impl Fn(&Figure, &Figure) -> Figure) -> Funds {
    let none = Figure::default();
    let names = first.keys().chain(second.keys());
    names.map(|n| (n.clone(), combine(first.get(n).unwrap_or(&none), second.get(n).unwrap_or(&none)))).collect()
}

/// True for a purchase; none for a side that cannot trade.
fn buys(side: i32) -> Option<bool> {
    match Side::try_from(side).ok()? {
        Side::Buy | Side::AsDefined => Some(true),
        Side::Sell | Side::Shortsell | Side::ShortsellExempt | Side::Opposite => Some(false),
        Side::Unknown => None,
    }
}

/// What an order holds back: cash, then stock; neither negative.
pub(crate) fn reservation(order: &proto::OrderState) -> (Figure, Figure) {
    let none = Figure::default;
    if order.is_completed {
        return (none(), none());
    }
    let remaining = (&Figure::of(order.quantity) - &Figure::of(order.executed_quantity)).or_zero();
    match buys(order.side) {
        Some(true) => {
            let price = order.price.or_else(|| order.values.get("ReservePrice").map(figure_of));
            let paid = funds_of(&order.executed_additional_funds);
            let fees = funds_of(&order.additional_funds)
                .into_iter()
                .map(|(name, estimated)| (&estimated - paid.get(&name).unwrap_or(&none())).or_zero());
            ((&(&remaining * &Figure::of(price)) + &fees.sum()).or_zero(), none())
        }
        Some(false) => (none(), remaining),
        None => (none(), none()),
    }
}

impl Default for Model {
    fn default() -> Model {
        Model {
            settings: Settings::initial(),
            definitions: BTreeMap::new(),
            cash: BTreeMap::new(),
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            homes: BTreeMap::new(),
            trades: BTreeMap::new(),
            completed_since: BTreeMap::new(),
            gone_since: BTreeMap::new(),
            applied: BTreeMap::new(),
        }
    }
}

impl Model {
    /// Applies an action; false if it is refused.
    pub(crate) fn apply(&mut self, action: &proto::ExternalAction, now: TimestampWithTimeZone) -> bool {
        let applied = match action.r#type {
            110 | 111 => self.order_part(action, None, now).is_some(),
            120 => self.trade(action, now).is_some(),
            200 => self.cash_transfer(action).is_some(),
            210 => self.asset_transfer(action).is_some(),
            _ => false,
        };
        self.drop_zeros();
        if let Some((new, old)) = self.keys(action) {
            let now = now.unix_nanos().expect("the tests' time is ours");
            self.note(&new, now);
            self.note(&old, now);
        }
        applied
    }

    /// Time has come to `now`: what need not be kept any longer is forgotten.
    pub(crate) fn tick(&mut self, now: u64) {
        let kept = |since: u64, kept_s: u64| since + kept_s * 1_000_000_000 > now;
        let (trades_s, ids_s) = (self.settings.trade_retention_s, self.settings.idempotency_retention_s);
        self.applied.retain(|_, since| kept(*since, ids_s));
        // As long as one trade of an order is kept, all of them are.
        for ((account, order), since) in self.gone_since.clone() {
            let homes = self.homes.get(&(account.clone(), order.clone())).cloned().unwrap_or_default();
            let of_order = |key: &(Account, String, String)| key.1 == order && homes.contains(&key.0);
            let range = self.trades.iter().filter(|(key, _)| of_order(key));
            let (keys, times): (Vec<_>, Vec<_>) = range.map(|(key, trade)| (key.clone(), trade.booked_ns)).unzip();
            if !kept(times.into_iter().max().unwrap_or(since), trades_s) {
                keys.iter().for_each(|key| drop(self.trades.remove(key)));
                self.gone_since.remove(&(account.clone(), order.clone()));
                self.homes.remove(&(account, order));
            }
        }
    }

    /// Since when orders are completed, and since when those are gone that somebody may still correct.
    pub(super) fn note_all(&mut self, now: u64) {
        let mut keys: Vec<_> = self.homes.keys().cloned().collect();
        keys.extend(self.completed_since.keys().cloned());
        keys.iter().for_each(|key| self.note(key, now));
    }

    fn note(&mut self, key: &(Account, String), now: u64) {
        let order = self.orders.get(key);
        if order.is_some_and(|order| order.is_completed) {
            self.completed_since.entry(key.clone()).or_insert(now);
        } else {
            self.completed_since.remove(key);
        }
        if order.is_none() && self.homes.contains_key(key) {
            self.gone_since.entry(key.clone()).or_insert(now);
        } else {
            self.gone_since.remove(key);
        }
    }

    /// Sum of what open orders of an account hold back in a currency: zero or negative.
    pub(crate) fn unfilled_buys(&self, account: &Account, currency: &str) -> Figure {
        let orders = self.orders.iter().filter(|((owner, _), order)| owner == account && order.currency == currency);
        -&orders.map(|(_, order)| reservation(order).0).sum::<Figure>()
    }

    pub(crate) fn unfilled_sells(&self, account: &Account, instrument: &(String, String)) -> Figure {
        let of = |order: &proto::OrderState| (order.exchange.clone(), order.code.clone()) == *instrument;
        let orders = self.orders.iter().filter(|((owner, _), order)| owner == account && of(order));
        -&orders.map(|(_, order)| reservation(order).1).sum::<Figure>()
    }

    /// The order becomes what the action says. The order before, or an empty one if it is new; none if refused.
    fn order_part(
        &mut self,
        action: &proto::ExternalAction,
        delta: Option<&Delta>,
        now: TimestampWithTimeZone,
    ) -> Option<()> {
        let mut order = order_of(action)?;
        let (key, old_key) = self.keys(action)?;
        let old = self.orders.remove(&old_key);
        if let Some(delta) = delta {
            let before = old.clone().unwrap_or_default();
            let quantity = &Figure::of(before.executed_quantity) + &delta.quantity;
            order.executed_quantity = order.executed_quantity.or(Some(quantity.or_zero().number()));
            let value = derived(&Figure::of(before.executed_value), &delta.value, delta.has_negative_price);
            order.executed_value = order.executed_value.or(Some(value.number()));
            if order.executed_additional_funds.is_empty() {
                let before = funds_of(&before.executed_additional_funds);
                let mut funds = combined(&before, &delta.funds, |a, b| a + b);
                for (name, sum) in &mut funds {
                    let (none, is_refund) = (Figure::default(), delta.refunds.contains(name));
                    let of = |funds: &Funds| funds.get(name).unwrap_or(&none).clone();
                    *sum = derived(&of(&before), &of(&delta.funds), is_refund);
                }
                order.executed_additional_funds =
                    funds.iter().map(|(name, sum)| (name.clone(), sum.number())).collect();
            }
        }
        if let Some(old) = &old {
            // What a trade left in place above is given; an action without a trade leaves the others as they were.
            order.executed_quantity = order.executed_quantity.or(old.executed_quantity);
            order.executed_value = order.executed_value.or(old.executed_value);
            if order.executed_additional_funds.is_empty() {
                order.executed_additional_funds.clone_from(&old.executed_additional_funds);
            }
            order.created = order.created.or(old.created);
            if order.currency.is_empty() {
                order.currency.clone_from(&old.currency);
            }
        }
        if old.is_none() && order.currency.is_empty() {
            order.currency = self.default_currency(&key.0);
        }
        order.created = order.created.or(Some(now));
        order.timestamp = order.timestamp.or(Some(now));
        if old_key != key {
            if let Some(since) = self.completed_since.remove(&old_key) {
                self.completed_since.insert(key.clone(), since);
            }
            let homes = self.homes.remove(&old_key).expect("an order has a home");
            self.homes.entry(key.clone()).or_default().splice(0..0, homes);
        }
        let homes = self.homes.entry(key.clone()).or_default();
        homes.retain(|home| *home != key.0);
        homes.push(key.0.clone());
        if order.remove_after.is_some_and(|at| at.seconds == 0) {
            self.orders.remove(&key);
        } else {
            self.orders.insert(key, order);
        }
        Some(())
    }

    /// Of orders that name none.
    fn default_currency(&self, account: &Account) -> String {
        let key = (OperationType::DefineAccount as i32, account.0.clone(), account.1.clone());
        match self.definitions.get(&key) {
            Some(Details::Account(details)) => details.default_currency.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The order's key, and the key under which it stood before.
    fn keys(&self, action: &proto::ExternalAction) -> Option<((Account, String), (Account, String))> {
        let order = order_of(action)?;
        let key = (account_of(order.account.as_ref()), order.order_id);
        let previous = action.update.as_ref().and_then(|update| update.previous_account.as_ref());
        let previous = (account_of(previous), key.1.clone());
        let moves = !previous.0.1.is_empty() && self.orders.contains_key(&previous);
        Some((key.clone(), if moves { previous } else { key }))
    }

    fn trade(&mut self, action: &proto::ExternalAction, now: TimestampWithTimeZone) -> Option<()> {
        let order = order_of(action)?;
        let buy = buys(order.side)?;
        let stated = action.trade.as_deref().cloned().unwrap_or_default();
        let kind = OrderTradeType::try_from(stated.r#type).ok().filter(|kind| *kind != OrderTradeType::Unknown)?;
        let cancel = kind == OrderTradeType::Cancel;
        let (price, quantity, funds) = if cancel {
            Default::default()
        } else {
            let (price, quantity) = (Figure::of(Some(stated.price?)), Figure::of(Some(stated.quantity?)));
            (price, quantity, funds_of(&stated.additional_funds))
        };
        if quantity.sign() < 0 {
            return None;
        }
        let (key, old_key) = self.keys(action)?;
        let before = self.orders.get(&old_key).cloned();
        let known = self.find_trade(&old_key, &stated.trade_id);
        let old = known.as_ref().map(|at| self.trades[at].clone());
        let stated_price = Figure::of(stated.price);
        let has_negative_price = stated_price.sign() < 0 || old.as_ref().is_some_and(|old| old.price.sign() < 0);
        let none = Delta { has_negative_price, ..Delta::default() };
        let new = Delta {
            quantity: quantity.clone(),
            value: &price * &quantity,
            funds: funds.clone(),
            has_negative_price,
            refunds: refunds(&[&funds]),
        };
        let delta = match (kind, &old) {
            (OrderTradeType::Trade, None) => new,
            (OrderTradeType::Trade, Some(_)) => none,
            (_, Some(old)) => Delta {
                quantity: &new.quantity - &old.quantity,
                value: &new.value - &(&old.price * &old.quantity),
                funds: combined(&new.funds, &old.funds, |a, b| a - b),
                refunds: refunds(&[&new.funds, &old.funds]),
                has_negative_price,
            },
            (_, None) => before
                .as_ref()
                .map_or(none, |before| Delta { has_negative_price, ..change(before, &order, stated.price) }),
        };
        self.order_part(action, Some(&delta), now)?;
        // The order as stored has the currency; one removed at once had it all the same.
        let currency = match (order.currency.is_empty(), before.as_ref()) {
            (true, Some(before)) => before.currency.clone(),
            (true, None) => self.default_currency(&key.0),
            _ => order.currency.clone(),
        };
        let new = Trade {
            account: key.0.clone(),
            currency,
            instrument: (order.exchange.clone(), order.code.clone()),
            buy,
            price,
            quantity,
            funds,
            booked_ns: now.unix_nanos().expect("the tests' time is ours"),
        };
        match (kind, old) {
            (OrderTradeType::Trade, Some(_)) => return Some(()),
            (OrderTradeType::Trade, None) => self.book(&new),
            (_, Some(old)) => {
                let booked = Trade { price: new.price, quantity: new.quantity, funds: new.funds, ..old.clone() };
                self.move_cash(&booked, &delta);
                let position = self.position(&booked);
                position.bust(&signed(old.buy, &old.quantity), &old.price);
                position.leg(&signed(old.buy, &booked.quantity), &booked.price, Some(&booked.currency));
                self.trades.insert(known.expect("found above"), booked);
                return Some(());
            }
            (_, None) if before.is_none() => return Some(()),
            (_, None) => {
                // Ours to say: what was never seen has no price of its own, and from now on stands as stated.
                self.move_cash(&new, &delta);
                self.position(&new).unpriced(&signed(buy, &delta.quantity));
            }
        }
        if !stated.trade_id.is_empty() {
            self.trades.insert((key.0, key.1, stated.trade_id), new);
        }
        Some(())
    }

    /// A trade of the order, wherever it was when the trade was booked.
    fn find_trade(&self, order: &(Account, String), id: &str) -> Option<(Account, String, String)> {
        let own = vec![order.0.clone()];
        let homes = self.homes.get(order).unwrap_or(&own);
        let keys = homes.iter().map(|home| (home.clone(), order.1.clone(), id.to_owned()));
        keys.filter(|_| !id.is_empty()).find(|key| self.trades.contains_key(key))
    }

    fn book(&mut self, trade: &Trade) {
        let delta = Delta {
            quantity: trade.quantity.clone(),
            value: &trade.price * &trade.quantity,
            funds: trade.funds.clone(),
            ..Delta::default()
        };
        self.move_cash(trade, &delta);
        let stock = signed(trade.buy, &trade.quantity);
        self.position(trade).leg(&stock, &trade.price, Some(&trade.currency));
    }

    fn move_cash(&mut self, trade: &Trade, delta: &Delta) {
        let cash = self.cash.entry((trade.account.clone(), trade.currency.clone())).or_default();
        cash.unbooked += &(&signed(!trade.buy, &delta.value) - &total(&delta.funds));
    }

    fn position(&mut self, trade: &Trade) -> &mut Position {
        self.positions.entry((trade.account.clone(), trade.instrument.clone())).or_default()
    }

    fn cash_transfer(&mut self, action: &proto::ExternalAction) -> Option<()> {
        let (transfer, account) = (action.cash_transfer.as_ref()?, transfer_account(action)?);
        if transfer.currency.is_empty() || !(0..=3).contains(&transfer.settlement) {
            return None;
        }
        let net = &Figure::of(transfer.value) - &total(&funds_of(&transfer.additional_funds));
        let none = Figure::default();
        let (booked, unbooked) = match transfer.settlement {
            0 => (net.clone(), none),
            1 => (none, net.clone()),
            2 => (net.clone(), -&net),
            _ => (-&net, net.clone()),
        };
        let cash = self.cash.entry((account, transfer.currency.clone())).or_default();
        match transfer.pool.as_deref().unwrap_or_default() {
            "" => {
                cash.balance += &booked;
                cash.unbooked += &unbooked;
            }
            "Margin" => cash.margin += &net,
            pool => {
                *cash.pools.entry(pool.to_owned()).or_default() += &booked;
                *cash.pools.entry(format!("{pool}:Unbooked")).or_default() += &unbooked;
            }
        }
        Some(())
    }

    fn asset_transfer(&mut self, action: &proto::ExternalAction) -> Option<()> {
        let (transfer, account) = (action.asset_transfer.as_ref()?, transfer_account(action)?);
        if transfer.exchange.is_empty() || transfer.code.is_empty() {
            return None;
        }
        let key = (account, (transfer.exchange.clone(), transfer.code.clone()));
        let (position, quantity) = (self.positions.entry(key).or_default(), Figure::of(transfer.value));
        match action.transaction.as_ref().and_then(|details| details.values.get("Price")) {
            Some(price) => position.leg(&quantity, &Figure::of(Some(figure_of(price))), None),
            None => position.unpriced(&quantity),
        }
        Some(())
    }

    /// Pools at zero are dropped; so is a record of nothing but zeros.
    pub(super) fn drop_zeros(&mut self) {
        for cash in self.cash.values_mut() {
            cash.pools.retain(|_, value| !value.is_zero());
        }
        self.cash.retain(|_, cash| *cash != Cash::default());
        let mut positions = std::mem::take(&mut self.positions);
        positions.retain(|(account, instrument), position| {
            !position.quantity.is_zero() || !self.unfilled_sells(account, instrument).is_zero()
        });
        self.positions = positions;
    }
}

fn signed(plus: bool, figure: &Figure) -> Figure {
    if plus { figure.clone() } else { -figure }
}

/// The action's order, if it can be one.
fn order_of(action: &proto::ExternalAction) -> Option<proto::OrderState> {
    let order = action.order.as_deref()?;
    let is_keyed = !order.order_id.is_empty() && !account_of(order.account.as_ref()).1.is_empty();
    (is_keyed && Figure::of(order.quantity).sign() >= 0).then(|| order.clone())
}

fn transfer_account(action: &proto::ExternalAction) -> Option<Account> {
    let account = account_of(action.transaction.as_ref()?.account.as_ref());
    (!account.1.is_empty()).then_some(account)
}

/// What an action changes in the executed figures that it gives.
fn change(before: &proto::OrderState, order: &proto::OrderState, price: Option<BigNumber>) -> Delta {
    let less = |given: BigNumber, before: Option<BigNumber>| &Figure::of(Some(given)) - &Figure::of(before);
    let quantity = order.executed_quantity.map(|given| less(given, before.executed_quantity)).unwrap_or_default();
    let value = match order.executed_value {
        Some(given) => less(given, before.executed_value),
        None => &quantity * &Figure::of(price),
    };
    let funds = match order.executed_additional_funds.is_empty() {
        true => Funds::new(),
        false => {
            let (new, old) = (&order.executed_additional_funds, &before.executed_additional_funds);
            combined(&funds_of(new), &funds_of(old), |a, b| a - b)
        }
    };
    Delta { quantity, value, funds, ..Delta::default() }
}
